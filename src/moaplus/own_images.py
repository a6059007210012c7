"""The commands that cluster a user's own images and assign new ones to the clusters."""

from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd

from moaplus.data.pictures import load_pictures
from moaplus.estimator import MoAPlus
from moaplus.mixture.fit import keep_freed_memory
from moaplus.report.sheet import save_sheet
from moaplus.storage.files import UserError
from moaplus.storage.frames import save_frame


def cluster_images(options: Namespace) -> None:
    """Cluster images; write the clusters and, if asked for, a contact sheet and the model.

    Args:
        options: images, clusters, output, sheet, model, seed and device, as on the command line.

    Raises:
        UserError: if the images cannot be read or clustered, or an output exists already.
    """
    _check_outputs([options.output, options.sheet, options.model])
    if options.clusters < 2:
        raise UserError(f"--clusters {options.clusters}: ask for 2 or more")
    names, images = _load(options)
    keep_freed_memory()
    model = MoAPlus(options.clusters, random_state=options.seed, device=options.device, verbose=1)
    _with_user_error(options.images, lambda: model.fit(images))
    _save(options, names, images, model.concentrations_)
    if options.model:
        model.save(options.model)


def assign_images(options: Namespace) -> None:
    """Assign new images to the clusters of a saved model; write them as `cluster_images` does.

    Args:
        options: model, images, output and sheet, as on the command line.

    Raises:
        UserError: if the model or the images cannot be read, the images are of other sizes than
            those that the model was trained on, or an output exists already.
    """
    _check_outputs([options.output, options.sheet])
    model = MoAPlus.load(options.model)
    names, images = _load(options)
    concentrations = _with_user_error(options.images, lambda: model.predict_proba(images))
    _save(options, names, images, concentrations)


def _check_outputs(paths: list[Path | None]) -> None:
    for path in filter(None, paths):
        if path.exists():
            raise UserError(f"{path}: is there already; give another name, or delete it")


def _load(options: Namespace) -> tuple[list[str], np.ndarray]:
    names, images = load_pictures(options.images)
    if options.sheet and images.ndim == 2:
        raise UserError(f"{options.images}: features, not images; leave out --sheet")
    return names, images


def _with_user_error(images: Path, do):
    try:
        return do()
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{images}: {' '.join(str(error).split())}") from error


def _save(
    options: Namespace, names: list[str], images: np.ndarray, concentrations: np.ndarray
) -> None:
    if options.sheet:
        save_sheet(options.sheet, images, concentrations)
    columns = {f"p{k}": concentrations[:, k] for k in range(concentrations.shape[1])}
    clusters = concentrations.argmax(axis=1)
    save_frame(options.output, pd.DataFrame({"name": names, "cluster": clusters} | columns))
    sizes = np.bincount(clusters, minlength=concentrations.shape[1])
    print(f"{options.output}: {len(names):,} in clusters of {', '.join(map(str, sizes))}")
