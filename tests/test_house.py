"""The house: floors, no circles, docstrings, and that what is named by a file is complete."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from workspace import ROOT, look

from moaplus.plan.choices import names
from moaplus.plan.references import REFERENCE_METHODS
from moaplus.report.titles import METHODS

PACKAGE = ROOT / "src/moaplus"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
TOOLS = sorted(path for folder in ("benchmarks", "tests") for path in (ROOT / folder).glob("*.py"))
# From the top floor to the ground, where two stand side by side.
FLOORS = (
    "search",
    "audit",
    "report",
    "runs",
    "provenance",
    "data",
    "plan",
    "clusterer",
    "mixture",
    "theory",
    "storage",
)
# All that these may import. The first four are the library, which knows no pipeline.
APART = {
    "clusterer": {"mixture", "theory", "storage"},
    "mixture": {"theory"},
    "theory": set(),
    "storage": set(),
}


def package(module: str) -> str:
    """Return the package of a module of ours, such as `plan` of `moaplus.plan.runs`."""
    return module.split(".")[1]


def imports(path: Path, types: bool = True) -> set[str]:
    """Modules that a source imports, inside functions too; for type checkers alone, or not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not types:
        tree.body = [node for node in tree.body if not is_for_types(node)]
    nodes = list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in nodes)
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}


def is_for_types(node: ast.stmt) -> bool:
    """Tell whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_downward_only(floor):
    below = APART.get(floor, set(FLOORS[FLOORS.index(floor) + 1 :])) | {floor}
    paths = sorted((PACKAGE / floor).rglob("*.py"))
    assert paths
    for path in paths:
        ours = {module for module in imports(path) if module.startswith("moaplus")}
        assert {package(module) for module in ours} <= below, path


def test_every_package_has_a_floor_and_says_in_one_sentence_what_lives_there():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(FLOORS)
    for path in PACKAGE.glob("*/**/__init__.py"):
        (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
        sentence = docstring.value.value
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
    folders = {path.parent for path in SOURCES}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_report_and_audit_import_no_torch():
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in SOURCES
        if path.relative_to(PACKAGE).parts[0] in ("report", "audit")
    ]
    check = f"import sys, {', '.join(modules)}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_no_module_imports_itself_by_way_of_others():
    ours = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in SOURCES}
    paths = {module: PACKAGE.parent / f"{module.replace('.', '/')}.py" for module in ours}
    graph = {module: imports(path, types=False) & ours for module, path in paths.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


# A docstring says what a function does: "Return the loads", not "Of each expert the load".
NO_VERBS = {
    "A", "All", "An", "And", "As", "At", "By", "Each", "Every", "For", "From", "How", "If", "In",
    "It", "Its", "No", "Of", "On", "One", "That", "The", "These", "This", "To", "What", "When",
    "Where", "Whether", "Which", "Who", "Why", "With",
}  # fmt: skip


def docstrings(path: Path) -> dict[str, str]:
    """Return the docstrings of a source's functions but tests, by file and line.

    That of a property or a fixture is a noun.
    """
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = [
        node
        for node in nodes
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("test_")
        and not any(re.search("property|fixture", ast.unparse(d)) for d in node.decorator_list)
    ]
    texts = {f"{path.relative_to(ROOT)}:{f.lineno}": ast.get_docstring(f) for f in functions}
    return {place: text for place, text in texts.items() if text}


def test_docstrings_of_functions_begin_with_a_verb():
    found = {place: text for path in SOURCES + TOOLS for place, text in docstrings(path).items()}
    first = {place: re.match(r"\W*(\w*)", text)[1] for place, text in found.items()}
    wrong = {place for place, word in first.items() if word in NO_VERBS or not word.istitle()}
    assert not wrong, f"{len(wrong)} docstrings: " + ", ".join(sorted(wrong))


def test_everything_that_is_chosen_by_name_is_complete():
    assert set(METHODS) == {*names("mixture/objectives"), *REFERENCE_METHODS}
    assert METHODS["of_a_user"] == "of_a_user"
    for folder, function in (
        ("mixture/objectives", None),  # as the file
        ("report/figures", "draw"),
        ("audit/figures", "draw"),
        ("audit/probes", "measure"),
    ):
        assert names(folder)
        for name in names(folder):
            tree = ast.parse((PACKAGE / folder / f"{name}.py").read_text(encoding="utf-8"))
            functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert (function or name) in functions, (folder, name)
    captions = (ROOT / "workflow/report/figure.rst").read_text(encoding="utf-8")
    assert all(f'"{name}"' in captions for name in names("report/figures"))


def test_the_default_run_is_a_dag_of_few_rules(finished):
    rules = re.findall(r'label = "(\w+)"', look(finished, "--rulegraph"))
    assert len(set(rules)) <= 14
