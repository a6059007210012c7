"""The quantities that tables show: columns of runs.csv, how they are called and written."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """A column of runs.csv.

    Attributes:
        column: its name there.
        heading: what tables call it.
        digits: after the point.
        in_studies: whether the table of every study shows it.
        range: what it can be; an interval ends there.
        constant: whether it is the same for all seeds, so that it has no interval.
    """

    column: str
    heading: str
    digits: int
    in_studies: bool = False
    range: tuple[float, float] = (0, 1)
    constant: bool = False


POSITIVE, ANY = (0, math.inf), (-math.inf, math.inf)
QUANTITIES = {
    quantity.column: quantity
    for quantity in (
        Quantity("nmi", "NMI", 3, in_studies=True),
        Quantity("nmi_ceiling", "NMI ceiling", 3, in_studies=True, constant=True),
        Quantity("nmi_geometric", "NMI, geometric mean", 3),
        Quantity("nmi_min", "NMI, smaller entropy", 3),
        Quantity("nmi_max", "NMI, larger entropy", 3),
        Quantity("nmi_by_error", "NMI by error", 3),
        Quantity("least_error", "least loss", 4, range=POSITIVE),
        Quantity("acc", "ACC", 3, in_studies=True),
        Quantity("ari", "ARI", 3, range=(-0.5, 1)),
        Quantity("mixture_error", "mixed loss", 4, in_studies=True, range=POSITIVE),
        Quantity("routed_error", "routed loss", 4, in_studies=True, range=POSITIVE),
        Quantity("noise_error", "loss on noise", 4, in_studies=True, range=POSITIVE),
        Quantity("dominance", "dominance", 2),
        Quantity("load_entropy", "load entropy", 2, in_studies=True),
        Quantity("objective", "training loss", 4, range=ANY),
    )
}
LOSSES = ("mixture_error", "routed_error")  # what the paper's "loss" may mean
