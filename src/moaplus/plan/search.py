"""The search for the paper's table: its decisions, and the runs of a protocol that it proposes.

Beside its options a protocol of the search has an image selection out of those that its option of
`images` names, such as one pair of digits. How many epochs each model trains is no decision: every
training is followed epoch by epoch (docs/search.md).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.params import IMAGES, Params, SearchBlock
from moaplus.plan.runs import Run, Selection
from moaplus.plan.settings import Settings
from moaplus.storage.files import UserError

SEARCH = Path("results/search")  # a folder for each protocol, a record in it for each seed
SEARCH_PAGE = Path("results/search.md")
SELECTION = "selection"  # which of the selections that an option of `images` names
SEEDS, FRESH = 20_000, 30_000  # from these on; in no study and not in the multiverse


@dataclass(frozen=True)
class Candidate:
    """A protocol that the search proposes.

    Attributes:
        number: in the order of proposals.
        options: decision -> number of the option in params.yaml, and `selection`.
        params: of which the options are.
    """

    number: int
    options: dict[str, int]
    params: Params

    @property
    def folder(self) -> Path:
        """Return the folder of its records."""
        return SEARCH / f"{self.number:04}"

    def record(self, seed: int) -> Path:
        """Return the record of both models at a seed."""
        return self.folder / f"seed{seed}.json"

    @property
    def seeds(self) -> list[int]:
        """Return the seeds by which the search judges it."""
        count = self.params.search.seeds
        return list(range(SEEDS + count * self.number, SEEDS + count * (self.number + 1)))

    @property
    def fresh_seeds(self) -> list[int]:
        """Return the seeds that judge the best ones again."""
        return list(range(FRESH, FRESH + self.params.search.fresh_seeds))

    def runs(self, seed: int) -> tuple[Run, Run]:
        """Return the runs of MoA and MoA+: from the same first weights, on the same batches."""
        search = self.params.search
        runs = (
            self.params.run(self.selection, self.settings, search.experts, model, seed, keep=False)
            for model in PAPER_MODELS
        )
        return tuple(runs)

    @cached_property
    def selection(self) -> Selection:
        """Return its images."""
        choices = selections_of(self.params)[self.options[IMAGES]]
        return choices[self.options[SELECTION] % len(choices)]

    @cached_property
    def settings(self) -> Settings:
        """Return how it trains: at a constant rate, so that each epoch is an end of its own."""
        decisions = self.params.search.decisions
        chosen = {key: few[self.options[key]] for key, few in decisions.items() if key != IMAGES}
        fixed = {"epochs": self.params.search.epochs, "schedule": "constant"}
        return self.params.top_level.changed(chosen | fixed)


def selections_of(params: Params) -> list[list[Selection]]:
    """Return the selections that each option of the decision `images` names."""
    dataset, subset_seed = params.dataset, params.subset_seed
    return [few.selections(dataset, subset_seed) for few in params.search.decisions[IMAGES]]


def check_search(params: Params) -> None:
    """See that every protocol that the search may propose can be trained.

    Raises:
        UserError: if an option cannot be trained, or there are more seeds than `SEEDS` leaves.
    """
    search: SearchBlock | None = params.search
    if search is None:
        return
    params.check_decisions("search")
    most = (FRESH - SEEDS) // search.seeds
    if search.protocols > most:
        raise UserError(
            f"search.protocols: {search.protocols} of {search.seeds} seeds would use seeds of "
            f"those that are trained again; allowed: at most {most:,}"
        )
