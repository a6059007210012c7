# Labels are no input: nothing that trains can read them.
rule train:
    input:
        lambda wildcards: PLAN.run(f"{MODELS}/{wildcards.run}").selection.images_path,
        lambda wildcards: step_sources(
            "train", *training_sources(PLAN.run(f"{MODELS}/{wildcards.run}"))
        ),
    output:
        # A model that is there and right is kept where evaluation alone has changed.
        update(f"{MODELS}/{{run}}/model.safetensors"),
        update(f"{MODELS}/{{run}}/history.csv"),
        update(f"{MODELS}/{{run}}/concentrations.npz"),
        update(f"{MODELS}/{{run}}/samples.npz"),
    log:
        "logs/{run}/train.log",
    benchmark:
        f"{BENCHMARKS}/{{run}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        folder=lambda wildcards: f"{MODELS}/{wildcards.run}",
        settings=lambda wildcards: PLAN.run(f"{MODELS}/{wildcards.run}").settings(),
        device=config.get("device", "cpu"),
    shell:
        "python -m moaplus.cli train {params.folder:q} --device {params.device:q}"
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
        mem_mb=1000,
    params:
        # No function of the output: Snakemake would not compare its value with the last one.
        seeds=lambda wildcards: PLAN.references[
            f"{MODELS}/{wildcards.selection}/references/M{wildcards.experts}/clusters.npz"
        ].seeds,
    shell:
        "python -m moaplus.cli reference {output:q} > {log:q} 2>&1"
