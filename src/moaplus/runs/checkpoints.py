"""Where a training can go on after it was interrupted."""

import hashlib
import json

import torch
from torch import Tensor

from moaplus.mixture.fit import State
from moaplus.plan.runs import Run
from moaplus.provenance.origin import origin_of
from moaplus.storage.tensors import load_tensors, save_tensors


class Checkpoint:
    """The state of a training between two epochs, kept in `checkpoint.safetensors` of its run.

    Beside that state it holds torch's own random state. A checkpoint made by another description
    of the run, other sources or images, another torch, device or number of threads, or a damaged
    one, counts as none.
    """

    def __init__(self, run: Run, images: Tensor, state: State):
        self.path, self.state = run.checkpoint, state
        self.origin = origin_of(run) | {
            "torch": torch.__version__,
            "device": images.device.type,
            "threads": torch.get_num_threads(),
            "images": hashlib.sha256(images.cpu().numpy().tobytes()).hexdigest(),
        }

    def save(self) -> None:
        """Write the state."""
        tensors = {name: value.cpu().numpy() for name, value in self._tensors().items()}
        tensors["order"] = self.state.order.get_state().numpy()
        tensors["random"] = torch.get_rng_state().numpy()
        if self.origin["device"] == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state().numpy()
        state = {"rows": self.state.rows, "updates": self.state.optimizer.updates}
        save_tensors(self.path, tensors, self.origin | {"state": json.dumps(state)})

    def load(self) -> None:
        """Bring the state back, if there is a checkpoint."""
        try:
            tensors, origin = load_tensors(self.path)
            state = json.loads(origin.pop("state"))
        except (OSError, ValueError, KeyError):
            return
        if origin != self.origin:
            return
        with torch.no_grad():
            for name, value in self._tensors().items():
                value.copy_(torch.from_numpy(tensors[name]))
        self.state.order.set_state(torch.from_numpy(tensors["order"]))
        torch.set_rng_state(torch.from_numpy(tensors["random"]))
        if "random_cuda" in tensors:
            torch.cuda.set_rng_state(torch.from_numpy(tensors["random_cuda"]))
        self.state.optimizer.updates, self.state.rows = state["updates"], state["rows"]

    def _tensors(self) -> dict[str, Tensor]:
        """Weights and optimizer state by name, as they are held, not copied."""
        optimizer = self.state.optimizer
        return {name: getattr(optimizer, name) for name in ("weights", "means", "squares", "count")}
