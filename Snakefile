# The DAG: raw data -> selections -> runs -> concentrations -> runs.csv -> table and figures.
# Paths, parameters and their validation live in src/moaplus/plan.
import os
import sys

# The sources beside this file, whichever checkout the environment was made in.
SOURCES = os.path.join(str(workflow.current_basedir), "src")
os.environ.update(PYTHONPATH=SOURCES)
sys.path.insert(0, SOURCES)

from moaplus.plan import results
from moaplus.plan.datasets import RAW, raw_files
from moaplus.plan.records import records_of
from moaplus.plan.results import RESULTS, STUDIES, report_of
from moaplus.plan.runs import BENCHMARKS, MODELS, SELECTED
from moaplus.plan.studies import load
from moaplus.provenance.distrust import distrust
from moaplus.provenance.failures import without_failed
from moaplus.provenance.recorded import is_recorded
from moaplus.provenance.sources import step_sources, training_sources
from moaplus.storage.files import UserError

# snakemake --config partial=true: without the runs whose training failed; the tables name them.
PARTIAL = "--partial" if config.get("partial") else ""

try:
    PLAN = without_failed(load()) if PARTIAL else load()
    if workflow.is_main_process:
        for line in distrust(PLAN):
            print(line, file=sys.stderr)
except UserError as error:
    raise WorkflowError(str(error))

REPORT = report_of(PLAN, RESULTS)
RECORDED = {path for path, record in PLAN.records.items() if is_recorded(record)}
MISSING_RECORDS = {
    name: records
    for name, records in PLAN.record_batches.items()
    if not RECORDED.issuperset(record.path.as_posix() for record in records)
}
RUN_FILES = [path for run in REPORT.runs for path in run.files]
REFERENCE_FILES = [reference.path for reference in REPORT.references]


report: "workflow/report/workflow.rst"


wildcard_constraints:
    dataset=r"[a-z-]+",
    gz=r"(\.gz)?",
    selection=r"[a-z0-9+-]+",
    method=r"[a-z0-9_]+",
    # A folder of results: of the default studies, or of one that is named.
    place=r"results(/multiverse|/studies/[a-z][a-z0-9_]*)?",


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/multiverse.smk"


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
        # Named here, not only as inputs of others, so that a deleted file is made again.
        RUN_FILES,
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
