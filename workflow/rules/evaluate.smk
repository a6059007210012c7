# One process evaluates all seeds of a configuration: importing torch takes longer than evaluating.
for runs in PLAN.groups:

    rule:
        name:
            f"evaluate {runs[0].folder.relative_to(plan.MODELS)}"
        input:
            runs[0].selection.images_path,
            runs[0].selection.labels_path,
            plan.sources("evaluate"),
            [run.model for run in runs],
        output:
            [path for run in runs for path in (run.concentrations, run.samples)],
        log:
            f"logs/{runs[0].folder.relative_to(plan.MODELS)}/evaluate.log",
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=1000,
        params:
            folders=[str(run.folder) for run in runs],
            device=config.get("device", "cpu"),
        shell:
            "moaplus evaluate {params.folders:q} --device {params.device:q} --threads {threads}"
            " > {log:q} 2>&1"


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
        # No function of the output: Snakemake would not compare its value with the last one.
        seeds=lambda wildcards: PLAN.references[
            f"{plan.MODELS}/{wildcards.selection}/references/M{wildcards.experts}/clusters.npz"
        ].seeds,
    shell:
        "moaplus reference {output:q} > {log:q} 2>&1"


rule score:
    input:
        [path for run in PLAN.runs.values() for path in (run.model, run.history)],
        [run.concentrations for run in PLAN.runs.values()],
        [run.selection.labels_path for run in PLAN.runs.values()],
        REFERENCE_FILES,
        plan.sources("score"),
    output:
        plan.RUNS_TABLE,
    log:
        "logs/score.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
    shell:
        "moaplus {params.partial} score > {log:q} 2>&1"


# The table of a study that is not run by default: snakemake --cores all results/studies/NAME.md
rule study:
    input:
        lambda wildcards: [p for run in PLAN.study(wildcards.study).runs for p in run.files],
        lambda wildcards: [r.path for r in plan.references(PLAN.study(wildcards.study).runs)],
        plan.sources("score"),
        plan.sources("table"),
    output:
        plan.STUDIES / "{study}.md",
        plan.STUDIES / "{study}.csv",
        plan.STUDIES / "{study}.json",
    log:
        "logs/studies/{study}.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
    shell:
        "moaplus {params.partial} study {wildcards.study:q} > {log:q} 2>&1"
