"""results/search.md: what the search found, from its records."""

import io
from collections.abc import Sequence

from ruamel.yaml import YAML

from moaplus.plan.params import FREE, Params
from moaplus.plan.runs import Run
from moaplus.plan.search import SEARCH, SEARCH_PAGE
from moaplus.plan.settings import setting_values
from moaplus.report.cells import markdown, share
from moaplus.report.claims import HOLDS, PAPER_FIGURES, format_verdict
from moaplus.report.quantities import QUANTITIES
from moaplus.report.titles import METHODS, format_differences, format_images
from moaplus.search.fresh import Fresh, fresh_of
from moaplus.search.judge import Stop, sound
from moaplus.search.trial import Trial, has_fresh_seeds, load_trials, nearest
from moaplus.storage.files import UserError, save_text

LISTED = 20
FOUND = "found"  # the study that trains a protocol again
NAMES = {"nmi": "NMI", "loss": "loss"}
HEADINGS = {f.key: f"{NAMES[f.quantity]}, {METHODS[f.method]}" for f in PAPER_FIGURES}


def write_search(params: Params) -> None:
    """Write the page.

    Raises:
        UserError: if there are no records, one is damaged or of another search, or the page cannot
            be written.
    """
    trials = load_trials(params)
    if not trials:
        raise UserError(f"{SEARCH}: no records; run `snakemake --cores all search`")
    best = nearest(trials)
    done = len(trials) == params.search.protocols and all(map(has_fresh_seeds, best))
    parts = [
        "# Is there a protocol with all four figures?",
        "Decisions, options and rules are in [docs/search.md](../docs/search.md), which was "
        "committed before any of these results existed.",
        *(_ended(params, trials, best) if done else [_unfinished(params, trials)]),
        "## The nearest that the search saw",
        "Means over the seeds of the search, at the epochs at which they are nearest to the talk's "
        "table. A protocol with one seed was given up. A search finds lucky runs too: what is said "
        "of the nearest ones is said of fresh seeds.",
        markdown([_listed(place, trial) for place, trial in enumerate(_ranked(trials), 1)]),
        "The least distance as protocols were tried:",
        markdown(_progress(trials)),
        "## Where trainings fail",
        "First seeds of all protocols, both models: trainings that diverged, or that have no epoch "
        "after pre-training at which they are better than the mean image.",
        markdown(_failures(trials)),
    ]
    save_text(SEARCH_PAGE, "\n\n".join(parts) + "\n")


def _unfinished(params: Params, trials: Sequence[Trial]) -> str:
    """Return that the search goes on, where it does."""
    return (
        f"**The search is not finished: {len(trials)} of {params.search.protocols} protocols.** "
        f"What it ends in is not known yet. {_spent(trials)}"
    )


def _ended(params: Params, trials: Sequence[Trial], best: Sequence[Trial]) -> list[str]:
    """Write in what the search ended, and what fresh seeds make of the nearest protocols."""
    again = sorted(map(fresh_of, best), key=lambda fresh: fresh.distance)
    parts = [
        answer(trials, again),
        _spent(trials),
        "## The nearest protocols, trained again",
        f"With {params.search.fresh_seeds} seeds that the search never saw, at the epochs that it "
        "chose: means with their 95 % intervals and the verdict on each by the rule in "
        "[table.md](table.md); in how many runs all four figures round to the talk's; and the "
        "distance of the means from its table.",
        markdown([_again(fresh) for fresh in again]),
        "How many runs round to each figure:",
        markdown([_single(fresh) for fresh in again]),
    ]
    if again:
        parts += [
            "## To train it yourself",
            f"The first of the protocols above, as a study: put it into `params.yaml` under "
            f"`studies`, then `snakemake --cores all {FOUND}`.",
            f"```yaml\n{study_text(again[0].trial)}```",
        ]
    return parts


def answer(trials: Sequence[Trial], again: Sequence[Fresh]) -> str:
    """Return the sentence in which the search ends: rule 6 of docs/search.md."""
    shown = [fresh for fresh in again if fresh.in_the_mean or fresh.at_once.count]
    if shown:
        words = "; ".join(f"{_describe(fresh.trial)} ({_how(fresh)})" for fresh in shown)
        return f"**All four figures come out under this protocol:** {words}."
    searched = f"a search of {len(trials)} protocols"
    if not again:
        return f"**{searched[0].upper()}{searched[1:]} found none that could be trained again.**"
    against = "; ".join(
        f"{HEADINGS[each.figure.key]}, is {each.cell} and not {each.figure.value}"
        for each in again[0].figures
        if each.verdict.word != HOLDS
    )
    return (
        f"**The nearest that {searched} found is** {_describe(again[0].trial)}; in none of its "
        f"{again[0].at_once.n} fresh runs do all four figures come out, and **this stands "
        f"against it:** {against}."
    )


def study_text(trial: Trial) -> str:
    """Return the study that trains a protocol with its fresh seeds, as params.yaml has it."""
    seeds = trial.candidate.fresh_seeds
    first, second = (_way(run, trial) for run in trial.candidate.runs(seeds[0]))
    selection, search = trial.candidate.selection, trial.candidate.params.search
    study = {
        "selections": [{"classes": list(selection.classes), "images": selection.images or "all"}],
        "experts": [search.experts],
        **first,
        "also": [second],
        "references": [],
        "seeds": {"first": seeds[0], "count": len(seeds)},
        "keep": "scores",
    }
    text = io.StringIO()
    YAML().dump({FOUND: study}, text)
    return text.getvalue()


def _way(run: Run, trial: Trial) -> dict:
    """Return how a model is trained, as a study has it: only what the top level has otherwise."""
    usual = trial.candidate.params.top_level
    ours = {"model": run.network, "train": run.training}
    theirs = {"model": usual.network, "train": usual.training}
    way: dict = {"objectives": [run.objective]}
    for part, values in ours.items():
        way[part] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in values
            if value != getattr(theirs[part], key)
        }
    way["train"]["epochs"] = trial.judgement.stops[run.objective].epoch
    return way


def _describe(trial: Trial) -> str:
    """Return a protocol in words: images, settings, epochs and loss."""
    candidate, stops = trial.candidate, trial.judgement.stops
    values = setting_values(candidate.settings.network, candidate.settings.training)
    settings = format_differences(values, candidate.params.top_level, without=FREE)
    epochs = " and ".join(f"{stop.epoch} of {METHODS[m]}" for m, stop in stops.items())
    return (
        f"number {candidate.number}, {format_images(candidate.selection)}, {', '.join(settings)}, "
        f"constant rate, epochs: {epochs}, loss of MoA+: {_loss(stops['moa_plus'])}"
    )


def _loss(stop: Stop) -> str:
    return QUANTITIES[stop.loss].heading


def _how(fresh: Fresh) -> str:
    ways = ["in the mean"] if fresh.in_the_mean else []
    if fresh.at_once.count:
        ways.append(f"in {fresh.at_once.count} of {fresh.at_once.n} runs")
    return " and ".join(ways)


def _spent(trials: Sequence[Trial]) -> str:
    entries = [entry for trial in trials for both in trial.entries.values() for entry in both]
    hours = sum(entry["seconds"] for entry in entries) / 3600
    whole = sum(trial.is_whole for trial in trials)
    return (
        f"{len(trials)} protocols were tried, {whole} of them with all their seeds; with the fresh "
        f"seeds that is {len(entries):,} trainings, which took {hours:.1f} hours of one core."
    )


def _again(fresh: Fresh) -> dict:
    return {
        "protocol": _describe(fresh.trial),
        **{
            HEADINGS[each.figure.key]: f"{each.cell}: {format_verdict(each.verdict)}"
            for each in fresh.figures
        },
        "all four at once": fresh.at_once,
        "distance": f"{fresh.distance:.2f}",
    }


def _single(fresh: Fresh) -> dict:
    return {"protocol": fresh.trial.candidate.number} | {
        f"{HEADINGS[each.figure.key]}: {each.figure.value}": share(each.shown)
        for each in fresh.figures
    }


def _ranked(trials: Sequence[Trial]) -> list[Trial]:
    sound = [trial for trial in trials if trial.judgement]
    return sorted(sound, key=lambda trial: trial.distance)[:LISTED]


def _listed(place: int, trial: Trial) -> dict:
    figures = {
        (model, quantity): value
        for model, stop in trial.judgement.stops.items()
        for quantity, value in zip(("nmi", "loss"), stop.figures, strict=True)
    }
    digits = {"nmi": 3, "loss": 4}
    return {
        "place": place,
        "protocol": _describe(trial),
        "seeds": len(trial.judged),
        **{
            HEADINGS[f.key]: f"{figures[f.method, f.quantity]:.{digits[f.quantity]}f}"
            for f in PAPER_FIGURES
        },
        "distance": f"{trial.distance:.3f}",
    }


def _progress(trials: Sequence[Trial]) -> list[dict]:
    """Return the least distance of the first protocols, and of whole ones among them."""
    steps = [*range(64, len(trials), 64), len(trials)]
    return [
        {
            "protocols": step,
            "least distance": f"{min(trial.distance for trial in trials[:step]):.3f}",
            "of those with all seeds": (
                f"{min((t.distance for t in trials[:step] if t.is_whole), default=2):.3f}"
            ),
        }
        for step in steps
    ]


def _failures(trials: Sequence[Trial]) -> list[dict]:
    """Return the share of failed trainings by optimizer (columns) and learning rate (rows)."""
    failed: dict[tuple[str, float], list[bool]] = {}
    for trial in trials:
        training = trial.candidate.settings.training
        cell = failed.setdefault((training.optimizer, training.learning_rate), [])
        cell += [bool(entry["failed"]) or not any(sound(entry)) for entry in trial.judged[0]]
    optimizers, rates = (sorted({key[part] for key in failed}) for part in (0, 1))
    return [
        {"learning rate": f"{rate:g}"}
        | {optimizer: share(failed.get((optimizer, rate), ())) for optimizer in optimizers}
        for rate in rates
    ]
