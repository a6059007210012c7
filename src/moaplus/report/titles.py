"""What tables and figures call methods, images and settings."""

from collections.abc import Container, Iterator, Mapping

import pandas as pd

from moaplus.plan.runs import N_CLASSES, Run, Selection
from moaplus.plan.settings import Settings, setting_values
from moaplus.plan.studies import Plan


class _Titles(dict[str, str]):
    """Titles by name; a method without one is called by its name."""

    def __missing__(self, name: str) -> str:
        return name


METHODS = _Titles(
    {
        "moa": "Standard MoA",
        "moe": "Mixture of experts (1991, eq. 1.2)",
        "hinton": "Mixture of experts (1991, eq. 1.3)",
        "st_moe": "Standard MoA with ST-MoE's losses",
        "moa_plus": "MoA+",
        "moa_plus_exact": "MoA+, the loss itself",
        "moa_plus_frobenius": "MoA+, Frobenius bound",
        "moa_plus_views": "MoA+, two views",
        "moa_plus_one_view": "MoA+, two views, each view's own Γ",
        "moa_plus_views_frobenius": "MoA+, two views, ‖Γ'⁻¹‖ for det Γ'",
        "moa_plus_views_paper": "MoA+, two views, paper's bound",
        "iic": "Mutual information of two views (IIC)",
        "kmeans": "k-means",
        "pca_gmm": "PCA (50) + Gaussian mixture",
        "umap_gmm": "UMAP (10) + Gaussian mixture",
        "ae_kmeans": "one autoencoder + k-means",
    }
)
OPTIMIZERS = _Titles({"adam": "Adam", "sgd": "SGD"})
SETTINGS = {
    "architecture": "experts: {}",
    "channels": "{} channels",
    "latent": "codes of {}",
    "gate": "{} gate",
    "epochs": "{} epochs",
    "batch_size": "batches of {}",
    "learning_rate": "learning rate {}",
    "schedule": "schedule: {}",
    "ridge": "ridge {}",
    "weight_decay": "weight decay {}",
    "views": "views: {}",
    "optimizer": "optimizer: {}",
    "gate_rate": "gate's learning rate times {}",
    "clip_norm": "gradients up to {}",
    "pretrain": "{} epochs of pre-training",
    "routing": "{} routing in the loss",
}


def describe_selection(selection: Selection, n: int) -> str:
    """Return the heading of a table: `mnist, classes 0, 1, all of their 12,665 training images`.

    Args:
        selection: the images.
        n: how many of them are trained on.
    """
    ten = len(selection.classes) == N_CLASSES
    classes = "all ten classes" if ten else "classes " + ", ".join(map(str, selection.classes))
    kind = "all of their" if selection.images is None else "a stratified subset of"
    return f"{selection.dataset}, {classes}, {kind} {n:,} training images"


def format_images(selection: Selection) -> str:
    """Return the selection in short: `digits 0 and 1`, `all ten digits, 12,665 images`."""
    digits = selection.dataset == "mnist"
    if len(selection.classes) == N_CLASSES:
        title = "all ten digits" if digits else f"all ten classes of {selection.dataset}"
    else:
        *first, last = map(str, selection.classes)
        classes = f"{', '.join(first)} and {last}" if first else last
        title = f"digits {classes}" if digits else f"classes of {selection.dataset}, {classes}"
    return title if selection.images is None else f"{title}, {selection.images:,} images"


def format_setting(name: str, value: object) -> str:
    """Return a setting as people say it: `batch_size`, 1024 as `batches of 1,024`.

    Args:
        name: a key of `SETTINGS`.
        value: a number, a name, or several of one kind.
    """
    values = value if isinstance(value, list | tuple) else [value]
    return SETTINGS[name].format(", ".join(map(_format_value, values)))


def label_run(run: Run, plan: Plan, *more: str) -> str:
    """Return what a default run is trained on, and how as far as default runs differ.

    Args:
        run: of a default study.
        plan: with the settings of the top level, which go without saying.
        more: what else to say, behind the images.
    """
    several = len({other.network.architecture for other in plan.default_runs.values()}) > 1
    values = setting_values(run.network, run.training)
    settings = _settings_of_row(values, plan, several)
    return ", ".join([format_images(run.selection), *more, *settings])


def label_rows(runs: pd.DataFrame, plan: Plan) -> pd.Series:
    """Return what each row of runs.csv was trained on, and how as far as the rows differ."""
    several = runs.loc[runs["architecture"] != "", "architecture"].nunique() > 1

    def label(row: pd.Series) -> str:
        settings = _settings_of_row(row, plan, several) if row["architecture"] else ()
        return ", ".join([format_images(plan.selections[row["selection"]]), *settings])

    return runs.apply(label, axis=1)


def format_differences(
    values: Mapping[str, object], usual: Settings, without: Container[str] = ()
) -> Iterator[str]:
    """Yield, as people say them, the settings that are not the usual ones.

    Args:
        values: by name.
        usual: which go without saying.
        without: names of settings that are not told.
    """
    common = setting_values(usual.network, usual.training)
    for name in SETTINGS:
        if name not in without and values[name] != common[name]:
            yield format_setting(name, values[name])


def _settings_of_row(
    values: Mapping[str, object], plan: Plan, with_architecture: bool
) -> Iterator[str]:
    if with_architecture:
        yield str(values["architecture"])
    yield from format_differences(values, plan.settings, without=("architecture",))


def _format_value(value: object) -> str:
    if isinstance(value, str):
        return value.replace("_", " ").replace("+", ", ")
    return f"{int(value):,}" if value == int(value) else str(value)
