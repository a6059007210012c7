# What the rules of a folder of results take.
def studies_of(wildcards):
    return [study.name for study in report_of(PLAN, wildcards.place).studies]
