"""Types of the values in params.yaml: each checks a value and says in words what is allowed.

A type is an annotation that pydantic understands. Its bounds stand once: the check, the words of a
message and the schema for editors are made from them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Required, Union, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError, core_schema
from typing_extensions import TypedDict

KINDS = ("<word>", "<number>", "<list>", "<block>")  # the branches of `either`
LONGEST = 200  # characters of a value or key that a message repeats


@dataclass(frozen=True)
class Allowed:
    """Replace pydantic's words for a refused value; errors deeper inside of it keep theirs."""

    words: str

    def __get_pydantic_core_schema__(self, source, handler) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value, handler):
        try:
            return handler(value)
        except ValidationError as error:
            if not any(place(each["loc"]) for each in error.errors(include_url=False)):
                raise PydanticCustomError("not_allowed", self.words) from None
            raise


@dataclass(frozen=True)
class Keys:
    """Check the keys of a block that becomes a dictionary, in the order of the file."""

    allowed: tuple[str, ...]
    required: tuple[str, ...]
    least: int

    def __get_pydantic_core_schema__(self, source, handler) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value, handler):
        check_keys(value, self.allowed, self.required)
        if len(value) < self.least:
            raise PydanticCustomError("not_allowed", _format_block(self.allowed))
        found = handler(value)
        return {key: found[key] for key in value}


class Block(BaseModel):
    """A block of params.yaml: it cannot be changed, and has no other keys than its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, value):
        fields = cls.model_fields
        check_keys(value, fields, [key for key, field in fields.items() if field.is_required()])
        return value


def whole(low: int, high: int, description: str | None = None) -> Any:
    """Return the type of a whole number; 8.0 counts as 8, True is no number."""
    return Annotated[
        int,
        Field(strict=True, ge=low, le=high, description=description),
        BeforeValidator(lambda v: int(v) if isinstance(v, float) and v.is_integer() else v),
        Allowed(f"a whole number from {low:,} to {high:,}"),
    ]


def number(low: float, high: float, description: str | None = None) -> Any:
    """Return the type of a finite number, which stays whole if it is written so."""

    def as_written(value, handler):
        handler(value)
        return value

    return Annotated[
        float,
        Field(strict=True, ge=low, le=high, allow_inf_nan=False, description=description),
        WrapValidator(as_written),
        Allowed(f"a number from {low:,g} to {high:,g}"),
    ]


def choice(names: Collection[str], description: str | None = None) -> Any:
    """Return the type of one of some names."""
    words = "one of " * (len(names) > 1) + ", ".join(names)
    return Annotated[Literal[tuple(names)], Field(description=description), Allowed(words)]


def text(pattern: str | None = None, words: str = "text") -> Any:
    """Return the type of a text of some pattern."""
    return Annotated[str, Field(strict=True, pattern=pattern), Allowed(words)]


def list_of(
    item: Any,
    least: int = 0,
    most: int | None = None,
    distinct: bool = True,
    description: str | None = None,
) -> Any:
    """Return the type of a list, read as a tuple, of `least` to `most` items."""
    count = f" of {most}" if least == most else f" of at least {least}" if least else ""
    same = ", no two the same" if distinct else ""
    extra = {"uniqueItems": True} if distinct else None
    return Annotated[
        tuple[item, ...],
        Field(
            min_length=least or None,
            max_length=most,
            json_schema_extra=extra,
            description=description,
        ),
        BeforeValidator(_check_list),
        *([AfterValidator(_check_distinct)] if distinct else []),
        Allowed(f"a list{count}{same}, each {format_allowed(item)}"),
    ]


def block_of(key: Any, value: Any, least: int = 0) -> Any:
    """Return the type of a block with keys that a user chooses."""
    words = f"a block with keys: {format_allowed(key)}"
    return Annotated[dict[key, value], Field(min_length=least or None), Allowed(words)]


def some_of(
    name: str, fields: Mapping[str, Any], required: Collection[str] = (), least: int = 0
) -> Any:
    """Return the type of a block with some of the fields: a dictionary of those that are given."""
    kinds = {key: Required[kind] if key in required else kind for key, kind in fields.items()}
    typed = TypedDict(name, kinds, total=False)
    extra = {"minProperties": least} if least else None
    typed.__pydantic_config__ = ConfigDict(extra="forbid", json_schema_extra=extra)
    return Annotated[typed, Keys(tuple(fields), tuple(required), least)]


def either(**kinds: Any) -> Any:
    """Return the type of a value of several kinds: `word`, `number`, `list`, `block`."""
    tagged = tuple(Annotated[kind, Tag(f"<{name}>")] for name, kind in kinds.items())
    words = ", or ".join(format_allowed(kind) for kind in kinds.values())
    return Annotated[Union[tagged], Discriminator(_kind), Allowed(words)]  # noqa: UP007


def format_allowed(kind: Any) -> str:
    """Return what a type allows, for example `a whole number from 1 to 4,096`."""
    if isinstance(kind, type) and issubclass(kind, Block):
        return _format_block(kind.model_fields)
    return next(each.words for each in get_args(kind) if isinstance(each, Allowed))


def place(where: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return where pydantic found an error as keys and indices of params.yaml."""
    where = where[:-2] if where and where[-1] == "[key]" else where
    return tuple(part for part in where if part not in KINDS)


def shorten(words: str) -> str:
    """Return words in one line of at most `LONGEST` characters."""
    line = " ".join(words.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"


def check_keys(value: object, allowed: Collection[str], required: Collection[str]) -> None:
    """See that a value is a block with all keys that it needs and no others.

    Raises:
        PydanticCustomError: if not.
    """
    if not isinstance(value, dict):
        raise PydanticCustomError("not_allowed", _format_block(allowed))
    unknown = shorten(", ".join(repr(key) for key in value if key not in allowed))
    if unknown:
        words = f"{unknown}: no such key; allowed: {', '.join(allowed)}"
        raise PydanticCustomError("keys", "{words}", {"words": words})
    missing = ", ".join(key for key in required if key not in value)
    if missing:
        raise PydanticCustomError("keys", f"without {missing}; needed: {', '.join(required)}")


def _format_block(keys: Collection[str]) -> str:
    return f"a block with some of: {', '.join(keys)}"


def _check_list(value):
    if not isinstance(value, list | tuple):
        raise ValueError("no list")
    return value


def _check_distinct(items: tuple) -> tuple:
    if any(item in items[:index] for index, item in enumerate(items)):
        raise ValueError("two the same")
    return items


def _kind(value: object) -> str:
    if isinstance(value, list | tuple):
        return "<list>"
    if isinstance(value, dict):
        return "<block>"
    return "<word>" if isinstance(value, str) else "<number>"
