"""params.yaml as typed blocks: how it is read, messages on a wrong one, its JSON schema.

`python -m moaplus.plan.params` writes the schema, by which editors complete and check the file.
"""

import json
import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from moaplus.plan.choices import PACKAGE, constants, literal, names
from moaplus.plan.datasets import DATASETS
from moaplus.plan.fields import (
    Block,
    block_of,
    choice,
    either,
    list_of,
    number,
    place,
    shorten,
    some_of,
    text,
    whole,
)
from moaplus.plan.references import REFERENCE_METHODS, USUAL_REFERENCES
from moaplus.plan.runs import N_CLASSES, PARAMS, Run, Selection
from moaplus.plan.settings import (
    NETWORK_FIELDS,
    TRAINING_FIELDS,
    Network,
    Settings,
    Training,
    grid,
)
from moaplus.storage.files import UserError, one_of

SCHEMA = PACKAGE.parents[1] / "workflow" / "schemas" / "params.schema.json"
MOST_VALUES = 100_000  # in the file, counted as often as aliases repeat them
IMAGES = "images"  # the decision of the multiverse that is no setting
FREE = ("epochs", "schedule")  # no decisions of the search, which follows trainings by epochs
SMALLEST = {"sigma": 1.0e-3}  # constants that are divided by

NAME = text("^[a-z][a-z0-9_]*$", "small letters, digits and _, a letter first")
SEED = whole(0, 2**32 - 1)
EXPERTS = list_of(whole(2, 100), least=1)
CLASSES = list_of(whole(0, N_CLASSES - 1), least=1)
DATASET = choice(list(DATASETS))
OBJECTIVE = choice(names("mixture/objectives"))
MODEL, TRAIN = some_of("Model", NETWORK_FIELDS), some_of("Train", TRAINING_FIELDS)
OPTIONS = {
    key: list_of(kind, least=2) for key, kind in {**NETWORK_FIELDS, **TRAINING_FIELDS}.items()
}


class ImagesBlock(Block):
    """Images: classes of the data set, and how many training images of them."""

    classes: either(word=choice(["all"]), list=CLASSES)
    images: either(word=choice(["all"]), number=whole(2, 60_000))

    def selections(self, dataset: str, subset_seed: int) -> list[Selection]:
        """Return the selection that is asked for, or one for each pair of classes."""
        every = {"all": [range(N_CLASSES)], "pairs": combinations(range(N_CLASSES), 2)}
        wanted = every[self.classes] if isinstance(self.classes, str) else [self.classes]
        images = None if self.images == "all" else self.images
        return [Selection(dataset, tuple(sorted(few)), images, subset_seed) for few in wanted]


class PairsBlock(ImagesBlock):
    """Images of some classes, or of each pair of classes."""

    classes: either(word=choice(["all", "pairs"]), list=CLASSES)


class SelectionBlock(PairsBlock):
    """Images of a study, and the numbers of experts for them where these are not the study's."""

    experts: EXPERTS = ()


class SettingsBlock(Block):
    """Settings that differ from the top level's."""

    model: MODEL = Field({})
    train: TRAIN = Field({})


class WayBlock(SettingsBlock):
    """A way to train on a study's images: objectives, settings, and settings that are varied."""

    objectives: list_of(OBJECTIVE, least=1)
    settings: NAME | None = None
    vary: some_of("Vary", OPTIONS, least=1) = Field({})


class CountedSeeds(Block):
    """Seeds by the first of them and how many."""

    first: SEED
    count: whole(1, 10_000)


class StudyBlock(WayBlock):
    """A study: images, numbers of experts, ways to train, seeds, and what stands beside."""

    selections: list_of(SelectionBlock, least=1)
    experts: EXPERTS
    also: list_of(WayBlock, least=1, distinct=False) = ()
    seeds: either(list=list_of(SEED, least=1), block=CountedSeeds)
    keep: choice(["models", "scores"]) = "models"
    references: list_of(choice(REFERENCE_METHODS)) = USUAL_REFERENCES
    dataset: DATASET | None = None

    @property
    def seed_list(self) -> list[int]:
        """Return the seeds one by one."""
        if isinstance(self.seeds, tuple):
            return list(self.seeds)
        return list(range(self.seeds.first, self.seeds.first + self.seeds.count))


class MarginsBlock(Block):
    """How far two means may differ and still count as equivalent, by quantity."""

    nmi: number(0, 1)
    loss: number(0, 1)


class MultiverseBlock(Block):
    """The multiverse: how many protocols to draw, and the options of each decision."""

    protocols: whole(2, 10_000)
    seed: SEED
    experts: whole(2, 100)
    seeds: whole(1, 100, "of each protocol") = 1
    decisions: some_of(
        "Decisions",
        {IMAGES: list_of(ImagesBlock, least=2), **OPTIONS},
        (IMAGES, *literal("report/multiverse", "multiverse_page", "NEEDS")),
    )


class SearchBlock(Block):
    """The search for the paper's table: how long it looks, and the options of each decision."""

    protocols: whole(1, 100_000, "how many to try")
    epochs: whole(1, 100_000, "of each training at most")
    seeds: whole(1, 100, "of a protocol that is not given up after the first")
    nearest: whole(1, 100, "how many protocols are trained again")
    fresh_seeds: whole(1, 1000, "with how many seeds that the search never saw")
    seed: SEED
    experts: whole(2, 100)
    decisions: some_of(
        "SearchDecisions",
        {
            IMAGES: list_of(PairsBlock, least=2),
            **{key: kind for key, kind in OPTIONS.items() if key not in FREE},
        },
        (IMAGES,),
    )


class Params(Block):
    """All of params.yaml."""

    default: list_of(text(), least=1)
    dataset: DATASET
    subset_seed: SEED
    model: Network
    train: Training
    checkpoint_every: whole(1, 100_000)
    objectives: block_of(OBJECTIVE, block_of(text(), number(0, 1000)))
    settings: block_of(NAME, SettingsBlock)
    margins: MarginsBlock
    multiverse: MultiverseBlock | None = None
    search: SearchBlock | None = None
    studies: block_of(NAME, StudyBlock, least=1)

    @property
    def top_level(self) -> Settings:
        """Return the settings of runs that nothing changes."""
        return Settings(self.model, self.train)

    def named_settings(self, name: str | None) -> dict:
        """Return what the settings of a name change; nothing without a name.

        Raises:
            UserError: if there are no settings of that name.
        """
        if name is None:
            return {}
        block = self.settings[one_of("settings", name, self.settings)]
        return block.model | block.train

    def run(
        self,
        images: Selection,
        how: Settings,
        experts: int,
        objective: str,
        seed: int,
        keep: bool = True,
    ) -> Run:
        """Return a run, with the constants of its objective."""
        return Run(
            images,
            how.network,
            experts,
            objective,
            self.objectives.get(objective, {}),
            seed,
            how.training,
            how.changes,
            keep,
        )

    def check_decisions(self, name: str) -> None:
        """See that every option of `multiverse` or of `search` can be trained.

        Raises:
            UserError: if there are fewer images than experts, or views that a gate does not see.
        """
        block: MultiverseBlock | SearchBlock = getattr(self, name)
        counted = [option.images for option in block.decisions[IMAGES] if option.images != "all"]
        fewest = min(counted, default=math.inf)
        if block.experts > fewest:
            raise UserError(
                f"{name}.experts: {block.experts} is more than the {fewest} images of an option; "
                "allowed: at most that many"
            )
        seen = {key: few for key, few in block.decisions.items() if key in ("gate", "views")}
        for options in grid(seen):
            self.top_level.changed(options)


def read_params(path: Path = PARAMS) -> Params:
    """Read params.yaml and check each of its values.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    values = _read(path)
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{path}: {_message(error)}") from None
    _check_constants(params, path)
    return params


def schema() -> dict:
    """Return the JSON schema of params.yaml."""
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return title | Params.model_json_schema()


def _message(error: ValidationError) -> str:
    """Return what is wrong in one line: key, value and what is allowed."""
    first = error.errors(include_url=False)[0]
    key = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in place(first["loc"])
    )
    words = first["msg"]
    if first["type"] != "keys":
        words = f"{shorten(repr(first['input']))} is not allowed; allowed: {words}"
    return f"{shorten(key.removeprefix('.')) or '(top level)'}: {' '.join(words.split())}"


def _read(path: Path) -> object:
    """Return what a YAML file holds, as DVC reads it: version 1.2, no key twice."""
    try:
        params = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        for count, _ in enumerate(_values(params)):
            if count == MOST_VALUES:
                raise UserError(f"{path}: not valid: more than {MOST_VALUES:,} values")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: not valid YAML: nested too deeply") from error
    except (YAMLError, ValueError) as error:  # ValueError: a date or number out of range
        raise UserError(f"{path}: not valid YAML: {shorten(str(error))}") from error
    return params


def _values(value: object, where: str = "") -> Iterator[object]:
    """Yield every value, depth first; `where` is its dotted key.

    Raises:
        ValueError: if a key is no text.
    """
    yield value
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where or '(top level)'}: the key {key!r} must be a word")
            yield from _values(item, f"{where}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(item, f"{where}[{index}]")


def _check_constants(params: Params, path: Path) -> None:
    """See that each objective has its constants, and no others."""
    for objective in names("mixture/objectives"):
        given, wanted = params.objectives.get(objective, {}), constants(objective)
        key = f"{path}: objectives.{objective}"
        if set(given) != wanted:
            raise UserError(
                f"{key}: has {shorten(', '.join(sorted(given))) or 'nothing'}; "
                f"allowed: {', '.join(sorted(wanted)) or 'nothing'}"
            )
        for name, value in given.items():
            if value < SMALLEST.get(name, 0):
                raise UserError(
                    f"{key}.{name}: {value} is not allowed; "
                    f"allowed: a number from {SMALLEST[name]} to 1,000"
                )


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
