"""How far results of the same runs differ between two machines.

    python benchmarks/machines.py OTHER/results/runs.csv

prints, for each objective, the differences of `results/runs.csv` from another one on the training
images.
"""

import argparse

import pandas as pd

from moaplus.plan.references import REFERENCE_METHODS
from moaplus.plan.results import RESULTS


def differences(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Return per objective the median and largest difference of NMI, and of the loss in percent."""
    ours, theirs = (
        frame[(frame["split"] == "train") & ~frame["method"].isin(REFERENCE_METHODS)].set_index(
            "folder"
        )
        for frame in (ours, theirs)
    )
    assert set(ours.index) == set(theirs.index), "the two tables are not of the same runs"
    theirs = theirs.loc[ours.index]
    nmi = (ours["nmi"] - theirs["nmi"]).abs()
    loss = (ours["mixture_error"] / theirs["mixture_error"] - 1).abs() * 100
    return pd.DataFrame(
        [
            {
                "objective": f"`{objective}`",
                "runs": len(group),
                "NMI: median, largest difference": f"{nmi[group].median():.4f}, "
                f"{nmi[group].max():.3f}",
                "loss: median, largest difference": f"{loss[group].median():.1f} %, "
                f"{loss[group].max():.1f} %",
            }
            for objective, group in ours.groupby("method", sort=False).groups.items()
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other")
    other = pd.read_csv(parser.parse_args().other)
    print(differences(pd.read_csv(RESULTS / "runs.csv"), other).to_markdown(index=False))
