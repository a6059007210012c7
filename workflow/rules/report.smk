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
        partial=PARTIAL,
        studies=PLAN.default,
    shell:
        "moaplus {params.partial} table > {log:q} 2>&1"


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
        partial=PARTIAL,
        studies=PLAN.default,
    shell:
        "moaplus {params.partial} figure {wildcards.figure:q} > {log:q} 2>&1"


rule environment:
    input:
        plan.results(),
        plan.sources("environment"),
    output:
        # A result that is as it was stays with what made it.
        update(plan.ENVIRONMENT),
    log:
        "logs/environment.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
    shell:
        "moaplus {params.partial} environment > {log:q} 2>&1"
