"""What the search tries next: Optuna's tree-structured Parzen estimator."""

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from moaplus.plan.params import IMAGES, Params
from moaplus.plan.search import SELECTION, selections_of

RANDOM = 64  # protocols before the estimator has its say


def propose(params: Params, tried: list[tuple[dict[str, int], float]], count: int) -> list[dict]:
    """Return options of the next protocols; the same for the same past.

    Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", in its multivariate form.

    Args:
        params: with the search.
        tried: options of each protocol so far, and its distance from the paper's table.
        count: how many to propose at once.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = _distributions(params)
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=RANDOM,
        multivariate=True,
        constant_liar=True,
        seed=params.search.seed + len(tried),
    )
    study = optuna.create_study(sampler=sampler)
    for options, distance in tried:
        study.add_trial(
            optuna.create_trial(params=options, distributions=distributions, value=distance)
        )
    return [study.ask(distributions).params for _ in range(count)]


def _distributions(params: Params) -> dict[str, BaseDistribution]:
    """Return the space of options: in order where they are numbers, else each by itself."""
    found: dict[str, BaseDistribution] = {}
    for key, options in params.search.decisions.items():
        ordered = key != IMAGES and not any(isinstance(option, str) for option in options)
        number = len(options)
        found[key] = (
            IntDistribution(0, number - 1) if ordered else CategoricalDistribution(range(number))
        )
    most = max(map(len, selections_of(params)))
    return found | {SELECTION: CategoricalDistribution(range(most))}
