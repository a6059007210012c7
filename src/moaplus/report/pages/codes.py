"""The losses of MoA and MoA+ along long training, by size of the code."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.records import records_of
from moaplus.plan.studies import Plan, Study
from moaplus.report.cells import cells, markdown
from moaplus.report.claims import direction
from moaplus.report.drawing import draw_means
from moaplus.report.recording import record_curves
from moaplus.report.titles import METHODS
from moaplus.theory.intervals import estimate

NEEDS = {"codes": {"differ": ["latent", "objective"], "objectives": ["moa", "moa_plus"]}}

SHOWN = 8  # epochs in the table, evenly on a logarithmic scale
LOSS = "mixture_error"


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Where the curves cross, what the gate does meanwhile, and what experts know at the end."""
    found = curves(study)
    return [
        "## Along long training, by size of the code",
        "Mixed loss in the middle of each epoch, on digits 0 and 1, mean over seeds; MoA+ minus "
        "MoA, seed by seed. Rules: [docs/studies.md](../../../docs/studies.md).",
        markdown([crossing(latent, losses) for latent, losses in differences(found).items()]),
        f"![Losses and loads along training]({study.name}.png)",
        "The difference of the losses, by epoch:",
        markdown(_by_epoch(found)),
        "What the mixture is after the last epoch. *NMI by error* is that of the expert with the "
        "least error: where it is near 0, each expert reconstructs each class as well as the "
        "others do, and the errors tell nothing of classes.",
        markdown(_at_the_end(study, runs)),
    ]


def curves(study: Study) -> pd.DataFrame:
    """Every epoch of every run: latent, method, seed, epoch, losses and loads."""
    frames = []
    for record in records_of(study.runs):
        run = record.runs[0]
        for method, history in record_curves(record).items():
            loads = history[[column for column in history if column.startswith("load_")]]
            frames.append(
                history.assign(
                    latent=run.network.latent,
                    method=method,
                    seed=run.seed,
                    epoch=np.arange(1, len(history) + 1),
                    dominance=loads.max(axis=1),
                )
            )
    return pd.concat(frames, ignore_index=True)


def differences(found: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """By size of the code: mixed loss of MoA+ minus MoA; a row for each epoch, a column a seed."""
    losses = found.pivot(index=["latent", "epoch"], columns=["method", "seed"], values=LOSS)
    change = losses["moa_plus"] - losses["moa"]
    return {latent: part.droplevel("latent") for latent, part in change.groupby("latent")}


def crossing(latent: int, change: pd.DataFrame) -> dict:
    """From which epoch on MoA+'s loss stays below, and whether seeds can tell it at the end."""
    not_below = change.index[change.mean(axis=1) >= 0]
    first = not_below.max() + 1 if len(not_below) else 1
    last = estimate(change.iloc[-1])
    return {
        "code": latent,
        "MoA+'s loss stays below from epoch": first if first <= change.index[-1] else "never",
        "difference after the last": last.format(5),
        "MoA+'s loss is then": direction(last),
    }


def _by_epoch(found: pd.DataFrame) -> list[dict]:
    change = differences(found)
    last = found["epoch"].max()
    epochs = np.unique(np.geomspace(1, last, SHOWN).round().astype(int))
    return [
        {"epoch": epoch}
        | {f"code of {k}": estimate(losses.loc[epoch]).format(4) for k, losses in change.items()}
        for epoch in epochs
    ]


def _at_the_end(study: Study, runs: pd.DataFrame) -> list[dict]:
    latent = {run.folder.as_posix(): run.network.latent for run in study.runs}
    train = runs[runs["split"] == "train"]
    groups = train.assign(code=train["folder"].map(latent)).groupby(["code", "method"])
    shown = ("nmi", "nmi_by_error", "mixture_error", "routed_error", "least_error", "dominance")
    return [
        {"code": code, "method": METHODS[method]} | cells(rows, shown)
        for (code, method), rows in groups
    ]


def draw(study: Study, runs: pd.DataFrame) -> Figure:
    """Mixed loss and largest load by epoch, with 95 % intervals, for each size of the code."""
    found = curves(study)
    sizes = sorted(found["latent"].unique())
    figure, axes = plt.subplots(
        2, len(sizes), sharex=True, sharey="row", layout="constrained",
        figsize=(3 * len(sizes), 4.5), squeeze=False,
    )  # fmt: skip
    for place, latent in enumerate(sizes):
        for axis, column in zip(axes[:, place], (LOSS, "dominance"), strict=True):
            for method in PAPER_MODELS:
                chosen = found[(found["latent"] == latent) & (found["method"] == method)]
                draw_means(axis, chosen, "epoch", column, METHODS[method])
        axes[0, place].set(xscale="log", yscale="log", title=f"code of {latent}")
        axes[1, place].set(xlabel="epoch", ylim=(0.45, 1.02))
    axes[0, 0].set_ylabel("mixed loss")
    axes[1, 0].set_ylabel("largest load")
    axes[0, 0].legend()
    sns.despine(figure)
    return figure
