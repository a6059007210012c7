"""Names that params.yaml may hold, read from the package's own folders.

An objective, an architecture, a figure or a probe is a file; its name is the file's. Nothing is
imported here, so that planning needs no torch.
"""

import ast
import functools
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
PAPER_MODELS = ("moa", "moa_plus")  # the two that the paper compares


def names(folder: str) -> list[str]:
    """Return the names of the files of a folder of the package, such as `mixture/objectives`."""
    paths = (PACKAGE / folder).glob("*.py")
    return sorted(path.stem for path in paths if path.stem != "__init__")


def names_with(folder: str, function: str) -> list[str]:
    """Return the names of those files of a folder that define a function of this name."""
    return [name for name in names(folder) if function in _functions(folder, name)]


def views(gate: str) -> tuple[str, ...]:
    """Return the deformations that views of a gate may have; none of one that sees no views."""
    return literal("mixture/gates", gate, "VIEWS") or ()


def literal(folder: str, name: str, constant: str) -> Any:
    """Return a constant of a file that is written out there; None if the file has no such one."""
    assigned = _defined(folder, name).get(constant)
    return ast.literal_eval(assigned.value) if isinstance(assigned, ast.Assign) else None


def constants(objective: str) -> set[str]:
    """Return the constants of an objective: what its function takes beside the outcome."""
    function = _functions("mixture/objectives", objective).get(objective)
    if function is None:
        raise LookupError(f"mixture/objectives/{objective}.py defines no function {objective}")
    return {argument.arg for argument in function.args.args[1:]}


def _functions(folder: str, name: str) -> dict[str, ast.FunctionDef]:
    defined = _defined(folder, name).items()
    return {name: node for name, node in defined if isinstance(node, ast.FunctionDef)}


@functools.cache
def _defined(folder: str, name: str) -> dict[str, ast.stmt]:
    """Return what a file defines and assigns at its top level, by name."""
    tree = ast.parse((PACKAGE / folder / f"{name}.py").read_text(encoding="utf-8"))
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return found
