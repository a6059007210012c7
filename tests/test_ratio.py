"""The ratio of the losses: the talk's band, the pairs, and the floor by linear codes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from workspace import ROOT

from moaplus.audit.probes.linear_codes import remainders
from moaplus.plan.studies import load
from moaplus.report.ratio import READINGS, band, ratios


def test_the_band_is_the_talks_ratio_with_its_rounding():
    low, high = band()
    assert low == pytest.approx(0.0075 / 0.0185)
    assert high == pytest.approx(0.0085 / 0.0175)
    assert low < 0.008 / 0.018 < high


def test_what_a_linear_code_leaves_is_what_pca_leaves():
    pixels = np.random.default_rng(0).normal(size=(50, 6)) * [5, 4, 3, 2, 1, 0]
    found = remainders(pixels)
    for components in range(1, 6):
        code = PCA(components).fit(pixels)
        left = pixels - code.inverse_transform(code.transform(pixels))
        assert found[components] == pytest.approx(np.mean(left**2))
    assert found[0] == pytest.approx(pixels.var(axis=0).mean())


def test_pairs_are_of_one_seed_and_without_failed_trainings(monkeypatch):
    monkeypatch.chdir(ROOT)
    runs = [run for run in load().studies["smoke"].runs if run.experts == 2]
    rows = pd.DataFrame(
        [
            {
                "folder": run.folder.as_posix(), "split": split, "seed": run.seed,
                "mixture_error": 0.01 * (1 + run.seed) * (2 if run.objective == "moa_plus" else 1),
                "routed_error": 0.02, "least_error": 0.01, "objective": 3.0,
                "mean_image_error": 0.03, "worst_error": None,
            }
            for run in runs
            for split in ("train", "test")
        ]
    )  # fmt: skip
    found = ratios(runs, rows)
    seeds = {run.seed for run in runs}
    sound = [seed for seed in seeds if 0.02 * (1 + seed) < 0.03]
    assert 0 < len(sound) == len(found) < len(seeds)
    assert found[READINGS[0]].tolist() == [2.0] * len(sound)
    assert len(READINGS) == 7
