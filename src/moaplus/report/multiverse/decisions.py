"""Which decision matters: rule 6 of docs/multiverse.md."""

import numpy as np
import pandas as pd

from moaplus.plan.multiverse import Protocol
from moaplus.plan.params import IMAGES, MultiverseBlock
from moaplus.plan.settings import format_value
from moaplus.report.multiverse.readings import distance
from moaplus.report.multiverse.surrogate import Surrogate

UNORDERED = {IMAGES, "architecture", "schedule"}
OUTCOMES = {
    "difference": "NMI, MoA+ minus MoA",
    "ratio": "log of loss, MoA+ over MoA",
    "distance": "log of the distance to the paper's table",
}


def measured(found: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes that are explained, for each protocol in which no training diverged."""
    return pd.DataFrame(
        {
            "difference": found["nmi_moa_plus"] - found["nmi_moa"],
            "ratio": np.log(found["loss_moa_plus"] / found["loss_moa"]),
            "distance": np.log(distance(found)),
        }
    ).dropna()


def surrogates(
    protocols: tuple[Protocol, ...], params: MultiverseBlock, found: pd.DataFrame
) -> dict[str, Surrogate]:
    """Fit a Gaussian process to each outcome."""
    counts = {name: len(options) for name, options in params.decisions.items()}
    values = measured(found)
    options = pd.DataFrame({protocol.number: protocol.options for protocol in protocols}).T
    options = options.loc[values.index]
    ordered = set(counts) - UNORDERED
    return {name: Surrogate(options, counts, ordered, values[name].to_numpy()) for name in OUTCOMES}


def format_option(params: MultiverseBlock, decision: str, option: int) -> str:
    """Return an option as params.yaml has it, in a word or two."""
    value = params.decisions[decision][option]
    if decision == IMAGES:
        classes = value.classes
        digits = classes if isinstance(classes, str) else format_value(classes)
        return f"{digits}, {value.images}"
    return format_value(value)


def sensitivities_table(fitted: dict[str, Surrogate]) -> list[dict]:
    """Return first-order Sobol' indices of surrogates: a row for each decision."""
    indices = {name: surrogate.sensitivities() for name, surrogate in fitted.items()}
    return [
        {"decision": decision}
        | {OUTCOMES[name]: f"{found[decision]:z.2f}" for name, found in indices.items()}
        for decision in next(iter(fitted.values())).counts
    ]


def accuracy_table(fitted: dict[str, Surrogate]) -> list[dict]:
    """Return R² on protocols held out of each surrogate: mean and range over repeats."""
    return [
        {
            "outcome": OUTCOMES[name],
            "R² on protocols held out": f"{found.mean():.2f}",
            "least": f"{found.min():.2f}",
            "largest": f"{found.max():.2f}",
        }
        for name, found in ((name, surrogate.accuracies) for name, surrogate in fitted.items())
    ]


def variance_table(by_seed: pd.DataFrame) -> list[dict]:
    """Return components of the variance of each outcome: between protocols, and between seeds.

    Searle, Casella and McCulloch 1992, "Variance components", section 3.5: by the mean squares of a
    one-way analysis of variance with as many seeds in each protocol.

    Args:
        by_seed: as of `measured`, by protocol and seed.
    """
    seeds = by_seed.groupby(level="protocol").size()
    whole = by_seed[
        by_seed.index.get_level_values("protocol").isin(seeds.index[seeds == max(seeds)])
    ]
    table = []
    for name, title in OUTCOMES.items():
        groups = whole[name].groupby(level="protocol")
        within = groups.var(ddof=1).mean()
        between = max(0.0, groups.mean().var(ddof=1) - within / max(seeds))
        table.append(
            {
                "outcome": title,
                "standard deviation between protocols": f"{between**0.5:.3f}",
                "between seeds": f"{within**0.5:.3f}",
                "share of variance between protocols": f"{between / (between + within):.2f}",
            }
        )
    return table


def effects_table(fitted: dict[str, Surrogate], params: MultiverseBlock) -> list[dict]:
    """Return main effects: a row for each option of each decision."""
    columns = {
        (name, decision): surrogate.effects(decision)["mean"]
        for name, surrogate in fitted.items()
        for decision in surrogate.counts
    }
    return [
        {"decision": decision, "option": format_option(params, decision, option)}
        | {OUTCOMES[name]: f"{columns[name, decision][option]:z.2f}" for name in fitted}
        for decision, count in next(iter(fitted.values())).counts.items()
        for option in range(count)
    ]
