"""A training that is killed and started again ends in the bytes of one that never was."""

import dataclasses

import pytest
import torch

from moaplus.mixture import fit
from moaplus.plan.runs import Run
from moaplus.provenance import origin
from moaplus.runs import folder, training
from moaplus.runs.evaluation import evaluate


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def noise(monkeypatch) -> None:
    """Random numbers of torch's own in every objective."""
    plain = training.objective_of
    monkeypatch.setattr(
        training, "objective_of", lambda run: lambda o: plain(run)(o) * (1 + 0.01 * torch.rand(()))
    )


@pytest.fixture
def run(smoke_run) -> Run:
    """The smoke run with four epochs of three steps."""
    return longer(smoke_run)


@pytest.fixture
def deep(two_views_run) -> Run:
    """The same on two views, with heads of which one is chosen half-way."""
    return longer(two_views_run)


def longer(run: Run) -> Run:
    return dataclasses.replace(
        run, training=run.training.model_copy(update={"epochs": 4, "batch_size": 150})
    )


def train(run: Run, monkeypatch, steps: int | None = None, every: int = 1) -> bool:
    """Train for at most so many steps; whether it came to the end."""
    done, step = 0, fit.step

    def counted(*arguments):
        nonlocal done
        if done == steps:
            raise KilledError
        done += 1
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(fit, "step", counted)
        try:
            training.train(run, checkpoint_every=every)
        except KilledError:
            return False
    return True


def made(run: Run) -> tuple[bytes, bytes]:
    return run.model.read_bytes(), run.history.read_bytes()


@pytest.fixture
def never_killed(run, monkeypatch) -> tuple[bytes, bytes]:
    assert train(run, monkeypatch)
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "checkpoint.safetensors",
        "history.csv",
        "model.safetensors",
    ]
    result = made(run)
    for path in run.folder.iterdir():
        path.unlink()
    return result


@pytest.mark.parametrize(("every", "moments"), [(1, range(12)), (2, (5, 6, 11))])
def test_killed_at_any_step(run, never_killed, monkeypatch, every, moments):
    for steps in moments:
        assert not train(run, monkeypatch, steps, every)
        assert run.checkpoint.exists() == (steps >= 3 * every)
        assert not run.model.exists()
        assert train(run, monkeypatch, every=every)
        assert made(run) == never_killed
        run.model.unlink()
        run.checkpoint.unlink()


def test_killed_before_and_after_a_head_is_chosen(deep, monkeypatch):
    assert train(deep, monkeypatch)
    whole = made(deep)
    evaluate(deep)
    for path in deep.folder.iterdir():
        path.unlink()
    for steps in (4, 7, 11):
        assert not train(deep, monkeypatch, steps)
        assert train(deep, monkeypatch)
        assert made(deep) == whole
        deep.model.unlink()
        deep.checkpoint.unlink()


def test_killed_again_and_again(run, never_killed, monkeypatch):
    kills = 0
    while not train(run, monkeypatch, steps=4):  # a step more than an epoch
        kills += 1
    assert kills == 3
    assert made(run) == never_killed


def test_killed_after_the_last_epoch(run, never_killed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(folder, "save_text", lambda *_: (_ for _ in ()).throw(KilledError))
        with pytest.raises(KilledError):
            training.train(run, checkpoint_every=1)
    assert train(run, monkeypatch, steps=0)
    assert made(run) == never_killed


def test_a_checkpoint_of_something_else_counts_as_none(run, never_killed, monkeypatch):
    train(run, monkeypatch, steps=7)
    whole = run.checkpoint.read_bytes()
    other = dataclasses.replace(run, training=run.training.model_copy(update={"epochs": 3}))
    assert not train(other, monkeypatch, steps=8)  # from the start: else three steps were enough
    for content in (whole[:1000], b"", whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]):
        run.checkpoint.write_bytes(content)
        assert not train(run, monkeypatch, steps=11)
        run.checkpoint.write_bytes(content)
        assert train(run, monkeypatch)
        assert made(run) == never_killed
        run.model.unlink()
    run.checkpoint.write_bytes(whole)
    monkeypatch.setattr(origin, "digest", lambda *_, **__: "other sources")
    assert not train(run, monkeypatch, steps=11)
