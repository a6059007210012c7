"""Fetching, verifying and selecting, on real MNIST and on broken files and servers."""

import dataclasses
import gzip
import http.server
import shutil
import threading

import numpy as np
import pytest

from moaplus.data import fetch, images, select
from moaplus.plan.datasets import DATASETS, RAW, raw_files
from moaplus.plan.runs import Selection
from moaplus.storage.arrays import load_arrays, save_arrays
from moaplus.storage.files import UserError, whole_file

IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = raw_files("mnist")


def get(dataset: str = "mnist") -> None:
    fetch.fetch(DATASETS[dataset], raw_files(dataset))


def write_selection(selection: Selection) -> None:
    select.select(selection, raw_files(selection.dataset))


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A mirror on this machine; it serves what the test puts into its dictionary."""
    content = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = content.get(self.path.strip("/"))
            self.send_response(200 if body is not None else 500)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        mirror = f"http://127.0.0.1:{httpd.server_port}/"
        for name in ("MNIST", "FashionMNIST", "KMNIST"):
            monkeypatch.setattr(getattr(fetch.torchvision_datasets(), name), "mirrors", [mirror])
        monkeypatch.setattr(fetch, "DEBIAN_FOLDER", tmp_path / "absent")
        monkeypatch.chdir(tmp_path)
        yield content
        httpd.shutdown()


@pytest.fixture
def no_npm(monkeypatch):
    monkeypatch.setenv("PATH", "")


def test_hashes_of_gzipped_files_are_torchvisions():
    published = fetch.torchvision_datasets()
    gzipped = [
        dataset
        for dataset in DATASETS.values()
        if all(name.endswith(".gz") for name in dataset.md5)
    ]
    assert gzipped
    assert gzipped
    for dataset in gzipped:
        assert dict(getattr(published, dataset.torchvision).resources) == dataset.md5


def test_files_already_there_are_verified_and_kept(mnist, workspace, capsys):
    get()
    assert capsys.readouterr().err.count("already there, verified") == 4


def test_a_mirror_is_used_and_named(mnist, server, no_npm, capsys, monkeypatch):
    published = fetch.torchvision_datasets().MNIST
    resources = []
    for path in raw_files("mnist"):
        packed = gzip.compress((mnist / "mnist" / path.name).read_bytes(), 1, mtime=0)
        server[f"{path.name}.gz"] = packed
        resources.append((f"{path.name}.gz", fetch.md5_of(write(packed))))
    monkeypatch.setattr(published, "resources", resources)
    get()
    assert capsys.readouterr().err.count("http://127.0.0.1") == 4
    assert select.read_idx(LABELS, 1).tolist()[:3] == [5, 0, 4]


def write(content: bytes):
    from pathlib import Path

    path = Path("packed")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "body",
    [None, b"<html>Sign in</html>", gzip.compress(b"wrong"), gzip.compress(b"x" * 999)[:40]],
    ids=["no file", "HTML", "wrong content", "half a file"],
)
def test_when_every_source_fails_each_is_named_and_nothing_is_left(server, no_npm, body):
    server[f"{IMAGES.name}.gz"] = body
    with pytest.raises(UserError) as error:
        get()
    for words in (str(IMAGES), "http://127.0.0.1", "npm is not installed"):
        assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not RAW.exists() or not list(RAW.rglob("*ubyte*"))


@pytest.mark.parametrize("dataset", sorted(set(DATASETS) - {"mnist"}))
def test_other_data_sets_come_through_the_same_code(server, dataset):
    path = next(iter(raw_files(dataset)))
    server[path.name.removesuffix(".gz") + ".gz"] = b"not what was published"
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.*127\.0\.0\.1.*corrupted"):
        get(dataset)


def test_debians_package_serves_where_the_mirrors_do_not(mnist, server, tmp_path, monkeypatch):
    folder = tmp_path / "datasets/digits"
    folder.mkdir(parents=True)
    for path in raw_files("mnist"):
        packed = gzip.compress((mnist / "mnist" / path.name).read_bytes(), compresslevel=1)
        (folder / f"{path.name}.gz").write_bytes(packed)
    monkeypatch.setattr(fetch, "DEBIAN_FOLDER", tmp_path / "datasets")
    packaged = dataclasses.replace(DATASETS["mnist"], npm=None, debian="digits")
    fetch.fetch(packaged, raw_files("mnist"))
    assert all(select.md5_of(path) == md5 for path, md5 in raw_files("mnist").items())


def test_truncated_raw_files_are_replaced_or_refused(mnist, server, no_npm):
    shutil.copytree(mnist / "mnist", RAW / "mnist")
    IMAGES.write_bytes(IMAGES.read_bytes()[:1000])
    with pytest.raises(UserError, match="missing, wrong or truncated"):
        write_selection(selection((0, 1), None))
    with pytest.raises(UserError, match="wrong or truncated, deleted"):
        get()
    assert not IMAGES.exists()
    assert LABELS.exists()


def test_idx_files_of_another_kind_are_refused(tmp_path):
    header = np.array([0x803, 3, 28, 28], dtype=">u4").tobytes()
    cases = {
        "html": b"<html>",
        "empty": b"",
        "truncated": header + b"\0" * 100,
        "labels": np.array([0x801, 1], dtype=">u4").tobytes() + b"\1",
        "html.gz": b"<html>",
        "cut.gz": gzip.compress(header + b"\0" * 3 * 784)[:-9],
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            select.read_idx(tmp_path / name, 3)
    (tmp_path / "good.gz").write_bytes(gzip.compress(header + bytes(range(256)) * 9 + b"\0" * 48))
    assert select.read_idx(tmp_path / "good.gz", 3).shape == (3, 28, 28)


def selection(classes: tuple[int, ...], n: int | None) -> Selection:
    return Selection("mnist", classes, n, subset_seed=0)


def test_zeros_and_ones_are_as_many_as_the_second_reading_takes(workspace):
    zeros_and_ones, everything = selection((0, 1), None), selection(tuple(range(10)), 12665)
    for chosen in (zeros_and_ones, everything):
        write_selection(chosen)
        assert len(images.load_images(chosen)["train"]) == 12665
    assert set(images.load_labels(zeros_and_ones)["test"]) == {0, 1}
    assert len(images.load_labels(everything)["test"]) == 10000


def test_subsets_keep_the_proportions_of_classes_and_are_seeded(workspace):
    chosen = selection((0, 1, 7), 1000)
    write_selection(chosen)
    first = load_arrays(chosen.images_path)["train"]
    labels = images.load_labels(chosen)["train"]
    everyone = select.read_idx(LABELS, 1)
    everyone = everyone[np.isin(everyone, [0, 1, 7])]
    for label in (0, 1, 7):
        assert np.sum(labels == label) == pytest.approx(1000 * np.mean(everyone == label), abs=1)
    write_selection(chosen)
    np.testing.assert_array_equal(first, load_arrays(chosen.images_path)["train"])
    other = Selection("mnist", (0, 1, 7), 1000, subset_seed=1)
    write_selection(other)
    assert not np.array_equal(first, load_arrays(other.images_path)["train"])


def test_the_shown_test_images_are_the_first_of_each_class_in_their_order(workspace):
    for classes, each in (((0, 1), 10), (tuple(range(10)), 2)):
        chosen = selection(classes, 1000)
        write_selection(chosen)
        shown, labels = images.load_shown(chosen), images.load_labels(chosen)["test"]
        assert (np.diff(shown) > 0).all()
        for label in classes:
            assert [i for i in shown if labels[i] == label] == [
                i for i in range(len(labels)) if labels[i] == label
            ][:each]


def test_more_images_than_there_are_is_refused(workspace):
    with pytest.raises(UserError, match="20000 is not allowed"):
        write_selection(selection((0, 1), 20000))


def test_files_are_whole_or_absent(tmp_path):
    path = tmp_path / "folder" / "file.txt"
    with pytest.raises(RuntimeError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    (tmp_path / "a file").touch()
    with pytest.raises(UserError, match="cannot be written"), whole_file(tmp_path / "a file" / "x"):
        pass


def test_damaged_and_pickled_arrays_are_refused(tmp_path):
    path = tmp_path / "arrays.npz"
    save_arrays(path, a=np.arange(1000))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="damaged"):
        load_arrays(path)
    np.savez(path, a=np.array([object()]))
    with pytest.raises(UserError, match="damaged"):
        load_arrays(path)
    with pytest.raises(UserError, match="missing"):
        load_arrays(tmp_path / "none.npz")
