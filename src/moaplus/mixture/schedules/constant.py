"""A constant learning rate, as in a script that says no more than `Adam(lr=…)`."""


def constant(update: int, updates: int, peak: float) -> float:
    """Return the learning rate of update 0, 1, …, updates - 1."""
    return peak
