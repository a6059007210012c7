"""Settings of a training: of its networks, and of how these are trained.

A field is all that there is to a setting: params.yaml's top level and its studies may have it, a
study or the multiverse may vary it, the folders of runs name it, and runs.csv has a column for it.
"""

from dataclasses import dataclass
from itertools import product

from pydantic import BaseModel

from moaplus.plan.choices import names, views
from moaplus.plan.fields import Block, choice, list_of, number, whole
from moaplus.storage.files import UserError

VIEWS = sorted({view for gate in names("mixture/gates") for view in views(gate)})


class Network(Block):
    """Architecture of the experts and the gate."""

    architecture: choice(names("mixture/architectures"), "of the experts")
    channels: list_of(
        whole(1, 1024),
        least=2,
        most=2,
        distinct=False,
        description="of the two convolutions of each expert and of the small gate",
    )
    latent: whole(1, 4096, "size of an expert's code")
    gate: choice(names("mixture/gates"), "the published method's is small") = "small"


class Training(Block):
    """How long and how a mixture is trained."""

    epochs: whole(1, 100_000, "passes over the training images")
    batch_size: whole(1, 60_000, "images in a batch")
    learning_rate: number(1e-9, 1000, "the peak of the schedule")
    schedule: choice(names("mixture/schedules"), "of the learning rate")
    ridge: number(1e-12, 1, "smallest eigenvalue that Γ/n may have where it is inverted")
    weight_decay: number(0, 10, "of the optimizer; Adam with it is AdamW") = 0
    optimizer: choice(names("mixture/optimizers"), "sgd has a momentum of 0.9") = "adam"
    gate_rate: number(0, 1000, "factor on the learning rate of the gate") = 1
    clip_norm: number(0, 1e9, "largest norm of a gradient; 0: any") = 0
    pretrain: whole(0, 100_000, "epochs, of all, that train each expert on all images") = 0
    routing: choice(("soft", "top_1"), "top_1: each image to one expert, in the loss") = "soft"
    views: list_of(
        choice(VIEWS), description="how two views of an image may differ, for gates that see views"
    ) = ()


NETWORK_FIELDS, TRAINING_FIELDS = Network.__annotations__, Training.__annotations__


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
    changes: tuple[str, ...] = ()

    def changed(self, values: dict) -> "Settings":
        """Return these settings with other values for some fields.

        Raises:
            UserError: if there are views that the gate does not see.
        """
        network, training = _changed(self.network, values), _changed(self.training, values)
        allowed = views(network.gate)
        for view in training.views:
            if view not in allowed:
                raise UserError(
                    f"train.views: {view} is not allowed; allowed with the gate {network.gate}: "
                    f"{', '.join(allowed) or 'nothing'}"
                )
        differences = _differences(network, self.network) + _differences(training, self.training)
        return Settings(network, training, (*self.changes, *differences))


def grid(options: dict[str, tuple]) -> list[dict]:
    """Return every combination of an option for each key, in order; an empty one without keys."""
    return [dict(zip(options, values, strict=True)) for values in product(*options.values())]


def _changed(common: BaseModel, values: dict) -> BaseModel:
    return common.model_copy(
        update={key: value for key, value in values.items() if key in type(common).model_fields}
    )


def _differences(ours: BaseModel, common: BaseModel) -> list[str]:
    return [
        f"{key}={format_value(getattr(ours, key))}"
        for key in type(ours).model_fields
        if key != "architecture" and getattr(ours, key) != getattr(common, key)
    ]


def format_value(value: object) -> str:
    """Return a setting's value as folders have it, for example `8+16`."""
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


def setting_values(network: Network, training: Training) -> dict[str, object]:
    """Return settings of network and training as runs.csv has them: several values as `8+16`."""
    values = dict(network) | dict(training)
    return {
        name: format_value(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }
