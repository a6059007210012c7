"""Files that are damaged or stale are found, and nothing is touched to find them."""

import json
import os
from pathlib import Path

import pytest
from workspace import RUNS, call, change_params, look, planned_jobs

from moaplus.plan.studies import load
from moaplus.provenance.verify import FileFacts, check_writable, find_faults, find_record
from moaplus.runs.evaluation import evaluate
from moaplus.runs.scoring import score
from moaplus.runs.training import train
from moaplus.storage.files import UserError


@pytest.fixture
def trained(smoke_run):
    train(smoke_run)
    evaluate(smoke_run)
    score(smoke_run)
    return smoke_run


def faults() -> dict[str, str]:
    """Kinds of faults by file, by all facts anew and by those kept from the last time."""
    facts = FileFacts()
    found, again = ({str(f.path): f.kind for f in find_faults(load(), facts)} for _ in range(2))
    facts.save()
    kept = {str(f.path): f.kind for f in find_faults(load(), FileFacts())}
    assert found == again == kept
    return found


def state() -> dict[Path, tuple]:
    """Names, times and sizes of all that is there, except of what keeps the facts."""
    paths = [path for path in Path().rglob("*") if ".snakemake" not in path.parts]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}


def test_whole_files_have_no_fault(trained):
    before = state()
    assert faults() == {}
    assert state() == before


@pytest.mark.parametrize("name", ["model", "history", "concentrations", "samples", "record"])
def test_a_flipped_bit_is_a_fault_even_if_size_and_time_stay(trained, name):
    assert faults() == {}
    path = getattr(trained, name)
    content, before = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    state_before = state()
    assert faults() == {str(path): "damaged"}
    assert state() == state_before


def test_damaged_images_and_labels_are_faults(trained):
    for path in (trained.selection.images_path, trained.selection.labels_path):
        path.write_bytes(path.read_bytes()[:-9])
    found = faults()
    assert set(found.values()) == {"damaged"}
    assert len(found) == 2


def test_a_model_of_other_settings_is_stale_until_they_are_wanted_again(trained, workspace):
    def set_ridge(ridge: float) -> None:
        change_params(workspace, lambda params: params["train"].update(ridge=ridge))

    ridge = trained.training.ridge
    set_ridge(2 * ridge)
    before = state()
    assert faults() == {str(trained.model): "stale", str(trained.record): "stale"}
    assert state() == before
    set_ridge(ridge)
    assert faults() == {}


def test_a_record_is_found_beside_its_model_or_in_git_and_not_if_of_other_settings(
    trained, workspace
):
    facts = FileFacts()
    assert find_record(trained, facts) == trained.record
    content = json.loads(trained.record.read_text(encoding="utf-8"))
    (other,) = (r for r in load().all_runs.values() if r.record == trained.record)
    assert find_record(other, facts) == trained.record
    content["runs"][0]["settings"]["seed"] = 9
    trained.record.write_text(json.dumps(content), encoding="utf-8")
    assert find_record(trained, facts) is None  # its content is not what was written
    trained.record.unlink()
    assert find_record(trained, facts) is None


def test_facts_that_cannot_be_read_are_made_again(trained):
    assert faults() == {}
    cache = Path(".snakemake/moaplus-files.json")
    for content in ("", "[1]", "{", '{"a": 1}'):
        cache.write_text(content, encoding="utf-8")
        assert faults() == {}


def test_a_folder_that_cannot_be_written_is_named(trained, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: str(path) != "models")
    with pytest.raises(UserError, match="models: read-only; make it writable"):
        check_writable()


MODEL = f"{RUNS}/M2/moa/seed0/model.safetensors"
TABLE = "results/table.md"


@pytest.fixture
def damaged(done, monkeypatch) -> Path:
    """The finished workspace with half a table and half a model; the test runs inside it."""
    monkeypatch.chdir(done)
    for path in (Path(MODEL), Path(TABLE)):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return done


@pytest.mark.parametrize("options", [("-n",), ("--summary",), ("--lint",), ("--report", "r.html")])
def test_snakemake_changes_nothing_where_it_only_looks(damaged, options):
    before = state()
    said = look(damaged, *options)
    Path("r.html").unlink(missing_ok=True)
    assert state() == before
    if options == ("-n",):
        assert all(f"{name}: damaged" in said for name in (MODEL, TABLE))


def test_a_dry_run_plans_what_a_real_run_makes_again(damaged, finished):
    assert planned_jobs(damaged, MODEL) == {"train": 1}
    said = call(damaged, "snakemake", "--cores", "2", MODEL)
    assert f"{MODEL}: damaged" in said
    assert Path(MODEL).read_bytes() == (finished / MODEL).read_bytes()
    assert planned_jobs(damaged, MODEL) == {}


def test_models_of_other_settings_wait_until_they_are_wanted_again(done, monkeypatch):
    monkeypatch.chdir(done / "models")

    def set_ridge(ridge: float) -> int:
        change_params(done, lambda params: params["train"].update(ridge=ridge))
        return planned_jobs(done)["train"]

    before = state()
    assert [set_ridge(ridge) for ridge in (0.0001, 0.001, 0.0001)] == [0, 8, 0]
    assert state() == before
