"""All protocols at once: a joint test, and what hangs on a single option.

The rules are those of docs/verdicts.md, section "The multiverse, with seeds".
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import permutation_test

from moaplus.plan.multiverse import Protocol
from moaplus.plan.params import MultiverseBlock
from moaplus.report.cells import Share, share
from moaplus.report.multiverse.decisions import OUTCOMES, format_option, measured
from moaplus.report.multiverse.readings import CLAIMS

EXCHANGES = 10_000
# Each is 0 in the mean if the labels mean nothing.
STATISTICS: dict[str, Callable[..., np.ndarray]] = {
    "median": np.median,
    "protocols above 0": lambda values, axis: np.sign(values).sum(axis=axis),
}


def joint_table(found: pd.DataFrame, lost: pd.Series) -> list[dict]:
    """Return a joint test of each difference between the two models over all protocols.

    Args:
        found: as of `outcomes`.
        lost: the protocols in which a model failed, which the last column leaves out.
    """
    values = measured(found)
    sound = values[~lost[values.index]]
    table = []
    for name in ("difference", "ratio"):
        every, fewer = values[name].to_numpy(), sound[name].to_numpy()
        shown = (f"{np.median(every):.3g}", f"{(every > 0).sum()} of {len(every)}")
        for (statistic, compute), value in zip(STATISTICS.items(), shown, strict=True):
            table.append(
                {
                    "difference": OUTCOMES[name],
                    "statistic": statistic,
                    "value": value,
                    "p": _format(exchange_p(every, compute)),
                    "p without failed trainings": (
                        _format(exchange_p(fewer, compute)) if len(fewer) > 1 else None
                    ),
                }
            )
    return table


def exchange_p(values: np.ndarray, statistic: Callable[..., np.ndarray]) -> float:
    """Compute the two-sided p-value of a statistic if both models' labels can be exchanged.

    Simonsohn, Simmons and Nelson 2020, "Specification curve analysis". To exchange them in a
    protocol turns the sign of its difference.

    Args:
        values: the difference in each protocol, (n,).
        statistic: of values along an axis.
    """
    test = permutation_test(
        (values,),
        statistic,
        permutation_type="samples",
        n_resamples=EXCHANGES,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


def left_out_table(
    protocols: tuple[Protocol, ...], params: MultiverseBlock, claims: pd.DataFrame
) -> list[dict]:
    """Return for each claim the least and the largest share where one option is left out.

    Args:
        protocols: of the multiverse.
        params: the block `multiverse` of params.yaml.
        claims: whether each holds, a row for each protocol by number.
    """
    shares = {
        f"{decision}: {format_option(params, decision, option)}": claims.loc[
            [p.number for p in protocols if p.options[decision] != option]
        ]
        for decision, options in params.decisions.items()
        for option in range(len(options))
    }
    table = []
    for claim, title in CLAIMS.items():
        found = {name: share(part[claim]) for name, part in shares.items() if len(part)}
        least, most = (pick(found, key=lambda name: _mean(found[name])) for pick in (min, max))
        table.append(
            {
                "claim": title,
                "all protocols": share(claims[claim]),
                "least share": found[least],
                "where this is left out": least,
                "largest share": found[most],
                "where that is left out": most,
            }
        )
    return table


def _mean(found: Share) -> float:
    return found.count / found.n


def _format(p: float) -> str:
    least = 2 / (1 + EXCHANGES)  # that so many exchanges can give
    return f"{p:.2g}" if p > least else f"< {1.01 * least:.1g}"
