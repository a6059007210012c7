"""Speed of the training step on one core, beside a textbook script and the core's own peak.

All figures of a row are medians of rounds that take turns, so a change of the machine's speed
touches them alike.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice

import torch
from textbook import TextbookMixture, loader
from torch.utils.flop_counter import FlopCounterMode

from moaplus.mixture.fit import start, step
from moaplus.mixture.history import EpochRecord
from moaplus.mixture.outcome import Outcome
from moaplus.plan.runs import Run
from moaplus.plan.studies import load
from moaplus.runs.model import build, prepare_device
from moaplus.runs.training import objective_of
from moaplus.storage.arrays import load_arrays

EXPERTS = (2, 5, 10)
STEPS = 15
ROUNDS = 7


def ours(run: Run, images: torch.Tensor) -> Callable[[], None]:
    """Our step: images held as one tensor, experts batched; with the records of the history."""
    state, pixels, objective = start(build(run), run.seed), images.float() / 255, objective_of(run)
    ridge, precision = run.training.ridge, run.training.precision
    record = EpochRecord(1, ridge)
    batches = cycle(torch.randperm(len(pixels)).split(run.training.batch_size)[:-1])
    return lambda: record.add(
        *step(state, pixels[next(batches)], objective, 1e-3, ridge, precision)
    )


def textbook(run: Run, images: torch.Tensor) -> Callable[[], None]:
    """The plain script: DataLoader, per-image conversion, a loop over experts; no records."""
    mixture = TextbookMixture(run.experts, run.network.channels, run.network.latent)
    objective = objective_of(run)
    optimizer = torch.optim.Adam(mixture.parameters(), 1e-3)
    batches = (batch for _ in cycle([0]) for batch in loader(images, run.training.batch_size))

    def update() -> None:
        pixels = next(batches)
        outcome = Outcome(pixels, *mixture(pixels), run.training.ridge)
        optimizer.zero_grad()
        objective(outcome).backward()
        optimizer.step()

    return update


def matrix_product(dtype: torch.dtype, size: int = 1024) -> Callable[[], None]:
    """A square matrix product, the core's practical peak."""
    matrix = torch.rand(size, size).to(dtype)
    return lambda: matrix @ matrix


def seconds_per_call(candidates: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median over rounds in which the candidates take turns."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for round_ in range(ROUNDS + 1):
        for name, call in candidates.items():
            start = time.perf_counter()
            for _ in range(STEPS):
                call()
            if round_:  # the first round warms up
                times[name].append((time.perf_counter() - start) / STEPS)
    return {name: statistics.median(values) for name, values in times.items()}


def flop_per_image(run: Run, images: torch.Tensor) -> float:
    """Floating-point operations of a forward and backward pass of the textbook model."""
    mixture = TextbookMixture(run.experts, run.network.channels, run.network.latent)
    with FlopCounterMode(display=False) as counter:
        reconstructions, logits = mixture(images[:16].float() / 255)
        (reconstructions.sum() + logits.sum()).backward()
    return counter.get_total_flops() / 16


def main() -> None:
    """Print one row for each number of experts."""
    prepare_device("cpu", threads=1)
    runs = load().default_runs.values()
    print("| M | ours float32, images/s | ours bfloat16 | textbook | float32 : textbook | "
          "bfloat16 : textbook | float32 : fp32 peak | bfloat16 : bf16 peak |")  # fmt: skip
    print("|---" * 8 + "|")
    for experts in EXPERTS:
        run = next(r for r in runs if r.experts == experts and r.objective == "moa_plus")
        images = torch.from_numpy(load_arrays(run.selection.images_path)["train"])
        half = replace(run, training=replace(run.training, precision="bfloat16"))
        seconds = seconds_per_call(
            {
                "float32": ours(run, images),
                "bfloat16": ours(half, images),
                "textbook": textbook(run, images),
                "fp32 peak": matrix_product(torch.float32),
                "bf16 peak": matrix_product(torch.bfloat16),
            }
        )
        speed = {name: run.training.batch_size / seconds[name] for name in islice(seconds, 3)}
        flop = flop_per_image(run, images)
        share = {
            name: speed[name] * flop / (2 * 1024**3 / seconds[peak])
            for name, peak in (("float32", "fp32 peak"), ("bfloat16", "bf16 peak"))
        }
        print(f"| {experts} | {speed['float32']:,.0f} | {speed['bfloat16']:,.0f} "
              f"| {speed['textbook']:,.0f} | {speed['float32'] / speed['textbook']:.2f} "
              f"| {speed['bfloat16'] / speed['textbook']:.2f} | {share['float32']:.1%} "
              f"| {share['bfloat16']:.1%} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
