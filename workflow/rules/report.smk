# {place} is results, or results/studies/NAME for a study that is not run by default:
# snakemake --cores all NAME
rule runs_table:
    input:
        verified(),
        lambda wildcards: list(map(record_of, report_of(PLAN, wildcards.place).runs)),
        lambda wildcards: [
            path
            for reference in report_of(PLAN, wildcards.place).references
            for path in (reference.path, reference.selection.labels_path)
        ],
    output:
        "{place}/runs.csv",
        report(
            "{place}/runs.html",
            category="Tables",
            labels={"table": "every run and its scores", "of": "{place}"},
            caption="../report/runs.rst",
        ),
    log:
        "logs/{place}/runs_table.log",
    benchmark:
        f"{BENCHMARKS}/runs_table/{{place}}.tsv"
    conda:
        "../envs/moaplus.yml"
    params:
        studies=studies_of,
        sources=step_digest("runs_table"),
    shell:
        "python -m moaplus.cli runs_table {wildcards.place:q} > {log:q} 2>&1"


rule table:
    input:
        verified(),
        "{place}/runs.csv",
        COVERAGE,
        lambda wildcards: table_records(wildcards.place),
        lambda wildcards: pictures_of(wildcards.place),
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
    benchmark:
        f"{BENCHMARKS}/table/{{place}}.tsv"
    conda:
        "../envs/moaplus.yml"
    params:
        studies=studies_of,
        margins=PLAN.params.margins.model_dump(),
        sources=lambda wildcards: step_digest("table", *pages_of(wildcards)),
    shell:
        "python -m moaplus.cli table {wildcards.place:q} > {log:q} 2>&1"


rule figure:
    input:
        verified(),
        REPORT.runs_table,
        lambda wildcards: read_by(wildcards.figure),
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
    benchmark:
        f"{BENCHMARKS}/figure/{{figure}}.tsv"
    wildcard_constraints:
        figure="|".join(results.REPORT_FIGURES),
    conda:
        "../envs/moaplus.yml"
    params:
        studies=PLAN.default,
        sources=lambda wildcards: step_digest(
            "figure", f"moaplus.report.figures.{wildcards.figure}"
        ),
    shell:
        "python -m moaplus.cli figure {wildcards.figure:q} > {log:q} 2>&1"


rule study_figure:
    input:
        verified(),
        "results/studies/{study}/runs.csv",
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
    benchmark:
        f"{BENCHMARKS}/study_figure/{{study}}.tsv"
    conda:
        "../envs/moaplus.yml"
    params:
        sources=lambda wildcards: step_digest("figure", f"moaplus.report.pages.{wildcards.study}"),
    shell:
        "python -m moaplus.cli figure {wildcards.study:q} > {log:q} 2>&1"


rule environment:
    input:
        verified(),
        lambda wildcards: report_of(PLAN, wildcards.place).results,
    output:
        # A result that is as it was stays with what made it.
        update("{place}/environment.json"),
    log:
        "logs/{place}/environment.log",
    benchmark:
        f"{BENCHMARKS}/environment/{{place}}.tsv"
    conda:
        "../envs/moaplus.yml"
    params:
        sources=step_digest("environment"),
    shell:
        "python -m moaplus.cli environment {wildcards.place:q} > {log:q} 2>&1"
