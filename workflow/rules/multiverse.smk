# Studies whose records the page shows too: of the nearest protocols, and of long training.
FRESH = recorded_studies("codes", *(name for name in PLAN.studies if name.startswith("nearest")))


# snakemake --cores all multiverse
rule multiverse:
    input:
        results.MULTIVERSE / "environment.json",
        results.MULTIVERSE_PAGE,


rule multiverse_page:
    input:
        verified(),
        results.MULTIVERSE / "runs.csv",
        COVERAGE,
        FRESH,
    output:
        results.MULTIVERSE_PAGE,
        report(
            results.MULTIVERSE_PAGE.with_suffix(".html"),
            category="Tables",
            labels={"table": "protocols of the multiverse", "of": "results/multiverse"},
            caption="../report/multiverse.rst",
        ),
        [path for paths in results.MULTIVERSE_CURVES.values() for path in paths],
    log:
        "logs/multiverse.log",
    benchmark:
        BENCHMARKS / "multiverse.tsv"
    conda:
        "../envs/moaplus.yml"
    params:
        multiverse=PLAN.params.multiverse and PLAN.params.multiverse.model_dump(),
        sources=step_digest("multiverse"),
    shell:
        "python -m moaplus.cli multiverse > {log:q} 2>&1"
