# The DAG: raw data -> selections -> runs -> concentrations -> runs.csv -> table and figures.
# Paths, parameters and their validation live in src/moaplus/plan.py.
from moaplus import plan
from moaplus.files import UserError

try:
    PLAN = plan.load()
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
        plan.RUNS_TABLE,
        plan.TABLE,
        plan.METRICS,
        plan.SIMULATION,
        [plan.PROBES / f"{name}.csv" for name in plan.PROBE_NAMES],
        plan.AUDIT,
        expand(
            f"{plan.FIGURES}/{{name}}.{{suffix}}",
            name=plan.FIGURE_NAMES + plan.AUDIT_FIGURE_NAMES,
            suffix=["png", "svg"],
        ),


rule data:
    input:
        [path for s in PLAN.default_selections for path in (s.images_path, s.labels_path)],


rule models:
    input:
        RUN_FILES,
        REFERENCE_FILES,
