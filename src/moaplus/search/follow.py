"""One training of the search, followed epoch by epoch: its record has curves in place of scores."""

import time

import numpy as np
import torch

from moaplus.data.images import load_images, load_labels
from moaplus.mixture.fit import State, fit, start
from moaplus.mixture.history import NotFiniteError
from moaplus.plan.runs import Run
from moaplus.provenance.origin import origin_of
from moaplus.report.claims import PAPER_FIGURES
from moaplus.runs.evaluation import outcomes
from moaplus.runs.model import build, made_by, prepare_device
from moaplus.runs.scoring import mean_image_error, worst_error
from moaplus.runs.training import fit_kwargs, objective_of, start_kwargs
from moaplus.theory.scores import contingency, nmi_scores

DIGITS = 5  # of a number in a record
# Mixed loss falls while a model trains. Below half of the paper's figure nothing is looked for.
ENOUGH = {f.method: f.value / 2 for f in PAPER_FIGURES if f.quantity == "loss"}


def follow(run: Run, threads: int = 1) -> dict:
    """Train a run, and return the entry of its record.

    Beside settings and sources it has what it was `made_by`, the `mean_image_error` of its images,
    the CPU `seconds` that it took, `failed` with the reason if it diverged, and `curves`, values
    after each epoch on all training images: `nmi`, `mixture_error`, `routed_error`, `worst_error`,
    and `objective`, the mean over the epoch. It ends at its last epoch, or as soon as its mixed
    loss is half of what the paper has for its model. Labels are read when it is trained.

    Raises:
        UserError: if images or labels are missing or damaged.
    """
    began = time.process_time()
    device = prepare_device("cpu", threads)
    images = load_images(run.selection)["train"]
    torch.manual_seed(run.seed)
    state = start(build(run).to(device), run.seed, **start_kwargs(run.training))
    clusters, curves, failed = [], [], None

    def after_epoch(state: State) -> bool:
        found = outcomes(state.network, inputs, device)
        P, errors = found["concentrations"].numpy(), found["errors"].numpy()
        chosen, mixed = P.argmax(axis=1), found["mixture_errors"].mean(dtype=torch.float64).item()
        clusters.append(chosen)
        curves.append(
            {
                "mixture_error": mixed,
                "routed_error": errors[np.arange(len(P)), chosen].mean(dtype=np.float64),
                "worst_error": worst_error(P, errors),
                "objective": state.rows[-1]["objective"],
            }
        )
        return mixed < ENOUGH[run.objective]

    inputs = torch.from_numpy(images)
    try:
        fit(state, inputs, objective_of(run), **fit_kwargs(run.training), after_epoch=after_epoch)
    except NotFiniteError as error:
        failed = str(error)
    labels = load_labels(run.selection)["train"]
    columns = {"nmi": [nmi_scores(contingency(labels, chosen))["nmi"] for chosen in clusters]}
    columns |= {name: [row[name] for row in curves] for name in (curves[0] if curves else ())}
    return origin_of(run) | {
        "made_by": made_by(device, state.network.compiler),
        "mean_image_error": _short(mean_image_error({"train": images}, "train")),
        "seconds": _short(time.process_time() - began),
        "failed": failed,
        "curves": {name: [*map(_short, values)] for name, values in columns.items()},
    }


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
