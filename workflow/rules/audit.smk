rule simulate:
    input:
        plan.sources("simulate"),
    output:
        plan.SIMULATION,
    log:
        "logs/simulate.log",
    conda:
        "../../environment.yml"
    threads: 1
    shell:
        "moaplus simulate > {log:q} 2>&1"


rule probe:
    input:
        plan.sources("probe"),
        lambda wildcards: PLAN.probed(wildcards.probe),
    output:
        f"{plan.PROBES}/{{probe}}.csv",
    log:
        "logs/probes/{probe}.log",
    conda:
        "../../environment.yml"
    threads: 1
    params:
        partial=PARTIAL,
    shell:
        "moaplus {params.partial} probe {wildcards.probe:q} > {log:q} 2>&1"


rule audit:
    input:
        plan.RUNS_TABLE,
        plan.SIMULATION,
        [plan.PROBES / f"{name}.csv" for name in plan.PROBE_NAMES],
        [path for run in PLAN.runs.values() for path in (run.history, run.samples)],
        plan.sources("audit"),
    output:
        report(plan.AUDIT, category="Audit", caption="../report/audit.rst"),
        [
            report(
                f"{plan.FIGURES}/{name}.png",
                category="Audit",
                caption="../report/audit.rst",
            )
            for name in plan.AUDIT_FIGURE_NAMES
        ],
        [f"{plan.FIGURES}/{name}.svg" for name in plan.AUDIT_FIGURE_NAMES],
    log:
        "logs/audit.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
        studies=PLAN.default,
    shell:
        "moaplus {params.partial} audit > {log:q} 2>&1"
