"""A protocol of the search with its records: what is known of it so far."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from moaplus.plan.params import Params
from moaplus.plan.search import SEARCH, Candidate
from moaplus.provenance.origin import settings_of
from moaplus.provenance.records import load_entries
from moaplus.search.judge import FARTHEST, Judgement, judge
from moaplus.storage.files import UserError

Entries = list[dict]  # of MoA and MoA+ at a seed


@dataclass
class Trial:
    """A protocol and the entries of its records by seed."""

    candidate: Candidate
    entries: dict[int, Entries] = field(default_factory=dict)

    def load(self, seeds: Iterable[int]) -> None:
        """Load the records of some seeds, where they are.

        Raises:
            UserError: as `load_models`.
        """
        for seed in seeds:
            if found := load_models(self.candidate, seed):
                self.entries[seed] = found

    @property
    def judged(self) -> list[Entries]:
        """Return the entries by which the search judges it."""
        return [self.entries[seed] for seed in self.candidate.seeds if seed in self.entries]

    @property
    def is_whole(self) -> bool:
        """Tell whether all of its seeds were trained."""
        return len(self.judged) == len(self.candidate.seeds)

    @cached_property
    def judgement(self) -> Judgement | None:
        """Return how near it comes to the paper's table; None if a model fails throughout."""
        return judge(self.judged)

    @property
    def distance(self) -> float:
        """Return how far it is from the paper's table."""
        return self.judgement.distance if self.judgement else FARTHEST

    @cached_property
    def first_distance(self) -> float:
        """Return the distance by its first seed alone, which decides whether others follow."""
        first = judge(self.judged[:1])
        return first.distance if first else FARTHEST


def load_trials(params: Params) -> list[Trial]:
    """Load the protocols of a search, as far as it is, with their fresh seeds where they have them.

    Raises:
        UserError: if one is damaged or of another search.
    """
    trials = []
    for number in range(params.search.protocols):
        options = recorded_options(params, number)
        if options is None:
            break
        trial = Trial(Candidate(number, options, params))
        trial.load([*trial.candidate.seeds, *trial.candidate.fresh_seeds])
        trials.append(trial)
    return trials


def nearest(trials: Iterable[Trial]) -> list[Trial]:
    """Return the protocols that are trained again: the nearest of those with all their seeds."""
    sound = [trial for trial in trials if trial.is_whole and trial.judgement]
    ranked = sorted(sound, key=lambda trial: trial.distance)
    return ranked[: ranked[0].candidate.params.search.nearest] if ranked else []


def has_fresh_seeds(trial: Trial) -> bool:
    """Tell whether a protocol was trained again with all of its fresh seeds."""
    return all(seed in trial.entries for seed in trial.candidate.fresh_seeds)


def recorded_options(params: Params, number: int) -> dict[str, int] | None:
    """Return the options of a protocol from the record of its first seed; None if there is none.

    Raises:
        UserError: if it is damaged.
    """
    candidate = Candidate(number, {}, params)
    entries = load_entries(candidate.record(candidate.seeds[0]))
    return entries[0]["options"] if entries else None


def load_models(candidate: Candidate, seed: int) -> Entries | None:
    """Load the record of a protocol and seed; None if there is none.

    Raises:
        UserError: if it is damaged, or of another search.
    """
    path = candidate.record(seed)
    entries = load_entries(path)
    try:
        wanted = [settings_of(run) for run in candidate.runs(seed)]
    except LookupError:  # an option that params.yaml does not have
        wanted = []
    if entries and [entry["settings"] for entry in entries] != wanted:
        raise UserError(
            f"{path}: of another search than that of params.yaml; move {SEARCH} away to begin anew"
        )
    return entries or None
