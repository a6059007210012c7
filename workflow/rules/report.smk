# {place} is results, or results/studies/NAME for a study that is not run by default:
# snakemake --cores all results/studies/NAME/{table.md,environment.json}
rule score:
    input:
        lambda wildcards: report_of(PLAN, wildcards.place).scored,
        step_sources("score"),
    output:
        "{place}/runs.csv",
        report(
            "{place}/runs.html",
            category="Tables",
            labels={"table": "every run and its scores", "of": "{place}"},
            caption="../report/runs.rst",
        ),
    log:
        "logs/{place}/score.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
        studies=studies_of,
    shell:
        "python -m moaplus.cli {params.partial} score {wildcards.place:q} > {log:q} 2>&1"


rule table:
    input:
        "{place}/runs.csv",
        lambda wildcards: table_records(wildcards.place),
        lambda wildcards: pictures_of(wildcards.place),
        lambda wildcards: step_sources("table", *pages_of(wildcards)),
    output:
        "{place}/table.md",
        report(
            "{place}/table.html",
            category="Tables",
            labels={"table": "verdicts and means", "of": "{place}"},
            caption="../report/table.rst",
        ),
    log:
        "logs/{place}/table.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
        studies=studies_of,
    shell:
        "python -m moaplus.cli {params.partial} table {wildcards.place:q} > {log:q} 2>&1"


rule figure:
    input:
        REPORT.runs_table,
        [path for run in REPORT.runs for path in (run.history, run.concentrations, run.samples)],
        lambda wildcards: step_sources("figure", f"moaplus.report.figures.{wildcards.figure}"),
    output:
        report(
            f"{results.FIGURES}/{{figure}}.png",
            category="Figures",
            labels={"figure": "{figure}", "of": "default studies"},
            caption="../report/figure.rst",
        ),
        f"{results.FIGURES}/{{figure}}.svg",
    log:
        "logs/figures/{figure}.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
        studies=PLAN.default,
    shell:
        "python -m moaplus.cli {params.partial} figure {wildcards.figure:q} > {log:q} 2>&1"


rule study_figure:
    input:
        "results/studies/{study}/runs.csv",
        lambda wildcards: table_records(f"results/studies/{wildcards.study}"),
        lambda wildcards: step_sources("figure", f"moaplus.report.pages.{wildcards.study}"),
    output:
        report(
            "results/studies/{study}/{study}.png",
            category="Figures",
            labels={"figure": "{study}", "of": "study {study}"},
            caption="../report/study_figure.rst",
        ),
        "results/studies/{study}/{study}.svg",
    log:
        "logs/figures/{study}.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
    shell:
        "python -m moaplus.cli {params.partial} figure {wildcards.study:q} > {log:q} 2>&1"


rule environment:
    input:
        lambda wildcards: report_of(PLAN, wildcards.place).results,
        step_sources("environment"),
    output:
        # A result that is as it was stays with what made it.
        update("{place}/environment.json"),
    log:
        "logs/{place}/environment.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
    shell:
        "python -m moaplus.cli {params.partial} environment {wildcards.place:q} > {log:q} 2>&1"
