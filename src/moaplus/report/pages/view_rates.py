"""Learning rate and weight decay of the gate that sees two views: rule in docs/studies.md."""

import pandas as pd

from moaplus.plan.runs import Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import cells, markdown
from moaplus.report.tuning import at_an_end, mean_objectives

SETTINGS = {"learning_rate": "learning rate", "weight_decay": "weight decay"}

NEEDS = {"view_rates": {"differ": ["learning_rate", "weight_decay"], "vary": ["learning_rate"]}}


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Write the training loss by setting; the setting that is chosen, and how labels score each."""
    found = runs[runs["split"] == "train"]
    means = mean_objectives(found, list(SETTINGS))
    best = means.stack().idxmin()
    shown = means.map("{:.3f}".format)
    shown.loc[best] = f"**{shown.loc[best]}**"
    choice = [
        {"learning rate": f"{rate:g}"}
        | {f"weight decay {decay:g}": value for decay, value in row.items()}
        for rate, row in shown.iterrows()
    ]
    scores = [
        {"learning rate": f"{rate:g}", "weight decay": f"{decay:g}"}
        | cells(rows, ("nmi", "acc", "mixture_error"))
        for (rate, decay), rows in found.groupby(list(SETTINGS))
    ]
    return [
        "## Learning rate and weight decay of the gate that sees two views",
        "The training loss, mean of the last epoch and over seeds, on the training images. The "
        "least, in bold, is chosen; no label has a part in it.",
        markdown(choice),
        at_an_end(
            (title, value, found[name])
            for (name, title), value in zip(SETTINGS.items(), best, strict=True)
        ),
        "How labels score each setting, looked at after the choice:",
        markdown(scores),
    ]
