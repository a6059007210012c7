"""Speed of training on two views, on one core: its parts, and beside a straightforward script.

The script makes views by torchvision's transforms, image by image, and trains the same gate and as
many experts by torch's own layers. All figures are medians of rounds that take turns.
"""

from collections.abc import Callable
from itertools import cycle

import torch
from benchmark import STEPS, seconds_per_step
from textbook import TextbookMixture
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from moaplus.data.fetch import torchvision_datasets
from moaplus.mixture.fit import State, start, step
from moaplus.mixture.outcome import Outcome, residual_products
from moaplus.plan.runs import Run
from moaplus.plan.studies import load
from moaplus.runs.model import build, prepare_device
from moaplus.runs.training import objective_of
from moaplus.storage.arrays import load_arrays

STUDY, EXPERTS = "views", (2, 10)
ROUNDS = 5


class PairsOfViews(Dataset):
    """Two random views of an image, and the image, each (1, 28, 28)."""

    def __init__(self, images: Tensor):
        torchvision_datasets()
        from torchvision.transforms import v2

        self.images = images
        self.transform = v2.Compose(
            [
                v2.RandomAffine(15, translate=(0.09, 0.09), scale=(0.78, 1.28), shear=17),
                v2.ElasticTransform(alpha=30.0, sigma=5.0),
                v2.RandomChoice([thicker, thinner]),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        image = self.images[index, None]
        return self.transform(image), self.transform(image), image


def thicker(image: Tensor) -> Tensor:
    """Go a random part of the way to the largest of each pixel and its neighbours."""
    return image + torch.rand(()) * (F.max_pool2d(image, 3, 1, 1) - image)


def thinner(image: Tensor) -> Tensor:
    """Do the same to the least."""
    return -thicker(-image)


def ours(state: State, run: Run, images: Tensor) -> Callable[[], None]:
    """Return steps as `moaplus train` makes them."""
    objective = objective_of(run)

    def call() -> None:
        for _ in range(STEPS):
            batch = torch.randint(len(images), (run.training.batch_size,))
            step(state, images.index_select(0, batch), objective, 1e-3, run.training.ridge)

    return call


def script(run: Run, images: Tensor) -> Callable[[], None]:
    """Return the same by a DataLoader, torch's layers, a loop over experts and torch's AdamW."""
    gate = build(run).gate.train()
    experts = TextbookMixture(run.experts, run.network.channels, run.network.latent).experts
    objective = objective_of(run)
    optimizer = torch.optim.AdamW([*gate.parameters(), *experts.parameters()], 1e-3)
    data = DataLoader(PairsOfViews(images), run.training.batch_size, shuffle=True, drop_last=True)
    batches = (batch for _ in cycle([0]) for batch in data)

    def call() -> None:
        for _ in range(STEPS):
            first, second, pixels = (part.squeeze(1) for part in next(batches))
            logits = torch.stack([gate.by_head(first), gate.by_head(second)])
            seen = pixels[: -(-len(pixels) // run.experts)]
            reconstructions = torch.stack([expert(seen) for expert in experts])
            both = logits[:, 0, : len(seen)].log_softmax(dim=2)
            mean = torch.logaddexp(*both)
            products = residual_products(seen, reconstructions)
            outcome = Outcome(products, mean, logits, ridge=run.training.ridge)
            optimizer.zero_grad()
            objective(outcome).mean().backward()
            optimizer.step()

    return call


def parts(run: Run, images: Tensor) -> dict[str, Callable[[], None]]:
    """Return what a step of ours is made of, each alone."""
    mixture = build(run).train()
    batch = images[: run.training.batch_size]
    twice, seen = torch.cat([batch, batch]), batch[: -(-len(batch) // run.experts)]
    P = torch.rand(2, mixture.gate.count, len(batch), run.experts, requires_grad=True)
    objective = objective_of(run)
    products = residual_products(seen, mixture.experts(seen)).detach()

    def views() -> None:
        mixture.gate.views(twice, run.training.views, 1)

    def gate() -> None:
        torch.autograd.grad(mixture.gate.by_head(twice).sum(), list(mixture.gate.parameters()))

    def experts() -> None:
        errors = residual_products(seen, mixture.experts(seen))
        torch.autograd.grad(errors.sum(), list(mixture.experts.parameters()))

    def value() -> None:
        outcome = Outcome(products, P[0, 0, : len(seen)], P, ridge=run.training.ridge)
        torch.autograd.grad(objective(outcome).mean(), P)

    return {
        "views": repeated(views),
        "gate, forward and backward": repeated(gate),
        "experts, forward and backward": repeated(experts),
        "objective, forward and backward": repeated(value),
    }


def repeated(call: Callable[[], None]) -> Callable[[], None]:
    """Return a function that makes as many calls as there are steps."""

    def calls() -> None:
        for _ in range(STEPS):
            call()

    return calls


def main() -> None:
    """Print a table for each number of experts of the study."""
    prepare_device("cpu", threads=1)
    runs = {r.experts: r for r in load().studies[STUDY].runs if r.selection.images}
    for experts in EXPERTS:
        run = runs[experts]
        images = torch.from_numpy(load_arrays(run.selection.images_path)["train"]) / 255
        state = start(
            build(run), run.seed, weight_decay=run.training.weight_decay, views=run.training.views
        )
        seconds = seconds_per_step(
            {"step": ours(state, run, images), "script": script(run, images)} | parts(run, images),
            rounds=ROUNDS,
        )
        print(f"\nTwo views, M = {experts}, {run.training.batch_size} images a step\n")
        print("| | ms | share of a step |\n|---|---:|---:|")
        for name, value in seconds.items():
            print(f"| {name} | {1000 * value:.1f} | {value / seconds['step']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
