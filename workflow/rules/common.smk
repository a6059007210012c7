# What the rules of a folder of results take.
def of_runs(*kinds):
    """Files of the runs of a folder of results, by kind: model, history, …."""
    return lambda wildcards: [
        getattr(run, kind) for run in report_of(PLAN, wildcards.place).runs for kind in kinds
    ]


def studies_of(wildcards):
    return [study.name for study in report_of(PLAN, wildcards.place).studies]
