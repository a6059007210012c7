"""What figures call images and settings: words, never names of files or keys."""

import pytest
from workspace import ROOT

from moaplus.plan.studies import load
from moaplus.report.runs_table import read_runs
from moaplus.report.titles import format_setting, label_rows, label_run


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("batch_size", 1024, "batches of 1,024"),
        ("epochs", 200.0, "200 epochs"),
        ("channels", [4, 8], "4, 8 channels"),
        ("channels", "4+8", "4, 8 channels"),
        ("schedule", "one_cycle", "schedule: one cycle"),
        ("learning_rate", 0.004, "learning rate 0.004"),
        ("architecture", "unet", "experts: unet"),
    ],
)
def test_a_setting_in_words(name, value, words):
    assert format_setting(name, value) == words


def test_a_run_is_called_by_what_it_has_otherwise_than_the_top_level():
    plan = load(ROOT / "params.yaml")
    (run,) = plan.studies["batch_1024"].runs[:1]
    assert label_run(run, plan, "M = 2") == "digits 0 and 1, M = 2, batches of 1,024"


@pytest.mark.parametrize("study", ["", "studies/architectures", "studies/rates", "studies/fashion"])
def test_no_label_of_the_results_is_a_name_of_a_file_or_a_key(study):
    runs = read_runs(ROOT / "results" / study / "runs.csv")
    found = label_rows(runs, load(ROOT / "params.yaml"))
    assert len(found) == len(runs)
    assert not found.str.contains(r"[=_]|mnist-[\da]").any()
    assert found.nunique() >= runs.groupby(["selection", "variant"]).ngroups
