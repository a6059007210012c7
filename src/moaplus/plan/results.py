"""Paths of results: a folder for the default studies, and one for each study that is named."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from moaplus.plan.choices import names, names_with
from moaplus.plan.references import Reference
from moaplus.plan.runs import Run, Study
from moaplus.plan.studies import Plan, references_of
from moaplus.storage.files import one_of

BENCHMARKS = Path("logs/benchmarks")  # Snakemake's records of time and memory, not versioned
RESULTS = Path("results")
STUDIES = RESULTS / "studies"  # a folder for each study that a user names
FIGURES = RESULTS / "figures"
MULTIVERSE = RESULTS / "multiverse"
MULTIVERSE_PAGE = RESULTS / "multiverse.md"
METRICS = RESULTS / "metrics"
PROBES = RESULTS / "probes"
SIMULATION = RESULTS / "simulation.csv"
CLAIMS_PAGE = RESULTS / "claims.md"
CLAIMS_TABLE = RESULTS / "claims.csv"
OPENING = RESULTS / "opening.html"  # what the HTML report opens on
AUDIT = RESULTS / "audit.md"
AUDIT_TABLE = RESULTS / "audit.csv"  # its verdicts
GRADIENT_TIMES = BENCHMARKS / "gradients.csv"
REPORT_FIGURES = names("report/figures")
AUDIT_FIGURES = names("audit/figures")
PROBE_TABLES = [PROBES / f"{name}.csv" for name in names("audit/probes")]
PAGES = names("report/pages")  # studies with a page of their own
PICTURED = names_with("report/pages", "draw")  # those of them with a figure


@dataclass(frozen=True)
class Report:
    """A folder with the scores and the table of some studies, and the record of what made them."""

    folder: Path
    studies: tuple[Study, ...]

    @property
    def runs_table(self) -> Path:
        return self.folder / "runs.csv"

    @property
    def table(self) -> Path:
        return self.folder / "table.md"

    @property
    def metrics(self) -> list[Path]:
        """Return the headline figures for DVC, a file for each selection of the first study."""
        selections = dict.fromkeys(run.selection.name for run in self.studies[0].runs)
        return [METRICS / f"{name}.json" for name in selections]

    @property
    def pages(self) -> list[Path]:
        """Return the default results as the HTML report shows them; they are not versioned."""
        shown = [self.runs_table, self.table, CLAIMS_PAGE, AUDIT]
        return [OPENING, *(path.with_suffix(".html") for path in shown)]

    @property
    def environment(self) -> Path:
        """Return where it stands on what and by what the results were made."""
        return self.folder / "environment.json"

    @cached_property
    def runs(self) -> list[Run]:
        """Return the runs of its studies, each once."""
        return list({run.folder: run for study in self.studies for run in study.runs}.values())

    @property
    def references(self) -> list[Reference]:
        """Return the reference clusterings beside its runs."""
        return references_of(self.studies)

    @property
    def benchmarks(self) -> list[Path]:
        """Snakemake's records of time and memory of the jobs that train its runs."""
        return [BENCHMARKS / f"train/{run.folder}.tsv" for run in self.runs]

    @property
    def results(self) -> list[Path]:
        """Return all that the folder holds, except the record of what made it."""
        if self.folder == MULTIVERSE:
            curves = [path for paths in MULTIVERSE_CURVES.values() for path in paths]
            return [self.runs_table, MULTIVERSE_PAGE, *curves]
        results = [self.runs_table, self.table]
        if self.folder == RESULTS:
            return results + self.metrics + default_results()
        return results + (study_figure(self.folder.name) if self.folder.name in PICTURED else [])


def report_of(plan: Plan, folder: str | Path) -> Report:
    """Return the report in a folder: `results`, `results/studies/NAME` or `results/multiverse`.

    Raises:
        UserError: if there is no such study.
    """
    folder = Path(folder)
    if folder == MULTIVERSE:
        runs = tuple(run for protocol in plan.protocols for run in protocol.runs)
        return Report(folder, (Study("multiverse", runs, ()),))
    studies = plan.default
    if folder != RESULTS:
        allowed = {(STUDIES / name).as_posix(): name for name in plan.studies}
        one_of("folder of results", folder.as_posix(), [RESULTS.as_posix(), *allowed])
        studies = (allowed[folder.as_posix()],)
    return Report(folder, tuple(plan.studies[name] for name in studies))


def figure_files(figures: Iterable[str], folder: Path = FIGURES) -> list[Path]:
    """Return the files of figures, as PNG and SVG."""
    return [folder / f"{name}.{suffix}" for name in figures for suffix in ("png", "svg")]


RATIO_FIGURE = figure_files(["loss_ratio"])  # drawn with the claims
# The multiverse's specification curves, by the outcome that each shows.
MULTIVERSE_CURVES = {
    outcome: figure_files([outcome], MULTIVERSE) for outcome in ("difference", "ratio", "distance")
}


def study_figure(study: str) -> list[Path]:
    """Return the files of the figure of a study."""
    return figure_files([study], STUDIES / study)


def default_results() -> list[Path]:
    """Return the figures of the default studies, and what the audit measures and tells."""
    pages = [AUDIT, AUDIT_TABLE, CLAIMS_PAGE, CLAIMS_TABLE]
    figures = [*figure_files([*REPORT_FIGURES, *AUDIT_FIGURES]), *RATIO_FIGURE]
    return [SIMULATION, *pages, *PROBE_TABLES, *figures]
