# One process evaluates all seeds of a configuration: importing torch takes longer than evaluating.
for configuration, runs in PLAN.configurations.items():

    rule:
        name:
            f"evaluate {configuration.relative_to(plan.MODELS)}"
        input:
            runs[0].selection.images_path,
            runs[0].selection.labels_path,
            plan.sources("evaluate"),
            [run.model for run in runs],
        output:
            [path for run in runs for path in (run.concentrations, run.samples)],
        log:
            f"logs/{configuration.relative_to(plan.MODELS)}/evaluate.log",
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=1000,
        params:
            folders=[str(run.folder) for run in runs],
            device=config.get("device", "cpu"),
        shell:
            "moaplus evaluate {params.folders} --device {params.device} --threads {threads}"
            " > {log} 2>&1"


rule reference:
    input:
        f"{plan.SELECTED}/{{selection}}/images.npz",
        plan.sources("reference"),
    output:
        f"{plan.MODELS}/{{selection}}/references/M{{experts}}/clusters.npz",
    log:
        "logs/{selection}/references/M{experts}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        seeds=lambda wildcards, output: PLAN.references[str(output)].seeds,
    shell:
        "moaplus reference {output} > {log} 2>&1"


rule score:
    input:
        [run.concentrations for run in PLAN.runs.values()],
        [run.history for run in PLAN.runs.values()],
        [run.selection.labels_path for run in PLAN.runs.values()],
        list(PLAN.references),
        plan.sources("score"),
    output:
        plan.RUNS_TABLE,
    log:
        "logs/score.log",
    conda:
        "../../environment.yml"
    shell:
        "moaplus score > {log} 2>&1"
