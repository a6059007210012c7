"""What figures call images and settings: words, never names of files or keys."""

import pytest
from workspace import ROOT

from moaplus.plan.studies import load
from moaplus.report.labels import label_of, labels
from moaplus.report.rows import read_runs


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("batch_size=1024", "batches of 1,024"),
        ("epochs=200", "200 epochs"),
        ("channels=4+8", "4, 8 channels"),
        ("schedule=one_cycle", "schedule: one cycle"),
        ("learning_rate=0.004", "learning rate 0.004"),
        ("unet", "unet"),
    ],
)
def test_a_setting_in_words(setting, words):
    assert label_of("digits 0 and 1", "M = 2", setting) == f"digits 0 and 1, M = 2, {words}"


@pytest.mark.parametrize("study", ["", "studies/architectures", "studies/rates", "studies/fashion"])
def test_no_label_of_the_results_is_a_name_of_a_file_or_a_key(study):
    runs = read_runs(ROOT / "results" / study / "runs.csv")
    found = labels(runs, load(ROOT / "params.yaml"))
    assert len(found) == len(runs)
    assert not found.str.contains(r"[=_]|mnist-[\da]").any()
    assert found.nunique() >= runs.groupby(["selection", "variant"]).ngroups
