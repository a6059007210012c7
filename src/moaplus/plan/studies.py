"""From params.yaml to studies: which runs there are, and which of them are made by default."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from moaplus.plan.multiverse import Protocol, check_multiverse, draw
from moaplus.plan.needs import check_needs
from moaplus.plan.params import PARAMS, Params, WayBlock, read_params
from moaplus.plan.references import Reference
from moaplus.plan.runs import Run, Selection, Study
from moaplus.plan.search import check_search, selections_of
from moaplus.plan.settings import Settings, grid
from moaplus.storage.files import UserError, one_of


@dataclass(frozen=True)
class Plan:
    """All that params.yaml asks for.

    Attributes:
        studies: by name.
        default: the names of those that are run by default.
        params: as read; the multiverse is drawn from them when it is asked for.
    """

    studies: dict[str, Study]
    default: tuple[str, ...]
    params: Params

    @property
    def settings(self) -> Settings:
        """Return the settings of params.yaml's top level."""
        return self.params.top_level

    @property
    def checkpoint_every(self) -> int:
        """Return the epochs from one checkpoint to the next."""
        return self.params.checkpoint_every

    @cached_property
    def default_runs(self) -> dict[str, Run]:
        """Return the runs of the default studies, each once, by folder."""
        return {str(run.folder): run for name in self.default for run in self.studies[name].runs}

    @cached_property
    def all_runs(self) -> dict[str, Run]:
        """Return the runs of every study and of the multiverse, each once, by folder."""
        runs = (run for protocol in self.protocols for run in protocol.runs)
        return self.study_runs | {str(run.folder): run for run in runs}

    @cached_property
    def study_runs(self) -> dict[str, Run]:
        """Return the runs of every study, each once, by folder."""
        return {str(run.folder): run for study in self.studies.values() for run in study.runs}

    @cached_property
    def protocols(self) -> tuple[Protocol, ...]:
        """Return the protocols of the multiverse; none where params.yaml has none."""
        return draw(self.params) if self.params.multiverse else ()

    @cached_property
    def selections(self) -> dict[str, Selection]:
        """Return the selections of every study, the multiverse and the search, by name."""
        found = [run.selection for run in self.all_runs.values()]
        return {selection.name: selection for selection in [*found, *self.searched]}

    @cached_property
    def searched(self) -> list[Selection]:
        """Return the selections among which the search chooses; none where there is no search."""
        few = selections_of(self.params) if self.params.search else []
        return list(dict.fromkeys(selection for option in few for selection in option))

    @cached_property
    def references(self) -> dict[str, Reference]:
        """Return the reference clusterings of every study, by path."""
        found = references_of(self.studies.values())
        return {str(reference.path): reference for reference in found}

    def named(self, *names: str) -> list[Study]:
        """Return those of some studies that params.yaml has."""
        return [self.studies[name] for name in names if name in self.studies]

    @property
    def scored(self) -> list[Study]:
        """Return the studies that keep scores alone: their records need nothing else."""
        return [study for study in self.studies.values() if not any(r.keep for r in study.runs)]

    @property
    def probed_runs(self) -> list[Run]:
        """Return a MoA+ run of each default selection and M, for what the audit measures."""
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
        folder = str(Path(folder))
        try:
            return (self.study_runs if folder in self.study_runs else self.all_runs)[folder]
        except KeyError:
            raise UserError(
                f"{folder}: no study in {PARAMS} has this run; `moaplus runs` lists them"
            ) from None

    def recorded_run(self, path: str | Path) -> Run:
        """Return the run whose record lies at `path`.

        Raises:
            UserError: if no study and no protocol has it.
        """
        path = str(Path(path))
        try:
            return (self._study_records if path in self._study_records else self._records)[path]
        except KeyError:
            raise UserError(
                f"{path}: no study or protocol in {PARAMS} has this record; one lies in the folder "
                "of its run, or is results/records/SELECTION/NETWORK/M2/OBJECTIVE/seed0.json"
            ) from None

    @cached_property
    def _study_records(self) -> dict[str, Run]:
        return {str(run.record): run for run in self.study_runs.values()}

    @cached_property
    def _records(self) -> dict[str, Run]:
        return {str(run.record): run for run in self.all_runs.values()}


def references_of(studies: Iterable[Study]) -> list[Reference]:
    """Return the reference clusterings of some studies: same images, clusters and seeds."""
    wanted: dict[tuple[Selection, str], set[tuple[int, int]]] = {}
    for study in studies:
        asked = dict.fromkeys((run.selection, run.experts, run.seed) for run in study.runs)
        for (selection, experts, seed), method in product(asked, study.references):
            wanted.setdefault((selection, method), set()).add((experts, seed))
    return [Reference(*key, tuple(sorted(value))) for key, value in wanted.items()]


def load(path: Path = PARAMS) -> Plan:
    """Read and check params.yaml.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    params = read_params(path)
    try:
        check_multiverse(params)
        check_search(params)
        studies = {name: _study(name, params) for name in params.studies}
        _check_default(params)
        check_needs(studies, params.default)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return Plan(studies, params.default, params)


def _study(name: str, params: Params) -> Study:
    study = params.studies[name]
    dataset, seeds = study.dataset or params.dataset, study.seed_list
    runs = tuple(
        params.run(images, how, experts, objective, seed, study.keep == "models")
        for wanted in study.selections
        for images in wanted.selections(dataset, params.subset_seed)
        for key, way in _ways(f"studies.{name}", study)
        for how in _settings(key, way, params)
        for experts in _experts(name, images, wanted.experts or study.experts)
        for objective in way.objectives
        for seed in seeds
    )
    return Study(name, runs, study.references)


def _ways(key: str, study: WayBlock) -> Iterator[tuple[str, WayBlock]]:
    """Yield the ways in which a study trains, each with its key."""
    yield key, study
    for number, way in enumerate(study.also):
        yield f"{key}.also[{number}]", way


def _settings(key: str, way: WayBlock, params: Params) -> list[Settings]:
    """Return what a way to train changes: once, or for each combination that it varies."""
    try:
        common = params.named_settings(way.settings) | way.model | way.train
    except UserError as error:
        raise UserError(f"{key}.settings: {error}") from None
    try:
        return [params.top_level.changed(common | options) for options in grid(way.vary)]
    except UserError as error:
        raise UserError(f"{key}.{error}") from None


def _experts(name: str, images: Selection, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of experts, if there are images for them."""
    if images.images is not None and max(wanted) > images.images:
        raise UserError(
            f"studies.{name}.experts: {max(wanted)} is more than the {images.images} images of "
            f"{images.name}; allowed: at most that many"
        )
    return wanted


def _check_default(params: Params) -> None:
    """See that the default studies are there and keep their models, and check the top level."""
    params.top_level.changed({})
    for name in params.default:
        try:
            one_of("study", name, params.studies)
        except UserError as error:
            raise UserError(f"default: {error}") from None
        if params.studies[name].keep == "scores":
            raise UserError(
                f"default: {name} keeps scores alone; allowed: studies that keep models"
            )
