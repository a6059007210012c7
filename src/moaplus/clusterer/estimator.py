"""MoA+ as a clusterer with scikit-learn's interface."""

import copy
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor
from torch.special import entr
from tqdm import tqdm

from moaplus.clusterer.balance import parts, with_balance
from moaplus.clusterer.inputs import check_columns, check_images, count_distinct, describe
from moaplus.clusterer.kinds import GATES, OBJECTIVES, Kind, kind_of
from moaplus.clusterer.scale import Resampled, Scale, Seen
from moaplus.clusterer.training import RIDGE, Training, k_means_of, last_loss, view_function
from moaplus.mixture.fit import State
from moaplus.mixture.isolation import Isolation
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.storage.files import UserError
from moaplus.storage.tensors import load_tensors, save_tensors

DEFAULT = "moa_plus_views"  # the objective
CHANNELS = (8, 16)  # of the experts' convolutions
CHUNK = 500  # images at a time when nothing is trained
SCALE = ("offset", "factor", "low", "high")  # arrays of a scale
AGREEMENT = 0.5  # of heads, or of starts, below which there is a warning
CLOSE = 0.1  # of the least training loss: starts within it may as well have been the best
KIND = ("gate", "balance", "views", "n_init")  # parameters that may be "auto"
KEPT = 0.85  # share of the least stable cluster that a fresh view keeps, below which it is forced
CHECKED = 10_000  # inputs by which that is measured, at most
BUILT = ("n_clusters", "gate", "latent")  # parameters that a mixture is made by


class MoAPlus(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """A mixture of autoencoders whose gate clusters its inputs.

    With the default objective the gate is trained on two random views of each image, by the
    logarithm of the paper's bound with the Gram matrix across the views (docs/method.md); with
    `objective="moa_plus"` and `gate="small"` it is the published method.

    Torch's global state, such as its generator and its default dtype, neither changes a result nor
    is changed; two threads may fit at once.

    Args:
        n_clusters: M, the number of experts.
        objective: the training loss; any of `moaplus.mixture.objectives` without constants.
        gate: any of `moaplus.mixture.gates`; "auto": `deep` for images, `tabular` for features.
        views: how two views of an input differ, and its cluster does not: names of augmentations,
            for images any of affine, elastic, thickness, flip, rotation, crop, colour, brightness,
            contrast, noise, erase (`moaplus.mixture.views`), for features noise, dropout, scale
            (`moaplus.mixture.gates.tabular`); or a function of a batch that returns a view of each
            input: of a tensor (n, colours, 28, 28) of pixels in [0, 1], or (n, d) of standardised
            features, in the same shape. "auto": affine, elastic, thickness, for digits; or noise.
        balance: weight of the part of the default objective that asks for clusters of even size,
            from 0 to 1; "auto": 0.2 for images, 0.1 for features. Other objectives have their own.
        latent: size of an expert's code.
        epochs: passes over the inputs; "auto": 25, or as many as give 1,200 steps, 400 for
            features.
        batch_size: inputs in a batch.
        learning_rate: the peak of a one-cycle schedule, with AdamW.
        weight_decay: of AdamW.
        n_init: number of trainings from other initial weights; that of the least loss is kept.
            Of features, the first imitates k-means at its start. "auto": 1 for images, 3 for
            features.
        max_time: seconds that `fit` may take, about; the number of epochs is made smaller to fit.
            None: as long as it takes.
        warm_start: whether `fit` goes on from the weights and the scale of the last one, once.
        callback: a function that is called after each epoch of `fit` with a dict of `start`,
            `epoch`, `epochs` and `loss`; where it returns true, the training ends there.
        device: as torch names it, such as "cpu" or "cuda".
        verbose: whether to show a progress bar with the objective on a terminal.
        random_state: of initial weights, views and order of the inputs.

    Attributes:
        labels_: (n,), cluster of each input.
        concentrations_: (n, n_clusters), float32: p_i^k; rows sum to 1.
        loss_curve_: the objective of each epoch.
        n_iter_: number of epochs.
        spread_: standard deviation of a standardised feature within a cluster of k-means, which the
            noise in views of features has; None of images.
        n_features_in_: number of features, or pixels times colours.
        mixture_: the trained mixture, a torch module.
    """

    _parameter_constraints: ClassVar[dict] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "objective": [StrOptions(set(OBJECTIVES))],
        "gate": [StrOptions({"auto", *GATES})],
        "views": [StrOptions({"auto"}), list, tuple, callable],
        "balance": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "latent": [Interval(Integral, 1, None, closed="left")],
        "epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "warm_start": ["boolean"],
        "callback": [None, callable],
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
        views="auto",
        balance="auto",
        latent=32,
        epochs="auto",
        batch_size=256,
        learning_rate=6e-3,
        weight_decay=0.0,
        n_init="auto",
        max_time=None,
        warm_start=False,
        callback=None,
        device="cpu",
        verbose=0,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.objective = objective
        self.gate = gate
        self.views = views
        self.balance = balance
        self.latent = latent
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.n_init = n_init
        self.max_time = max_time
        self.warm_start = warm_start
        self.callback = callback
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None) -> Self:
        """Train on X, and cluster it.

        Args:
            X: images (n, h, w) or (n, h, w, colours), or features (n, d): finite numbers; or a
                folder of pictures, or a list of their paths. Arrays may be mapped from the disk.
            y: ignored.
            sample_weight: (n,), how often an input is seen, beside the others; inputs of weight 0
                are not trained on.

        Raises:
            ValueError: if X has fewer inputs than clusters, holds NaN, infinity or words, or is of
                another shape; or if torch cannot use the device, or the gate or a view is not for
                such X.

        Warns:
            ConvergenceWarning: if X has fewer distinct inputs than clusters; a cluster ends empty,
                or fresh views of its inputs leave it; or the heads of the gate, or starts of nearly
                the same loss, disagree on the clusters.
        """
        goes_on = self.warm_start and hasattr(self, "mixture_")
        X, inputs = self._begin(X, sample_weight, goes_on)
        self.__dict__.pop("_partial", None)
        count = 1 if goes_on else self._kind.n_init
        seeds = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=count)
        k_means = None if goes_on else self._k_means(inputs, int(seeds[0]))
        starts: list[tuple[float, MixtureOfAutoencoders, list[dict]]] = []
        for number, seed in enumerate(seeds.tolist()):
            with Isolation(seed), _deterministic(self.device):
                mixture = copy.deepcopy(self.mixture_) if goes_on else self._mixture()
                first = None if number else k_means
                state = self._train(mixture, inputs, seed, number, count, first)
                mixture = state.network.mixture.cpu().eval()
                loss = self._loss(state, mixture, X) if count > 1 else 0.0
            starts.append((loss, mixture, state.rows))
        (least, mixture, rows), *others = sorted(starts, key=lambda start: start[0])
        self._take(X, mixture, rows)
        near = [other for loss, other, _ in others if loss <= least + CLOSE * abs(least)]
        self._check_agreement(X, near)
        self._check_stability(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None) -> Self:
        """Train for an epoch on X, a part of all inputs, and cluster it.

        Initial weights and the scale of the inputs are of the first part, or of a `fit` before. The
        learning rate stays at its peak, so give a smaller one than to `fit`. `n_init`,
        `max_time`, `epochs` and `callback` do not matter.

        Args, raises:
            As `fit`.
        """
        goes_on = hasattr(self, "mixture_")
        X, inputs = self._begin(X, sample_weight, goes_on)
        if not hasattr(self, "_partial"):
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
            k_means = None if goes_on else self._k_means(inputs, seed)
            training, isolation = self._training(), Isolation(seed)
            with isolation:
                mixture = copy.deepcopy(self.mixture_) if goes_on else self._mixture()
                state = training.begin(mixture.to(self.device), seed)
                if k_means:
                    training.imitate(state, k_means, inputs)
            self._partial = isolation, state
        isolation, state = self._partial
        with isolation, _deterministic(self.device):
            self._training().pass_over(state, inputs)
        self._take(X, copy.deepcopy(state.network.mixture).cpu().eval(), state.rows)
        return self

    def predict(self, X) -> np.ndarray:
        """Return the cluster of each input, (n,)."""
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X) -> np.ndarray:
        """Return the concentrations, (n, n_clusters), float32."""
        seen = self._seen(X)
        return _concentrations(self.mixture_, seen)

    def transform(self, X) -> np.ndarray:
        """Return the features of each input that the gate's last layer gets, (n, d), float32."""
        seen = self._seen(X)
        *layers, _ = self.mixture_.gate.children()  # the last gives the logits
        return _apply(torch.nn.Sequential(*layers), seen).numpy()

    def reconstruct(self, X) -> np.ndarray:
        """Return the mixed reconstruction Σ_k p_i^k x̂_ik of each input, in its shape and units."""
        seen = self._seen(X)
        return self.scale_.backward(_apply(self._mixed, seen))

    def score_samples(self, X) -> np.ndarray:
        """Return minus the squared error of the mixed reconstruction of each input, (n,).

        It is the mean over pixels in [0, 1] or standardised features, and least of the inputs that
        are least like those that the mixture was fitted on.
        """
        seen = self._seen(X)
        errors = _apply(
            lambda part: (self._mixed(part) - part).double().square().flatten(1).mean(1), seen
        )
        return -errors.numpy()

    def score(self, X, y=None) -> float:
        """Return how many clusters there are that two fresh views of X agree on, in nats.

        It is H(c) - VI(c, c'), with the clusters c and c' of two views of each input: their entropy
        minus the variation of information between them (Meilă 2007), H(c | c') + H(c' | c). With
        even clusters that views do not change it is log M; it falls where a cluster is cut. So it
        compares numbers of clusters: a search such as `GridSearchCV` takes the largest.
        """
        seen = self._seen(X)
        P, Q = self._two_views(self.mixture_, seen)
        joint = (P.T @ Q + Q.T @ P) / (2 * len(P))
        single, both = (entr(shares).sum().item() for shares in (joint.sum(dim=0), joint))
        return 3 * single - 2 * both

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
        views = "auto" if callable(self._fitted["views"]) else self._fitted["views"]
        origin = {
            "parameters": self._fitted | {"views": views},
            "notes": notes or {},
            "shape": self.scale_.shape,
            "spread": self.spread_,
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

        Functions are not saved: `views` that are one become "auto".

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
            with Isolation(0):
                model.mixture_ = model._mixture().eval()
            weights = {name: torch.from_numpy(value) for name, value in arrays.items()}
            model.mixture_.load_state_dict(weights)
            names, model.notes_ = origin["feature_names"], origin["notes"]
            model.spread_ = origin["spread"]
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

    def __getstate__(self) -> dict:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_partial"}

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

    def _begin(self, X, sample_weight, goes_on: bool) -> tuple[np.ndarray, Seen | Resampled]:
        """Check X and the parameters; return X, and what of it a mixture is trained on."""
        X = self._checked(X, reset=not goes_on)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        used = X if weights is None else X[weights > 0]
        _check_device(self.device)
        kind_of(X.shape[1:], **{name: getattr(self, name) for name in KIND})
        if len(used) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(used)} should be >= n_clusters={self.n_clusters}: give more "
                "inputs, or ask for fewer clusters"
            )
        if self.n_clusters == 1:
            warnings.warn("n_clusters=1 puts all into one cluster; ask for 2 or more", stacklevel=3)
        if (distinct := count_distinct(used, self.n_clusters)) < self.n_clusters:
            _warn(f"X has {distinct} distinct inputs, fewer than n_clusters={self.n_clusters}")
        changed = [name for name in BUILT if goes_on and self._fitted[name] != getattr(self, name)]
        if changed:
            raise ValueError(
                f"{changed[0]}={getattr(self, changed[0])!r}: it was fitted with "
                f"{self._fitted[changed[0]]!r}, from which this cannot go on; set "
                "warm_start=False, and fit"
            )
        self._fitted = self.get_params() | {"random_state": None, "callback": None}
        if not goes_on:
            self.scale_ = Scale.of(used)
        inputs = Seen(used, self.scale_, self.device)
        if weights is None or np.ptp(weights := weights[weights > 0]) == 0:
            return X, inputs
        return X, Resampled(inputs, weights)

    @property
    def _kind(self) -> Kind:
        return kind_of(self.scale_.shape, **{name: self._fitted[name] for name in KIND})

    def _k_means(self, inputs: Seen | Resampled, seed: int) -> KMeans | None:
        """Cluster features by k-means, whose clusters tell how far apart two views may be."""
        k_means, self.spread_ = None, None
        if self._kind.k_means:
            # Of few distinct inputs there is a warning already.
            with Isolation(seed), warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                k_means, self.spread_ = k_means_of(inputs, self.n_clusters, seed)
        return k_means

    def _mixture(self) -> MixtureOfAutoencoders:
        count, latent, kind = self._fitted["n_clusters"], self._fitted["latent"], self._kind
        return MixtureOfAutoencoders(
            count, kind.architecture, CHANNELS, latent, kind.gate, self.scale_.seen
        )

    def _training(self) -> Training:
        objective = OBJECTIVES[self.objective]
        if self.objective == DEFAULT:
            objective = with_balance(self._kind.balance)
        return Training(
            objective,
            self.batch_size,
            self.learning_rate,
            self.weight_decay,
            self._kind.views,
            self.spread_,
            self._kind.min_steps,
        )

    def _train(
        self,
        mixture: MixtureOfAutoencoders,
        inputs: Seen | Resampled,
        seed: int,
        start: int,
        starts: int,
        k_means: KMeans | None,
    ) -> State:
        """Train a mixture from one of some starts, which imitates k-means if it is given."""
        training, mixture = self._training(), mixture.to(self.device)
        epochs = training.usual_epochs(len(inputs)) if self.epochs == "auto" else self.epochs
        if self.max_time:
            epochs = training.epochs_within(self.max_time / starts, mixture, inputs, epochs)
        off = None if self.verbose else True  # None: where there is no terminal
        with tqdm(total=epochs, desc="MoAPlus", unit="epoch", disable=off) as progress:

            def after_epoch(state: State) -> bool | None:
                loss, epoch = last_loss(state), len(state.rows)
                progress.set_postfix(objective=f"{loss:.3f}")
                progress.update()
                told = {"start": start, "epoch": epoch, "epochs": epochs, "loss": loss}
                return self.callback(told) if self.callback else None

            state = training.begin(mixture, seed)
            if k_means:
                training.imitate(state, k_means, inputs)
            training.run(state, inputs, epochs, after_epoch)
        return state

    def _loss(self, state: State, mixture: MixtureOfAutoencoders, X: np.ndarray) -> float:
        """Return the loss by which starts are compared.

        Of the default objective it is the part that the clusters make, for fresh views of X: the
        logarithm of the error of some experts varies more.
        """
        if self.objective != DEFAULT:
            return last_loss(state)
        P, Q = self._two_views(mixture, Seen(X, self.scale_))
        disagreement, unevenness = parts(P[None], Q[None], RIDGE)
        return (disagreement + self._kind.balance * unevenness).item()

    def _take(self, X: np.ndarray, mixture: MixtureOfAutoencoders, rows: list[dict]) -> None:
        """Keep a trained mixture, its history, and the clusters that it gives X."""
        self.mixture_ = mixture
        self.loss_curve_ = [row["objective"] for row in rows]
        self.n_iter_ = len(rows)
        self.concentrations_ = _concentrations(self.mixture_, Seen(X, self.scale_))
        self.labels_ = self.concentrations_.argmax(axis=1)
        if empty := self.n_clusters - len(np.unique(self.labels_)):
            _warn(f"{empty} of {self.n_clusters} clusters are empty; ask for fewer clusters")

    def _check_agreement(self, X: np.ndarray, others: list[MixtureOfAutoencoders]) -> None:
        """Warn if the other heads of the gate, or other mixtures, have other clusters."""
        seen, gate = Seen(X, self.scale_), self.mixture_.gate
        by_head = np.empty((0, len(X)))
        if getattr(gate, "count", 1) > 1:
            by_head = _apply(lambda part: gate.by_head(part).argmax(2).T, seen).T[1:].numpy()
        by_start = [_concentrations(other, seen).argmax(axis=1) for other in others]
        for what, clusterings in (("heads of the gate", by_head), ("starts", by_start)):
            indices = [adjusted_rand_score(self.labels_, labels) for labels in clusterings]
            if indices and np.median(indices) < AGREEMENT:
                _warn(
                    f"{what} with nearly the same loss disagree on the clusters (median adjusted "
                    f"Rand index {np.median(indices):.2f}): try other views, another n_clusters or "
                    "another balance"
                )

    def _check_stability(self, X: np.ndarray) -> None:
        """Warn of a cluster whose inputs leave it in a fresh view, as where a group was cut."""
        if not self._kind.views:
            return
        sample = X[:: math.ceil(len(X) / CHECKED)]
        P, Q = self._two_views(self.mixture_, Seen(sample, self.scale_))
        joint, loads = P.T @ Q + Q.T @ P, (P + Q).sum(dim=0)
        used = loads > 0
        kept, cluster = (joint.diagonal()[used] / loads[used]).min(dim=0)
        if kept < KEPT:
            _warn(
                f"cluster {used.nonzero()[cluster].item()} is forced: a fresh view keeps "
                f"{kept:.0%} of it; try another n_clusters, balance or views"
            )

    def _two_views(self, mixture: MixtureOfAutoencoders, seen: Seen) -> tuple[Tensor, Tensor]:
        """Compute the concentrations of two fresh views of each input, (n, M) each, float64."""
        view = view_function(self._kind.views, mixture.gate, self.spread_)
        P, Q = (
            _apply(lambda part: mixture.gate(view(part)).double().softmax(dim=1), seen, seed)
            for seed in range(2)
        )
        return P, Q

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


@contextmanager
def _deterministic(device: str) -> Iterator[None]:
    """Choose algorithms of cuDNN that give the same values each time, where it is used."""
    if torch.device(device).type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def _concentrations(mixture: MixtureOfAutoencoders, seen: Seen) -> np.ndarray:
    return _apply(mixture.gate, seen).softmax(dim=1).numpy()


def _apply(function: Callable[[Tensor], Tensor], seen: Seen, seed: int = 0) -> Tensor:
    """Return what a function makes of inputs, a part of them at a time; it may draw numbers."""
    starts = range(0, len(seen), CHUNK)
    with Isolation(seed), torch.no_grad():
        return torch.cat([function(seen[start : start + CHUNK]) for start in starts])
