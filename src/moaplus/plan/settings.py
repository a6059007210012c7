"""From the words of params.yaml to what runs are made of."""

from dataclasses import asdict, dataclass, fields
from itertools import combinations, product
from typing import get_args, get_type_hints

from moaplus.plan.choices import views
from moaplus.plan.runs import N_CLASSES, PARAMS, Network, Run, Selection, Training
from moaplus.storage.files import UserError


@dataclass(frozen=True)
class Settings:
    """How a run is trained; with its images, M, objective and seed that is all of it.

    Attributes:
        network: of experts and gate.
        training: budget and guard.
        changes: what differs from the top level of params.yaml, as `key=value`; folders name
            architectures apart.
    """

    network: Network
    training: Training
    changes: tuple[str, ...]


def settings(params: dict, changed: dict) -> Settings:
    """The settings of params.yaml's top level, except for some keys of `model` and `train`.

    Raises:
        UserError: if there are views that the gate does not see.
    """
    network, training = _plain(Network, params["model"]), _plain(Training, params["train"])
    ours = [_changed(network, changed), _changed(training, changed)]
    gate, allowed = ours[0].gate, views(ours[0].gate)
    for view in ours[1].views:
        if view not in allowed:
            raise UserError(
                f"{PARAMS}: train.views: {view} is not allowed; allowed with the gate {gate}: "
                f"{', '.join(allowed) or 'nothing'}"
            )
    changes = [*_differences(ours[0], network), *_differences(ours[1], training)]
    return Settings(*ours, tuple(changes))


def grid(options: dict[str, list]) -> list[dict]:
    """Every combination of an option for each key, in order; a single empty one without keys."""
    return [dict(zip(options, values, strict=True)) for values in product(*options.values())]


def selections(wanted: dict, dataset: str, params: dict) -> list[Selection]:
    """What an entry `{classes: …, images: …}` asks for: one selection, or one for each pair."""
    classes = {
        "all": [range(N_CLASSES)],
        "pairs": combinations(range(N_CLASSES), 2),
    }.get(wanted["classes"] if isinstance(wanted["classes"], str) else "", [wanted["classes"]])
    images = None if wanted["images"] == "all" else int(wanted["images"])
    seed = int(params["subset_seed"])
    return [Selection(dataset, tuple(sorted(map(int, few))), images, seed) for few in classes]


def make_run(
    params: dict,
    images: Selection,
    how: Settings,
    experts: int,
    objective: str,
    seed: int,
    keep: bool,
) -> Run:
    """A run, with the constants that its objective has in params.yaml."""
    constants = params["objectives"].get(objective, {})
    return Run(
        images,
        how.network,
        int(experts),
        objective,
        constants,
        int(seed),
        how.training,
        how.changes,
        keep,
    )


def _plain(kind: type, values: dict) -> Network | Training:
    """Settings with whole numbers written 8.0 as 8, and lists that can be compared."""

    def plain(key: str, value):
        hint = get_type_hints(kind)[key]
        if isinstance(value, list):
            return tuple(map(get_args(hint)[0], value))
        return int(value) if hint is int else value

    return kind(**{key: plain(key, value) for key, value in values.items()})


def _changed(common: Network | Training, changed: dict) -> Network | Training:
    values = asdict(common)
    return _plain(type(common), values | {key: changed[key] for key in values if key in changed})


def _differences(ours: Network | Training, common: Network | Training) -> list[str]:
    keys = (field.name for field in fields(ours) if field.name != "architecture")
    return [
        f"{key}={_word(getattr(ours, key))}"
        for key in keys
        if getattr(ours, key) != getattr(common, key)
    ]


def _word(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
