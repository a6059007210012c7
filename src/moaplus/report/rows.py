"""A run's and a reference's rows of runs.csv, from what was left on disk; one per split."""

from pathlib import Path

import numpy as np
import pandas as pd

from moaplus.data.images import load_labels
from moaplus.plan.references import Reference
from moaplus.plan.runs import SPLITS, Run, Selection
from moaplus.provenance.origin import read_header
from moaplus.runs.evaluated import load_concentrations
from moaplus.storage.arrays import load_arrays
from moaplus.storage.frames import load_frame
from moaplus.theory.scores import clustering_scores, dominance, load_entropy, nmi_scores


def read_runs(path: Path) -> pd.DataFrame:
    """Read a runs.csv.

    Raises:
        UserError: if it is missing or damaged.
    """
    runs = load_frame(path, f"run `moaplus score {path.parent}`")
    return with_words(runs)


def with_words(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows of runs.csv, with an empty word where a column of words says nothing."""
    words = ["architecture", "variant"]
    return runs.astype(dict.fromkeys(words, "str")).fillna(dict.fromkeys(words, ""))


def read_history(run: Run) -> pd.DataFrame:
    """Read the history of a run, one row per epoch.

    Raises:
        UserError: if it is missing or damaged.
    """
    return load_frame(run.history, "delete it and train again")


def run_rows(run: Run) -> list[dict]:
    """Scores of an evaluated run on each split; clusters are the argmax of its concentrations."""
    arrays, labels = load_concentrations(run), load_labels(run.selection)
    history = read_history(run)
    steps = history["steps"].sum()
    header = read_header(run)
    rows = []
    for split in SPLITS:
        P, errors = arrays[f"{split}_concentrations"], arrays[f"{split}_errors"]
        clusters, loads = P.argmax(axis=1), P.mean(axis=0, dtype=np.float64)
        by_error = nmi_scores(labels[split], errors.argmin(axis=1))
        rows.append(
            _description(run.selection, run.experts, run.objective, run.seed, split)
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
                "noise_error": arrays["noise_errors"].min(axis=1).mean(dtype=np.float64),
                "dominance": dominance(loads),
                "load_entropy": load_entropy(loads),
                "loads": " ".join(f"{load:.4f}" for load in loads),
                "objective": history["objective"].iloc[-1],
                "guard_share": history["guarded"].sum() / steps,
                "negative_share": history["negative"].sum() / steps,
                "made_on": header.made_on,
                "folder": run.folder.as_posix(),
            }
        )
    return rows


def reference_rows(reference: Reference) -> list[dict]:
    """Scores of reference clusterings on each split; errors and loads do not apply."""
    labels, clusters = load_labels(reference.selection), load_arrays(reference.path)
    return [
        _description(reference.selection, M, reference.method, seed, split)
        | {"n": len(labels[split])}
        | clustering_scores(labels[split], clusters[f"M{M}-seed{seed}-{split}"], M)
        | {"folder": reference.path.parent.as_posix()}
        for M, seed in reference.wanted
        for split in SPLITS
    ]


def _description(selection: Selection, experts: int, method: str, seed: int, split: str) -> dict:
    return {
        "selection": selection.name,
        "experts": experts,
        "method": method,
        "seed": seed,
        "split": split,
    }
