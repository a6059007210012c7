"""The library without the pipeline: its wheel in an environment of its own."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from importlib.metadata import distribution, version
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image
from sklearn.datasets import load_digits
from workspace import ROOT

FIT = """
import sys
import numpy as np
from sklearn.datasets import load_digits
import moaplus
X = load_digits(n_class=2).images[:60]
model = moaplus.MoAPlus(2, epochs=2, random_state=0).fit(X)
assert model.transform(X).shape == (60, 128)
assert moaplus.MoAPlus(3, epochs=2).fit(X.reshape(60, -1)).labels_.shape == (60,)
A = moaplus.minimax_weights(model.concentrations_.astype(float))
np.testing.assert_allclose(A.T @ model.concentrations_, np.eye(2), atol=1e-4)
for name in ("pandas", "dvc", "snakemake", "pydantic", "matplotlib", "torchvision"):
    assert name not in sys.modules, name
"""


def run(*command, **settings):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    done = subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, **settings
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    litter = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=litter)  # a build writes beside them
    how = ("--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable)
    run("uv", "build", *how, "--out-dir", folder, source)
    (path,) = folder.glob("*.whl")
    return path


def try_it(python, folder):
    """Fit, cluster a folder of pictures and assign it, from an environment's python."""
    (folder / "pictures").mkdir()
    for index, image in enumerate(load_digits(n_class=2).images[:30]):
        Image.fromarray(np.uint8(15 * image)).save(folder / f"pictures/{index}.png")
    run(python, "-c", FIT)
    command = [python, "-m", "moaplus"]
    outputs = ("--output", "a.csv", "--sheet", "a.png", "--model", "a.safetensors")
    run(*command, "cluster", "pictures", "--clusters", "2", *outputs, cwd=folder)
    run(*command, "assign", "a.safetensors", "pictures", "--output", "b.csv", cwd=folder)
    assert (folder / "a.csv").read_bytes() == (folder / "b.csv").read_bytes()
    assert "moaplus[pipeline]" in run(*command, "--help")
    assert run(*command, "--version") == f"moaplus {version('moaplus')}\n"


def core_of(wheel):
    """Return the distributions that the wheel's core needs, and all that these need."""
    found, left = {}, requirements(read_metadata(wheel).get_all("Requires-Dist"))
    while left:
        name = canonicalize_name(left.pop())
        if name not in found:
            found[name] = distribution(name)
            left += requirements(found[name].requires)
    return found


def requirements(lines):
    wanted = map(Requirement, lines or ())
    return [r.name for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]


def read_metadata(wheel):
    with zipfile.ZipFile(wheel) as content:
        (name,) = [each for each in content.namelist() if each.endswith(".dist-info/METADATA")]
        return message_from_bytes(content.read(name))


def test_the_wheel_works_with_what_its_core_needs_and_nothing_else(wheel, tmp_path):
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv/bin/python"
    (place,) = (tmp_path / "venv/lib").glob("*/site-packages")
    core = core_of(wheel)
    assert not core.keys() & {"pandas", "dvc", "snakemake", "pydantic", "matplotlib", "torchvision"}
    for needed in core.values():
        for top in {file.parts[0] for file in needed.files} - {"..", "__pycache__"}:
            link = place / top
            if not link.exists():
                link.symlink_to(Path(needed.locate_file(top)).resolve())
    run("uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel)
    assert (place / "moaplus/py.typed").exists()
    try_it(python, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("versions", ["lowest-direct", "highest"])
def test_the_wheel_works_with_the_oldest_and_the_newest_versions(wheel, tmp_path, versions):
    run("uv", "venv", "--quiet", "--python", "3.11", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    run("uv", "pip", "install", "--quiet", "--python", python, "--resolution", versions, wheel)
    try_it(python, tmp_path)
