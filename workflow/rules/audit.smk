rule simulate:
    input:
        verified(),
    output:
        results.SIMULATION,
    log:
        "logs/simulate.log",
    benchmark:
        BENCHMARKS / "simulate.tsv"
    conda:
        "../envs/moaplus.yml"
    threads: 1
    params:
        sources=step_digest("simulate"),
    shell:
        "python -m moaplus.cli simulate > {log:q} 2>&1"


# What a probe reads, where it reads anything.
PROBED = {
    "mini_batches": [path for run in PLAN.probed_runs for path in (run.model, run.concentrations)],
    "interval_coverage": recorded_studies("seeds"),
    "linear_codes": [
        path
        for selection in dict.fromkeys(run.selection for run in REPORT.runs)
        for path in (selection.images_path, selection.labels_path)
    ],
}


rule probe:
    input:
        verified(),
        lambda wildcards: PROBED.get(wildcards.probe, []),
    output:
        f"{results.PROBES}/{{probe}}.csv",
    log:
        "logs/probes/{probe}.log",
    benchmark:
        f"{BENCHMARKS}/probe/{{probe}}.tsv"
    conda:
        "../envs/moaplus.yml"
    threads: 1
    params:
        sources=lambda wildcards: step_digest("probe", f"moaplus.audit.probes.{wildcards.probe}"),
    shell:
        "python -m moaplus.cli probe {wildcards.probe:q} > {log:q} 2>&1"


rule audit:
    input:
        verified(),
        REPORT.runs_table,
        results.SIMULATION,
        results.PROBE_TABLES,
        [run.record for run in REPORT.runs],
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
    benchmark:
        BENCHMARKS / "audit.tsv"
    conda:
        "../envs/moaplus.yml"
    params:
        studies=PLAN.default,
        sources=step_digest(
            "audit", *(f"moaplus.audit.figures.{name}" for name in results.AUDIT_FIGURES)
        ),
    shell:
        "python -m moaplus.cli audit > {log:q} 2>&1"


rule claims:
    input:
        verified(),
        REPORT.runs_table,
        results.AUDIT_TABLE,
        results.PROBES / "linear_codes.csv",
        COVERAGE,
        [path for study in PLAN.scored for path in recorded(study.runs)],
        recorded([run for protocol in PLAN.protocols for run in protocol.runs]),
        results.FIGURES / "reconstructions.png",
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
        results.RATIO_FIGURE,
        REPORT.metrics,
    log:
        "logs/claims.log",
    benchmark:
        BENCHMARKS / "claims.tsv"
    conda:
        "../envs/moaplus.yml"
    params:
        studies=PLAN.default,
        sources=step_digest("claims"),
    shell:
        "python -m moaplus.cli claims > {log:q} 2>&1"
