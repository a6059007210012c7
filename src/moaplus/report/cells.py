"""The cells of the tables: which rows of runs.csv a cell stands for, and how it is written."""

import pandas as pd

from moaplus.plan import N_CLASSES, Selection, Study, references
from moaplus.report.statistics import Estimate, estimate

NAMES = {
    "moa": "Standard MoA",
    "moe": "Mixture of experts (1991, eq. 1.2)",
    "hinton": "Mixture of experts (1991, eq. 1.3)",
    "st_moe": "Standard MoA with ST-MoE's losses",
    "moa_plus": "MoA+",
    "moa_plus_exact": "MoA+, the loss itself",
    "moa_plus_frobenius": "MoA+, Frobenius bound",
    "kmeans": "k-means",
    "pca_gmm": "PCA (50) + Gaussian mixture",
}
LOSSES = {"mixture_error": "mixed", "routed_error": "routed"}
DIGITS = {
    "nmi": 3,
    "nmi_geometric": 3,
    "nmi_min": 3,
    "nmi_max": 3,
    "acc": 3,
    "ari": 3,
    "mixture_error": 4,
    "routed_error": 4,
    "noise_error": 4,
    "dominance": 2,
    "load_entropy": 2,
    "objective": 4,
}
ABSENT = ""


def study_rows(runs: pd.DataFrame, study: Study, split: str) -> pd.DataFrame:
    """The rows of runs.csv that belong to a study, its reference clusterings included."""
    folders = {run.folder.as_posix() for run in study.runs}
    beside = {
        (reference.path.parent.as_posix(), seed)
        for reference in references(study.runs)
        for seed in reference.seeds
    }
    ours = runs["folder"].isin(folders)
    theirs = pd.Series(zip(runs["folder"], runs["seed"], strict=True), runs.index).isin(beside)
    return runs[(ours | theirs) & (runs["split"] == split)]


def images_in_words(runs: pd.DataFrame) -> pd.Series:
    """Selection, and how a study's training differs from the common one, by row."""
    return runs["selection"] + runs["variant"].where(runs["variant"] == "", ", " + runs["variant"])


def cell(rows: pd.DataFrame, quantity: str) -> str:
    """Mean over seeds with its interval; empty where the quantity does not apply."""
    values = rows[quantity].dropna()
    return estimate(values).format(DIGITS[quantity]) if len(values) else ABSENT


def markdown(rows: list[dict]) -> str:
    """A table in Markdown; bars inside a cell are escaped."""
    cells = [{_escape(key): _escape(value) for key, value in row.items()} for row in rows]
    return pd.DataFrame(cells).to_markdown(index=False, disable_numparse=True)


def _escape(value: object) -> str:
    return str(value).replace("|", "\\|")


def title(selection: Selection, n: int) -> str:
    """The selection in words."""
    ten = len(selection.classes) == N_CLASSES
    classes = "all ten classes" if ten else "classes " + ", ".join(map(str, selection.classes))
    kind = "all of their" if selection.images is None else "a stratified subset of"
    return f"{selection.dataset}, {classes}, {kind} {n:,} training images"


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, quantity: str) -> Estimate:
    """Mean over seeds of first minus second; runs of one seed share first weights and batches."""
    pairs = first.merge(second, on="seed", suffixes=("_first", "_second"), validate="1:1")
    return estimate(pairs[f"{quantity}_first"] - pairs[f"{quantity}_second"])
