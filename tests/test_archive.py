"""The archive: what git has, models, and metadata that describe them; nothing that is not there."""

import json
import subprocess
import zipfile
from urllib.parse import unquote

import pytest
from workspace import ROOT, call

from moaplus.plan.results import RESULTS, report_of
from moaplus.plan.studies import load
from moaplus.provenance.archive import write_archive
from moaplus.storage.files import UserError


@pytest.fixture
def committed(done, monkeypatch):
    """A finished workspace, all of it but models and data committed."""
    monkeypatch.chdir(done)
    for name in ("CITATION.cff", ".gitignore"):
        (done / name).write_bytes((ROOT / name).read_bytes())
    call(done, "git", "init", "--quiet")
    call(done, "git", "add", "--all")
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    call(done, "git", *author, "commit", "--quiet", "--message", "All")
    return report_of(load(), RESULTS)


def test_an_archive_has_all_that_its_metadata_name(committed, tmp_path):
    path = tmp_path / "archive.zip"
    write_archive(committed, path)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        described = json.loads(archive.read("ro-crate-metadata.json"))["@graph"]
        table = archive.read("results/table.md")
    assert table == committed.table.read_bytes()
    entities = {unquote(entity["@id"]): entity for entity in described}
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout
    assert set(listed.split()) <= names
    assert {file.as_posix() for run in committed.runs for file in run.files} <= names
    files = {
        name for name, entity in entities.items() if "File" in entity["@type"] and ":" not in name
    }
    assert names - {"ro-crate-metadata.json"} == files
    root = entities["./"]
    assert root["license"] and root["name"] and root["datePublished"]
    assert root["mainEntity"] == {"@id": "Snakefile"}
    (action,) = (entity for entity in described if entity["@type"] == "CreateAction")
    assert action["instrument"] == {"@id": "Snakefile"}
    results = {unquote(each["@id"]) for each in action["result"]}
    assert results == {path.as_posix() for path in committed.results}
    assert root["mentions"] == [{"@id": action["@id"]}]
    assert {each["@id"].rpartition("/")[0] for each in root["conformsTo"]} >= {
        "https://w3id.org/ro/wfrun/process",
        "https://w3id.org/ro/wfrun/workflow",
    }


def test_what_is_not_committed_or_not_there_is_refused(committed, tmp_path):
    committed.table.write_text("other\n")
    with pytest.raises(UserError, match=r"results/table\.md: not committed"):
        write_archive(committed, tmp_path / "archive.zip")
    assert not (tmp_path / "archive.zip").exists()


def test_a_folder_without_git_is_refused(tmp_path, committed, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="no git repository"):
        write_archive(committed, tmp_path / "archive.zip")
