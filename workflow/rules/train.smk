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


# A rule for each batch of records, which one process makes. Records that are there stay, and need no
# rule: they are of the present settings, and say what sources made them.
for name, records in MISSING_RECORDS.items():

    rule:
        name:
            f"record_{name}"
        input:
            records[0].runs[0].selection.images_path,
            records[0].runs[0].selection.labels_path,
        output:
            [update(record.path) for record in records],
        log:
            f"logs/record/{name}.log",
        benchmark:
            f"{BENCHMARKS}/record/{name}.tsv"
        # The shortest first, so that an interruption costs little.
        priority: -records[0].runs[0].training.epochs
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=1500,
            runtime=240,
            gpu=1 if DEVICE == "gpu" else 0,
        params:
            settings=[run.settings() for record in records for run in record.runs],
            device=DEVICE,
        shell:
            "python -m moaplus.cli record {output:q} --device {params.device:q}"
            " --threads {threads} > {log:q} 2>&1"


rule reference:
    input:
        f"{SELECTED}/{{selection}}/images.npz",
        lambda wildcards: step_sources("reference", f"moaplus.runs.references.{wildcards.method}"),
    output:
        f"{MODELS}/{{selection}}/references/{{method}}/clusters.npz",
    log:
        "logs/{selection}/references/{method}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        # No function of the output: Snakemake would not compare its value with the last one.
        wanted=lambda wildcards: PLAN.references[
            f"{MODELS}/{wildcards.selection}/references/{wildcards.method}/clusters.npz"
        ].wanted,
        partial=PARTIAL,
    shell:
        "python -m moaplus.cli {params.partial} reference {output:q} > {log:q} 2>&1"
