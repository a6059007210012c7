"""A run and what it is made of: settings, and from them the paths of its files.

A run is one training. Its folder reads like its description, for example
`models/mnist-0+1/cae/M2/moa_plus/seed3`, so the folder alone says what to train.
"""

from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path, PurePath

N_CLASSES = 10
SPLITS = ("train", "test")
PARAMS = Path("params.yaml")
SELECTED = Path("data/selected")
MODELS = Path("models")
SCRATCH = Path("scratch")  # of runs whose models are not kept
RECORDS = Path("results/records")
APART = ("changes", "keep")  # of a run, on which its model does not depend
BENCHMARKS = Path("logs/benchmarks")  # Snakemake's records of time and memory, not versioned


@dataclass(frozen=True)
class Selection:
    """Which images of a data set a run sees: classes, and how many of their training images."""

    dataset: str
    classes: tuple[int, ...]
    images: int | None  # None: all
    subset_seed: int

    @property
    def name(self) -> str:
        """The selection in words, for example `mnist-0+1` or `mnist-all-n12665`."""
        everything = self.classes == tuple(range(N_CLASSES))
        classes = "all" if everything else "+".join(map(str, self.classes))
        subset = "" if self.images is None else f"-n{self.images}"
        seed = f"-subset{self.subset_seed}" if subset and self.subset_seed else ""
        return f"{self.dataset}-{classes}{subset}{seed}"

    @property
    def images_path(self) -> Path:
        """npz of `train` and `test` images, uint8 (n, 28, 28)."""
        return SELECTED / self.name / "images.npz"

    @property
    def labels_path(self) -> Path:
        """npz of `train` and `test` labels, uint8 (n,): read by evaluation, never by training."""
        return SELECTED / self.name / "labels.npz"


@dataclass(frozen=True)
class Network:
    """Architecture of the experts and the gate."""

    architecture: str
    channels: tuple[int, int]
    latent: int
    gate: str = "small"


@dataclass(frozen=True)
class Training:
    """Training budget and guard: see the comments in params.yaml."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    ridge: float
    weight_decay: float = 0
    views: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """One training: the same description gives the same model."""

    selection: Selection
    network: Network
    experts: int
    objective: str
    constants: dict[str, float] = field(hash=False)  # of the objective
    seed: int
    training: Training
    changes: tuple[str, ...] = ()  # what its study sets otherwise than params.yaml's top level
    keep: bool = True  # whether its model is kept, or its record alone

    @cached_property
    def protocol(self) -> PurePath:
        """Return all but objective and seed: `mnist-0+1/cae-latent=8/M2`."""
        network = "-".join([self.network.architecture, *self.changes])
        return PurePath(self.selection.name) / network / f"M{self.experts}"

    @cached_property
    def configuration(self) -> PurePath:
        """Return all but the seed: `mnist-0+1/cae-latent=8/M2/moa_plus`."""
        return self.protocol / self.objective

    @cached_property
    def folder(self) -> Path:
        """Return the run's folder: `model.safetensors`, `history.csv`, `concentrations.npz`, …."""
        return (MODELS if self.keep else SCRATCH) / self.configuration / f"seed{self.seed}"

    @property
    def record(self) -> Path:
        """Return where its record is: beside a model that is kept, or in git."""
        if self.keep:
            return self.folder / "record.json"
        return RECORDS / self.configuration / f"seed{self.seed}.json"

    @property
    def shared_record(self) -> Path:
        """Return the record in git that may hold all objectives of its protocol and seed."""
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
        """Where an interrupted training goes on; there only until the run is complete."""
        return self.folder / "checkpoint.safetensors"

    @property
    def files(self) -> tuple[Path, Path, Path, Path]:
        """All that training and evaluation write."""
        return self.model, self.history, self.concentrations, self.samples

    def settings(self) -> dict:
        """Everything that the model depends on, as plain values.

        A setting with a default is left out where it has that: what was made before there was such
        a setting still counts.
        """
        settings = {key: value for key, value in asdict(self).items() if key not in APART}
        for part in ("network", "training"):
            for each in fields(getattr(self, part)):
                if settings[part][each.name] == each.default:
                    del settings[part][each.name]
        return settings
