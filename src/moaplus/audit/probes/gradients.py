"""The gradient of |s|, by autograd and by differences; the one module of the audit with torch."""

import itertools
import time

import pandas as pd

from moaplus.audit.draws import EXPERTS, IMAGES
from moaplus.plan.results import GRADIENT_TIMES
from moaplus.plan.studies import Plan
from moaplus.storage.frames import save_frame
from moaplus.theory.bounds import signed_loss
from moaplus.theory.concentrations import gram


def measure(plan: Plan) -> pd.DataFrame:
    """Compare autograd's gradient of |s| with central differences, in float64.

    The times are written to a file of their own, since they differ from run to run.
    """
    import torch

    torch.set_num_threads(1)
    rows, times = [], []
    for M, scale in itertools.product(EXPERTS, (0.1, 2.0)):
        generator = torch.Generator().manual_seed(M)
        sizes = {"generator": generator, "dtype": torch.float64}
        inputs = torch.cat(
            [scale * torch.randn(IMAGES, M, **sizes), torch.rand(IMAGES, M, **sizes)]
        )
        start = time.perf_counter()
        automatic = torch.func.grad(_exact_loss)(inputs)
        middle = time.perf_counter()
        differences = _central_differences(_exact_loss, inputs)
        end = time.perf_counter()
        error = (automatic - differences).norm() / differences.norm()
        key = {"experts": M, "logits_scale": scale}
        rows.append(key | {"evaluations": 2 * inputs.numel(), "relative_error": error.item()})
        times.append(key | {"autograd_s": middle - start, "differences_s": end - middle})
    save_frame(GRADIENT_TIMES, pd.DataFrame(times))
    return pd.DataFrame(rows)


def _exact_loss(inputs):
    """Compute |s| as a function of the logits and the errors, stacked as (2n, M)."""
    logits, errors = inputs.chunk(2)
    P = logits.softmax(dim=1)
    return signed_loss(gram(P), P.T @ errors / len(P)).abs()


def _central_differences(function, inputs, step: float = 1e-6):
    gradient = inputs.new_empty(inputs.numel())
    for i in range(inputs.numel()):
        moved = inputs.new_zeros(inputs.numel())
        moved[i] = step
        moved = moved.view_as(inputs)
        gradient[i] = (function(inputs + moved) - function(inputs - moved)) / (2 * step)
    return gradient.view_as(inputs)
