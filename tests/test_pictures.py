"""What the clusterer reads: pictures of all kinds, arrays and tables."""

import gzip
import os
import re

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from moaplus.clusterer.pictures import LARGEST, SOFTWARE, Form, load_pictures
from moaplus.clusterer.sheet import save_sheet
from moaplus.storage.files import UserError

IMAGES = np.uint8(15 * load_digits(n_class=2).images[:20])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


def save(path, values, mode=None, **settings):
    picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
    (picture.convert(mode) if mode else picture).save(path, **settings)


@pytest.mark.parametrize(
    ("image", "ending", "shape", "dtype"),
    [
        (np.full((6, 5), 200, np.uint8), "png", (6, 5), np.uint8),
        (np.full((6, 5, 3), (200, 0, 9), np.uint8), "png", (6, 5, 3), np.uint8),
        (np.full((6, 5), 200 * 257, np.uint16), "png", (6, 5), np.float32),
        (np.full((6, 5), 200 * 257, np.uint16), "tif", (6, 5), np.float32),
        (np.full((6, 5), True), "png", (6, 5), np.uint8),
        (np.full((6, 5, 3), (200, 0, 9), np.uint8), "JPG", (6, 5, 3), np.uint8),
        (np.full((6, 5), 200, np.uint8), "bmp", (6, 5), np.uint8),
        (np.full((6, 5), 200, np.uint8), "gif", (6, 5), np.uint8),
        (np.full((6, 5, 3), (200, 0, 9), np.uint8), "webp", (6, 5, 3), np.uint8),
    ],
    ids=["grey", "colours", "16 bits", "16 bits tiff", "1 bit", "jpeg", "bmp", "gif", "webp"],
)
def test_pictures_of_all_kinds_have_values_from_0_to_255(folder, image, ending, shape, dtype):
    save(folder / f"2.{ending}", image, quality=100)
    found = load_pictures(folder)
    assert found.images.shape == (1, *shape)
    assert found.images.dtype == dtype
    expected = np.where(image == True, 255, image) if image.dtype == bool else image  # noqa: E712
    expected = expected / 257 if image.dtype == np.uint16 else expected
    np.testing.assert_allclose(found.images[0], expected, atol=3)


def test_all_pictures_are_brought_to_one_kind(folder):
    grey = np.full((8, 8), 100, np.uint8)
    save(folder / "0.png", grey)
    save(folder / "1.png", np.uint16(grey) * 257)
    save(folder / "2.png", np.stack([grey] * 3, axis=2) + np.uint8([0, 1, 0]))
    save(folder / "3.png", np.full((40, 20), 100, np.uint8))
    images = load_pictures(folder).images
    assert images.shape == (4, LARGEST, LARGEST, 3)
    np.testing.assert_allclose(images, 100, atol=1)
    grey = load_pictures(folder, Form((8, 8))).images
    assert grey.shape == (4, 8, 8)
    np.testing.assert_allclose(grey, 100, atol=1)


def test_large_pictures_are_scaled_down_and_small_ones_kept(folder):
    save(folder / "a.png", np.arange(200 * 100, dtype=np.uint8).reshape(200, 100))
    assert load_pictures(folder).images.shape == (1, LARGEST, LARGEST // 2)
    save(folder / "a.png", IMAGES[0])
    np.testing.assert_array_equal(load_pictures(folder).images, IMAGES[:1])


def test_the_ratio_of_the_sides_is_kept_if_asked(folder):
    save(folder / "0.png", np.zeros((20, 40), np.uint8))
    save(folder / "1.png", np.zeros((40, 20), np.uint8))
    stretched = load_pictures(folder).images
    assert (stretched == 0).all()
    wide, high = load_pictures(folder, Form(aspect=True, background="white")).images
    np.testing.assert_array_equal(wide, high.T)
    assert (wide[LARGEST // 4 : -LARGEST // 4] == 0).all()
    assert (wide[: LARGEST // 4] == 255).all()


def test_pictures_that_look_alike_are_alike(folder):
    rng = np.random.default_rng(0)
    shape = (rng.random((9, 9)) > 0.5).astype(np.uint8)
    black = np.uint8(255 * (1 - shape))
    hidden = np.stack([rng.integers(0, 256, (9, 9), dtype=np.uint8)] * 3, axis=2)
    hidden[shape == 1] = 0  # black where it can be seen
    save(folder / "0.png", black)
    save(folder / "1.png", np.dstack([hidden, 255 * shape]))
    save(folder / "2.png", np.dstack([np.zeros_like(shape), 255 * shape]))  # LA
    palette = Image.fromarray(shape).convert("P")
    palette.putpalette([9, 200, 30, 0, 0, 0])
    save(folder / "3.png", palette, transparency=0)
    turned = Image.fromarray(np.rot90(black))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    turned.save(folder / "4.png", exif=exif)
    images = load_pictures(folder).images
    assert images.shape == (5, 9, 9, 3)
    for image in images[1:]:
        np.testing.assert_array_equal(image, images[0])
    on_black = load_pictures(folder, Form(background="black")).images
    assert (on_black[1:4] == 0).all()


def test_what_is_no_picture_is_counted_by_reason(folder, tmp_path):
    (folder / "deeper/__MACOSX").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    for name in ("b.png", "deeper/a.PNG", "._b.png", ".hidden.png", "deeper/__MACOSX/a.png"):
        save(folder / name, IMAGES[0], format="png")
    save(folder / ".ipynb_checkpoints/b.png", IMAGES[0])
    (folder / "notes.txt").write_text("no picture")
    save_sheet(folder / "sheet.png", IMAGES, np.eye(20))
    outside = tmp_path / "outside"
    outside.mkdir()
    save(outside / "c.png", IMAGES[1])
    (folder / "linked").symlink_to(outside, target_is_directory=True)
    (outside / "loop").symlink_to(folder, target_is_directory=True)
    found = load_pictures(folder)
    assert found.names == ["b.png", "deeper/a.PNG", "linked/c.png"]
    assert found.left_out == {
        "hidden files": 2,
        "hidden folders": 2,
        "files that are no pictures": 1,
        "outputs of moaplus": 1,
    }
    assert "2 hidden files" in found.note
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.info["Software"] == SOFTWARE


def test_names_may_be_of_any_bytes(folder):
    name = b"caf\xe9 \xff.png"
    save(folder / os.fsdecode(name), IMAGES[0])
    assert [os.fsencode(each) for each in load_pictures(folder).names] == [name]


def test_a_list_of_paths_is_read(folder):
    for index in (2, 0, 1):
        save(folder / f"{index}.png", IMAGES[index])
    paths = [folder / f"{index}.png" for index in (2, 0, 1)]
    found = load_pictures(paths)
    np.testing.assert_array_equal(found.images, IMAGES[[2, 0, 1]])
    assert found.names == [str(path) for path in paths]


def test_all_damaged_pictures_are_listed_or_left_out(folder):
    for index in range(10):
        save(folder / f"{index}.png", IMAGES[index])
    for index in range(1, 8):
        path = folder / f"{index}.png"
        path.write_bytes(path.read_bytes()[: 20 + 5 * index])
    listed = r"7 pictures cannot be read: 1\.png \(.*5\.png \(.*\) and 2 others; .*--skip-bad"
    with pytest.raises(UserError, match=listed):
        load_pictures(folder)
    found = load_pictures(folder, skip_bad=True)
    np.testing.assert_array_equal(found.images, IMAGES[[0, 8, 9]])
    assert found.note == "7 damaged pictures"
    for index in (0, 8, 9):
        (folder / f"{index}.png").write_bytes(b"")
    with pytest.raises(UserError, match="holds no pictures that can be read"):
        load_pictures(folder, skip_bad=True)


def test_arrays_are_told_by_their_content(tmp_path):
    np.save("images.npy", IMAGES)
    np.savez_compressed("images.npz", anything=IMAGES)
    np.savez("two.npz", first=IMAGES[:1], second=IMAGES)
    header = np.array([0x803, *IMAGES.shape], dtype=">u4").tobytes()
    (tmp_path / "images-idx3-ubyte").write_bytes(header + IMAGES.tobytes())
    (tmp_path / "IMAGES.GZ").write_bytes(gzip.compress(header + IMAGES.tobytes()))
    (tmp_path / "images.bin").write_bytes((tmp_path / "images.npy").read_bytes())
    (tmp_path / "npy.gz").write_bytes(gzip.compress((tmp_path / "images.npy").read_bytes()))
    names = ("images.npy", "images.npz", "images-idx3-ubyte", "IMAGES.GZ", "images.bin", "npy.gz")
    for name in names:
        found = load_pictures(tmp_path / name)
        assert found.names[:2] == ["0", "1"]
        np.testing.assert_array_equal(found.images, IMAGES)
    np.testing.assert_array_equal(load_pictures("two.npz", array="second").images, IMAGES)


def test_colours_may_come_first_and_it_is_said(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 9), np.uint8)
    np.save("first.npy", images)
    found = load_pictures(tmp_path / "first.npy").images
    np.testing.assert_array_equal(found, images.transpose(0, 2, 3, 1))
    assert "(4, 3, 8, 9) is read as (n, colours, h, w)" in capsys.readouterr().out


def test_tables_of_features_are_read(tmp_path):
    (tmp_path / "with.csv").write_text("name,a,b\nx,1,2\ny,3,4.5\n")
    (tmp_path / "WITHOUT.CSV").write_text("1;2\n3;4.5\n")
    expected = [[1, 2], [3, 4.5]]
    found = load_pictures(tmp_path / "with.csv")
    assert found.names == ["x", "y"]
    np.testing.assert_array_equal(found.images, expected)
    found = load_pictures(tmp_path / "WITHOUT.CSV")
    assert found.names == ["0", "1"]
    np.testing.assert_array_equal(found.images, expected)


def test_parquet_is_read_where_pyarrow_is(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="make parquet")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"id": ["x", "y"], "a": [1, 3], "b": [2, 4.5]}), "t.parquet")
    found = load_pictures(tmp_path / "t.parquet")
    assert found.names == ["x", "y"]
    np.testing.assert_array_equal(found.images, [[1, 2], [3, 4.5]])


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def test_bad_arrays_and_tables_get_one_line(tmp_path):
    np.save("pickle.npy", np.array([Trap()]), allow_pickle=True)
    np.savez("two.npz", IMAGES, IMAGES)
    np.save("words.npy", np.array([["a", "b"]]))
    np.save("five.npy", np.zeros((2, 2, 2, 2, 2)))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:99])
    (tmp_path / "cut.gz").write_bytes(gzip.compress(IMAGES.tobytes())[:-20])
    (tmp_path / "text.idx").write_text("no images")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "ragged.csv").write_text("1,2\n3,4\n5,6,7\n")
    (tmp_path / "species.csv").write_text("a,species\n1,setosa\n2,virginica\n")
    for name, words in (
        ("pickle.npy", "cannot be read.*Python objects"),
        ("two.npz", "holds the arrays arr_0, arr_1; choose one with --array"),
        ("words.npy", "an array of <U1"),
        ("five.npy", r"shape \(2, 2, 2, 2, 2\)"),
        ("cut.npz", "cannot be read"),
        ("cut.gz", "no whole gzip file"),
        ("text.idx", "no array"),
        ("empty.csv", "cannot be read"),
        ("ragged.csv", "its rows have 2 to 3 values"),
        ("species.csv", "column 'species' holds 'setosa', which is no number"),
        ("none.npy", "no such file or folder"),
    ):
        with pytest.raises(UserError) as caught:
            load_pictures(tmp_path / name)
        assert re.search(f"{name}: .*{words}", str(caught.value))
        assert "\n" not in str(caught.value)
