# Labels are no input: nothing that trains can read them.
rule train:
    input:
        verified(lambda wildcards: PLAN.run(wildcards.run).selection.images_path),
    output:
        # A model that is there and right is kept where evaluation alone has changed.
        model=update("{run}/model.safetensors"),
        history=update("{run}/history.csv"),
        concentrations=update("{run}/concentrations.npz"),
        samples=update("{run}/samples.npz"),
    log:
        "logs/train/{run}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{run}}.tsv"
    # Of runs whose models are kept the longest first; of others the shortest, so that an
    # interruption costs little.
    priority: lambda wildcards: priority(PLAN.run(wildcards.run))
    conda:
        "../envs/moaplus.yml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt
        * memory(input, PLAN.run(wildcards.run).experts),
        runtime=lambda wildcards, attempt: 60 * attempt,
        gpu=1 if CONFIG.device == "gpu" else 0,
    params:
        settings=lambda wildcards: PLAN.run(wildcards.run).settings(),
        # What the plan's sources say of a training stands in its settings.
        sources=lambda wildcards: step_digest(
            "train", *PLAN.run(wildcards.run).modules, without="plan"
        ),
        device=CONFIG.device,
    shell:
        "python -m moaplus.cli train {wildcards.run:q}"
        " --device {params.device:q} --threads {threads} > {log:q} 2>&1"


# A record of a run that keeps scores alone needs no rule where it is there: it is of the present
# settings, and says what sources made it.
rule score:
    input:
        verified(lambda wildcards: scored_files(PLAN.recorded_run(f"{wildcards.record}.json"))),
    output:
        update("{record}.json"),
    log:
        "logs/score/{record}.log",
    benchmark:
        f"{BENCHMARKS}/score/{{record}}.tsv"
    wildcard_constraints:
        record="|".join(
            [r"models/.+/seed\d+/record"]
            + [
                re.escape(str(run.record.with_suffix("")))
                for run in FOUND
                if not run.keep and not FOUND[run]
            ]
        ),
    conda:
        "../envs/moaplus.yml"
    params:
        sources=step_digest("score"),
    shell:
        "python -m moaplus.cli score {output:q} > {log:q} 2>&1"


rule reference:
    input:
        verified(),
        f"{SELECTED}/{{selection}}/images.npz",
    output:
        f"{MODELS}/{{selection}}/references/{{method}}/clusters.npz",
    log:
        "logs/{selection}/references/{method}.log",
    benchmark:
        f"{BENCHMARKS}/reference/{{selection}}/{{method}}.tsv"
    priority: 100  # one takes as long as many trainings
    conda:
        "../envs/moaplus.yml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * memory(input, experts=1),
    params:
        # No function of the output: Snakemake would not compare its value with the last one.
        wanted=lambda wildcards: PLAN.references[
            f"{MODELS}/{wildcards.selection}/references/{wildcards.method}/clusters.npz"
        ].wanted,
        sources=lambda wildcards: step_digest(
            "reference", f"moaplus.runs.references.{wildcards.method}"
        ),
    shell:
        "python -m moaplus.cli reference {output:q} > {log:q} 2>&1"
