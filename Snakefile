# The DAG: raw data -> selections -> runs -> records -> runs.csv -> table and figures.
# Paths, parameters and their validation live in src/moaplus/plan.
import functools
import gc
import os
import re
import sys
from pathlib import Path

# Planning makes many objects and drops few: looking for those takes a quarter of its time.
gc.freeze()
gc.disable()

# The sources beside this file, whichever checkout the environment was made in; the installed package
# where there are none, as in a module that Snakemake fetches.
HERE = str(workflow.current_basedir)
SOURCES = os.path.join(HERE, "src")
if os.path.isdir(SOURCES):
    PYTHONPATH = os.pathsep.join(filter(None, [SOURCES, os.environ.get("PYTHONPATH")]))
    os.environ.update(PYTHONPATH=PYTHONPATH)
    sys.path.insert(0, SOURCES)

try:
    from moaplus.plan import results
    from moaplus.plan.choices import literal
    from moaplus.plan.config import read_config
    from moaplus.plan.datasets import RAW, raw_files
    from moaplus.plan.results import BENCHMARKS, RESULTS, STUDIES, report_of
    from moaplus.plan.runs import MODELS, SELECTED
    from moaplus.plan.search import SEARCH_PAGE
    from moaplus.plan.studies import load
    from moaplus.provenance.origin import step_digest
    from moaplus.provenance.verify import FileFacts, check_writable, find_faults, find_record
    from moaplus.storage.files import UserError
except ModuleNotFoundError as error:
    raise WorkflowError(f"{error}; run in the environment that `make environment` makes")

# How to run, where a file says so; --config wins over it.
if os.path.exists("config/config.yaml"):

    configfile: "config/config.yaml"


try:
    CONFIG = read_config(config, Path(HERE))
    PLAN = load(CONFIG.params)
    check_writable()
except UserError as error:
    raise WorkflowError(str(error))

# What jobs inherit; no parameters of rules, as a change of these makes no file stale.
os.environ.update(
    MOAPLUS_PARAMS=str(CONFIG.params), MOAPLUS_ALLOW_FAILURE="1" if CONFIG.partial else ""
)

REPORT = report_of(PLAN, RESULTS)
RUN_FILES = [path for run in REPORT.runs for path in (*run.files, run.record)]
REFERENCE_FILES = [reference.path for reference in REPORT.references]
FACTS = FileFacts()
# Where the records of runs are, if they are there and of their settings.
FOUND = {run: find_record(run, FACTS) for run in PLAN.all_runs.values()}


report: "workflow/report/workflow.rst"


# Without a cluster nothing needs a limit of jobs per second; its timers add up with every job
# until they take half a core (github.com/snakemake/snakemake/issues/2967).
onstart:
    gc.enable()
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


wildcard_constraints:
    dataset=r"[a-z-]+",
    gz=r"(\.gz)?",
    selection=r"[a-z0-9+-]+",
    method=r"[a-z0-9_]+",
    # A run's folder; one whose model is not kept is in scratch until it is scored.
    run=r"(models|scratch)/.+/seed\d+",
    # A folder of results: of the default studies, or of one that is named.
    place=r"results(/multiverse|/studies/[a-z][a-z0-9_]*)?",


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/multiverse.smk"
include: "workflow/rules/search.smk"


# The report trains nothing, and neither does what it is made of.
REPORTS = any(argument.startswith("--report") for argument in sys.argv)
if REPORTS or "pages" in sys.argv:
    needed = RUN_FILES + REPORT.results + (REPORT.pages if REPORTS else [])
    missing = [path for path in needed if not os.path.exists(path)]
    if missing:
        raise WorkflowError(
            f"{missing[0]}: missing, as are {len(missing) - 1} others; the report needs a whole run: "
            "`make reproduce`, then `make report`"
        )
    # A study may be named, to be in the report too.
    for folder in {os.path.dirname(a) for a in sys.argv if a.startswith(f"{STUDIES}/")}:
        if not all(os.path.exists(f"{folder}/{name}.html") for name in ("table", "runs")):
            raise WorkflowError(
                f"{folder}: its pages are not there; run "
                f"`snakemake --cores all {folder}/{{table,runs}}.html`, then this again"
            )


# On a cluster, what takes seconds runs where Snakemake does, and so does what needs a network.
localrules:
    all,
    pages,
    data,
    models,
    fetch,
    select,
    score,
    runs_table,
    table,
    figure,
    study_figure,
    audit,
    claims,
    multiverse_page,
    environment,


rule all:
    default_target: True
    input:
        # Named here, not only as inputs of others, so that a run is made again whose folder is gone.
        [run.record for run in REPORT.runs],
        REFERENCE_FILES,
        REPORT.results,
        REPORT.environment,


# What the HTML report shows, where it is not there: after dvc pull, say.
rule pages:
    input:
        REPORT.pages,


rule data:
    input:
        [list(raw_files(dataset)) for dataset in {run.selection.dataset for run in REPORT.runs}],
        [[run.selection.images_path, run.selection.labels_path] for run in REPORT.runs],


rule models:
    input:
        RUN_FILES,
        REFERENCE_FILES,


# A study by its name: snakemake --cores all long
for study in PLAN.studies:
    if study in {rule.name for rule in workflow.rules}:
        raise WorkflowError(
            f"{CONFIG.params}: studies.{study}: the workflow has a rule of this name; "
            "call the study otherwise"
        )

    rule:
        name:
            study
        input:
            f"{STUDIES}/{study}/table.md",
            f"{STUDIES}/{study}/environment.json",
        localrule: True
