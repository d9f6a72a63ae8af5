"""Samples that are only watched: they are seen, and they change nothing."""

from dataclasses import replace

import pytest
import torch

from headstart.choose import make
from headstart.journal import Journal
from headstart.schedule import watched
from tests.depth import lessons
from tests.standing import save_tiny

STRATEGIES = ("probe", "partial", "gradual", "full", "scratch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("watched"))


def others(wrong: bool = False):
    """Return samples that nobody learns from, with their labels or all with the same."""
    found = lessons.samples(6, start=50)
    return tuple(replace(each, target=lessons.LABELS[0]) for each in found) if wrong else found


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_watched_changes_nothing(folder, strategy, monkeypatch):
    """Nobody looks, somebody does, the labels are wrong: the same model in all three cases."""
    lessons.hurry(monkeypatch)
    job = lessons.job(folder, strategy)
    models = [make(job, watch=watch) for watch in ((), others(), others(wrong=True))]
    states = [model.backbone.module.state_dict() for model in models]
    for model, state in zip(models[1:], states[1:], strict=True):
        assert all(torch.equal(each, states[0][name]) for name, each in state.items())
        assert (model.head.weight == models[0].head.weight).all()
    assert models[0].curve == ()
    assert [p.value for p in models[1].curve] != [p.value for p in models[2].curve]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_curve_tells_phase_epoch_and_seconds(folder, strategy, monkeypatch):
    lessons.hurry(monkeypatch)
    job = lessons.job(folder, strategy)
    model = make(job, watch=others())
    phases = [
        choice.what for choice in model.choices if choice.what in {p.phase for p in model.curve}
    ]
    assert model.curve
    assert list(dict.fromkeys(p.phase for p in model.curve if p.epoch)) == phases
    seconds = [point.seconds for point in model.curve]
    assert seconds == sorted(seconds)
    assert 0 < seconds[-1] <= model.seconds
    assert all(0 <= point.value <= 1 for point in model.curve)
    if strategy != "scratch":
        assert model.curve[0].epoch == 0  # the solved head


def test_the_last_point_is_the_model_where_the_last_epoch_was_kept(folder, monkeypatch):
    """Read off from outside, the model says what the curve said of it."""
    lessons.hurry(monkeypatch, epochs=1, rate=1e-5)
    watch = others()
    model = make(lessons.job(folder, "partial", keep=0.0), watch=watch)
    said = model.judge(model.features([each.input for each in watch]))[0]
    truth = model.task.encode([each.target for each in watch], model.labels)
    kept = "epoch 1 of 1" in model.choices[-1].why
    assert model.curve[-1 if kept else 0].value == pytest.approx(model.task.score(said, truth))


def test_auto_hands_on_the_curve_of_what_ships(folder, monkeypatch):
    lessons.hurry(monkeypatch)
    model = make(lessons.job(folder, "auto", seconds=0.01), watch=others())
    assert model.strategy == "probe"
    assert [point.epoch for point in model.curve] == [0]


def test_epochs_are_looked_at_ever_more_seldom():
    looked = [epoch for epoch in range(1, 101) if watched(epoch, 100)]
    assert looked == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 100]


def test_a_run_taken_up_draws_the_same_curve(folder, tmp_path, monkeypatch):
    """What was seen before the interruption is in the journal."""
    lessons.hurry(monkeypatch)
    job = lessons.job(folder, "partial")
    first = make(job, watch=others(), journal=Journal(tmp_path))
    again = make(job, watch=others(), journal=Journal(tmp_path))
    assert [p.value for p in again.curve] == [p.value for p in first.curve]
