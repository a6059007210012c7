"""runs.csv: one row per run and split, from what evaluation left on disk."""

from pathlib import Path

import numpy as np
import pandas as pd

from moaplus.data.images import load_labels
from moaplus.plan.references import REFERENCE_METHODS, Reference, references_of
from moaplus.plan.results import Report
from moaplus.plan.runs import SPLITS, Run, Selection
from moaplus.provenance.origin import read_header
from moaplus.runs.evaluated import load_concentrations
from moaplus.storage.arrays import load_arrays
from moaplus.storage.frames import load_frame, save_frame
from moaplus.theory.scores import clustering_scores, dominance, load_entropy


def write_runs(report: Report) -> None:
    """Write one row per run and split, then those of the reference clusterings."""
    rows = [row for run in report.runs for row in run_rows(run)]
    rows += [row for reference in references_of(report.runs) for row in reference_rows(reference)]
    save_frame(report.runs_table, pd.DataFrame(rows))


def read_runs(path: Path) -> pd.DataFrame:
    """Read a runs.csv.

    Raises:
        UserError: if it is missing or damaged.
    """
    runs = load_frame(path, f"run `moaplus score {path.parent}`")
    return runs.fillna({"architecture": "", "variant": ""})


def images_in_words(runs: pd.DataFrame) -> pd.Series:
    """What a row's run was trained on, and how, as far as that differs between rows.

    The selection; the experts' architecture, where there are several; and what the study sets
    otherwise than the top level of params.yaml.
    """
    words = runs["selection"]
    several = runs.loc[runs["architecture"] != "", "architecture"].nunique() > 1
    for column in (["architecture"] if several else []) + ["variant"]:
        words = words + runs[column].where(runs[column] == "", ", " + runs[column])
    return words


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
    parameters = read_header(run).parameters
    rows = []
    for split in SPLITS:
        P, errors = arrays[f"{split}_concentrations"], arrays[f"{split}_errors"]
        clusters, loads = P.argmax(axis=1), P.mean(axis=0, dtype=np.float64)
        rows.append(
            _description(run.selection, run.experts, run.objective, run.seed, split)
            | {
                "architecture": run.network.architecture,
                "variant": run.variant,
                "parameters": parameters,
                "epochs": run.training.epochs,
                "n": len(P),
            }
            | clustering_scores(labels[split], clusters, run.experts)
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
        for method in REFERENCE_METHODS
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
