rule table:
    input:
        plan.RUNS_TABLE,
        plan.sources("table"),
        [run.model for run in PLAN.runs.values()],
    output:
        report(plan.TABLE, category="Table", caption="../report/table.rst"),
        plan.METRICS,
    log:
        "logs/table.log",
    conda:
        "../../environment.yml"
    params:
        studies=PLAN.default,
    shell:
        "moaplus table > {log} 2>&1"


rule figure:
    input:
        plan.RUNS_TABLE,
        plan.sources("figure"),
        [path for run in PLAN.runs.values() for path in (run.history, run.samples)],
    output:
        report(
            f"{plan.FIGURES}/{{figure}}.png",
            category="Figures",
            caption="../report/figure.rst",
        ),
        f"{plan.FIGURES}/{{figure}}.svg",
    log:
        "logs/figures/{figure}.log",
    conda:
        "../../environment.yml"
    params:
        studies=PLAN.default,
    shell:
        "moaplus figure {wildcards.figure} > {log} 2>&1"
