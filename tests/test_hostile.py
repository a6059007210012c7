"""Wrong and hostile input: accepted and run, or refused in one line; never a traceback."""

import copy
import io
import itertools
import struct
import tarfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from workspace import ROOT, call, make_workspace, read_yaml, write_yaml

from moaplus.data import fetch
from moaplus.data.images import load_images
from moaplus.plan import params as reading
from moaplus.plan.runs import Run
from moaplus.plan.studies import load
from moaplus.runs import training
from moaplus.runs.evaluation import evaluate
from moaplus.runs.folder import read_header
from moaplus.storage.arrays import load_arrays, save_arrays
from moaplus.storage.files import UserError, one_of
from moaplus.storage.tensors import load_tensors, save_tensors

PARAMS = read_yaml(ROOT / "params.yaml")
SCHEMA = reading.schema()
# Objectives have just their own constants, and settings their names: those of the project.
for block in ("objectives", "settings"):
    SCHEMA["properties"][block] = {"const": PARAMS[block]}
for block in ("StudyBlock", "WayBlock"):
    SCHEMA["$defs"][block]["properties"]["settings"] = {"enum": list(PARAMS["settings"])}
for block in ("Vary", "Decisions"):
    few = SCHEMA["$defs"][block]
    few["properties"] = {  # of all combinations there would be thousands
        key: rule
        for key, rule in few["properties"].items()
        if key in ("latent", "ridge", *few.get("required", ()))
    }
FUZZ = settings(
    phases=[Phase.explicit, Phase.generate],  # shrinking would take minutes; seeds are printed
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SHELL = [
    "; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "a' || touch pwned #",
    "../../x",
    "a\nb",
]


SMALL = {  # so that whatever is accepted can also be run
    "epochs": 2, "images": 40, "experts": 4, "channels": 5, "latent": 5, "batch_size": 60,
    "count": 3, "protocols": 4,
}  # fmt: skip


def small(schema: object, key: str = "") -> object:
    """Make a part of the schema with smaller maxima, its references replaced by what they name."""
    if isinstance(schema, list):
        return [small(part, key) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return small(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], key)
    cap = {"maximum": SMALL[key]} if key in SMALL and "maximum" in schema else {}
    same = ("items", "oneOf", "anyOf")
    parts = {k: small(part, key if k in same else k) for k, part in schema.items()}
    return parts | cap


def allowed(schema: dict) -> st.SearchStrategy:
    """Values that a small schema allows, by the keywords that it uses."""
    if kinds := schema.get("oneOf", schema.get("anyOf")):
        return st.one_of(*map(allowed, kinds))
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    return KINDS[schema["type"]](schema)


def allowed_object(schema: dict) -> st.SearchStrategy:
    if "patternProperties" in schema:
        ((pattern, value),) = schema["patternProperties"].items()
        names = st.from_regex(pattern, fullmatch=True)
        return st.dictionaries(names, allowed(value), min_size=schema["minProperties"], max_size=3)
    values = {name: allowed(value) for name, value in schema["properties"].items()}
    required = {name: values.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=values)


def allowed_list(schema: dict) -> st.SearchStrategy:
    return st.lists(
        allowed(schema["items"]),
        min_size=schema.get("minItems", 0),
        max_size=schema.get("maxItems", 3),
        unique_by=repr if schema.get("uniqueItems") else None,
    )


KINDS = {
    "object": allowed_object,
    "array": allowed_list,
    "string": lambda schema: (
        st.from_regex(schema["pattern"], fullmatch=True)
        if "pattern" in schema
        else st.text(max_size=8)
    ),
    "null": lambda _: st.none(),
    "integer": lambda schema: st.integers(schema["minimum"], schema["maximum"]),
    "number": lambda schema: st.floats(schema["minimum"], schema["maximum"]),
}


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Return the path to every value of params.yaml, itself included."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(p for key, item in items for p in places(item, (*path, key)))]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.integers(0, 40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*SHELL, "all", "moa", "unet", "paper", "mnist"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def changed_params(draw) -> object:
    """Draw what the schema allows, with up to two values replaced, removed or added."""
    params = draw(allowed(small(SCHEMA)))
    params["default"] = draw(
        st.lists(st.sampled_from(sorted(params["studies"])), min_size=1, unique=True)
    )
    first = params["studies"][params["default"][0]]  # figures need MoA+ with M = 2
    first["objectives"] = list(dict.fromkeys([*first["objectives"], "moa_plus"]))
    first["experts"] = list(dict.fromkeys([*first["experts"], 2]))
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(places(params)))
        if not path:
            return draw(values)
        *parents, last = path
        place = params
        for key in parents:
            place = place[key]
        kind = draw(st.sampled_from(["replace", "remove", "add"]))
        if kind == "replace":
            place[last] = draw(values)
        elif kind == "remove":
            del place[last]
        elif isinstance(place, dict):
            place[draw(st.text(max_size=6))] = draw(values)
        else:
            place.append(draw(values))
    return params


@FUZZ
@given(changed_params())
def test_params_are_accepted_and_run_or_refused_with_the_key_and_the_reason(
    tmp_path, monkeypatch, params
):
    monkeypatch.chdir(tmp_path)
    write_yaml(reading.PARAMS, params)
    try:
        plan = load()
    except UserError as error:
        refused_in_one_line(error, "params.yaml: ")
        return
    for folder, run in plan.all_runs.items():
        assert set(folder) <= set("abcdefghijklmnopqrstuvwxyzM0123456789-_+=./")
        assert 2 <= run.experts <= 100
    run = next(iter(plan.default_runs.values()))
    try:
        train_and_evaluate(run)
    except UserError as error:
        refused_in_one_line(error, "models/")
        assert "experts for" in str(error) or run.model.exists()
        return
    assert read_header(run).parameters > 0
    assert np.isfinite(load_arrays(run.concentrations)["train_concentrations"]).all()


def refused_in_one_line(error: UserError, start: str) -> None:
    message = str(error)
    assert message.startswith(start)
    assert "\n" not in message
    assert len(message) < 1500


def train_and_evaluate(run: Run) -> None:
    """Train and evaluate on as many noisy images as the run wants."""
    n, generator = run.selection.images or 30, np.random.default_rng(0)
    grey = generator.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    labels = np.arange(n, dtype=np.uint8) % 2
    save_arrays(run.selection.images_path, train=grey, test=grey, shown=np.arange(2))
    save_arrays(run.selection.labels_path, train=labels, test=labels)
    training.train(run)
    evaluate(run)


@FUZZ
@given(
    st.text()
    | st.sampled_from(["{", "a: &a [*a]", "- " * 9, "? x", "%YAML 9", "\ufeff", "--- 1\n--- 2"])
)
def test_any_text_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(UserError) as error:
        load(path)
    assert "\n" not in str(error.value)


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}]\n"
    for a, b in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "more than 100,000 values"),
        ("a: &a [*a]", "nested too deeply"),
        ("a: !!python/object/apply:os.system ['touch pwned']", "could not determine a constructor"),
        ("a: !!binary aGk=", "'a': no such key"),
        ("train: {epochs: 1}\ntrain: {epochs: 2}", "duplicate key"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "9" * 5000, "not valid YAML"),
        ("a: 2001-99-99", "not valid YAML"),
        ("1: 2", "the key 1 must be a word"),
        ("? [a]\n: 1", "must be a word"),
        ("<<: {a: 1}", "'a': no such key"),
    ],
)
def test_yaml_of_more_than_plain_values_is_refused(tmp_path, text, words):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=words):
        load(path)


@pytest.mark.parametrize("share", [pytest.param(1, marks=pytest.mark.long), 5])
def test_no_value_and_no_wildcard_reaches_a_shell(tmp_path, mnist, share):
    few = copy.deepcopy(PARAMS)
    kinds = {tuple(study): name for name, study in reversed(few["studies"].items())}
    few["studies"] = {name: few["studies"][name] for name in {*kinds.values(), *few["default"]}}
    keys = [path for path in places(few) if path and isinstance(path[-1], str)]
    assert len(keys) > 150
    for path, text in zip(keys[::share], itertools.cycle(SHELL)):
        for as_key in (True, False):
            params = copy.deepcopy(few)
            place = params
            for key in path[:-1]:
                place = place[key]
            place.update({text: place[path[-1]]} if as_key else {path[-1]: text})
            file = tmp_path / "params.yaml"
            write_yaml(file, params)
            with pytest.raises(UserError):
                load(file)
    folder = make_workspace(tmp_path / "workspace", mnist)
    for command in (
        ["results/studies/$(touch pwned)/table.md"],
        ["models/mnist-0+1-n400/`touch pwned`/M2/moa/seed0/model.safetensors"],
        ["data", "--config", "device=$(touch pwned)", "models"],
    ):
        call(folder, "snakemake", "--cores", "1", *command, ok=False)
    assert not list(folder.rglob("pwned"))


def archive(path, *members: tuple[str, bytes, int | None]) -> None:
    """Write a tar of members: name, type, and the size that the header states."""
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, size in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, "/etc/passwd", 0
            if kind == tarfile.REGTYPE:
                info.size = 5
            tar.addfile(info, io.BytesIO(b"hello"))
            if size:
                info.size = size
                tar.fileobj.write(info.tobuf())


@pytest.mark.parametrize(
    "member",
    [
        ("package/data/x", tarfile.SYMTYPE, None),
        ("package/data/x", tarfile.LNKTYPE, None),
        ("package/data/x", tarfile.DIRTYPE, None),
        ("package/data/x", tarfile.REGTYPE, 2**40),
        ("../package/data/x", tarfile.REGTYPE, None),
    ],
)
def test_hostile_archives_are_refused(tmp_path, member):
    archive(tmp_path / "a.tgz", member)
    with pytest.raises(fetch.SourceError, match=r"a\.tgz"):
        fetch.unpack(tmp_path / "a.tgz", ["package/data/x"], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_only_what_is_named_leaves_an_archive(tmp_path):
    outside = tmp_path / "outside"
    archive(
        tmp_path / "a.tgz",
        (str(outside), tarfile.REGTYPE, None),
        ("../outside", tarfile.REGTYPE, None),
        ("package/data/x", tarfile.REGTYPE, None),
    )
    fetch.unpack(tmp_path / "a.tgz", ["package/data/x"], tmp_path / "out")
    assert (tmp_path / "out" / "x").read_bytes() == b"hello"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "out"]


def test_hostile_models_are_refused(smoke_run):
    training.train(smoke_run)
    tensors, origin = load_tensors(smoke_run.model)
    whole = smoke_run.model.read_bytes()
    name = next(iter(tensors))
    pickled = io.BytesIO()
    np.savez(pickled, a=np.array([object()]))

    def rewritten(**changes: np.ndarray) -> bytes:
        save_tensors(smoke_run.model, tensors | changes, origin)
        return smoke_run.model.read_bytes()

    cases = {
        "shape": rewritten(**{name: tensors[name][:1]}),
        "dtype": rewritten(**{name: tensors[name].astype(np.float64)}),
        "another name": rewritten(other=tensors[name]),
        "header of 2 GB": struct.pack("<Q", 2 << 30) + b"{}",
        "no origin": safetensors.numpy.save(tensors),
        "no safetensors": pickled.getvalue(),
        "a flipped bit": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
    }
    for content in cases.values():
        smoke_run.model.write_bytes(content)
        with pytest.raises(UserError, match=r"model\.safetensors: damaged"):
            evaluate(smoke_run)
        assert not smoke_run.model.exists()
    origin["settings"]["training"]["epochs"] = 9
    save_tensors(smoke_run.model, tensors, origin)
    with pytest.raises(UserError, match="made with another training"):
        evaluate(smoke_run)
    assert smoke_run.model.exists()


def test_arrays_of_another_kind_are_refused(smoke_run):
    save_arrays(smoke_run.selection.images_path, train=np.zeros((2, 28, 28), np.uint8))
    with pytest.raises(UserError, match="it has no test"):
        load_images(smoke_run.selection)
    assert not smoke_run.selection.images_path.exists()


def test_of_many_names_the_nearest_are_shown_in_order():
    many = [*(f"study{number}" for number in range(20)), "views", "views_loss"]
    with pytest.raises(UserError, match=r"^vews: no such study; allowed: views, .*14 others$"):
        one_of("study", "vews", many)
    with pytest.raises(UserError, match=r"^vews: no such study; allowed: paper, seeds$"):
        one_of("study", "vews", ["paper", "seeds"])
