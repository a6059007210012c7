"""A learning rate that rises to its peak and falls to almost zero."""

import math


def one_cycle(update: int, updates: int, peak: float) -> float:
    """Return the learning rate of update 0, 1, …, updates - 1.

    Smith and Topin 2017, "Super-Convergence".

    A cosine from peak/25 up to peak over the first 30 % of the updates, another down to 1/10,000
    of the start: the defaults of torch.optim.lr_scheduler.OneCycleLR.
    """
    start, turn, last = peak / 25, 0.3 * updates - 1, updates - 1
    if update <= turn:
        return _cosine(start, peak, update / turn)
    return _cosine(peak, start / 1e4, (update - turn) / (last - turn))


def _cosine(first: float, second: float, share: float) -> float:
    return second + (first - second) * (1 + math.cos(math.pi * share)) / 2
