"""The project as one file for an archive such as Zenodo, with an RO-Crate that describes it."""

import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from importlib.metadata import metadata
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

from rocrate.model.contextentity import ContextEntity
from rocrate.model.person import Person
from rocrate.rocrate import ROCrate
from ruamel.yaml import YAML

from moaplus.plan.results import Report
from moaplus.plan.runs import PARAMS
from moaplus.storage.files import UserError, whole_file

PROFILES = {  # of Workflow Run RO-Crate (Leo et al. 2024), beside that of a workflow
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
}
WORKFLOW = "Snakefile"


def write_archive(report: Report, path: Path) -> None:
    """Write a zip of what git has at HEAD, the report's models where they are, and the metadata.

    The metadata, `ro-crate-metadata.json`, name workflow, parameters, results, and one run.

    Args:
        report: whose results and models are meant.
        path: of the zip.

    Raises:
        UserError: if this is no git repository, something is not committed, a result is missing,
            or the zip cannot be written.
    """
    if changed := _git("status", "--porcelain").decode().split():
        raise UserError(f"{changed[1]}: not committed; commit it or remove it first")
    if missing := [result for result in report.results if not result.exists()]:
        raise UserError(f"{missing[0]}: missing; run `make reproduce` first")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(_git("archive", "HEAD"))) as committed:
            committed.extractall(folder, filter="data")
        for file in (file for run in report.runs for file in (*run.files, run.record)):
            if file.exists():
                copy = Path(folder) / file
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
        crate = ROCrate(folder, init=True)
        _describe(crate, report)
        with whole_file(path) as temporary:
            crate.write_zip(temporary)


def _describe(crate: ROCrate, report: Report) -> None:
    """Write who, what, by which license, and the run that made the results."""
    package = metadata("moaplus")
    cited = YAML(typ="safe").load(Path("CITATION.cff").read_text(encoding="utf-8"))
    crate.name, crate.description = cited["title"], package["Summary"]
    crate.license = f"https://spdx.org/licenses/{cited['license']}"
    made = datetime.fromtimestamp(int(_git("log", "-1", "--format=%ct")), UTC)
    crate.datePublished = made
    crate.root_dataset["version"] = package["Version"]
    crate.creator = [
        crate.add(Person(crate, f"#author{number}", {"name": author["name"]}))
        for number, author in enumerate(cited["authors"])
    ]
    workflow = crate.add_workflow(WORKFLOW, WORKFLOW, main=True, lang="snakemake")
    for profile, name in PROFILES.items():
        properties = {"@type": ["CreativeWork", "Profile"], "name": name}
        crate.root_dataset.append_to(
            "conformsTo", crate.add(ContextEntity(crate, profile, properties))
        )
    files = {unquote(entity.id): entity for entity in crate.data_entities}
    action = crate.add_action(
        workflow,
        object=[files[PARAMS.as_posix()]],
        result=[files[path.as_posix()] for path in report.results],
        properties={
            "name": "make reproduce",
            "description": f"what made each result: {report.environment}",
            "endTime": made.isoformat(),
        },
    )
    crate.root_dataset["mentions"] = [action]


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(f"{Path.cwd()}: no git repository; an archive is made of one") from error
