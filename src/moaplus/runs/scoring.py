"""The record of a run: its settings, its scores against the labels, and its curves."""

import shutil
from contextlib import suppress

import numpy as np

from moaplus.data.images import load_images, load_labels
from moaplus.plan.runs import SPLITS, Run, Selection
from moaplus.provenance.origin import origin_of
from moaplus.provenance.records import save_record
from moaplus.runs.folder import load_concentrations, load_history, read_header
from moaplus.theory.scores import (
    clustering_scores,
    contingency,
    dominance,
    load_entropy,
    nmi_scores,
)

CURVES = ("objective", "mixture_error", "routed_error")  # of history.csv, and the loads


def score(run: Run) -> None:
    """Write the record of a trained run; of a run that keeps scores alone nothing else is left.

    Its entry has `settings`, the digest of the `sources` that trained the run, a row of scores for
    each split under `rows`, and its `curves` by column of history.csv; or why its training
    `failed`.

    Raises:
        UserError: if a file of the run or its labels are missing or damaged, or the record cannot
            be written.
    """
    save_record(run, origin_of(run) | _outcome(run))
    if not run.keep:
        shutil.rmtree(run.folder, ignore_errors=True)
        with suppress(OSError):  # of a folder that still holds another run
            for folder in run.folder.parents[:-1]:
                folder.rmdir()


def run_rows(run: Run) -> list[dict]:
    """Return scores of an evaluated run on each split; clusters are the argmax of P.

    Raises:
        UserError: as `score`.
    """
    arrays, labels = load_concentrations(run), load_labels(run.selection)
    images = load_images(run.selection)
    history, header = load_history(run), read_header(run)
    steps = sum(history["steps"])
    rows = []
    for split in SPLITS:
        P, errors = arrays[f"{split}_concentrations"], arrays[f"{split}_errors"]
        clusters, loads = P.argmax(axis=1), P.mean(axis=0, dtype=np.float64)
        by_error = nmi_scores(contingency(labels[split], errors.argmin(axis=1)))
        rows.append(
            describe(run.selection, run.experts, run.objective, run.seed, split)
            | {
                "architecture": run.network.architecture,
                "variant": ", ".join(run.changes),
                "parameters": header.parameters,
                "epochs": run.training.epochs,
                "n": len(P),
            }
            | clustering_scores(labels[split], clusters, run.experts)
            | {f"{name}_by_error": value for name, value in by_error.items()}
            | {
                "mixture_error": arrays[f"{split}_mixture_errors"].mean(dtype=np.float64),
                "routed_error": errors[np.arange(len(P)), clusters].mean(dtype=np.float64),
                "least_error": errors.min(axis=1).mean(dtype=np.float64),
                "mean_image_error": mean_image_error(images, split),
                "worst_error": worst_error(P, errors),
                "noise_error": arrays["noise_errors"].min(axis=1).mean(dtype=np.float64),
                "dominance": dominance(loads),
                "load_entropy": load_entropy(loads),
                "loads": " ".join(f"{load:.4f}" for load in loads),
                "objective": history["objective"][-1],
                "guard_share": sum(history["guarded"]) / steps,
                "negative_share": sum(history["negative"]) / steps,
                "made_on": header.made_on,
                "folder": run.folder.as_posix(),
            }
        )
    return rows


def mean_image_error(images: dict[str, np.ndarray], split: str) -> float:
    """Compute the mean squared error per pixel of the training images' mean as reconstruction.

    Args:
        images: of each split, (n, 28, 28).
        split: whose images are reconstructed.
    """
    residuals = images[split] - images["train"].mean(axis=0, dtype=np.float64).astype(np.float32)
    return np.square(residuals, out=residuals).mean(dtype=np.float64)


def worst_error(P: np.ndarray, errors: np.ndarray) -> float:
    """Compute the largest error of an expert in use, its images weighted by concentrations.

    An expert is in use if its load is above 1/(10 M) (docs/verdicts.md).

    Args:
        P: concentrations, (n, M).
        errors: of each expert on each image, (n, M).
    """
    loads = P.sum(axis=0, dtype=np.float64)
    used = loads > len(P) / (10 * P.shape[1])
    return ((P * errors).sum(axis=0, dtype=np.float64)[used] / loads[used]).max()


def describe(selection: Selection, experts: int, method: str, seed: int, split: str) -> dict:
    """Return the columns that every row of runs.csv begins with."""
    return {
        "selection": selection.name,
        "experts": experts,
        "method": method,
        "seed": seed,
        "split": split,
    }


def _outcome(run: Run) -> dict:
    if reason := read_header(run).failed:
        return {"failed": reason}
    history = load_history(run)
    rows = [{key: _as_json(value) for key, value in row.items()} for row in run_rows(run)]
    curves = {
        name: values
        for name, values in history.items()
        if run.keep or name in CURVES or name.startswith("load_")
    }
    return {"rows": rows, "curves": curves}


def _as_json(value: object) -> object:
    """Return a value as JSON has it; numbers with nine digits, as in runs.csv."""
    value = value.item() if hasattr(value, "item") else value
    return float(f"{value:.9g}") if isinstance(value, float) else value
