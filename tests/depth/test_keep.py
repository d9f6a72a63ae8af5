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


def test_the_share_with_the_lowest_loss_is_left():
    module = nn.Linear(1, 2)
    before = {"head.weight": torch.zeros(2, 1), "head.bias": torch.zeros(2)}
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[-1.0], [1.0]]))
        module.bias.zero_()
    after = state_of({"head": module})
    truth = np.array([0, 1] * 20)

    def predict():
        """Right at half the weight; beyond it, ever surer of the wrong."""
        slope = float(module.weight[1, 0].detach())
        right = np.where(np.arange(40) < 30, slope * 4, -slope * 40 * max(0.0, slope - 0.5))
        return np.stack([np.where(truth == label, right, 0) for label in (0, 1)], 1).astype("f4")

    share, logits = choose_share({"head": module}, before, predict, truth, None)
    assert share == 0.5
    assert logits.shape == (40, 2)
    assert torch.allclose(module.weight, after["head.weight"] / 2)


def test_of_equal_shares_the_one_that_keeps_most_is_left():
    module = nn.Linear(1, 2)
    before, truth = state_of({"head": module}), np.array([0, 1])
    nn.init.ones_(module.weight)
    answers = np.eye(2, dtype=np.float32)
    share, _ = choose_share({"head": module}, before, lambda: answers, truth, None)
    assert share == max(SHARES)


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
    share, _ = choose_share({"head": module}, before, lambda: answers, np.array([0, 1]), None)
    assert share == 0
