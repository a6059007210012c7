"""Needs of pages: a study that its page cannot show is refused before anything is trained.

A page, a file of `report/pages`, writes it down as `NEEDS`: for its study, and for others that it
shows beside, what their runs must be.

    differ      what runs may differ in, beside their seeds: `dataset`, `classes`, `images`,
                `experts`, `objective`, any setting; all runs have the same of anything else
    one_way     if true, `differ` holds for the runs of each objective alone
    vary        settings of which there must be several values
    objectives  those that must be there
    experts     the only number of experts
    classes     the only number of classes
    references  reference methods that must be there
    seeds_from  a seed: some must be smaller, and some not
    images_of   a study all of whose images must be there
"""

from collections.abc import Iterator

from moaplus.plan.choices import literal, names
from moaplus.plan.runs import Run, Study
from moaplus.storage.files import UserError


def check_needs(studies: dict[str, Study], default: tuple[str, ...]) -> None:
    """See that the page of each study that has one can show it, and figures the default studies.

    Raises:
        UserError: naming the study and what its page needs.
    """
    shown = (run for name in default for run in studies[name].runs)
    if not any(run.objective == "moa_plus" and run.experts == 2 for run in shown):
        raise UserError(
            f"default: {', '.join(default)}: none trains moa_plus with 2 experts; allowed: studies "
            "of which one does, as figures and audit need"
        )
    for page in names("report/pages"):
        if page in studies:
            needs = literal("report/pages", page, "NEEDS") or {}
            for name in (name for name in needs if name in studies):
                for fault in _faults(studies[name], needs[name], studies):
                    raise UserError(f"studies.{name}: {fault}, as its page needs")


def _faults(study: Study, needs: dict, studies: dict[str, Study]) -> Iterator[str]:
    """Yield what a study must be and is not."""
    seed = study.runs[0].seed  # what there is with one seed, there is with each
    rows = [_values(run) for run in study.runs if run.seed == seed]
    found = {key: {row[key] for row in rows} for key in rows[0]}
    yield from _differences(rows, needs)
    for key in needs.get("vary", ()):
        if len(found[key]) < 2:
            yield f"its runs have one {key}; allowed: at least 2, by vary"
    for key, there in (("objectives", found["objective"]), ("references", study.references)):
        missing = [name for name in needs.get(key, ()) if name not in there]
        if missing:
            yield f"{key} without {', '.join(missing)}; allowed: with {', '.join(needs[key])}"
    if "experts" in needs and found["experts"] != {needs["experts"]}:
        yield f"experts other than {needs['experts']}; allowed: {needs['experts']} alone"
    if "classes" in needs and {len(few) for few in found["classes"]} != {needs["classes"]}:
        yield f"classes that are not {needs['classes']}; allowed: {needs['classes']} at a time"
    if "seeds_from" in needs and len({r.seed < needs["seeds_from"] for r in study.runs}) < 2:
        yield f"seeds on one side of {needs['seeds_from']}; allowed: some below it, some not"
    beside = studies.get(needs.get("images_of", ""))
    if beside:
        ours, theirs = ({run.selection for run in each.runs} for each in (study, beside))
        missing = ", ".join(sorted(selection.name for selection in theirs - ours))
        if missing:
            yield f"selections without {missing}; allowed: with those of {beside.name}"


def _differences(rows: list[dict], needs: dict) -> Iterator[str]:
    """Yield in what runs differ that must be the same for all of them, or of an objective."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["objective"] if needs.get("one_way") else "", []).append(row)
    for key in (key for key in rows[0] if key not in needs.get("differ", rows[0])):
        if any(row[key] != group[0][key] for group in groups.values() for row in group):
            yield f"its runs differ in {key}; allowed: the same {key} for all"


def _values(run: Run) -> dict:
    """Return all but the seed by which runs may differ, by name."""
    return {
        "dataset": run.selection.dataset,
        "classes": run.selection.classes,
        "images": run.selection.images,
        "experts": run.experts,
        "objective": run.objective,
        **dict(run.network),
        **dict(run.training),
    }
