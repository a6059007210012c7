# What the rules of a folder of results take.
def studies_of(wildcards):
    return [study.name for study in report_of(PLAN, wildcards.place).studies]


# The modules of those studies that have a page of their own.
def pages_of(wildcards):
    studies = studies_of(wildcards)
    return [f"moaplus.report.pages.{name}" for name in studies if name in results.PAGES]


# Records of runs that are not made by default, for pages that show them where they are complete.
def recorded(runs):
    paths = [record.path for record in records_of(runs)]
    return paths if RECORDED.issuperset(path.as_posix() for path in paths) else []


def recorded_studies(*names):
    studies = [PLAN.studies[name] for name in names if name in PLAN.studies]
    return [path for study in studies for path in recorded(study.runs)]


# What a page of results shows beside its own runs.
def table_records(place):
    if place == RESULTS.as_posix():
        return recorded_studies("long", "seeds")
    return [record.path for record in report_of(PLAN, place).records]


# Figures that a page shows, which must be there before it.
def pictures_of(place):
    study = report_of(PLAN, place).folder.name
    return results.study_figure(study) if study in results.PICTURED else []
