"""What may be named in params.yaml, read from the package's own folders.

An objective, an architecture, a figure or a probe is a file; its name is the file's. Nothing is
imported here, so that planning needs no torch.
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def names(folder: str) -> list[str]:
    """Names of the files of one of the package's folders, such as `mixture/objectives`."""
    paths = (PACKAGE / folder).glob("*.py")
    return sorted(path.stem for path in paths if path.stem != "__init__")


def constants(objective: str) -> set[str]:
    """The constants of an objective: what its function takes beside the outcome."""
    source = (PACKAGE / "mixture/objectives" / f"{objective}.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == objective:
            return {argument.arg for argument in node.args.args[1:]}
    raise LookupError(f"mixture/objectives/{objective}.py defines no function {objective}")
