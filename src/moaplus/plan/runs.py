"""A run and what it is made of: settings, and from them the paths of its files.

A run is one training. Its folder reads like its description, for example
`models/mnist-0+1/cae/M2/moa_plus/seed3`, so the folder alone says what to train.
A study is a named selection of runs.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath

from moaplus.plan.settings import Network, Training

N_CLASSES = 10
SPLITS = ("train", "test")
PARAMS = Path("params.yaml")
SELECTED = Path("data/selected")
MODELS = Path("models")
SCRATCH = Path("scratch")  # of runs whose models are not kept
RECORDS = Path("results/records")  # of runs whose models are not kept


@dataclass(frozen=True)
class Selection:
    """Which images of a data set a run sees: classes, and how many of their training images."""

    dataset: str
    classes: tuple[int, ...]
    images: int | None  # None: all
    subset_seed: int

    @cached_property
    def name(self) -> str:
        """Return the selection in words, for example `mnist-0+1` or `mnist-all-n12665`."""
        everything = self.classes == tuple(range(N_CLASSES))
        classes = "all" if everything else "+".join(map(str, self.classes))
        subset = "" if self.images is None else f"-n{self.images}"
        seed = f"-subset{self.subset_seed}" if subset and self.subset_seed else ""
        return f"{self.dataset}-{classes}{subset}{seed}"

    @property
    def images_path(self) -> Path:
        """Return the npz of `train` and `test` images, uint8 (n, 28, 28)."""
        return SELECTED / self.name / "images.npz"

    @property
    def labels_path(self) -> Path:
        """Return the npz of `train` and `test` labels, uint8 (n,), which training never reads."""
        return SELECTED / self.name / "labels.npz"


@dataclass(frozen=True)
class Run:
    """One training: the same description gives the same model.

    Attributes:
        selection: the images.
        network: of experts and gate.
        experts: M.
        objective: whose value is the training loss.
        constants: of the objective.
        seed: of weights, batches and views.
        training: how long and how.
        changes: what its study sets otherwise than params.yaml's top level, as `key=value`.
        keep: whether its model is kept; only its scores and curves are if not.
    """

    selection: Selection
    network: Network
    experts: int
    objective: str
    constants: dict[str, float] = field(hash=False)
    seed: int
    training: Training
    changes: tuple[str, ...] = ()
    keep: bool = True

    @cached_property
    def protocol(self) -> PurePath:
        """Return images, network, training and M: `mnist-0+1/cae-latent=8/M2`."""
        network = "-".join((self.network.architecture, *self.changes))
        return PurePath(f"{self.selection.name}/{network}/M{self.experts}")

    @cached_property
    def configuration(self) -> PurePath:
        """Return all of this run but its seed: `mnist-0+1/cae-latent=8/M2/moa_plus`."""
        return self.protocol / self.objective

    @cached_property
    def folder(self) -> Path:
        """Return the run's folder: `model.safetensors`, `history.csv`, …."""
        return (MODELS if self.keep else SCRATCH) / self.configuration / f"seed{self.seed}"

    @property
    def record(self) -> Path:
        """Return the JSON of its settings, scores and curves, from which all tables are made."""
        if self.keep:
            return self.folder / "record.json"
        return RECORDS / self.configuration / f"seed{self.seed}.json"

    @property
    def shared_record(self) -> Path:
        """Return a record that the runs of all objectives of a protocol and seed share."""
        return RECORDS / self.protocol / f"seed{self.seed}.json"

    @property
    def model(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def history(self) -> Path:
        return self.folder / "history.csv"

    @property
    def concentrations(self) -> Path:
        return self.folder / "concentrations.npz"

    @property
    def samples(self) -> Path:
        return self.folder / "samples.npz"

    @property
    def checkpoint(self) -> Path:
        """Return where an interrupted training goes on; it is there until the run is complete."""
        return self.folder / "checkpoint.safetensors"

    @property
    def files(self) -> tuple[Path, Path, Path, Path]:
        """Return all that training and evaluation write."""
        return self.model, self.history, self.concentrations, self.samples

    @property
    def modules(self) -> tuple[str, ...]:
        """Return the modules that its training loads by name."""
        return (
            f"moaplus.mixture.objectives.{self.objective}",
            f"moaplus.mixture.architectures.{self.network.architecture}",
            f"moaplus.mixture.gates.{self.network.gate}",
            f"moaplus.mixture.schedules.{self.training.schedule}",
            f"moaplus.mixture.optimizers.{self.training.optimizer}",
        )

    def settings(self) -> dict:
        """Return everything that the model depends on, as plain values.

        A setting with a default is left out where it has that: what was made before there was such
        a setting still counts.
        """
        selection = self.selection
        return {
            "selection": {
                "dataset": selection.dataset,
                "classes": selection.classes,
                "images": selection.images,
                "subset_seed": selection.subset_seed,
            },
            "network": self.network.model_dump(exclude_defaults=True),
            "experts": self.experts,
            "objective": self.objective,
            "constants": dict(self.constants),
            "seed": self.seed,
            "training": self.training.model_dump(exclude_defaults=True),
        }


@dataclass(frozen=True)
class Study:
    """A named selection of runs.

    Attributes:
        name: in params.yaml.
        runs: each once.
        references: the reference methods that stand beside them.
    """

    name: str
    runs: tuple[Run, ...]
    references: tuple[str, ...]

    @property
    def common_changes(self) -> list[str]:
        """Return the changes of the top level of params.yaml that all of its runs make."""
        first, *others = dict.fromkeys(run.changes for run in self.runs)
        return [change for change in first if all(change in changes for changes in others)]
