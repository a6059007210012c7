"""From params.yaml to studies: which runs there are, and which of them are made by default."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path

from moaplus.plan.multiverse import Protocol, check_multiverse, draw
from moaplus.plan.params import PARAMS, read_params
from moaplus.plan.references import USUAL_REFERENCES, Reference
from moaplus.plan.runs import Run, Selection
from moaplus.plan.settings import Settings, grid, make_run, selections, settings
from moaplus.storage.files import UserError, one_of


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
        """What all of its runs set otherwise than the top level of params.yaml."""
        first, *others = (run.changes for run in self.runs)
        return [change for change in first if all(change in changes for changes in others)]


@dataclass(frozen=True)
class Plan:
    """All that params.yaml asks for."""

    studies: dict[str, Study]
    default: tuple[str, ...]
    settings: Settings  # of the top level
    params: dict  # as read, from which the multiverse is drawn when it is asked for
    checkpoint_every: int  # epochs

    @cached_property
    def default_runs(self) -> dict[str, Run]:
        """The runs of the default studies, each once, by folder."""
        return {str(run.folder): run for name in self.default for run in self.studies[name].runs}

    @cached_property
    def all_runs(self) -> dict[str, Run]:
        """The runs of every study and of the multiverse, each once, by folder."""
        runs = (run for protocol in self.protocols for run in protocol.runs)
        return self.study_runs | {str(run.folder): run for run in runs}

    @cached_property
    def study_runs(self) -> dict[str, Run]:
        """The runs of every study, each once, by folder."""
        return {str(run.folder): run for study in self.studies.values() for run in study.runs}

    @cached_property
    def protocols(self) -> tuple[Protocol, ...]:
        """The protocols of the multiverse; none where params.yaml has none."""
        return draw(self.params) if "multiverse" in self.params else ()

    @cached_property
    def selections(self) -> dict[str, Selection]:
        """The selections of every study, by name."""
        return {run.selection.name: run.selection for run in self.all_runs.values()}

    @cached_property
    def references(self) -> dict[str, Reference]:
        """The reference clusterings of every study, by path."""
        found = references_of(self.studies.values())
        return {str(reference.path): reference for reference in found}

    def how(self, run: Run) -> list[str]:
        """How a default run was trained, as far as default runs differ: architecture, changes."""
        several = len({other.network.architecture for other in self.default_runs.values()}) > 1
        return [*([run.network.architecture] if several else []), *run.changes]

    def without(self, folders: Collection[str]) -> "Plan":
        """Return the plan without some runs, named by their folders."""

        def left(study: Study) -> Study:
            runs = tuple(run for run in study.runs if str(run.folder) not in folders)
            return replace(study, runs=runs)

        return replace(self, studies={name: left(study) for name, study in self.studies.items()})

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
            known = self.study_runs if str(Path(folder)) in self.study_runs else self.all_runs
            return known[str(Path(folder))]
        except KeyError:
            raise UserError(
                f"{folder}: no study in {PARAMS} has this run; `moaplus runs` lists them"
            ) from None

    def recorded_run(self, path: str | Path) -> Run:
        """Return the run whose record is at `path`.

        Raises:
            UserError: if no study and no protocol has it.
        """
        try:
            return self._recorded[Path(path).as_posix()]
        except KeyError:
            raise UserError(
                f"{path}: no study or protocol in {PARAMS} has this record; one is named by its "
                "run: results/records/SELECTION/NETWORK/M2/moa_plus/seed0.json"
            ) from None

    @cached_property
    def _recorded(self) -> dict[str, Run]:
        return {run.record.as_posix(): run for run in self.all_runs.values()}


def references_of(studies: Iterable[Study]) -> list[Reference]:
    """The reference clusterings to set beside some studies: same images, clusters and seeds."""
    wanted: dict[tuple[Selection, str], set[tuple[int, int]]] = {}
    for study in studies:
        for run, method in product(study.runs, study.references):
            wanted.setdefault((run.selection, method), set()).add((run.experts, run.seed))
    return [Reference(*key, tuple(sorted(value))) for key, value in wanted.items()]


def load(path: Path = PARAMS) -> Plan:
    """Read and check params.yaml.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    params = read_params(path)
    check_multiverse(params, path)
    studies = {name: _study(name, params, path) for name in params["studies"]}
    for name in params["default"]:
        try:
            one_of("study", name, studies)
        except UserError as error:
            raise UserError(f"{path}: default: {error}") from None
        if not studies[name].runs[0].keep:
            raise UserError(
                f"{path}: default: {name} keeps scores alone; allowed: studies that keep models"
            )
    return Plan(
        studies,
        tuple(params["default"]),
        settings(params, {}),
        params,
        int(params["checkpoint_every"]),
    )


def _study(name: str, params: dict, path: Path) -> Study:
    study = params["studies"][name]
    dataset = study.get("dataset", params["dataset"])
    keep = study.get("keep") != "scores"
    runs = [
        make_run(params, images, each, experts, objective, seed, keep)
        for wanted in study["selections"]
        for images in selections(wanted, dataset, params)
        for way in (study, *study.get("also", []))
        for each in _settings(way, params)
        for experts in wanted.get("experts", study["experts"])
        for objective in way["objectives"]
        for seed in _seeds(study["seeds"])
    ]
    for run in runs:
        if run.selection.images is not None and run.experts > run.selection.images:
            raise UserError(
                f"{path}: studies.{name}.experts: {run.experts} is more than the "
                f"{run.selection.images} images of {run.selection.name}; allowed: at most that many"
            )
    return Study(name, tuple(runs), tuple(study.get("references", USUAL_REFERENCES)))


def _settings(way: dict, params: dict) -> list[Settings]:
    """What a study, or one of the other ways in which it trains, changes: once, or for a grid."""
    common = way.get("model", {}) | way.get("train", {})
    return [settings(params, common | options) for options in grid(way.get("vary", {}))]


def _seeds(wanted: list | dict) -> list[int]:
    """Seeds one by one, or the first of them and how many."""
    if isinstance(wanted, dict):
        return [int(wanted["first"]) + number for number in range(int(wanted["count"]))]
    return list(map(int, wanted))
