"""What figures call images and settings."""

import pandas as pd

from moaplus.plan.studies import Plan
from moaplus.report.cells import images_in_short

SETTINGS = {
    "architecture": "experts: {}",
    "channels": "{} channels",
    "latent": "codes of {}",
    "epochs": "{} epochs",
    "batch_size": "batches of {}",
    "learning_rate": "learning rate {}",
    "schedule": "schedule: {}",
    "weight_decay": "weight decay {}",
    "ridge": "ridge {}",
    "gate": "{} gate",
    "views": "views: {}",
}


def labels(runs: pd.DataFrame, plan: Plan) -> pd.Series:
    """Images of rows of runs.csv, and how their runs were trained as far as that differs."""
    several = runs.loc[runs["architecture"] != "", "architecture"].nunique() > 1
    columns = ["architecture", "variant"] if several else ["variant"]

    def of_row(row: pd.Series) -> str:
        settings = [word for column in columns for word in row[column].split(", ") if word]
        return label_of(images_in_short(plan.selections[row["selection"]]), *settings)

    return runs.apply(of_row, axis=1)


def label_of(*parts: str) -> str:
    """Parts with settings in words: `digits 0 and 1, batches of 1,024`."""
    return ", ".join(map(_in_words, parts))


def _in_words(part: str) -> str:
    """`batch_size=1024` as `batches of 1,024`; anything else as it is."""
    key, _, value = part.partition("=")
    if key not in SETTINGS:
        return part
    number = f"{int(value):,}" if value.isdecimal() else value.replace("_", " ").replace("+", ", ")
    return SETTINGS[key].format(number)
