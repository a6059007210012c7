"""The command line for people's own images."""

import gzip
import re
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from moaplus import estimator, own_images
from moaplus.cli import main
from moaplus.data.pictures import load_pictures
from moaplus.estimator import MoAPlus
from moaplus.report.sheet import BORDERLINE, TYPICAL, draw_sheet
from moaplus.storage.files import UserError

ZEROS_AND_ONES = load_digits(n_class=2)
IMAGES = np.uint8(15 * ZEROS_AND_ONES.images[:300])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fast(monkeypatch):
    """20 epochs of training are enough for 300 small images."""
    monkeypatch.setattr(estimator, "MIN_EPOCHS", 20)
    monkeypatch.setattr(estimator, "MIN_STEPS", 1)


def pictures(images: np.ndarray, tmp_path, ending: str = "png"):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:03}.{ending}")
    return folder


def test_pictures_are_clustered_and_new_ones_assigned(fast, tmp_path, capsys, monkeypatch):
    folder = pictures(IMAGES, tmp_path)
    command = ["cluster", str(folder), "--clusters", "2", "--output", "out/clusters.csv"]
    with monkeypatch.context() as patch:
        patch.setattr(sys.stderr, "isatty", lambda: True)
        assert main([*command, "--sheet", "out/sheet.png", "--model", "out/model.safetensors"]) == 0
    printed = capsys.readouterr()
    assert "out/clusters.csv: 300 in clusters of " in printed.out
    assert "objective" in printed.err  # of the progress bar
    table = pd.read_csv("out/clusters.csv", dtype={"name": str})
    assert list(table) == ["name", "cluster", "p0", "p1"]
    assert table["name"].tolist() == [f"{index:03}.png" for index in range(300)]
    np.testing.assert_allclose(table[["p0", "p1"]].sum(axis=1), 1, atol=1e-6)
    assert adjusted_rand_score(ZEROS_AND_ONES.target[:300], table["cluster"]) > 0.9
    with Image.open("out/sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > sheet.height
    np.save("new.npy", IMAGES[:50])
    assert main(["assign", "out/model.safetensors", "new.npy", "--output", "new.csv"]) == 0
    assigned = pd.read_csv("new.csv")
    pd.testing.assert_frame_equal(assigned.drop(columns="name"), table[:50].drop(columns="name"))


def test_the_sheet_shows_each_cluster_typical_ones_first_and_borderline_ones_last():
    n = 60
    certain = np.linspace(0.5, 1, n)  # 0.5 is the first image's
    images = np.arange(n)[:, None, None] * np.ones((n, 4, 4))
    concentrations = np.stack([certain, 1 - certain, np.zeros(n)], axis=1)
    concentrations[:3] = [0, 0.9, 0.1]  # a short row, and the third stays empty
    rows = np.reshape(draw_sheet(images, concentrations).axes, (3, TYPICAL + 1 + BORDERLINE))
    shown = [
        [round(float(ax.images[0].get_array().mean()) * (n - 1)) for ax in row if ax.images]
        for row in rows
    ]
    assert shown == [[*range(59, 43, -1), *range(8, 2, -1)], [0, 1, 2], []]
    assert not rows[0][TYPICAL].images
    sizes = [row[0].texts[0].get_text() for row in rows]
    assert sizes == ["0: 57", "1: 3", "2: 0"]


def test_arrays_and_idx_files_are_read(tmp_path):
    np.save("images.npy", IMAGES)
    np.savez_compressed("images.npz", anything=IMAGES)
    header = np.array([0x803, *IMAGES.shape], dtype=">u4").tobytes()
    (tmp_path / "images-idx3-ubyte").write_bytes(header + IMAGES.tobytes())
    (tmp_path / "images-idx3-ubyte.gz").write_bytes(gzip.compress(header + IMAGES.tobytes()))
    for name in ("images.npy", "images.npz", "images-idx3-ubyte", "images-idx3-ubyte.gz"):
        names, images = load_pictures(tmp_path / name)
        assert names[:2] == ["0", "1"]
        np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize(
    ("image", "ending", "shape", "dtype"),
    [
        (np.full((6, 5), 200, np.uint8), "png", (6, 5), np.uint8),
        (np.full((6, 5, 3), 200, np.uint8), "png", (6, 5, 3), np.uint8),
        (np.full((6, 5, 4), 200, np.uint8), "png", (6, 5, 3), np.uint8),
        (np.full((6, 5), 60000, np.uint16), "png", (6, 5), np.int32),
        (np.full((6, 5), True), "png", (6, 5), np.uint8),
        (np.full((6, 5, 3), 200, np.uint8), "JPG", (6, 5, 3), np.uint8),
    ],
    ids=["grey", "colours", "with transparency", "16 bits", "black and white", "jpeg"],
)
def test_pictures_keep_their_values(tmp_path, image, ending, shape, dtype):
    (tmp_path / "a/deeper").mkdir(parents=True)
    Image.fromarray(image).save(tmp_path / f"a/deeper/2.{ending}")
    (tmp_path / "a/notes.txt").write_text("not a picture")
    names, images = load_pictures(tmp_path / "a")
    assert names == [f"deeper/2.{ending}"]
    assert images.shape == (1, *shape)
    assert images.dtype == dtype
    np.testing.assert_allclose(images, {True: 255}.get(image.flat[0], image.flat[0]), atol=1)


def test_one_picture_in_colours_makes_all_of_them_so(tmp_path):
    folder = pictures(IMAGES[:2], tmp_path)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "colour.png")
    assert load_pictures(folder)[1].shape == (3, 8, 8, 3)


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def sizes_differ(folder):
    pictures(IMAGES[:2], folder)
    Image.fromarray(IMAGES[0, :5]).save(folder / "pictures/001b.png")


def half_a_picture(folder):
    pictures(IMAGES[:2], folder)
    path = folder / "pictures/001.png"
    path.write_bytes(path.read_bytes()[:-40])


def mixed_depths(folder):
    pictures(IMAGES[:2], folder)
    Image.fromarray(np.uint16(IMAGES[0])).save(folder / "pictures/deep.png")


BAD = {
    "nothing there": (lambda folder: None, "pictures: no such file or folder"),
    "an empty folder": (lambda folder: (folder / "pictures").mkdir(), "holds no pictures"),
    "different sizes": (sizes_differ, r"001b\.png: 8×5 pixels, where .*000\.png has 8×8"),
    "half a picture": (half_a_picture, r"001\.png: cannot be read"),
    "16 bits and 8": (mixed_depths, "some pictures have 16 bits and others 8"),
    "one picture": (lambda folder: pictures(IMAGES[:1], folder), "pictures: .*minimum of 2"),
    "fewer than clusters": (lambda folder: pictures(IMAGES[:3], folder), "n_samples=3.*fewer"),
    "not a number": (
        lambda folder: np.save("pictures.npy", np.full((9, 4, 4), np.nan)),
        "contains NaN",
    ),
    "constant": (lambda folder: pictures(0 * IMAGES, folder), "all pixels are 0"),
}


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_bad_pictures_get_one_line(tmp_path, capsys, make, words):
    make(tmp_path)
    images = "pictures.npy" if (tmp_path / "pictures.npy").exists() else "pictures"
    assert main(["cluster", images, "--clusters", "5", "--output", "clusters.csv"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.match(f"moaplus: .*{words}", lines[0])
    assert not (tmp_path / "clusters.csv").exists()


def test_bad_arrays_get_one_line(tmp_path, monkeypatch):
    np.save("pickle.npy", np.array([Trap()]), allow_pickle=True)
    np.savez("two.npz", IMAGES, IMAGES)
    np.save("words.npy", np.array([["a", "b"]]))
    np.save("five.npy", np.zeros((2, 2, 2, 2, 2)))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:99])
    (tmp_path / "text.idx").write_text("no images")
    for name, words in (
        ("pickle.npy", "cannot be read.*Python objects"),
        ("two.npz", "2 arrays, not one"),
        ("words.npy", "an array of <U1"),
        ("five.npy", r"shape \(2, 2, 2, 2, 2\)"),
        ("cut.npz", "cannot be read"),
        ("text.idx", "not an idx file"),
    ):
        with pytest.raises(UserError, match=f"{name}: .*{words}"):
            load_pictures(tmp_path / name)
    monkeypatch.setattr("moaplus.data.pictures.MAX_BYTES", 1000)
    np.save("large.npy", IMAGES)
    with pytest.raises(UserError, match=r"large.*GiB, more than"):
        load_pictures(tmp_path / "large.npy")
    with pytest.raises(UserError, match=r"pictures.*GiB, more than"):
        load_pictures(pictures(IMAGES, tmp_path))


def test_bad_requests_get_one_line_before_anything_is_trained(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(own_images, "MoAPlus", None)
    np.save("images.npy", IMAGES)
    np.save("features.npy", IMAGES.reshape(300, -1))
    (tmp_path / "there.csv").write_text("mine")
    for arguments, words in (
        (["images.npy", "--clusters", "2", "--output", "there.csv"], "there.csv: is there already"),
        (["images.npy", "--clusters", "1", "--output", "new.csv"], "--clusters 1: ask for 2"),
        (["images.npy", "--clusters", "0", "--output", "new.csv"], "--clusters 0: ask for 2"),
        (
            ["features.npy", "--clusters", "2", "--output", "new.csv", "--sheet", "sheet.png"],
            "features.npy: features, not images; leave out --sheet",
        ),
    ):
        assert main(["cluster", *arguments]) == 1
        assert words in capsys.readouterr().err
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert not (tmp_path / "new.csv").exists()


def test_a_model_of_other_sizes_and_what_is_no_model_get_one_line(tmp_path, capsys):
    MoAPlus(2, epochs=1, random_state=0).fit(IMAGES).save("model.safetensors")
    np.save("wide.npy", np.zeros((3, 8, 9)))
    (tmp_path / "other.safetensors").write_bytes(b"no model")
    for model, images, words in (
        ("model.safetensors", "wide.npy", r"wide.npy: .*72 features.*64"),
        ("other.safetensors", "wide.npy", "other.safetensors: no model of MoAPlus"),
        ("none.safetensors", "wide.npy", "none.safetensors"),
    ):
        assert main(["assign", model, images, "--output", "out.csv"]) == 1
        assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "out.csv").exists()
