"""Reading params.yaml, and what is said of a wrong one."""

import math
from pathlib import Path

import jsonschema
import yaml

from moaplus.files import UserError

PARAMS = Path("params.yaml")
SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "params.schema.yaml"
LONGEST = 200  # characters of a value that a message repeats


class PlainLoader(yaml.SafeLoader):
    """YAML of plain values alone: no tags, no anchors, no key twice, no key but a word."""

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise yaml.MarkedYAMLError(None, None, "anchors are not allowed", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(None, None, "tags are not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(None, None, "a key must be a word", key.start_mark)
            if key.value in seen:
                message = f"the key {key.value!r} stands twice"
                raise yaml.MarkedYAMLError(None, None, message, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_params(path: Path = PARAMS) -> dict:
    """Read params.yaml and check it against its schema.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    params = _read(path)
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(params))
    if error is not None:
        key = error.json_path.removeprefix("$").removeprefix(".") or "(top level)"
        raise UserError(f"{path}: {_line(key)}: {_line(error.message)}{_allowed(error)}")
    _check_finite(params, f"{path}: ")
    return params


def _read(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), PlainLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: not valid YAML: nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number out of range
        raise UserError(f"{path}: not valid YAML: {_line(str(error))}") from error


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"


def _allowed(error: jsonschema.ValidationError) -> str:
    if error.validator == "additionalProperties":
        return f"; allowed: {', '.join(error.schema.get('properties', {}))}"
    rules = {
        key: value
        for key, value in error.schema.items()
        if key not in ("items", "properties", "propertyNames", "required", "additionalProperties")
    }
    return f"; allowed: {rules}" if rules else ""


def _check_finite(value: object, where: str) -> None:
    """Refuse .nan, which no JSON schema bound catches."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where.rstrip('.')}: {value} is not allowed; allowed: finite numbers")
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    )
    for key, item in items:
        _check_finite(item, f"{where}{key}.")
