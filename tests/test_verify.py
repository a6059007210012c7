"""Files that are not what they should be: a look leaves them, a real run makes them again."""

from pathlib import Path

import pytest
from workspace import RUNS, call, change_params, look, planned_jobs

MODEL = f"{RUNS}/M2/moa/seed0/model.safetensors"
TABLE = "results/table.md"


@pytest.fixture
def damaged(done) -> Path:
    """The finished workspace with half a table and half a model."""
    for name in (MODEL, TABLE):
        path = done / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return done


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, except what Snakemake keeps for itself."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and ".snakemake" not in path.parts
    }


@pytest.mark.parametrize("options", [("-n",), ("--summary",), ("--lint",), ("--report", "r.html")])
def test_nothing_is_changed_by_a_look(damaged, options):
    before = state(damaged)
    said = look(damaged, *options)
    after = state(damaged)
    if "--report" in options:
        after.pop("r.html")
    assert after == before
    if options == ("-n",):
        assert all(f"{name}: damaged" in said for name in (MODEL, TABLE))


def test_a_dry_run_says_what_is_made_again_and_a_real_run_makes_it(damaged, finished):
    assert planned_jobs(damaged, MODEL) == {"train": 1}
    said = call(damaged, "snakemake", "--cores", "2", MODEL)
    assert f"{MODEL}: damaged" in said
    assert (damaged / MODEL).read_bytes() == (finished / MODEL).read_bytes()
    assert planned_jobs(damaged, MODEL) == {}


def test_a_model_of_other_settings_waits_until_they_are_wanted_again(done):
    def set_ridge(ridge: float) -> int:
        change_params(done, lambda params: params["train"].update(ridge=ridge))
        return planned_jobs(done)["train"]

    before = state(done / "models")
    assert [set_ridge(ridge) for ridge in (0.0001, 0.001, 0.0001)] == [0, 8, 0]
    assert state(done / "models") == before
