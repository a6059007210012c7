"""MoA+ as a clusterer with scikit-learn's interface."""

import inspect
import math
import pkgutil
import warnings
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from types import ModuleType
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
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from tqdm import tqdm

from moaplus.clusterer.balance import DEAD_SHARE, with_balance
from moaplus.clusterer.inputs import check_columns, check_images, count_distinct, describe
from moaplus.clusterer.scale import Scale, Seen
from moaplus.mixture import gates, objectives
from moaplus.mixture.fit import State, fit, start
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.mixture.schedules.one_cycle import one_cycle
from moaplus.storage.files import UserError
from moaplus.storage.tensors import load_tensors, save_tensors

DEFAULT = "moa_plus_views"  # the objective
CHANNELS = (8, 16)  # of the experts' convolutions
RIDGE = 1e-3  # smallest eigenvalue that Γ/n may have where it is inverted
MIN_EPOCHS, MIN_STEPS = 25, 1200  # of `epochs="auto"`
CHUNK = 500  # images at a time when nothing is trained
SCALE = ("offset", "factor", "low", "high")  # arrays of a scale
AGREEMENT = 0.5  # of the heads, below which there is a warning
BALANCE = {"images": 0.2, "features": 0.1}  # of `balance="auto"`
OF_FEATURES = ("tabular", "linear")  # gates that take features; the others take images


def _modules(package: ModuleType) -> dict[str, ModuleType]:
    """Import the modules of a package, by name."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return {name: import_module(f"{package.__name__}.{name}") for name in names}


GATES = _modules(gates)
OBJECTIVES = {
    name: objective
    for name, module in _modules(objectives).items()
    # An objective with constants takes more than the outcome.
    if len(inspect.signature(objective := getattr(module, name)).parameters) == 1
}


class MoAPlus(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """A mixture of autoencoders whose gate clusters its inputs.

    With the default objective the gate is trained on two random views of each image, by the
    logarithm of the paper's bound with the Gram matrix across the views (docs/method.md); with
    `objective="moa_plus"` and `gate="small"` it is the published method.

    Args:
        n_clusters: M, the number of experts.
        objective: the training loss; any of `moaplus.mixture.objectives` without constants.
        gate: any of `moaplus.mixture.gates`; "auto": `deep` for images, `tabular` for features.
        balance: weight of the part of the default objective that asks for clusters of even size,
            from 0 to 1; "auto": 0.2 for images, 0.1 for features. Other objectives have their own.
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
        "objective": [StrOptions(set(OBJECTIVES))],
        "gate": [StrOptions({"auto", *GATES})],
        "balance": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
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
        objective=DEFAULT,
        gate="auto",
        balance="auto",
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
        self.balance = balance
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
            X: images (n, h, w) or (n, h, w, colours), or features (n, d): finite numbers; or a
                folder of pictures, or a list of their paths.
            y: ignored.

        Raises:
            ValueError: if X has fewer inputs than clusters, holds NaN, infinity or words, or is of
                another shape; or if torch cannot use the device, or the gate is not for such X.

        Warns:
            ConvergenceWarning: if X has fewer distinct inputs than clusters, a cluster ends empty,
                or the heads of the gate disagree on the clusters.
        """
        X = self._checked(X, reset=True)
        _check_device(self.device)
        self._check_gate(X.ndim > 2)
        if len(X) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}: give more inputs, "
                "or ask for fewer clusters"
            )
        if self.n_clusters == 1:
            warnings.warn("n_clusters=1 puts all into one cluster; ask for 2 or more", stacklevel=2)
        if (distinct := count_distinct(X, self.n_clusters)) < self.n_clusters:
            _warn(f"X has {distinct} distinct inputs, fewer than n_clusters={self.n_clusters}")
        self._fitted = self.get_params() | {"random_state": None}
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
        if (agreement := self._agreement(Seen(X, self.scale_))) < AGREEMENT:
            _warn(
                "clusterings with nearly the same loss disagree (median adjusted Rand index "
                f"{agreement:.2f}): try other views, another n_clusters or another balance"
            )
        if empty := self.n_clusters - len(np.unique(self.labels_)):
            _warn(f"{empty} of {self.n_clusters} clusters are empty; ask for fewer clusters")
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

    def save(self, path: str | Path, notes: dict | None = None) -> None:
        """Write the model as safetensors.

        Args:
            path: of the file.
            notes: what else the file shall hold, as JSON; `load` gives it back as `notes_`.

        Raises:
            sklearn.exceptions.NotFittedError: if it is not fitted.
            moaplus.storage.files.UserError: if the file cannot be written.
        """
        check_is_fitted(self, "mixture_")
        weights = {name: value.numpy() for name, value in self.mixture_.state_dict().items()}
        names = getattr(self, "feature_names_in_", None)
        origin = {
            "parameters": self._fitted,
            "notes": notes or {},
            "shape": self.scale_.shape,
            "feature_names": None if names is None else list(names),
        }
        arrays = {
            "loss_curve": np.array(self.loss_curve_),
            "concentrations": self.concentrations_,
            **{f"scale.{name}": getattr(self.scale_, name) for name in SCALE},
        }
        save_tensors(Path(path), weights | arrays, origin)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote: as it was fitted, without its `random_state`.

        Raises:
            moaplus.storage.files.UserError: if the file is missing, damaged or no such model.
        """
        try:
            arrays, origin = load_tensors(Path(path))
            model = cls(**origin["parameters"])
            model._fitted = origin["parameters"]
            scale = (arrays.pop(f"scale.{name}") for name in SCALE)
            model.scale_ = Scale(tuple(origin["shape"]), *scale)
            model.loss_curve_ = arrays.pop("loss_curve").tolist()
            model.concentrations_ = arrays.pop("concentrations")
            model.mixture_ = model._mixture().eval()
            weights = {name: torch.from_numpy(value) for name, value in arrays.items()}
            model.mixture_.load_state_dict(weights)
            names, model.notes_ = origin["feature_names"], origin["notes"]
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise UserError(
                f"{path}: no model of MoAPlus: {' '.join(str(error).split())}"
            ) from error
        model.n_iter_ = len(model.loss_curve_)
        model.labels_ = model.concentrations_.argmax(axis=1)
        model.n_features_in_ = math.prod(model.scale_.shape)
        if names is not None:
            model.feature_names_in_ = np.array(names, dtype=object)
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
        X = self._read(X, reset)
        shape = tuple(getattr(X, "shape", ()))[1:]
        if len(shape) > 1:
            check_images(len(X), shape)
        known = None if reset else self.scale_.shape
        if known not in (None, shape) and max(len(shape), len(known)) > 1:
            raise ValueError(f"X has {describe(shape)}; MoAPlus was fitted on {describe(known)}")
        flat = X.reshape(len(X), math.prod(shape)) if len(shape) > 1 else X
        check_columns(X)
        flat = validate_data(self, flat, reset=reset, ensure_min_samples=2 if reset else 1)
        return flat.reshape(-1, *(shape if len(shape) > 1 else flat.shape[1:]))

    def _read(self, X, reset: bool):
        """Return X, or the pictures that it names: a folder, or a list of paths."""
        if isinstance(X, list | tuple) and not (X and all(isinstance(x, str | Path) for x in X)):
            return np.asarray(X)
        if not isinstance(X, str | Path | list | tuple):
            return X
        from moaplus.clusterer.pictures import Form, load_pictures  # Pillow, for this alone

        shape = None if reset or len(self.scale_.shape) < 2 else self.scale_.shape
        return load_pictures(X, Form(shape)).images

    def _seen(self, X) -> Seen:
        check_is_fitted(self, "mixture_")
        X = self._checked(X, reset=False)
        if strange := self.scale_.strangeness(X):
            warnings.warn(
                f"X is not like what MoAPlus was fitted on: {strange} its range; bring X to the "
                "same units",
                stacklevel=3,
            )
        return Seen(X, self.scale_)

    def _check_gate(self, images: bool) -> None:
        if self.gate != "auto" and not images and self.gate not in OF_FEATURES:
            raise ValueError(
                f"gate={self.gate!r} needs images (n, h, w), and X has features; use 'auto', "
                f"{' or '.join(map(repr, OF_FEATURES))}"
            )

    @property
    def _kinds(self) -> tuple[str, str]:
        """Return the names of the architecture and the gate: for images, or for features."""
        images = len(self.scale_.shape) > 1
        architecture, gate = ("cae", "deep") if images else ("dense", "tabular")
        chosen = self._fitted["gate"]
        return architecture, gate if chosen == "auto" else chosen

    def _mixture(self) -> MixtureOfAutoencoders:
        architecture, gate = self._kinds
        count, latent = self._fitted["n_clusters"], self._fitted["latent"]
        return MixtureOfAutoencoders(count, architecture, CHANNELS, latent, gate, self.scale_.seen)

    def _train(self, inputs: Seen, seed: int) -> State:
        _, gate = self._kinds
        state = start(
            self._mixture().to(self.device),
            seed,
            weight_decay=self.weight_decay,
            views=getattr(GATES[gate], "VIEWS", ()),
        )
        steps = math.ceil(len(inputs) / self.batch_size)
        enough = max(MIN_EPOCHS, math.ceil(MIN_STEPS / steps))
        epochs = enough if self.epochs == "auto" else self.epochs
        objective = OBJECTIVES[self.objective]
        if self.objective == DEFAULT:
            usual = BALANCE["images" if len(self.scale_.shape) > 1 else "features"]
            objective = with_balance(usual if self.balance == "auto" else self.balance)
        state.network.dead_share = DEAD_SHARE
        off = None if self.verbose else True  # None: where there is no terminal
        progress = tqdm(total=epochs, desc="MoAPlus", unit="epoch", disable=off)

        def after_epoch(state: State) -> None:
            progress.set_postfix(objective=f"{state.rows[-1]['objective']:.3f}")
            progress.update()

        fit(
            state,
            inputs,
            objective,
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

    def _agreement(self, seen: Seen) -> float:
        """Return the median adjusted Rand index of the other heads' clusters with the labels.

        It is 1 where the gate has one head.
        """
        if getattr(self.mixture_.gate, "count", 1) == 1:
            return 1.0
        by_head = _apply(lambda part: self.mixture_.gate.by_head(part).argmax(2).T, seen)
        _, *others = by_head.T.numpy()
        return float(np.median([adjusted_rand_score(self.labels_, other) for other in others]))

    def _mixed(self, seen: Tensor) -> Tensor:
        reconstructions, logits = self.mixture_(seen)
        return torch.einsum("nm,mn...->n...", logits.softmax(dim=1), reconstructions)


def _warn(message: str) -> None:
    warnings.warn(message, ConvergenceWarning, stacklevel=4)


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
