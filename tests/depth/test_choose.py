"""`auto` climbs only where it surely helps, says what it tried, and else ships the simpler."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import headstart as hs
from headstart import choose, defaults
from headstart.backbones.source import open_backbone
from headstart.choose import Evidence, Ladder, Verdict, make
from headstart.errors import Failure, UserError
from headstart.journal import Nowhere
from headstart.progress import Silent
from headstart.schema import Figure
from tests.depth import lessons
from tests.standing import save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"), "timm")


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    lessons.hurry(monkeypatch)
    monkeypatch.setattr(defaults, "LEAST_TO_COMPARE", 10)
    monkeypatch.setattr(defaults, "AUTO_LEAST", 600.0)


def weights(model):
    return {name: each.clone() for name, each in model.backbone.module.state_dict().items()}


def rungs_of(model):
    return {each.what: each for each in model.choices if each.what in ("partial", "full")}


def script(monkeypatch, gains):
    """Make a rung as good as said: its answers are the truth, blurred by so much."""

    def ask(self, job, number, asked):
        sharp = gains[job.strategy]
        logits = np.eye(len(job.labels), dtype=np.float32)[self.encoded[asked]] * sharp
        return logits, 0.01

    monkeypatch.setattr(Ladder, "ask", ask)


def test_what_does_not_help_is_not_kept(folder, monkeypatch):
    script(monkeypatch, {"partial": -3.0, "full": 0.0})
    job = lessons.job(folder, "auto")
    before = open_backbone(str(folder)).fingerprint()
    model = make(job)
    assert model.strategy == "probe"
    assert not model.trained
    assert model.backbone.fingerprint() == before
    tried = rungs_of(model)
    assert set(tried) == {"partial", "full"}
    assert not any(each.kept for each in tried.values())
    assert "not surely better" in tried["partial"].why
    assert all(each.low <= each.score <= each.high for each in tried.values())
    probe = make(lessons.job(folder, "probe"))
    assert np.array_equal(probe.head.weight, model.head.weight)


def test_what_surely_helps_ships(folder, monkeypatch):
    """The probe cannot tell these labels; a rung that can is kept, and the next one is not."""
    given = lessons.samples(20)
    chance = np.random.default_rng(0)
    mixed = tuple(
        type(each)(each.input, lessons.LABELS[chance.integers(2)], each.name, each.key)
        for each in given
    )
    script(monkeypatch, {"partial": 4.0, "full": 4.0})
    model = make(lessons.job(folder, "auto", samples=mixed))
    assert model.strategy == "partial"
    tried = rungs_of(model)
    assert tried["partial"].kept
    assert not tried["full"].kept
    assert "headline +" in tried["partial"].why
    kept = [each.what for each in model.choices if each.kept]
    assert "partial" in kept


def test_trials_that_are_not_kept_leave_the_backbone_as_it_was(folder, monkeypatch):
    """Here the trials really train, and their weights are not those that ship."""
    lessons.hurry(monkeypatch, rate=1e-2)
    monkeypatch.setattr(Verdict, "kept", property(lambda self: False))
    given = lessons.samples(start=60)
    climbed, probe = (make(lessons.job(folder, name)) for name in ("auto", "probe"))
    assert rungs_of(climbed)["full"].seconds > 0
    assert climbed.backbone.fingerprint() == probe.backbone.fingerprint()
    inputs = [each.input for each in given]
    assert np.array_equal(climbed.features(inputs), probe.features(inputs))


def test_the_last_trial_leaves_no_trace(folder, monkeypatch):
    """The model that ships is what its strategy alone would have made."""
    monkeypatch.setattr(Verdict, "kept", property(lambda self: True))
    monkeypatch.setattr(defaults, "rungs", lambda samples, depth: ("partial",))
    climbed = make(lessons.job(folder, "auto"))
    alone = make(lessons.job(folder, "partial"))
    assert climbed.backbone.fingerprint() == alone.backbone.fingerprint()
    assert np.array_equal(climbed.head.weight, alone.head.weight)


def test_a_budget_without_room_says_what_it_would_take(folder, monkeypatch):
    monkeypatch.setattr(defaults, "AUTO_LEAST", 0.0)
    monkeypatch.setattr(defaults, "AUTO_TIMES", 0)
    model = make(lessons.job(folder, "auto"))
    for each in rungs_of(model).values():
        assert not each.kept
        assert each.score is None
        assert each.seconds == 0
        assert "not tried" in each.why
        assert "--time" in each.why


def test_few_samples_are_not_asked_to_tell(folder, monkeypatch):
    monkeypatch.setattr(defaults, "LEAST_TO_COMPARE", 50)
    assert not rungs_of(make(lessons.job(folder, "auto")))


def test_a_rung_that_fails_is_not_the_end(folder, monkeypatch):
    def broken(self, job, number, asked):
        raise Failure("Training diverged in epoch 2.", "Nothing.")

    monkeypatch.setattr(Ladder, "ask", broken)
    model = make(lessons.job(folder, "auto"))
    assert model.strategy == "probe"
    assert "diverged" in rungs_of(model)["full"].why


def test_a_hopeless_rung_is_left_after_two_folds(folder, monkeypatch):
    asked = []

    def ask(self, job, number, rows):
        asked.append((job.strategy, number))
        logits = np.eye(2, dtype=np.float32)[1 - self.encoded[rows]] * 5
        return logits, 0.01

    monkeypatch.setattr(Ladder, "ask", ask)
    make(lessons.job(folder, "auto"))
    assert asked == [("partial", 0), ("partial", 1), ("full", 0), ("full", 1)]


def test_groups_are_compared_as_one(folder):
    """Forty copies of one answer are one piece of evidence."""
    given = lessons.samples(20)
    grouped = tuple(
        type(each)(each.input, each.target, each.name, each.key, str(at // 10))
        for at, each in enumerate(given)
    )
    verdicts = []
    for samples in (given, grouped):
        ladder = Ladder(lessons.job(folder, "auto", samples=samples), None, Silent(), Nowhere())
        truth = np.eye(2, dtype=np.float32)[ladder.encoded]
        chance = np.random.default_rng(0).normal(0, 1, truth.shape).astype(np.float32)
        verdicts.append(ladder.compare(Evidence(truth + chance), Evidence(2 * truth + chance)))
    alone, together = verdicts
    assert alone.loss.value == pytest.approx(together.loss.value)
    assert together.loss.high - together.loss.low > alone.loss.high - alone.loss.low


@pytest.mark.parametrize(
    ("headline", "loss", "kept"),
    [
        ((0.05, 0.01), (0.1, 0.3), True),  # the headline surely gains
        ((0.01, -0.02), (-0.1, -0.05), True),  # the log-loss surely does, the headline no worse
        ((-0.01, -0.03), (-0.1, -0.05), False),  # the headline is lower
        ((0.03, -0.01), (-0.1, 0.05), False),  # nothing is sure
    ],
)
def test_what_counts_as_sure(headline, loss, kept):
    gained = Figure(headline[0], headline[1], 2 * headline[0] - headline[1])
    lost = Figure(loss[0], 2 * loss[0] - loss[1], loss[1])
    assert Verdict(gained, lost).kept is kept


def test_no_choice_sees_the_sealed_test(folder, tmp_path):
    """`auto` climbs on the training side alone: other labels in the test change nothing."""
    from tests.pictures import make_folder

    photos, models = make_folder(tmp_path / "photos", 12), []
    for flip in (False, True):
        held = make_folder(tmp_path / f"held-{flip}", 4, start=30)
        if flip:
            (held / "red").rename(held / "x")
            (held / "blue").rename(held / "red")
            (held / "x").rename(held / "blue")
        models.append(hs.fit(photos, backbone=str(folder), test=held, seed=1))
    one, two = models
    assert one.backbone.fingerprint() == two.backbone.fingerprint()
    assert np.array_equal(one.head.weight, two.head.weight)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"strategy": "probe", "unfreeze": 1}, "partial, gradual or lora"),
        ({"strategy": "probe", "keep": 0.5}, "partial"),
        ({"strategy": "scratch", "keep": 0.5}, "partial"),
        ({"strategy": "full", "keep": 1.5}, "0 .* to 1"),
        ({"strategy": "atuo"}, "auto"),
        ({"strategy": "graduall"}, "gradual"),
    ],
)
def test_words_that_do_not_go_together(folder, tmp_path, words, told):
    with pytest.raises(hs.HeadstartError) as caught:
        hs.fit(tmp_path, backbone=str(folder), **words)
    assert isinstance(caught.value, UserError) or "strategy" in caught.value.message
    import re

    assert re.search(told, f"{caught.value.message} {caught.value.hint}")


def test_explaining_runs_nothing(folder, tmp_path, monkeypatch):
    from tests.pictures import make_folder

    monkeypatch.setattr(choose, "learn", None)
    photos = make_folder(tmp_path / "photos", 12)
    plan = hs.explain(photos, backbone=str(folder), time=60)
    assert plan["n"] == 24
    assert plan["budget_seconds"] == 60
    assert [each["strategy"] for each in plan["steps"]] == ["probe", "partial", "full"]
    for step in plan["steps"]:
        assert step["seconds"] >= 0
        assert len(step["why"]) == len(step["phases"])
    (only,) = hs.explain(photos, backbone=str(folder), strategy="gradual")["steps"]
    boundaries = [each["boundary"] for each in only["phases"][1:]]
    assert boundaries == sorted(boundaries, reverse=True)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    "words",
    [
        {"task": "guess"},
        {"strategy": "probe", "keep": 0.5},
        {"strategy": "probe", "unfreeze": 1},
        {"strategy": "deep"},
    ],
)
def test_explaining_refuses_what_fitting_would(words, folder, tmp_path):
    said = []
    for ask in (hs.explain, hs.fit):
        with pytest.raises(UserError) as caught:
            ask(tmp_path, backbone=str(folder), **words)
        said.append(caught.value.message)
    assert said[0] == said[1]
