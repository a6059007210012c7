"""The losses of MoA and MoA+ along long training, by size of the code."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.runs import Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import cells, markdown
from moaplus.report.claims import direction
from moaplus.report.drawing import draw_means
from moaplus.report.runs_table import load_curves
from moaplus.report.titles import METHODS
from moaplus.theory.intervals import estimate

EPOCHS = 8  # in the table, evenly on a logarithmic scale
LOSS = "mixture_error"

NEEDS = {"codes": {"differ": ["latent", "objective"], "objectives": ["moa", "moa_plus"]}}


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Write where the curves cross, and what gate and experts are after the last epoch."""
    found = curves(study, runs)
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
        markdown(_at_the_end(runs)),
    ]


def curves(study: Study, runs: pd.DataFrame) -> pd.DataFrame:
    """Return latent, method, seed, losses and loads by epoch, of every run that did not fail."""
    trained, frames = set(runs["folder"]), []
    for run in (run for run in study.runs if run.folder.as_posix() in trained):
        history = load_curves(run)
        loads = history[[f"load_{k}" for k in range(run.experts)]]
        frames.append(
            history.assign(
                latent=run.network.latent,
                method=run.objective,
                seed=run.seed,
                epoch=np.arange(1, len(history) + 1),
                dominance=loads.max(axis=1),
            )
        )
    return pd.concat(frames, ignore_index=True)


def differences(found: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Return mixed loss of MoA+ minus MoA by size of the code: a row an epoch, a column a seed.

    A seed of which either training failed has none.
    """
    losses = found.pivot(index=["latent", "epoch"], columns=["method", "seed"], values=LOSS)
    change = losses["moa_plus"] - losses["moa"]
    return {
        latent: part.droplevel("latent").dropna(axis="columns")
        for latent, part in change.groupby("latent")
    }


def crossing(latent: int, change: pd.DataFrame) -> dict:
    """Return from which epoch on MoA+'s loss stays below, and whether seeds can tell at the end."""
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
    epochs = np.unique(np.geomspace(1, last, EPOCHS).round().astype(int))
    return [
        {"epoch": epoch}
        | {f"code of {k}": estimate(losses.loc[epoch]).format(4) for k, losses in change.items()}
        for epoch in epochs
    ]


def _at_the_end(runs: pd.DataFrame) -> list[dict]:
    groups = runs[runs["split"] == "train"].groupby(["latent", "method"])
    shown = ("nmi", "nmi_by_error", "mixture_error", "routed_error", "least_error", "dominance")
    return [
        {"code": int(latent), "method": METHODS[method]} | cells(rows, shown)
        for (latent, method), rows in groups
    ]


def draw(study: Study, runs: pd.DataFrame) -> Figure:
    """Draw mixed loss and largest load by epoch, with 95 % intervals, for each size of the code."""
    found = curves(study, runs)
    sizes = sorted(found["latent"].unique())
    figure, axes = plt.subplots(
        2, len(sizes), sharex=True, sharey="row", layout="constrained",
        figsize=(3 * len(sizes), 4.5), squeeze=False,
    )  # fmt: skip
    for column_number, latent in enumerate(sizes):
        for axis, column in zip(axes[:, column_number], (LOSS, "dominance"), strict=True):
            for method in PAPER_MODELS:
                chosen = found[(found["latent"] == latent) & (found["method"] == method)]
                draw_means(axis, chosen, "epoch", column, METHODS[method])
        axes[0, column_number].set(xscale="log", yscale="log", title=f"code of {latent}")
        axes[1, column_number].set(xlabel="epoch", ylim=(0.45, 1.02))
    axes[0, 0].set_ylabel("mixed loss")
    axes[1, 0].set_ylabel("largest load")
    axes[0, 0].legend()
    sns.despine(figure)
    return figure
