# Inputs of every rule: those of a function, if one is given. Once, before any job is planned, the
# jobs are forced whose files are damaged or were made by other settings or sources.
def verified(inputs=lambda wildcards: []):
    def of_job(wildcards):
        if workflow.is_main_process:
            force_faulty(workflow.dag)
        return inputs(wildcards)

    return of_job


@functools.cache
def force_faulty(dag):
    # Every file is whole or absent: none that is there is ever half a file.
    if workflow.execution_settings is not None:
        workflow.execution_settings.keep_incomplete = True
    faults = find_faults(PLAN, FACTS)
    FACTS.save()
    for fault in faults:
        dag.forcefiles.add(str(fault.path))
        if fault.kind == "damaged":
            print(f"{fault}; it is made again where it is needed", file=sys.stderr)
    # In git, and mostly without an input that would make them again: a fresh clone computes them.
    for path in (results.SIMULATION, *results.PROBE_TABLES):
        if workflow.persistence._read_record(str(path)) is None:
            dag.forcefiles.add(str(path))


def scored_files(run):
    selection = run.selection
    return [
        run.model,
        run.history,
        run.concentrations,
        selection.images_path,
        selection.labels_path,
    ]


# By which tables mark intervals.
COVERAGE = results.PROBES / "interval_coverage.csv"


# What a job needs in MB, on the safe side of what `make growth` measures: torch itself, images
# (compressed to a sixth, and four bytes a pixel in memory), and products of experts' residuals.
def memory(images, experts):
    return round(1200 + 40 * images.size_mb + 0.3 * experts**2)


def priority(run):
    return run.experts if run.keep else -run.training.epochs


# What the rules of a folder of results take.
def studies_of(wildcards):
    return [study.name for study in report_of(PLAN, wildcards.place).studies]


# The modules of those studies that have a page of their own.
def pages_of(wildcards):
    studies = studies_of(wildcards)
    return [f"moaplus.report.pages.{name}" for name in studies if name in results.PAGES]


# The record of a run. Of one that keeps scores alone, a record that is there and of its settings is
# an input that no rule makes.
def record_of(run):
    return FOUND.get(run) or run.record


# The records of runs that are not made by default, if all are there, for pages that show them.
def recorded(runs):
    return [FOUND[run] for run in runs] if all(FOUND[run] for run in runs) else []


def recorded_studies(*names):
    return [path for study in PLAN.named(*names) for path in recorded(study.runs)]


# What a page of results shows beside its own runs.
def table_records(place):
    return recorded_studies("long", "seeds") if place == RESULTS.as_posix() else []


# What a figure reads of each run, beside runs.csv.
def read_by(figure):
    kind = literal("report/figures", figure, "READS")
    return [getattr(run, kind) for run in REPORT.runs] if kind else []


# Figures that a page shows, which must be there before it.
def pictures_of(place):
    study = report_of(PLAN, place).folder.name
    return results.study_figure(study) if study in results.PICTURED else []
