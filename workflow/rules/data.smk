rule fetch:
    input:
        verified(),
    output:
        # Files that are there and right are kept when another is missing.
        [
            update(f"{RAW}/{{dataset}}/{part}-ubyte{{gz}}")
            for part in (
                "train-images-idx3",
                "train-labels-idx1",
                "t10k-images-idx3",
                "t10k-labels-idx1",
            )
        ],
    log:
        "logs/data/{dataset}{gz}.log",
    benchmark:
        f"{BENCHMARKS}/fetch/{{dataset}}{{gz}}.tsv"
    conda:
        "../envs/moaplus.yml"
    shell:
        "python -m moaplus.cli fetch {wildcards.dataset:q} > {log:q} 2>&1"


rule select:
    input:
        verified(lambda wildcards: list(raw_files(PLAN.selections[wildcards.selection].dataset))),
    output:
        images=f"{SELECTED}/{{selection}}/images.npz",
        labels=f"{SELECTED}/{{selection}}/labels.npz",
    log:
        "logs/selected/{selection}.log",
    benchmark:
        f"{BENCHMARKS}/select/{{selection}}.tsv"
    priority: 1000  # so that the longest trainings can begin
    conda:
        "../envs/moaplus.yml"
    params:
        # What the plan's sources say of a selection stands in its name.
        sources=step_digest("select", without="plan"),
    shell:
        "python -m moaplus.cli select {wildcards.selection:q} > {log:q} 2>&1"
