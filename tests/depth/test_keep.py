"""Keeping part of the old weights: a point on the line, chosen on the validation side."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from headstart.backbones.source import open_backbone
from headstart.keep import SHARES, blend, choose_share, state_of
from headstart.learn import learn
from tests.depth import lessons
from tests.standing import save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"), "timm")


def test_ends_and_middle_of_the_line(folder, monkeypatch):
    """All kept is the old backbone, bit for bit; half kept lies halfway."""
    lessons.hurry(monkeypatch, rate=1e-2)
    monkeypatch.setattr("headstart.tasks.classify.Classify.score", lambda *_: next(rising))
    rising = iter(range(1, 1000))
    states = {}
    for share in (0.0, 0.5, 1.0):
        model = learn(lessons.job(folder, "full", keep=share))
        states[share] = model.backbone.module.state_dict()
        assert model.trained == (share < 1)
    old = open_backbone(str(folder)).module.state_dict()
    moved = 0
    for name, tensor in old.items():
        assert torch.equal(states[1.0][name], tensor)
        if tensor.is_floating_point():
            middle = (tensor + states[0.0][name]) / 2
            assert torch.allclose(states[0.5][name], middle, atol=1e-6)
            moved += not torch.equal(states[0.0][name], tensor)
    assert moved


def answer(module, right_at):
    """Return a predict and a score: `right_at` says how many of 40 come right at a slope."""

    def predict():
        return np.full((40, 2), float(module.weight.detach()[0, 0]), np.float32)

    return predict, lambda logits: right_at(float(logits[0, 0])) / 40


def line():
    """Return a layer that training took from 0 to 1."""
    module = nn.Linear(1, 2)
    before = {"head.weight": torch.zeros(2, 1), "head.bias": torch.zeros(2)}
    nn.init.ones_(module.weight)
    nn.init.zeros_(module.bias)
    return module, before


def test_the_share_that_surely_validates_best_is_left():
    module, before = line()
    predict, score = answer(module, lambda slope: 40 if slope == 0.5 else 20)
    share, logits = choose_share({"head": module}, before, predict, score, None, 40)
    assert share == 0.5
    assert logits.shape == (40, 2)
    assert torch.equal(module.weight, torch.full((2, 1), 0.5))


def test_a_gain_that_may_be_chance_keeps_nothing():
    module, before = line()
    predict, score = answer(module, lambda slope: 31 if slope == 0.5 else 30)
    share, _ = choose_share({"head": module}, before, predict, score, None, 40)
    assert share == 0
    assert torch.equal(module.weight, torch.ones(2, 1))


def test_many_rows_of_few_samples_are_no_evidence():
    """Forty words of two sentences hang together: a gain in them may be one sentence's luck."""
    module, before = line()
    predict, score = answer(module, lambda slope: 40 if slope == 0.5 else 20)
    share, _ = choose_share({"head": module}, before, predict, score, None, 2)
    assert share == 0


def test_of_shares_that_do_the_same_the_one_that_keeps_most_is_left():
    module, before = line()
    predict, score = answer(module, lambda slope: 10 if slope == 1 else 40)
    share, _ = choose_share({"head": module}, before, predict, score, None, 40)
    assert share == max(SHARES)


def test_what_was_asked_for_is_done():
    module, before = line()
    predict, score = answer(module, lambda slope: 40)
    share, _ = choose_share({"head": module}, before, predict, score, 0.7, 40)
    assert share == 0.7
    assert torch.allclose(module.weight, torch.full((2, 1), 0.3))


def test_counters_are_not_mixed():
    module = nn.BatchNorm1d(2)
    before = state_of({"body": module})
    module(torch.randn(4, 2))
    after = state_of({"body": module})
    blend({"body": module}, before, after, 0.5)
    assert int(module.num_batches_tracked) == 1


def test_where_nothing_was_trained_nothing_is_said_to_be_kept():
    module = nn.Linear(1, 2)
    before, answers = state_of({"head": module}), np.eye(2, dtype=np.float32)
    share, _ = choose_share({"head": module}, before, lambda: answers, lambda _: 1.0, None, 2)
    assert share == 0
