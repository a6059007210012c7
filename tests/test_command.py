"""The command line for people's own images."""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from moaplus.__main__ import main
from moaplus.clusterer import estimator, training
from moaplus.clusterer.estimator import MoAPlus
from moaplus.clusterer.sheet import BORDERLINE, CELL, GAP, LEFT, TOP, TYPICAL, cells, draw_sheet

ZEROS_AND_ONES = load_digits(n_class=2)
IMAGES = np.uint8(15 * ZEROS_AND_ONES.images[:300])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fast(monkeypatch):
    """20 epochs of training are enough for 300 small images."""
    monkeypatch.setattr(training.Training, "usual_epochs", lambda self, n: 20)


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


def test_a_row_of_the_sheet_has_typical_images_first_and_borderline_ones_last():
    certain = np.linspace(0.5, 1, 60)
    members = np.arange(60) >= 3
    shown = cells(certain, members)
    columns, indices = zip(*shown, strict=True)
    assert indices == (*range(59, 43, -1), *range(8, 2, -1))
    assert columns == (*range(TYPICAL), *range(TYPICAL + 1, TYPICAL + 1 + BORDERLINE))
    assert [index for _, index in cells(certain, np.arange(60) < 3)] == [2, 1, 0]
    assert cells(certain, np.zeros(60, bool)) == []


def test_the_sheet_shows_each_image_in_its_place():
    values = np.array([0.0, 0.5, 1.0])
    images = values[:, None, None] * np.ones((3, 4, 8))  # twice as wide as high
    sheet = np.asarray(draw_sheet(images, np.eye(3)))
    for row, value in enumerate(values):
        cell = sheet[TOP + row * (CELL + GAP) :, LEFT:][:CELL, :CELL]
        middle = cell[CELL // 4 : CELL // 4 + CELL // 2]
        np.testing.assert_allclose(middle, 255 * value, atol=1)
        assert (cell[: CELL // 4] == 255).all()


def half_a_picture(folder):
    pictures(IMAGES[:2], folder)
    path = folder / "pictures/001.png"
    path.write_bytes(path.read_bytes()[:-40])


BAD = {
    "nothing there": (lambda folder: None, "pictures: no such file or folder"),
    "an empty folder": (lambda folder: (folder / "pictures").mkdir(), "holds no pictures"),
    "half a picture": (half_a_picture, r"1 pictures cannot be read: 001\.png \(.*--skip-bad"),
    "one picture": (lambda folder: pictures(IMAGES[:1], folder), "pictures: .*minimum of 2"),
    "fewer than clusters": (lambda folder: pictures(IMAGES[:3], folder), "n_samples=3.*fewer"),
    "not a number": (
        lambda folder: np.save("pictures.npy", np.full((9, 4, 4), np.nan)),
        "contains NaN",
    ),
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


def test_bad_requests_get_one_line_before_anything_is_trained(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(estimator, "MoAPlus", None)
    np.save("images.npy", IMAGES)
    np.save("features.npy", IMAGES.reshape(300, -1))
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "folder").mkdir()
    new = ["--clusters", "2", "--output", "new.csv"]
    for arguments, words in (
        (["--clusters", "2", "--output", "there.csv"], "there.csv: already exists"),
        (["--clusters", "2", "--output", "folder"], "folder: a folder"),
        (["--clusters", "2", "--output", "there.csv/new.csv"], "there.csv is a file, no folder"),
        ([*new, "--sheet", "./new.csv"], "new.csv: two outputs at one path"),
        ([*new, "--model", "folder/../there.csv"], "there.csv: already exists"),
        (["--clusters", "1", "--output", "new.csv"], "--clusters 1: ask for 2"),
        (["--clusters", "0", "--output", "new.csv"], "--clusters 0: ask for 2"),
        ([*new, "--seed", "-1"], "--seed -1: ask for 0"),
        ([*new, "--threads", "0"], "--threads 0: ask for 1"),
        ([*new, "--background", "whitish"], "--background whitish: no colour"),
        ([*new, "--array", "x"], "no npz file"),
    ):
        assert main(["cluster", "images.npy", *arguments]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
    assert main(["cluster", "features.npy", *new, "--sheet", "sheet.png"]) == 1
    assert "features.npy: features, not images; leave out --sheet" in capsys.readouterr().err
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert not (tmp_path / "new.csv").exists()


def test_views_and_a_limit_of_time(fast, capsys):
    np.save("images.npy", IMAGES)
    command = ["cluster", "images.npy", "--clusters", "2", "--output", "new.csv"]
    assert main([*command, "--views", "flip", "flop"]) == 1
    assert "images.npy: views: 'flop' is no augmentation of images" in capsys.readouterr().err
    assert main([*command, "--max-time", "0"]) == 1
    assert "images.npy: The 'max_time' parameter" in capsys.readouterr().err
    options = ["--views", "affine", "erase", "--max-time", "600", "--model", "model.safetensors"]
    assert main([*command, *options]) == 0
    assert MoAPlus.load("model.safetensors").views == ["affine", "erase"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_told_before_training(tmp_path, capsys):
    np.save("images.npy", IMAGES)
    (tmp_path / "closed").mkdir(mode=0o500)
    command = ["cluster", "images.npy", "--clusters", "2", "--output", "closed/new.csv"]
    assert main(command) == 1
    assert "closed may not be written in" in capsys.readouterr().err


def test_a_sheet_that_cannot_be_drawn_is_one_line_beside_all_else(fast, capsys, monkeypatch):
    np.save("images.npy", IMAGES)

    def fail(*_):
        raise ValueError("no font")

    monkeypatch.setattr("moaplus.clusterer.sheet.draw_sheet", fail)
    command = ["cluster", "images.npy", "--clusters", "2", "--output", "new.csv"]
    assert main([*command, "--sheet", "sheet.png", "--model", "model.safetensors"]) == 1
    assert capsys.readouterr().err == (
        "moaplus: sheet.png: could not be drawn (no font); all other files are written\n"
    )
    assert len(pd.read_csv("new.csv")) == 300
    assert MoAPlus.load("model.safetensors").predict(IMAGES).shape == (300,)


def test_warnings_are_a_line_each(capsys):
    np.save("images.npy", np.repeat(IMAGES[:1], 20, axis=0))
    assert main(["cluster", "images.npy", "--clusters", "2", "--output", "new.csv"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("moaplus: images.npy: X has 1 distinct inputs, fewer than")
    assert all(line.startswith("moaplus: ") for line in lines)


def test_new_pictures_are_brought_to_the_form_of_the_models(fast, tmp_path, capsys):
    folder = pictures(IMAGES, tmp_path)
    command = ["cluster", str(folder), "--clusters", "2", "--aspect", "--background", "black"]
    assert main([*command, "--output", "old.csv", "--model", "model.safetensors"]) == 0
    (tmp_path / "new").mkdir()
    for index, image in enumerate(IMAGES[:40]):
        picture = Image.fromarray(image).resize((80, 80), Image.Resampling.BICUBIC).convert("RGB")
        picture.save(tmp_path / f"new/{index:03}.tiff")
    (tmp_path / "new/broken.gif").write_bytes(b"GIF89a")
    assign = ["assign", "model.safetensors", "new", "--output", "new.csv"]
    assert main(assign) == 1
    assert "1 pictures cannot be read: broken.gif" in capsys.readouterr().err
    assert main([*assign, "--skip-bad"]) == 0
    assert "new: left out: 1 damaged pictures" in capsys.readouterr().err
    old, new = (pd.read_csv(name)["cluster"] for name in ("old.csv", "new.csv"))
    assert (old[:40] == new).mean() > 0.9


def test_a_model_of_other_sizes_and_what_is_no_model_get_one_line(tmp_path, capsys):
    MoAPlus(2, epochs=1, random_state=0).fit(IMAGES).save("model.safetensors")
    np.save("wide.npy", np.zeros((3, 8, 9)))
    (tmp_path / "other.safetensors").write_bytes(b"no model")
    for model, images, words in (
        ("model.safetensors", "wide.npy", r"wide.npy: X has images of 8×9; .* images of 8×8"),
        ("other.safetensors", "wide.npy", "other.safetensors: no model of MoAPlus"),
        ("none.safetensors", "wide.npy", "none.safetensors"),
    ):
        assert main(["assign", model, images, "--output", "out.csv"]) == 1
        assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "out.csv").exists()


def test_without_the_pipeline_the_commands_say_so(capsys):
    program = "import sys; sys.modules['pydantic'] = None; import moaplus.__main__ as m; m.main()"
    said = [
        subprocess.run([sys.executable, "-c", program, word], capture_output=True, text=True).stdout
        for word in ("--help", "--version")
    ]
    assert "cluster" in said[0]
    assert "moaplus[pipeline]" in said[0]
    assert re.fullmatch(r"moaplus \d+\.\d+\.\d+\n", said[1])
