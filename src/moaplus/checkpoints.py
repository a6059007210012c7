"""Where a training can go on after it was interrupted."""

import hashlib
import json

import torch
from torch import Tensor

from moaplus.networks import MixtureOfAutoencoders
from moaplus.optimizer import Adam
from moaplus.plan import Run
from moaplus.tensors import load_tensors, save_tensors


class Checkpoint:
    """The state of a training between two epochs, kept in `checkpoint.safetensors` of its run.

    It holds the weights, Adam's state and number of updates (which is the schedule's state), the
    state of the shuffling generator and of torch's own, and the rows of the history. A checkpoint
    made by another description of the run, other sources or images, another torch, device or
    number of threads, or a damaged one, counts as none.
    """

    def __init__(
        self,
        run: Run,
        images: Tensor,
        mixture: MixtureOfAutoencoders,
        optimizer: Adam,
        order: torch.Generator,
    ):
        self.path, self.mixture, self.optimizer, self.order = (
            run.checkpoint,
            mixture,
            optimizer,
            order,
        )
        self.origin = run.origin() | {
            "torch": torch.__version__,
            "device": images.device.type,
            "threads": torch.get_num_threads(),
            "images": hashlib.sha256(images.cpu().numpy().tobytes()).hexdigest(),
        }

    def save(self, rows: list[dict]) -> None:
        """Write the state after the epochs of `rows`."""
        tensors = {name: value.cpu().numpy() for name, value in self._tensors().items()}
        tensors["order"] = self.order.get_state().numpy()
        tensors["random"] = torch.get_rng_state().numpy()
        if self.origin["device"] == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state().numpy()
        state = {"rows": rows, "updates": self.optimizer.updates}
        save_tensors(self.path, tensors, self.origin | {"state": json.dumps(state)})

    def load(self) -> list[dict]:
        """Bring back the state; return the history's rows so far, none without a checkpoint."""
        try:
            tensors, origin = load_tensors(self.path)
            state = json.loads(origin.pop("state"))
        except (OSError, ValueError, KeyError):
            return []
        if origin != self.origin:
            return []
        with torch.no_grad():
            for name, value in self._tensors().items():
                value.copy_(torch.from_numpy(tensors[name]))
        self.order.set_state(torch.from_numpy(tensors["order"]))
        torch.set_rng_state(torch.from_numpy(tensors["random"]))
        if "random_cuda" in tensors:
            torch.cuda.set_rng_state(torch.from_numpy(tensors["random_cuda"]))
        self.optimizer.updates = state["updates"]
        return state["rows"]

    def _tensors(self) -> dict[str, Tensor]:
        """Weights and optimizer state by name, as they are held, not copied."""
        tensors = {f"weights.{k}": v for k, v in self.mixture.state_dict().items()}
        for kind in ("means", "squares", "counts"):
            values = getattr(self.optimizer, kind)
            tensors |= {f"{kind}.{i}": value for i, value in enumerate(values)}
        return tensors
