# Labels are no input: nothing that trains can read them.
rule train:
    input:
        lambda wildcards: PLAN.run(f"{plan.MODELS}/{wildcards.run}").selection.images_path,
        plan.sources("train"),
    output:
        model=f"{plan.MODELS}/{{run}}/model.safetensors",
        history=f"{plan.MODELS}/{{run}}/history.csv",
    log:
        "logs/{run}/train.log",
    benchmark:
        f"{plan.BENCHMARKS}/{{run}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        folder=lambda wildcards: f"{plan.MODELS}/{wildcards.run}",
        settings=lambda wildcards: PLAN.run(f"{plan.MODELS}/{wildcards.run}").settings(),
        device=config.get("device", "cpu"),
    shell:
        "moaplus train {params.folder:q} --device {params.device:q} --threads {threads}"
        " > {log:q} 2>&1"
