"""One trained model -> its concentrations and errors on both splits, and sample reconstructions.

What is written here is all that scores, tables and figures need: they import no torch.
"""

import numpy as np
import torch
from torch import Tensor

from moaplus.files import save_arrays
from moaplus.images import load_images, load_labels
from moaplus.networks import MixtureOfAutoencoders
from moaplus.objectives import Outcome
from moaplus.plan import SPLITS, Run
from moaplus.training import load_model, prepare_device

BATCH = 500
SAMPLES = 20


def evaluate(run: Run, device: str = "cpu", threads: int = 1) -> None:
    """Write `concentrations.npz` and `samples.npz` of a trained run.

    `concentrations.npz` holds for each split S in train, test: `S_concentrations` P (n, M),
    `S_labels` (n,), `S_errors` of each expert (n, M) and `S_mixture_errors` (n,).
    `samples.npz` holds 20 test images, as many of each class: `originals` (m, 28, 28), `labels`
    (m,), `reconstructions` (M, m, 28, 28) and `concentrations` (m, M).
    """
    target = prepare_device(device, threads)
    mixture = load_model(run).to(target).eval()
    images, labels = load_images(run.selection), load_labels(run.selection)
    arrays = {}
    for split in SPLITS:
        batches = torch.from_numpy(images[split]).split(BATCH)
        parts = [_outcome(mixture, batch.to(target)) for batch in batches]
        arrays[f"{split}_labels"] = labels[split]
        for name, values in zip(
            ("concentrations", "errors", "mixture_errors"), zip(*parts, strict=True), strict=True
        ):
            arrays[f"{split}_{name}"] = torch.cat(values).cpu().numpy()
    _save_samples(run, mixture, images["test"], labels["test"], target)
    save_arrays(run.concentrations, **arrays)


@torch.no_grad()
def _outcome(mixture: MixtureOfAutoencoders, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    outcome = Outcome(images, *mixture(images), ridge=0)
    return outcome.concentrations, outcome.errors, outcome.mixture_errors


@torch.no_grad()
def _save_samples(
    run: Run,
    mixture: MixtureOfAutoencoders,
    images: np.ndarray,
    labels: np.ndarray,
    target: torch.device,
) -> None:
    """The first test images of each class, so that every run shows the same ones."""
    classes = run.selection.classes
    first = [np.flatnonzero(labels == c)[: SAMPLES // len(classes)] for c in classes]
    chosen = np.concatenate(first)
    originals = torch.from_numpy(images[chosen]).to(target)
    reconstructions, logits = mixture(originals)
    save_arrays(
        run.samples,
        originals=images[chosen],
        labels=labels[chosen],
        reconstructions=reconstructions.cpu().numpy(),
        concentrations=logits.softmax(dim=1).cpu().numpy(),
    )
