"""A learning rate that stays as it is, as where a script says no more than `Adam(lr=…)`."""


def constant(update: int, updates: int, peak: float) -> float:
    """Learning rate of update 0, 1, …, updates - 1."""
    return peak
