rule fetch:
    input:
        ancient(plan.sources("fetch")),
    output:
        # Files that are there and right are kept when another is missing.
        [update(path) for path in plan.raw_files(PLAN.dataset)],
    log:
        f"logs/data/{PLAN.dataset}.log",
    conda:
        "../../environment.yml"
    params:
        dataset=PLAN.dataset,
    shell:
        "moaplus data {params.dataset:q} > {log:q} 2>&1"


rule select:
    input:
        plan.raw_files(PLAN.dataset),
        plan.sources("select"),
    output:
        images=f"{plan.SELECTED}/{{selection}}/images.npz",
        labels=f"{plan.SELECTED}/{{selection}}/labels.npz",
    log:
        "logs/selected/{selection}.log",
    conda:
        "../../environment.yml"
    shell:
        "moaplus select {wildcards.selection:q} > {log:q} 2>&1"
