# The DAG: raw data -> selections -> runs -> concentrations -> runs.csv -> table and figures.
# Paths, parameters and their validation live in src/moaplus/plan.py.
from moaplus import plan
from moaplus.files import UserError

try:
    PLAN = plan.load()
except UserError as error:
    raise WorkflowError(str(error))

RUN_FILES = [path for run in PLAN.runs.values() for path in run.files]


report: "workflow/report/workflow.rst"


wildcard_constraints:
    selection=r"[a-z0-9+-]+",
    experts=r"\d+",
    run=r"[a-z0-9+-]+/[^/]+/M\d+/[a-z_]+/seed\d+",


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    data,
    models,


rule all:
    default_target: True
    input:
        # Named here, not only as inputs of others, so that a deleted file is made again.
        RUN_FILES,
        list(PLAN.references),
        plan.RUNS_TABLE,
        plan.TABLE,
        plan.METRICS,
        expand(f"{plan.FIGURES}/{{name}}.{{suffix}}", name=plan.FIGURE_NAMES, suffix=["png", "svg"]),


rule data:
    input:
        [path for s in PLAN.default_selections for path in (s.images_path, s.labels_path)],


rule models:
    input:
        RUN_FILES,
        list(PLAN.references),
