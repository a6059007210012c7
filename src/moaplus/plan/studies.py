"""From params.yaml to studies: which runs there are, and which of them are made by default."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import get_type_hints

from moaplus.plan.params import PARAMS, read_params
from moaplus.plan.references import Reference, references_of
from moaplus.plan.runs import MODELS, N_CLASSES, Network, Run, Selection, Training
from moaplus.storage.files import UserError, one_of

BATCH = 10  # runs, enough that the start of a process does not matter


@dataclass(frozen=True)
class Study:
    """A named selection of runs."""

    name: str
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Plan:
    """All that params.yaml asks for."""

    studies: dict[str, Study]
    default: tuple[str, ...]
    checkpoint_every: int  # epochs
    failed: dict[str, str] = field(default_factory=dict)  # left out: folder -> why it failed

    @cached_property
    def default_runs(self) -> dict[str, Run]:
        """The runs of the default studies, each once, by folder."""
        return {str(run.folder): run for name in self.default for run in self.studies[name].runs}

    @cached_property
    def all_runs(self) -> dict[str, Run]:
        """The runs of every study, each once, by folder."""
        return {str(run.folder): run for study in self.studies.values() for run in study.runs}

    @cached_property
    def batches(self) -> dict[str, tuple[Run, ...]]:
        """Runs that one process trains, at most `BATCH` of a configuration, by the batch's name.

        Every run is in one batch. Those of the default studies stand apart from those that only a
        study to be named has, as they are wanted apart.
        """
        wanted = [self.default_runs.values(), *(study.runs for study in self.studies.values())]
        groups: dict[tuple[int, Path], dict[str, Run]] = {}
        placed: set[str] = set()
        for number, runs in enumerate(wanted):
            for folder, run in ((str(run.folder), run) for run in runs):
                if folder not in placed:
                    placed.add(folder)
                    groups.setdefault((number, run.configuration), {})[folder] = run
        batches = {}
        for (_, configuration), group in groups.items():
            runs = sorted(group.values(), key=lambda run: run.seed)
            name = re.sub(r"\W", "_", configuration.relative_to(MODELS).as_posix())
            for first in range(0, len(runs), BATCH):
                batch = tuple(runs[first : first + BATCH])
                batches[f"{name}_seed{batch[0].seed}"] = batch
        return batches

    @cached_property
    def selections(self) -> dict[str, Selection]:
        """The selections of every study, by name."""
        return {run.selection.name: run.selection for run in self.all_runs.values()}

    @cached_property
    def references(self) -> dict[str, Reference]:
        """The reference clusterings of every study, by path."""
        return {
            str(reference.path): reference for reference in references_of(self.all_runs.values())
        }

    def how(self, run: Run) -> list[str]:
        """How a default run was trained, as far as default runs differ: architecture, changes."""
        several = len({other.network.architecture for other in self.default_runs.values()}) > 1
        return [*([run.network.architecture] if several else []), *run.changes]

    @property
    def probed_runs(self) -> list[Run]:
        """A MoA+ run of each default selection and M, for what the audit measures on its gate."""
        runs: dict[tuple[Selection, int], Run] = {}
        for run in self.default_runs.values():
            if run.objective == "moa_plus":
                runs.setdefault((run.selection, run.experts), run)
        return list(runs.values())

    def run(self, folder: str | Path) -> Run:
        """Return the run that lives in `folder`.

        Raises:
            UserError: if no study has such a run.
        """
        try:
            return self.all_runs[str(Path(folder))]
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
        try:
            one_of("study", name, studies)
        except UserError as error:
            raise UserError(f"{path}: default: {error}") from None
    return Plan(studies, tuple(params["default"]), int(params["checkpoint_every"]))


def _study(name: str, params: dict, path: Path) -> Study:
    study = params["studies"][name]
    model, train = (params[key] | study.get(key, {}) for key in ("model", "train"))
    training = _settings(Training, train)
    networks = [
        _settings(Network, model | {"architecture": architecture})
        for architecture in study.get("architectures", [model["architecture"]])
    ]
    changes = _changes(networks[0], _settings(Network, params["model"]))
    changes += _changes(training, _settings(Training, params["train"]))
    runs = tuple(
        Run(
            selection,
            network,
            int(experts),
            objective,
            params["objectives"].get(objective, {}),
            int(seed),
            training,
            changes,
        )
        for selection in _selections(study, params)
        for network in networks
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


def _selections(study: dict, params: dict) -> Iterator[Selection]:
    dataset = study.get("dataset", params["dataset"])
    for wanted in study["selections"]:
        classes = range(N_CLASSES) if wanted["classes"] == "all" else wanted["classes"]
        images = None if wanted["images"] == "all" else int(wanted["images"])
        yield Selection(
            dataset, tuple(sorted(map(int, classes))), images, int(params["subset_seed"])
        )


def _settings(kind: type, values: dict) -> Network | Training:
    """Settings with whole numbers written 8.0 as 8, and lists that can be compared."""

    def plain(key: str, value):
        if isinstance(value, list):
            return tuple(map(int, value))
        return int(value) if get_type_hints(kind)[key] is int else value

    return kind(**{key: plain(key, value) for key, value in values.items()})


def _changes(settings: Network | Training, common: Network | Training) -> tuple[str, ...]:
    """How settings differ from the common ones, as `key=value`; folders name architectures."""

    def words(value) -> str:
        return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)

    keys = (field.name for field in fields(settings) if field.name != "architecture")
    return tuple(
        f"{key}={words(getattr(settings, key))}"
        for key in keys
        if getattr(settings, key) != getattr(common, key)
    )
