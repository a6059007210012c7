"""results/runs.csv: one row per run and split, from what evaluation left on disk."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from moaplus.evaluated import load_concentrations
from moaplus.files import load_arrays
from moaplus.frames import load_frame, save_frame
from moaplus.images import load_labels
from moaplus.models import read_header
from moaplus.plan import REFERENCES, RUNS_TABLE, SPLITS, Reference, Run, Selection, references
from moaplus.scores import clustering_scores, dominance, load_entropy


def write_runs(runs: Iterable[Run], path: Path) -> None:
    """Write one row per run and split, then those of the reference clusterings."""
    runs = list(runs)
    rows = [row for run in runs for row in run_rows(run)]
    rows += [row for reference in references(runs) for row in reference_rows(reference)]
    save_frame(path, pd.DataFrame(rows))


def read_runs(path: Path = RUNS_TABLE) -> pd.DataFrame:
    """Read results/runs.csv, or the rows of one study.

    Raises:
        UserError: if it is missing or damaged.
    """
    runs = load_frame(path, "run `moaplus score`")
    return runs.fillna({"architecture": "", "variant": ""})


def read_history(run: Run) -> pd.DataFrame:
    """Read the history of a run, one row per epoch.

    Raises:
        UserError: if it is missing or damaged.
    """
    return load_frame(run.history, "delete it and train again")


def run_rows(run: Run) -> list[dict]:
    """Scores of an evaluated run on each split; clusters are the argmax of its concentrations."""
    arrays = load_concentrations(run)
    history = read_history(run)
    steps = history["steps"].sum()
    parameters = read_header(run).parameters
    rows = []
    for split in SPLITS:
        P, errors = arrays[f"{split}_concentrations"], arrays[f"{split}_errors"]
        clusters, loads = P.argmax(axis=1), P.mean(axis=0, dtype=np.float64)
        rows.append(
            _description(run.selection, run.experts, run.objective, run.seed, split)
            | {
                "architecture": run.network.architecture,
                "variant": run.variant.removeprefix("-"),
                "parameters": parameters,
                "epochs": run.training.epochs,
                "n": len(P),
            }
            | clustering_scores(arrays[f"{split}_labels"], clusters, run.experts)
            | {
                "mixture_error": arrays[f"{split}_mixture_errors"].mean(dtype=np.float64),
                "routed_error": errors[np.arange(len(P)), clusters].mean(dtype=np.float64),
                "noise_error": arrays["noise_errors"].min(axis=1).mean(dtype=np.float64),
                "dominance": dominance(loads),
                "load_entropy": load_entropy(loads),
                "loads": " ".join(f"{load:.4f}" for load in loads),
                "objective": history["objective"].iloc[-1],
                "guard_share": history["guarded"].sum() / steps,
                "negative_share": history["negative"].sum() / steps,
                "folder": run.folder.as_posix(),
            }
        )
    return rows


def reference_rows(reference: Reference) -> list[dict]:
    """Scores of scikit-learn's clusterings on each split; errors and loads do not apply."""
    labels, clusters = load_labels(reference.selection), load_arrays(reference.path)
    return [
        _description(reference.selection, reference.clusters, method, seed, split)
        | {"n": len(labels[split])}
        | clustering_scores(
            labels[split], clusters[f"{method}-seed{seed}-{split}"], reference.clusters
        )
        | {"folder": reference.path.parent.as_posix()}
        for method in REFERENCES
        for seed in reference.seeds
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
