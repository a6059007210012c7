# The DAG: raw data -> selections -> runs -> concentrations -> runs.csv -> table and figures.
# Paths, parameters and their validation live in src/moaplus/plan.py.
import os
import sys

# The sources beside this file, whichever checkout the environment was made in.
SOURCES = os.path.join(workflow.basedir, "src")
os.environ.update(PYTHONPATH=SOURCES)
sys.path.insert(0, SOURCES)

from moaplus import plan
from moaplus.distrust import distrust
from moaplus.files import UserError

# snakemake --config partial=true: without the runs whose training failed; the tables name them.
PARTIAL = "--partial" if config.get("partial") else ""

try:
    PLAN = plan.load().without_failed() if PARTIAL else plan.load()
    if workflow.is_main_process:
        for line in distrust(PLAN):
            print(line, file=sys.stderr)
except UserError as error:
    raise WorkflowError(str(error))

RUN_FILES = [path for run in PLAN.runs.values() for path in run.files]
REFERENCE_FILES = [reference.path for reference in plan.references(PLAN.runs.values())]


report: "workflow/report/workflow.rst"


wildcard_constraints:
    selection=r"[a-z0-9+-]+",
    experts=r"\d+",
    study=r"[a-z][a-z0-9_]*",
    run=r"[a-z0-9+-]+/[^/]+/M\d+/[a-z_]+/seed\d+",


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/audit.smk"


localrules:
    all,
    data,
    models,


rule all:
    default_target: True
    input:
        # Named here, not only as inputs of others, so that a deleted file is made again.
        RUN_FILES,
        REFERENCE_FILES,
        plan.results(),
        plan.ENVIRONMENT,


rule data:
    input:
        plan.raw_files(PLAN.dataset),
        [path for s in PLAN.default_selections for path in (s.images_path, s.labels_path)],


rule models:
    input:
        RUN_FILES,
        REFERENCE_FILES,
