DEVICE = config.get("device", "cpu")  # cpu or gpu


# A rule for each batch of runs, which one process trains. Labels are no input: nothing that trains
# can read them.
for name, batch in PLAN.batches.items():

    rule:
        name:
            f"train_{name}"
        input:
            batch[0].selection.images_path,
            step_sources("train", *training_sources(batch[0])),
        output:
            # A model that is there and right is kept where evaluation alone has changed.
            [update(path) for run in batch for path in run.files],
        log:
            f"logs/train/{name}.log",
        benchmark:
            f"{BENCHMARKS}/train/{name}.tsv"
        priority: batch[0].experts  # the longest first
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=1500,
            runtime=60,
            gpu=1 if DEVICE == "gpu" else 0,
        params:
            folders=[run.folder for run in batch],
            settings=[run.settings() for run in batch],
            device=DEVICE,
        shell:
            "python -m moaplus.cli train {params.folders:q} --device {params.device:q}"
            " --threads {threads} > {log:q} 2>&1"


rule reference:
    input:
        f"{SELECTED}/{{selection}}/images.npz",
        step_sources("reference"),
    output:
        f"{MODELS}/{{selection}}/references/M{{experts}}/clusters.npz",
    log:
        "logs/{selection}/references/M{experts}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        # No function of the output: Snakemake would not compare its value with the last one.
        seeds=lambda wildcards: PLAN.references[
            f"{MODELS}/{wildcards.selection}/references/M{wildcards.experts}/clusters.npz"
        ].seeds,
    shell:
        "python -m moaplus.cli reference {output:q} > {log:q} 2>&1"
