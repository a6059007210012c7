"""From params.yaml to studies, runs and paths: the one place that knows them.

A run is one training. Its folder reads like its description, for example
`models/mnist-0+1/cae/M2/moa_plus/seed3`, so the folder alone says what to train.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

from moaplus.files import UserError
from moaplus.params import PARAMS, read_params

DATASETS = ("mnist", "fashion-mnist", "kmnist")
N_CLASSES = 10
SPLITS = ("train", "test")
REFERENCES = ("kmeans", "pca_gmm")

RAW = Path("data/raw")
RAW_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
SELECTED = Path("data/selected")
MODELS = Path("models")
BENCHMARKS = Path("benchmarks")  # Snakemake's records of time and memory, not versioned
RESULTS = Path("results")
RUNS_TABLE = RESULTS / "runs.csv"
TABLE = RESULTS / "table.md"
METRICS = RESULTS / "metrics.json"
SIMULATION = RESULTS / "simulation.csv"
PROBES = RESULTS / "probes"
PROBE_NAMES = ("identities", "bounds", "counterexamples", "gradients", "batches")
GRADIENT_TIMES = BENCHMARKS / "gradients.csv"
AUDIT = RESULTS / "audit.md"
ENVIRONMENT = RESULTS / "environment.json"
STUDIES = RESULTS / "studies"  # of the studies that a user names
FIGURES = RESULTS / "figures"
FIGURE_NAMES = ("reconstructions", "nmi", "loads", "clusters", "training", "objectives")
AUDIT_FIGURE_NAMES = ("bounds", "along_training", "moa_plus_objectives", "batches", "simulation")


# The modules that each step's result depends on. Descriptions of runs reach Snakemake as params.
_MODULES = {
    "fetch": ("fetch",),
    "select": ("datasets",),
    "train": (
        "images",
        "layers",
        "networks",
        "concentrations",
        "bounds",
        "objectives",
        "optimizer",
        "tensors",
        "history",
        "checkpoints",
        "machine",
        "training",
    ),
    "evaluate": (
        "images",
        "layers",
        "networks",
        "objectives",
        "tensors",
        "history",
        "training",
        "evaluation",
    ),
    "reference": ("images", "references"),
    "environment": ("environment", "machine"),
    "score": ("frames", "models", "scores", "report/runs"),
    "table": (
        "report/cells",
        "report/claims",
        "models",
        "report/paper",
        "report/studies",
        "report/tables",
    ),
    "figure": ("report/cells", "report/figures"),
    "simulate": ("concentrations", "frames", "simulation"),
    "probe": ("bounds", "concentrations", "frames", "probes"),
    "audit": (
        "scores",
        "report/cells",
        "report/claims",
        "report/audit/clustering",
        "report/audit/figures",
        "report/audit/page",
        "report/audit/section",
        "report/audit/theory",
        "report/audit/training",
    ),
}


def sources(step: str) -> list[str]:
    """The source files on which the result of a step of the workflow depends."""
    return [f"src/moaplus/{module}.py" for module in _MODULES[step]]


@functools.cache
def _train_digest() -> str:
    """SHA-256 of the sources that training imports, as they are imported."""
    package = Path(__file__).parent
    content = hashlib.sha256()
    for module in _MODULES["train"]:
        content.update((package / f"{module}.py").read_bytes())
    return content.hexdigest()


def raw_files(dataset: str) -> list[Path]:
    """Training images, training labels, test images and test labels of a data set.

    MNIST is kept as raw idx files, which each of its sources has; the others as their authors
    publish them, gzipped.
    """
    suffix = "" if dataset == "mnist" else ".gz"
    return [RAW / dataset / (name + suffix) for name in RAW_NAMES]


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


@dataclass(frozen=True)
class Training:
    """Training budget and guard: see the comments in params.yaml."""

    epochs: int
    batch_size: int
    learning_rate: float
    ridge: float
    precision: str


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
    variant: str = ""  # how a study's training differs from the top-level one

    @property
    def configuration(self) -> Path:
        """The folder that holds this run and its siblings of other seeds."""
        network = f"{self.network.architecture}{self.variant}"
        return MODELS / self.selection.name / network / f"M{self.experts}" / self.objective

    @property
    def folder(self) -> Path:
        """The run's folder: `model.safetensors`, `history.csv`, `concentrations.npz`, …."""
        return self.configuration / f"seed{self.seed}"

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
    def failure(self) -> Path:
        """Why the training failed, if it did; there only until it is tried again."""
        return self.folder / "failed.json"

    def failed(self) -> str | None:
        """Why this very training failed, if it did and has no model."""
        try:
            record = json.loads(self.failure.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if self.model.exists() or not isinstance(record, dict):
            return None
        reason = record.pop("reason", None)
        return reason if record == self.origin() else None

    @property
    def files(self) -> tuple[Path, Path, Path, Path]:
        """All that training and evaluation write."""
        return self.model, self.history, self.concentrations, self.samples

    @property
    def benchmark(self) -> Path:
        """Snakemake's record of the training's time and memory."""
        return BENCHMARKS / self.folder.relative_to(MODELS).with_suffix(".tsv")

    def settings(self) -> dict:
        """Everything that the model depends on, as plain values."""
        return {key: value for key, value in asdict(self).items() if key != "variant"}

    def origin(self) -> dict:
        """Settings, and a digest of the sources that train: what a model is known by."""
        return json.loads(json.dumps({"settings": self.settings(), "sources": _train_digest()}))


@dataclass(frozen=True)
class Reference:
    """Clusterings by scikit-learn of one selection into M clusters, for all seeds."""

    selection: Selection
    clusters: int
    seeds: tuple[int, ...]

    @property
    def path(self) -> Path:
        """npz of cluster numbers, uint8 (n,), under `{method}-seed{seed}-{split}`."""
        return MODELS / self.selection.name / "references" / f"M{self.clusters}" / "clusters.npz"


def references(runs: Iterable[Run]) -> list[Reference]:
    """The reference clusterings to set beside some runs: same images, clusters and seeds."""
    seeds: dict[tuple[Selection, int], set[int]] = {}
    for run in runs:
        seeds.setdefault((run.selection, run.experts), set()).add(run.seed)
    return [Reference(*key, tuple(sorted(value))) for key, value in seeds.items()]


@dataclass(frozen=True)
class Study:
    """A named selection of runs."""

    name: str
    runs: tuple[Run, ...]

    @property
    def table(self) -> Path:
        """The study's own table, for studies that are not run by default."""
        return STUDIES / f"{self.name}.md"

    @property
    def runs_table(self) -> Path:
        """The rows behind the study's own table."""
        return self.table.with_suffix(".csv")

    @property
    def environment(self) -> Path:
        """On what and by what the study's own table was made."""
        return self.table.with_suffix(".json")


def results() -> list[Path]:
    """The results of the default studies, but for the record of what made them."""
    figures = [
        FIGURES / f"{name}.{suffix}"
        for name in FIGURE_NAMES + AUDIT_FIGURE_NAMES
        for suffix in ("png", "svg")
    ]
    probes = [PROBES / f"{name}.csv" for name in PROBE_NAMES]
    return [RUNS_TABLE, TABLE, METRICS, SIMULATION, AUDIT, *probes, *figures]


@dataclass(frozen=True)
class Plan:
    """All that params.yaml asks for."""

    dataset: str
    studies: dict[str, Study]
    default: tuple[str, ...]
    checkpoint_every: int  # epochs
    failed: dict[str, str] = field(default_factory=dict)  # left out: folder -> why it failed

    def without_failed(self) -> "Plan":
        """The plan less the runs whose training failed."""
        reasons = {folder: run.failed() for folder, run in self.known_runs.items()}
        failed = {folder: reason for folder, reason in reasons.items() if reason}
        studies = {
            name: replace(study, runs=tuple(r for r in study.runs if str(r.folder) not in failed))
            for name, study in self.studies.items()
        }
        return replace(self, studies=studies, failed=failed)

    @cached_property
    def runs(self) -> dict[str, Run]:
        """The runs of the default studies, each once, by folder."""
        return {str(run.folder): run for name in self.default for run in self.studies[name].runs}

    @cached_property
    def known_runs(self) -> dict[str, Run]:
        """The runs of every study, by folder: what can be trained by hand."""
        return {str(run.folder): run for study in self.studies.values() for run in study.runs}

    @property
    def groups(self) -> list[list[Run]]:
        """The runs of every study in groups that differ only by seed and are wanted together."""
        groups: dict[tuple, list[Run]] = {}
        for folder, run in self.known_runs.items():
            wanted = [study.name for study in self.studies.values() if run in study.runs]
            key = (run.configuration, "default" if folder in self.runs else tuple(wanted))
            groups.setdefault(key, []).append(run)
        return [sorted(group, key=lambda run: run.seed) for group in groups.values()]

    @property
    def default_selections(self) -> set[Selection]:
        """The selections of the default studies."""
        return {run.selection for run in self.runs.values()}

    @cached_property
    def selections(self) -> dict[str, Selection]:
        """The selections of every study, by name."""
        return {run.selection.name: run.selection for run in self.known_runs.values()}

    @property
    def probed_runs(self) -> list[Run]:
        """A MoA+ run of each default selection and M, for what the audit measures on its gate."""
        runs = {}
        for run in self.runs.values():
            if run.objective == "moa_plus":
                runs.setdefault((run.selection, run.experts), run)
        return list(runs.values())

    def probed(self, probe: str) -> list[Path]:
        """The files that a probe of the audit reads."""
        return [run.concentrations for run in self.probed_runs] if probe == "batches" else []

    @cached_property
    def references(self) -> dict[str, Reference]:
        """The reference clusterings of every study, by path."""
        return {
            str(reference.path): reference for reference in references(self.known_runs.values())
        }

    def study(self, name: str) -> Study:
        """Return a study.

        Raises:
            UserError: if there is none of that name.
        """
        if name not in self.studies:
            raise UserError(f"{PARAMS}: no study {name!r}; allowed: {', '.join(self.studies)}")
        return self.studies[name]

    def run(self, folder: str | Path) -> Run:
        """Return the run that lives in `folder`.

        Raises:
            UserError: if no study has such a run.
        """
        try:
            return self.known_runs[str(Path(folder))]
        except KeyError:
            raise UserError(
                f"{folder}: no study in {PARAMS} has this run; `moaplus runs` lists them"
            ) from None


def load(path: Path = PARAMS) -> Plan:
    """Read and check params.yaml.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    params = read_params(path)
    studies = {name: _study(name, params, path) for name in params["studies"]}
    for name in params["default"]:
        if name not in studies:
            raise UserError(f"{path}: default: {name!r} is no study; allowed: {', '.join(studies)}")
    return Plan(
        params["dataset"], studies, tuple(params["default"]), int(params["checkpoint_every"])
    )


def _study(name: str, params: dict, path: Path) -> Study:
    study = params["studies"][name]
    changes = study.get("train", {})
    common, changed = _training(params["train"]), _training(params["train"] | changes)
    variant = "".join(
        f"-{key}={value}" for key, value in changes.items() if value != getattr(common, key)
    )
    constants = {name: params["objectives"].get(name, {}) for name in study["objectives"]}
    runs = tuple(
        Run(
            selection,
            network,
            int(experts),
            objective,
            constants[objective],
            int(seed),
            changed,
            variant,
        )
        for selection in _selections(study, params)
        for network in _networks(study, params)
        for experts in study["experts"]
        for objective in study["objectives"]
        for seed in study["seeds"]
    )
    for run in runs:
        if run.selection.images is not None and run.experts > run.selection.images:
            raise UserError(
                f"{path}: studies.{name}.experts: {run.experts} is more than the "
                f"{run.selection.images} images of {run.selection.name}; allowed: at most that many"
            )
    return Study(name, runs)


def _networks(study: dict, params: dict) -> Iterator[Network]:
    model = params["model"]
    c1, c2 = map(int, model["channels"])
    for architecture in study.get("architectures", [model["architecture"]]):
        yield Network(architecture, (c1, c2), int(model["latent"]))


def _selections(study: dict, params: dict) -> Iterator[Selection]:
    for wanted in study["selections"]:
        classes = range(N_CLASSES) if wanted["classes"] == "all" else wanted["classes"]
        images = None if wanted["images"] == "all" else int(wanted["images"])
        yield Selection(
            params["dataset"], tuple(sorted(map(int, classes))), images, int(params["subset_seed"])
        )


def _training(settings: dict) -> Training:
    """Settings with whole numbers written 8.0 as 8."""
    whole = {key: int(settings[key]) for key in ("epochs", "batch_size")}
    return Training(**(settings | whole))
