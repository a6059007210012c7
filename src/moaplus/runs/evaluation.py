"""One trained model -> its concentrations and errors on both splits, and sample reconstructions.

What is written here is all that scores, tables and figures need: they import no torch.
"""

import numpy as np
import torch
from torch import Tensor

from moaplus.data.images import load_images, load_shown
from moaplus.mixture.layers import SIDE
from moaplus.mixture.networks import Flat, MixtureOfAutoencoders
from moaplus.mixture.outcome import Outcome
from moaplus.plan.runs import SPLITS, Run
from moaplus.runs.folder import TrainingFiles
from moaplus.runs.model import DIVERGED_REMEDY, DivergedError, load_model, made_by, prepare_device
from moaplus.storage.arrays import save_arrays

BATCH = 200
NOISE_IMAGES = 256


def evaluate(run: Run, device: str = "cpu", threads: int = 1) -> None:
    """Write `concentrations.npz` and `samples.npz` of a trained run. Labels are never read.

    `concentrations.npz` holds for each split S in train, test: `S_concentrations` P (n, M),
    `S_errors` of each expert (n, M) and `S_mixture_errors` (n,); and
    `noise_errors` (256, M) on images of uniform noise, which no code of few values can hold: an
    expert that reconstructs them copies its input.
    `samples.npz` holds the test images that pictures show: their indices `shown` (m,), `originals`
    (m, 28, 28), `reconstructions` (M, m, 28, 28) and `concentrations` (m, M).

    Raises:
        DivergedError: if something is not finite; the run's files say so.
        UserError: if a file is missing, damaged or cannot be written.
    """
    target = prepare_device(device, threads)
    mixture = load_model(run).to(target).eval()
    network = mixture.flat()
    images = load_images(run.selection)
    arrays = {}
    for split in SPLITS:
        for name, values in outcomes(network, torch.from_numpy(images[split]), target).items():
            arrays[f"{split}_{name}"] = values.numpy()
    noise = np.random.default_rng(0).random((NOISE_IMAGES, SIDE, SIDE), dtype=np.float32)
    arrays["noise_errors"] = outcomes(network, torch.from_numpy(noise), target)["errors"].numpy()
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            reason = f"{run.model}: {name} are not finite; {DIVERGED_REMEDY}"
            history = run.history.read_text(encoding="utf-8")
            TrainingFiles(run).save_model({}, history, made_by(target), reason)
            raise DivergedError(reason)
    _save_samples(run, mixture, images["test"], target)
    save_arrays(run.concentrations, **arrays)


@torch.no_grad()
def outcomes(network: Flat, images: Tensor, target: torch.device) -> dict[str, Tensor]:
    """Return P, e and the errors of the mixed reconstruction for all images, batch by batch."""
    n, M = len(images), network.mixture.count
    # Allocated once: small results kept between large batches would fragment the memory.
    values = {
        "concentrations": torch.empty(n, M),
        "errors": torch.empty(n, M),
        "mixture_errors": torch.empty(n),
    }
    for start in range(0, n, BATCH):
        batch = images[start : start + BATCH].to(target)
        outcome = Outcome(*network(batch), ridge=0)
        for name, tensor in values.items():
            tensor[start : start + BATCH] = getattr(outcome, name).cpu()
    return values


@torch.no_grad()
def _save_samples(
    run: Run, mixture: MixtureOfAutoencoders, images: np.ndarray, target: torch.device
) -> None:
    shown = load_shown(run.selection)
    reconstructions, logits = mixture(torch.from_numpy(images[shown]).to(target))
    save_arrays(
        run.samples,
        shown=shown,
        originals=images[shown],
        reconstructions=reconstructions.cpu().numpy(),
        concentrations=logits.softmax(dim=1).cpu().numpy(),
    )
