rule simulate:
    input:
        step_sources("simulate"),
    output:
        results.SIMULATION,
    log:
        "logs/simulate.log",
    conda:
        "../../environment.yml"
    threads: 1
    shell:
        "python -m moaplus.cli simulate > {log:q} 2>&1"


rule probe:
    input:
        lambda wildcards: step_sources("probe", f"moaplus.audit.probes.{wildcards.probe}"),
        lambda wildcards: (
            [run.concentrations for run in PLAN.probed_runs]
            if wildcards.probe == "mini_batches"
            else recorded_studies("seeds") if wildcards.probe == "interval_coverage" else []
        ),
    output:
        f"{results.PROBES}/{{probe}}.csv",
    log:
        "logs/probes/{probe}.log",
    conda:
        "../../environment.yml"
    threads: 1
    params:
        partial=PARTIAL,
    shell:
        "python -m moaplus.cli {params.partial} probe {wildcards.probe:q} > {log:q} 2>&1"


rule audit:
    input:
        REPORT.runs_table,
        results.SIMULATION,
        [results.PROBES / f"{name}.csv" for name in results.PROBE_NAMES],
        [path for run in REPORT.runs for path in (run.history, run.samples)],
        step_sources("audit", *(f"moaplus.audit.figures.{n}" for n in results.AUDIT_FIGURES)),
    output:
        results.AUDIT,
        report(
            results.AUDIT.with_suffix(".html"),
            category="Tables",
            labels={"table": "audit of the mathematics", "of": "results"},
            caption="../report/audit.rst",
        ),
        results.AUDIT_TABLE,
        results.figure_files(results.AUDIT_FIGURES),
    log:
        "logs/audit.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
        studies=PLAN.default,
    shell:
        "python -m moaplus.cli {params.partial} audit > {log:q} 2>&1"


rule claims:
    input:
        REPORT.runs_table,
        results.AUDIT_TABLE,
        recorded_studies("long", "seeds"),
        recorded(run for protocol in PLAN.protocols for run in protocol.runs),
        results.FIGURES / "reconstructions.png",
        step_sources("claims"),
    output:
        results.CLAIMS_PAGE,
        report(
            results.CLAIMS_PAGE.with_suffix(".html"),
            category="Tables",
            labels={"table": "every claim of the paper", "of": "results"},
            caption="../report/claims.rst",
        ),
        results.OPENING,
        results.CLAIMS_TABLE,
        REPORT.metrics,
    log:
        "logs/claims.log",
    conda:
        "../../environment.yml"
    params:
        partial=PARTIAL,
        studies=PLAN.default,
    shell:
        "python -m moaplus.cli {params.partial} claims > {log:q} 2>&1"
