"""The pins of pip and conda users are the same, and every pin is exact."""

import re
import tomllib

from workspace import ROOT, read_yaml

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = {*PROJECT["dependencies"], *EXTRAS["dev"]}


def test_environment_yml_has_the_pins_of_pyproject():
    environment = read_yaml(ROOT / "environment.yml")
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert set(pip) == PINS


def test_every_pin_is_exact_and_in_the_constraints():
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().splitlines()
    for pin in PINS.union(*EXTRAS.values()) - {"moaplus[umap]"}:
        assert re.fullmatch(r"[a-z0-9.-]+(\[server\])?==[\d.]+", pin)
        assert pin.replace("[server]", "") in constraints
