"""What is done, whenever Snakemake starts, to files that are not what they should be."""

from moaplus.provenance.distrust import distrust
from workspace import change_params

from moaplus.plan.studies import load
from moaplus.runs.training import train


def test_a_model_of_other_settings_is_dated_back_until_they_are_wanted_again(smoke_run, workspace):
    def set_ridge(ridge: float) -> None:
        change_params(workspace, lambda params: params["train"].update(ridge=ridge))
        for _ in range(2):  # the second time changes nothing
            assert distrust(load()) == []

    def mtime() -> int:
        return smoke_run.model.stat().st_mtime_ns

    train(smoke_run)
    before, ridge = mtime(), smoke_run.training.ridge
    set_ridge(ridge)
    assert mtime() == before
    set_ridge(2 * ridge)
    assert mtime() < min(path.stat().st_mtime_ns for path in workspace.rglob("*.py"))
    set_ridge(ridge)
    assert mtime() == before
