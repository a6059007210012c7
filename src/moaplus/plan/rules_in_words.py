"""What a rule of the schema of params.yaml allows, in words."""

import jsonschema


def what_is_wrong(error: jsonschema.ValidationError, definitions: dict) -> str:
    """Why a value is refused, and what is allowed in its place.

    Args:
        error: of a value, or of what is in it.
        definitions: `$defs` of the schema.
    """
    while error.parent is not None and error.parent.validator == "oneOf":
        if error.parent.absolute_path != error.absolute_path:
            break
        error = error.parent
    rule = error.schema
    if error.validator == "additionalProperties" and "properties" in rule:
        wrong = ", ".join(repr(key) for key in error.instance if key not in rule["properties"])
        return f"{wrong}: no such key; allowed: {', '.join(rule['properties'])}"
    if error.validator == "required":
        missing = ", ".join(key for key in rule["required"] if key not in error.instance)
        return f"without {missing}; needed: {', '.join(rule['required'])}"
    return f"{error.instance!r} is not allowed; allowed: {in_words(rule, definitions)}"


def in_words(rule: dict, definitions: dict) -> str:
    """For example `a whole number from 1 to 4,096`."""
    if "$ref" in rule:
        return in_words(definitions[rule["$ref"].removeprefix("#/$defs/")], definitions)
    if "oneOf" in rule:
        return ", or ".join(in_words(option, definitions) for option in rule["oneOf"])
    if "const" in rule:
        return str(rule["const"])
    if "enum" in rule:
        return "one of " + ", ".join(rule["enum"])
    if "pattern" in rule:
        return rule["description"]
    if rule["type"] == "array":
        return _list(rule, definitions)
    if rule["type"] == "object":
        return _block(rule, definitions)
    if rule["type"] == "string":
        return "text"
    kind = "a whole number" if rule["type"] == "integer" else "a number"
    return f"{kind} from {_number(rule['minimum'])} to {_number(rule['maximum'])}"


def _block(rule: dict, definitions: dict) -> str:
    if "propertyNames" in rule:
        return f"a block with keys: {in_words(rule['propertyNames'], definitions)}"
    if "properties" in rule:
        return f"a block with some of: {', '.join(rule['properties'])}"
    return f"a block with, for each key, {in_words(rule['additionalProperties'], definitions)}"


def _list(rule: dict, definitions: dict) -> str:
    least, most = rule.get("minItems", 0), rule.get("maxItems")
    count = f" of {most}" if least == most else f" of at least {least}" if least else ""
    distinct = ", no two the same" if rule.get("uniqueItems") else ""
    return f"a list{count}{distinct}, each {in_words(rule['items'], definitions)}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
