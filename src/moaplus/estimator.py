"""MoA+ as a clusterer with scikit-learn's interface."""

import importlib
import math
import warnings
from numbers import Integral, Real
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from tqdm import tqdm

from moaplus.mixture.fit import State, fit, start
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.mixture.scale import Scale, Seen
from moaplus.mixture.schedules.one_cycle import one_cycle
from moaplus.plan.choices import constants, names, views
from moaplus.storage.files import UserError
from moaplus.storage.tensors import load_tensors, save_tensors

CHANNELS = (8, 16)  # of the experts' convolutions
RIDGE = 1e-3  # smallest eigenvalue that Γ/n may have where it is inverted
MIN_EPOCHS, MIN_STEPS = 25, 1200  # of `epochs="auto"`
CHUNK = 500  # images at a time when nothing is trained


class MoAPlus(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """A mixture of autoencoders whose gate clusters its inputs.

    With the default objective the gate is trained on two random views of each image, by the
    logarithm of the paper's bound with the Gram matrix across the views (docs/method.md); with
    `objective="moa_plus"` and `gate="small"` it is the published method.

    Args:
        n_clusters: M, the number of experts.
        objective: the training loss; any of `moaplus.mixture.objectives` without constants.
        gate: any of `moaplus.mixture.gates`; "auto": `deep` for images, `tabular` for features.
        latent: size of an expert's code.
        epochs: passes over the inputs; "auto": 25, or as many as give 1,200 steps.
        batch_size: inputs in a batch.
        learning_rate: the peak of a one-cycle schedule, with AdamW.
        weight_decay: of AdamW.
        device: as torch names it, such as "cpu" or "cuda".
        verbose: whether to show a progress bar with the objective on a terminal.
        random_state: of initial weights, views and order of the inputs.

    Attributes:
        labels_: (n,), cluster of each input.
        concentrations_: (n, n_clusters), float32: p_i^k; rows sum to 1.
        loss_curve_: the objective of each epoch.
        n_iter_: number of epochs.
        n_features_in_: number of features, or pixels times colours.
        mixture_: the trained mixture, a torch module.
    """

    _parameter_constraints: ClassVar[dict] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "objective": [
            StrOptions({name for name in names("mixture/objectives") if not constants(name)})
        ],
        "gate": [StrOptions({"auto", *names("mixture/gates")})],
        "latent": [Interval(Integral, 1, None, closed="left")],
        "epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "device": [str],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters=10,
        *,
        objective="moa_plus_views",
        gate="auto",
        latent=32,
        epochs="auto",
        batch_size=256,
        learning_rate=6e-3,
        weight_decay=0.0,
        device="cpu",
        verbose=0,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.objective = objective
        self.gate = gate
        self.latent = latent
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> Self:
        """Train on X, and cluster it.

        Args:
            X: images (n, h, w) or (n, h, w, colours), or features (n, d): finite numbers.
            y: ignored.

        Raises:
            ValueError: if X has fewer inputs than clusters, holds NaN or infinity, is of another
                shape, or its pixels are all the same; or if torch cannot use the device.
        """
        X = self._checked(X, reset=True)
        _check_device(self.device)
        if len(X) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}: give more inputs, "
                "or ask for fewer clusters"
            )
        if self.n_clusters == 1:
            warnings.warn("n_clusters=1 puts all into one cluster; ask for 2 or more", stacklevel=2)
        self.scale_ = Scale.of(X)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        with (
            torch.random.fork_rng(devices=[]),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            torch.default_generator.manual_seed(seed)  # no other is used
            state = self._train(Seen(X, self.scale_, self.device), seed)
        self.mixture_ = state.network.mixture.cpu().eval()
        self.loss_curve_ = [row["objective"] for row in state.rows]
        self.n_iter_ = len(state.rows)
        self.concentrations_ = self._concentrations(Seen(X, self.scale_))
        self.labels_ = self.concentrations_.argmax(axis=1)
        return self

    def predict(self, X) -> np.ndarray:
        """Return the cluster of each input, (n,)."""
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X) -> np.ndarray:
        """Return the concentrations, (n, n_clusters), float32."""
        return self._concentrations(self._seen(X))

    def transform(self, X) -> np.ndarray:
        """Return the features of each input that the gate's last layer gets, (n, d), float32."""
        seen = self._seen(X)
        *layers, _ = self.mixture_.gate.children()  # the last gives the logits
        return _apply(torch.nn.Sequential(*layers), seen).numpy()

    def reconstruct(self, X) -> np.ndarray:
        """Return the mixed reconstruction Σ_k p_i^k x̂_ik of each input, in its shape and units."""
        seen = self._seen(X)
        return self.scale_.backward(_apply(self._mixed, seen))

    def score(self, X, y=None) -> float:
        """Return minus the mean squared error of the mixed reconstruction.

        Its scale is that of pixels in [0, 1], or of standardised features.
        """
        seen = self._seen(X)
        errors = _apply(lambda part: (self._mixed(part) - part).square().flatten(1).mean(1), seen)
        return -float(errors.mean())

    def save(self, path: str | Path) -> None:
        """Write the model as safetensors.

        Raises:
            sklearn.exceptions.NotFittedError: if it is not fitted.
            moaplus.storage.files.UserError: if the file cannot be written.
        """
        check_is_fitted(self, "mixture_")
        tensors = {name: value.numpy() for name, value in self.mixture_.state_dict().items()}
        origin = {
            "parameters": self.get_params() | {"random_state": None},
            "shape": self.scale_.shape,
        }
        extra = {"scale.offset": self.scale_.offset, "scale.factor": self.scale_.factor}
        save_tensors(Path(path), tensors | extra, origin)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote: it predicts; labels and curves of training are not kept.

        Raises:
            moaplus.storage.files.UserError: if the file is missing, damaged or no such model.
        """
        try:
            tensors, origin = load_tensors(Path(path))
            model = cls(**origin["parameters"])
            offset, factor = tensors.pop("scale.offset"), tensors.pop("scale.factor")
            model.scale_ = Scale(tuple(origin["shape"]), offset, factor)
            model.mixture_ = model._mixture().eval()
            weights = {name: torch.from_numpy(value) for name, value in tensors.items()}
            model.mixture_.load_state_dict(weights)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise UserError(
                f"{path}: no model of MoAPlus: {' '.join(str(error).split())}"
            ) from error
        model.n_features_in_ = math.prod(model.scale_.shape)
        return model

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        tags.non_deterministic = False
        return tags

    @property
    def _n_features_out(self) -> int:
        *_, last = self.mixture_.gate.children()
        return last.in_features

    def _checked(self, X, reset: bool) -> np.ndarray:
        X = np.asarray(X) if isinstance(X, list | tuple) else X
        dimensions = getattr(X, "ndim", 2)
        if dimensions > 4:
            raise ValueError(
                f"X has {dimensions} dimensions; allowed: (n, features), (n, h, w), "
                "(n, h, w, colours)"
            )
        flat = X.reshape(len(X), -1) if dimensions > 2 else X
        flat = validate_data(self, flat, reset=reset, ensure_min_samples=2 if reset else 1)
        shape = X.shape[1:] if dimensions > 2 else flat.shape[1:]
        if not reset and shape != self.scale_.shape:
            raise ValueError(f"X has inputs of shape {shape}; fitted on {self.scale_.shape}")
        return flat.reshape(-1, *shape)

    def _seen(self, X) -> Seen:
        check_is_fitted(self, "mixture_")
        return Seen(self._checked(X, reset=False), self.scale_)

    @property
    def _kinds(self) -> tuple[str, str]:
        """Return the names of the architecture and the gate: for images, or for features."""
        images = len(self.scale_.shape) > 1
        architecture, gate = ("cae", "deep") if images else ("dense", "tabular")
        return architecture, gate if self.gate == "auto" else self.gate

    def _mixture(self) -> MixtureOfAutoencoders:
        architecture, gate = self._kinds
        return MixtureOfAutoencoders(
            self.n_clusters, architecture, CHANNELS, self.latent, gate, self.scale_.seen
        )

    def _train(self, inputs: Seen, seed: int) -> State:
        _, gate = self._kinds
        state = start(
            self._mixture().to(self.device),
            seed,
            weight_decay=self.weight_decay,
            views=views(gate),
        )
        steps = math.ceil(len(inputs) / self.batch_size)
        enough = max(MIN_EPOCHS, math.ceil(MIN_STEPS / steps))
        epochs = enough if self.epochs == "auto" else self.epochs
        module = importlib.import_module(f"moaplus.mixture.objectives.{self.objective}")
        off = None if self.verbose else True  # None: where there is no terminal
        progress = tqdm(total=epochs, desc="MoAPlus", unit="epoch", disable=off)

        def after_epoch(state: State) -> None:
            progress.set_postfix(objective=f"{state.rows[-1]['objective']:.3f}")
            progress.update()

        fit(
            state,
            inputs,
            getattr(module, self.objective),
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule=one_cycle,
            ridge=RIDGE,
            after_epoch=after_epoch,
        )
        progress.close()
        return state

    def _concentrations(self, seen: Seen) -> np.ndarray:
        return _apply(self.mixture_.gate, seen).softmax(dim=1).numpy()

    def _mixed(self, seen: Tensor) -> Tensor:
        reconstructions, logits = self.mixture_(seen)
        return torch.einsum("nm,mn...->n...", logits.softmax(dim=1), reconstructions)


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r}: torch cannot use it here; try 'cpu', or 'cuda' where "
            "torch.cuda.is_available()"
        ) from error


@torch.no_grad()
def _apply(function, seen: Seen) -> Tensor:
    starts = range(0, len(seen), CHUNK)
    return torch.cat([function(seen[start : start + CHUNK]) for start in starts])
