"""Learning rate and weight decay of the gate that sees two views: rule in docs/studies.md."""

import pandas as pd

from moaplus.plan.studies import Plan, Study
from moaplus.report.cells import cells, markdown

SETTINGS = ["learning_rate", "weight_decay"]


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """What is minimised, by setting; the setting that is chosen, and how labels score each."""
    found = with_settings(study, runs)
    means = found.groupby(SETTINGS)["objective"].mean()
    best = means.idxmin()
    shown = means.map("{:.3f}".format)
    shown[best] = f"**{shown[best]}**"
    choice = [
        {"learning rate": f"{rate:g}"} | {f"weight decay {decay:g}": row[decay] for decay in row}
        for rate, row in shown.unstack().to_dict("index").items()
    ]
    scores = [
        {"learning rate": f"{rate:g}", "weight decay": f"{decay:g}"}
        | cells(rows, ("nmi", "acc", "mixture_error"))
        | {"seeds": len(rows)}
        for (rate, decay), rows in found.groupby(SETTINGS)
    ]
    return [
        "## Learning rate and weight decay of the gate that sees two views",
        "What is minimised, mean of the last epoch and over seeds, on the training images. The "
        "least, in bold, is chosen; no label has a part in it.",
        markdown(choice),
        *_at_the_edge(means, best),
        "How labels score each setting, looked at after the choice:",
        markdown(scores),
    ]


def with_settings(study: Study, runs: pd.DataFrame) -> pd.DataFrame:
    """Rows of the training images, with the settings in which their runs differ."""
    training = {run.folder.as_posix(): run.training for run in study.runs}
    train = runs[runs["split"] == "train"]
    settings = {
        name: [getattr(training[folder], name) for folder in train["folder"]] for name in SETTINGS
    }
    return train.assign(**settings)


def _at_the_edge(means: pd.Series, best: tuple[float, float]) -> list[str]:
    ends = []
    for name, value in zip(SETTINGS, best, strict=True):
        tried = means.index.unique(name)
        if value in (tried.min(), tried.max()):
            ends.append(f"{name} {value:g}")
    if not ends:
        return []
    return ["**At an end of the grid, so perhaps not the best**: " + ", ".join(ends) + "."]
