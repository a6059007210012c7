# snakemake --cores all search
# Its records, results/search, come one by one: it goes on from those that are there.
rule search:
    input:
        verified(),
        [[each.images_path, each.labels_path] for each in PLAN.searched],
    output:
        SEARCH_PAGE,
        report(
            SEARCH_PAGE.with_suffix(".html"),
            category="Tables",
            labels={"table": "search for the paper's table", "of": "results/search"},
            caption="../report/search.rst",
        ),
    log:
        "logs/search.log",
    benchmark:
        BENCHMARKS / "search.tsv"
    conda:
        "../envs/moaplus.yml"
    threads: workflow.cores
    resources:
        mem_mb=lambda wildcards, input, threads: 1500 * threads,
        runtime=24 * 60,
    params:
        search=PLAN.params.search and PLAN.params.search.model_dump(),
        sources=step_digest("search"),
    shell:
        "python -m moaplus.cli search --threads {threads} > {log:q} 2>&1"
