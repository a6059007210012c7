"""Speed of training on one core or a GPU, beside the modules, a textbook script and the peak.

All figures of a row are medians of rounds that take turns, so a change of the machine's speed
touches them alike.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import cycle

import torch
from textbook import TextbookMixture, loader
from torch.utils.flop_counter import FlopCounterMode

from moaplus.mixture.fit import Optimizer, State, epoch, start
from moaplus.mixture.networks import Flat
from moaplus.mixture.outcome import Outcome, residual_products
from moaplus.plan.runs import Run
from moaplus.plan.studies import load
from moaplus.runs.model import build, prepare_device
from moaplus.runs.training import objective_of
from moaplus.storage.arrays import load_arrays

EXPERTS = (2, 5, 10)
STEPS = 30
ROUNDS = 11


def ours(run: Run, images: torch.Tensor, device: torch.device) -> Callable[[], None]:
    """Return an epoch as `moaplus train` makes it, with its row of the history."""
    return epoch_of(start(build(run).to(device), run.seed), run, images.to(device))


def modules(run: Run, images: torch.Tensor, device: torch.device) -> Callable[[], None]:
    """Return the same by the modules that define the mixture, under autograd."""
    network = Flat(build(run).to(device))
    state = State(network, Optimizer(network.vector), torch.Generator().manual_seed(run.seed))
    return epoch_of(state, run, images.to(device))


def epoch_of(state: State, run: Run, images: torch.Tensor) -> Callable[[], None]:
    """Return a function that makes an epoch of `STEPS` steps at each call."""
    images, objective = images.float() / 255, objective_of(run)

    def call() -> None:
        shuffled = torch.randperm(len(images)).to(images.device)
        batches = shuffled.split(run.training.batch_size)[:STEPS]
        epoch(state, images, batches, objective, lambda: 1e-3, run.training.ridge)

    return call


def textbook(run: Run, images: torch.Tensor, device: torch.device) -> Callable[[], None]:
    """Make the plain script: DataLoader, per-image conversion, a loop over experts; no records."""
    mixture = TextbookMixture(run.experts, run.network.channels, run.network.latent).to(device)
    objective = objective_of(run)
    optimizer = torch.optim.Adam(mixture.parameters(), 1e-3)
    batches = (batch for _ in cycle([0]) for batch in loader(images, run.training.batch_size))

    def call() -> None:
        for _ in range(STEPS):
            pixels = next(batches).to(device)
            reconstructions, logits = mixture(pixels)
            products = residual_products(pixels, reconstructions)
            value = objective(Outcome(products, logits, ridge=run.training.ridge))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        value.item()

    return call


def matrix_product(device: torch.device, size: int = 1024) -> Callable[[], None]:
    """Return square matrix products in float32, the practical peak of a core."""
    matrix = torch.rand(size, size, device=device)

    def products() -> None:
        for _ in range(STEPS):
            product = matrix @ matrix
        product[0, 0].item()

    return products


def seconds_per_step(
    candidates: dict[str, Callable[[], None]], rounds: int = ROUNDS
) -> dict[str, float]:
    """Return the median over rounds in which the candidates take turns."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for round_ in range(rounds + 1):
        for name, call in candidates.items():
            start = time.perf_counter()
            call()
            if round_:  # the first round warms up
                times[name].append((time.perf_counter() - start) / STEPS)
    return {name: statistics.median(values) for name, values in times.items()}


def flop_per_image(run: Run, images: torch.Tensor) -> float:
    """Count floating-point operations of a forward and backward pass of the textbook model."""
    mixture = TextbookMixture(run.experts, run.network.channels, run.network.latent)
    with FlopCounterMode(display=False) as counter:
        reconstructions, logits = mixture(images[:16].float() / 255)
        (reconstructions.sum() + logits.sum()).backward()
    return counter.get_total_flops() / 16


def main() -> None:
    """Print one row for each number of experts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    device = prepare_device(parser.parse_args().device, threads=1)
    runs = load().default_runs.values()
    print("| M | ours, images/s | modules | textbook | ours : modules | ours : textbook | "
          "ours : fp32 peak |")  # fmt: skip
    print("|---:" * 7 + "|")
    for experts in EXPERTS:
        run = next(r for r in runs if r.experts == experts and r.objective == "moa_plus")
        images = torch.from_numpy(load_arrays(run.selection.images_path)["train"])
        seconds = seconds_per_step(
            {
                "ours": ours(run, images, device),
                "modules": modules(run, images, device),
                "textbook": textbook(run, images, device),
                "peak": matrix_product(device),
            }
        )
        speed = {name: run.training.batch_size / value for name, value in seconds.items()}
        share = speed["ours"] * flop_per_image(run, images) / (2 * 1024**3 / seconds["peak"])
        print(f"| {experts} | {speed['ours']:,.0f} | {speed['modules']:,.0f} "
              f"| {speed['textbook']:,.0f} | {speed['ours'] / speed['modules']:.2f} "
              f"| {speed['ours'] / speed['textbook']:.2f} | {share:.1%} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
