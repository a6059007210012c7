"""What makes a result: the settings and the sources on which it depends, and the machine.

Sources are found by the imports of the module that makes a result, followed to the end. They are
read from the sources, those inside functions too, so none is listed anywhere. An `__init__.py` is
never among them, as it holds no more than its docstring and names.
"""

import ast
import functools
import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from moaplus.plan.runs import Run

PACKAGE = Path(__file__).parents[1]
CLI = PACKAGE / "cli.py"


def origin_of(run: Run) -> dict:
    """Return a run's settings and the digest of the sources that train it, as JSON has them.

    What the plan's sources say of a training stands in the settings.
    """
    sources = digest("moaplus.runs.training", *run.modules, without="plan")
    return {"settings": settings_of(run), "sources": sources}


def settings_of(run: Run) -> dict:
    """Return a run's settings as JSON has them."""
    return json.loads(json.dumps(run.settings()))


def history_digest(content: bytes) -> str:
    """Return what a model's header says of its history."""
    return hashlib.sha256(content).hexdigest()


def processor() -> str:
    """Return the processor's name; on Linux with family and model, as two may share a name."""
    facts: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or platform.processor() or platform.machine()
    return ", ".join([name, *(f"{k} {facts[k]}" for k in ("cpu family", "model") if k in facts)])


def step_digest(step: str, *chosen: str, without: str = "") -> str:
    """Return the digest of the sources on which a step of the workflow depends.

    A step is a command of `cli.py`: what its function imports makes the result. The arguments
    after it are modules that the step loads by name.
    """
    return digest(*_commands()[f"_{step}"], *chosen, without=without)


@functools.cache
def digest(*modules: str, without: str = "") -> str:
    """Return the SHA-256 of the sources that some modules import, themselves included.

    Args:
        modules: by their full names.
        without: a package of ours whose sources are left out.
    """
    content = hashlib.sha256()
    for path in _closure(*modules):
        if without and path.is_relative_to(PACKAGE / without):
            continue
        content.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return content.hexdigest()


@functools.cache
def _closure(*modules: str) -> list[Path]:
    """Return the files of these modules of ours, and of all that they import."""
    found: set[Path] = set()
    left = list(modules)
    while left:
        path = _file(left.pop())
        if path and path not in found:
            found.add(path)
            left += _imports(path)
    return sorted(found)


def _file(module: str) -> Path | None:
    """Return the file of a module of ours; None of other modules and of packages."""
    package, *parts = module.split(".")
    path = PACKAGE.joinpath(*parts).with_suffix(".py")
    return path if package == PACKAGE.name and parts and path.exists() else None


@functools.cache
def _commands() -> dict[str, list[str]]:
    """Return what the functions of `cli.py` import, by their names."""
    functions = (node for node in _tree(CLI).body if isinstance(node, ast.FunctionDef))
    return {function.name: list(_imported(function)) for function in functions}


@functools.cache
def _imports(path: Path) -> list[str]:
    return list(_imported(_tree(path)))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a source imports: modules, and what may be one in a package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
