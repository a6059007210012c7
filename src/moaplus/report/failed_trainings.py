"""The tables of trainings that failed: of a report, and of all studies with records."""

import pandas as pd

from moaplus.report.cells import markdown
from moaplus.report.failures import CONSTANT, EXPERT, constant, expert
from moaplus.report.lines import CONFIGURATION
from moaplus.report.runs_table import Recorded

RULES = {CONSTANT: constant, EXPERT: expert}
SUMMARY = """\
By the rule of [docs/verdicts.md](../docs/verdicts.md), in the default studies, those that keep
scores alone, and the multiverse: {total:,} trainings, of which {diverged} diverged. Tables of other
studies name their own. The errors of single experts are known of {known}: records made before the
rule do not have them."""


def failed_lines(runs: pd.DataFrame) -> list[dict]:
    """Return a line for each configuration of which a training failed: its seeds, by the reason.

    Args:
        runs: rows of runs.csv.
    """
    trained = runs[(runs["split"] == "train") & runs["mean_image_error"].notna()]
    lines = []
    for configuration, part in trained.groupby(CONFIGURATION, sort=False):
        failed = {title: part.loc[rule(part), "seed"] for title, rule in RULES.items()}
        if any(map(len, failed.values())):
            line = {CONFIGURATION: f"`{configuration}`", "trainings": len(part)}
            seeds = {f"{title}: seeds": _listed(found) for title, found in failed.items()}
            lines.append(line | seeds)
    return lines


def failed_everywhere(recorded: list[Recorded]) -> list[str]:
    """Write which trainings failed, over the default studies and all whose records are in git.

    Args:
        recorded: as of `everything_recorded`.
    """
    table, total, diverged, known = [], 0, 0, 0
    for name, runs, rows in recorded:
        trained = rows[rows["split"] == "train"]
        total, diverged = total + len(runs), diverged + len(runs) - len(trained)
        known += int(trained["worst_error"].notna().sum())
        table += [{"study": name} | line for line in failed_lines(trained)]
    text = SUMMARY.format(total=total, diverged=diverged, known=known)
    return [text, *([markdown(table)] if table else [])]


def _listed(seeds: pd.Series) -> str:
    return ", ".join(map(str, seeds))
