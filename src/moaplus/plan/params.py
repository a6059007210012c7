"""Reading params.yaml, and what is said of a wrong one."""

import math
from collections.abc import Iterator
from pathlib import Path

import jsonschema
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from moaplus.plan.choices import PACKAGE, constants, names, views
from moaplus.plan.datasets import DATASETS
from moaplus.plan.rules_in_words import what_is_wrong
from moaplus.plan.runs import PARAMS
from moaplus.storage.files import UserError

SCHEMA = PACKAGE.parents[1] / "workflow" / "schemas" / "params.schema.yaml"
LONGEST = 200  # characters of a value that a message repeats
MOST = 100_000  # values, counted as often as aliases repeat them


def read_params(path: Path = PARAMS) -> dict:
    """Read params.yaml and check it against its schema.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    params = _read(path)
    rules = schema()
    validator = jsonschema.Draft202012Validator(rules)
    error = jsonschema.exceptions.best_match(validator.iter_errors(params))
    if error is not None:
        key = error.json_path.removeprefix("$").removeprefix(".") or "(top level)"
        raise UserError(f"{path}: {_line(key)}: {_line(what_is_wrong(error, rules['$defs']))}")
    _check_constants(params, path)
    return params


def schema() -> dict:
    """The schema of params.yaml, with the names of all that may be chosen and varied."""
    read = YAML(typ="safe").load(SCHEMA.read_text(encoding="utf-8"))
    for kind, allowed in (
        ("objective", names("mixture/objectives")),
        ("architecture", names("mixture/architectures")),
        ("gate", names("mixture/gates")),
        ("schedule", names("mixture/schedules")),
        ("view", sorted({view for gate in names("mixture/gates") for view in views(gate)})),
        ("reference", names("runs/references")),
        ("dataset", list(DATASETS)),
    ):
        read["$defs"][kind]["enum"] = allowed
    options = {
        key: {"type": "array", "items": rule, "minItems": 2, "uniqueItems": True}
        for part in ("model", "train")
        for key, rule in read["$defs"][part]["properties"].items()
    }
    read["$defs"]["options"]["properties"] = options
    read["properties"]["multiverse"]["properties"]["decisions"]["properties"] |= options
    return read


def _read(path: Path) -> object:
    """YAML as DVC reads it: version 1.2, no key twice."""
    try:
        params = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        for count, (where, value) in enumerate(_values(params)):
            if count == MOST:
                raise UserError(f"{path}: not valid: more than {MOST:,} values")
            if isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"{path}: {where}: {value} is not allowed; allowed: finite numbers")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: not valid YAML: nested too deeply") from error
    except (YAMLError, ValueError) as error:  # ValueError: a date or number out of range
        raise UserError(f"{path}: not valid YAML: {_line(str(error))}") from error
    return params


def _values(value: object, where: str = "") -> Iterator[tuple[str, object]]:
    """Every value with its dotted key, depth first."""
    yield where, value
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where or '(top level)'}: the key {key!r} must be a word")
            yield from _values(item, f"{where}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(item, f"{where}[{index}]")


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"


def _check_constants(params: dict, path: Path) -> None:
    """See that each objective has its constants, and no others."""
    for objective in names("mixture/objectives"):
        given, wanted = set(params["objectives"].get(objective, {})), constants(objective)
        if given != wanted:
            raise UserError(
                f"{path}: objectives.{objective}: has {', '.join(sorted(given)) or 'nothing'}; "
                f"allowed: {', '.join(sorted(wanted)) or 'nothing'}"
            )
