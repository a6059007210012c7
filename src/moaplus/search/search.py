"""The search: protocols by generations, each proposed from the records of those before it."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from statistics import median

from moaplus.plan.params import Params
from moaplus.plan.search import Candidate
from moaplus.provenance.records import save_entries
from moaplus.search.follow import follow
from moaplus.search.propose import propose
from moaplus.search.trial import Trial, nearest, recorded_options

GENERATION = 16  # protocols that are proposed together: so the number of cores changes nothing


def search(params: Params, threads: int) -> None:
    """Make the records that are not there yet: of all protocols, then of the nearest ones again.

    An interrupted search goes on from its records, with any number of threads to the same end.

    Raises:
        UserError: if a record is damaged or of another search, or images are missing.
    """
    with ProcessPoolExecutor(threads, get_context("spawn")) as pool:
        trials: list[Trial] = []
        while len(trials) < params.search.protocols:
            trials += _generation(params, trials, pool)
            done = {"protocols": len(trials), "of": params.search.protocols}
            print(json.dumps(done | {"nearest": min(t.distance for t in trials)}), flush=True)
        _train(nearest(trials), lambda candidate: candidate.fresh_seeds, pool)


def _generation(params: Params, trials: list[Trial], pool: ProcessPoolExecutor) -> list[Trial]:
    """Return the next protocols, trained: with one seed, those that are not far off with more.

    A protocol whose first seed is farther from the paper's table than the median of all first
    seeds is given up.
    """
    first = len(trials)
    numbers = range(first, min(first + GENERATION, params.search.protocols))
    known = [recorded_options(params, number) for number in numbers]
    if None in known:
        past = [(trial.candidate.options, trial.distance) for trial in trials]
        proposed = propose(params, past, len(numbers))
        known = [old or new for old, new in zip(known, proposed, strict=True)]
    pairs = zip(numbers, known, strict=True)
    generation = [Trial(Candidate(number, options, params)) for number, options in pairs]
    _train(generation, lambda candidate: candidate.seeds[:1], pool)
    limit = median(trial.first_distance for trial in [*trials, *generation])
    near = [trial for trial in generation if trial.first_distance <= limit]
    _train(near, lambda candidate: candidate.seeds, pool)
    return generation


def _train(
    trials: Iterable[Trial],
    seeds_of: Callable[[Candidate], list[int]],
    pool: ProcessPoolExecutor,
) -> None:
    """Make the records of some seeds of some protocols, where they are missing, and load them."""
    tasks = []
    for trial in trials:
        seeds = seeds_of(trial.candidate)
        trial.load(seeds)
        tasks += [
            pool.submit(_make_record, trial.candidate, seed)
            for seed in seeds
            if seed not in trial.entries
        ]
    try:
        for task in as_completed(tasks):
            task.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    for trial in trials:
        trial.load(seeds_of(trial.candidate))


def _make_record(candidate: Candidate, seed: int) -> None:
    entries = [follow(run) | {"options": candidate.options} for run in candidate.runs(seed)]
    save_entries(candidate.record(seed), entries)
