"""What may be named in params.yaml, read from the package's own folders.

An objective, an architecture, a figure or a probe is a file; its name is the file's. Nothing is
imported here, so that planning needs no torch.
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
PAPER_MODELS = ("moa", "moa_plus")  # the two that the paper compares


def names(folder: str) -> list[str]:
    """Names of the files of one of the package's folders, such as `mixture/objectives`."""
    paths = (PACKAGE / folder).glob("*.py")
    return sorted(path.stem for path in paths if path.stem != "__init__")


def names_with(folder: str, function: str) -> list[str]:
    """Names of those files of a folder that define a function of this name."""
    return [name for name in names(folder) if function in _functions(folder, name)]


def constants(objective: str) -> set[str]:
    """The constants of an objective: what its function takes beside the outcome."""
    function = _functions("mixture/objectives", objective).get(objective)
    if function is None:
        raise LookupError(f"mixture/objectives/{objective}.py defines no function {objective}")
    return {argument.arg for argument in function.args.args[1:]}


def _functions(folder: str, name: str) -> dict[str, ast.FunctionDef]:
    source = (PACKAGE / folder / f"{name}.py").read_text(encoding="utf-8")
    found = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return {node.name: node for node in found}
