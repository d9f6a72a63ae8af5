"""The one training loop: what is frozen stays so, the best state is left, seeds decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from headstart import trainer
from headstart.alongside import carry
from headstart.backbones.source import open_backbone
from headstart.errors import Failure
from headstart.heads.layer import HeadLayer
from headstart.progress import Silent
from headstart.schema import Phase
from headstart.tasks.classify import Classify
from tests.standing import save_tiny

DEPTH = 5
COUNT = 24
LEARNING, VALIDATING = np.arange(0, 16), np.arange(16, COUNT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def backbone(folder):
    return open_backbone(folder)


@pytest.fixture(scope="module")
def pictures():
    """Small noise, brighter in one channel or another: two classes."""
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(COUNT, 3, 32, 32, generator=chance)
    x[torch.arange(COUNT), torch.arange(COUNT) % 2] += 1.5
    return x


def run(backbone, pictures, boundary=0, task=None, seed=0, deadline=None, page=None, **changes):
    """Train a new head and the stages from `boundary` on; return the outcome and the head."""
    usual = {"epochs": 3, "batch_size": 6, "rate": 3e-3, "backbone_rate": 3e-3, "fresh": True}
    phase = Phase("test", boundary, "train", **(usual | changes))

    def fetch(pairs):
        state = {"x": pictures[[position for position, _ in pairs]]}
        return carry(backbone, state, 0, boundary)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        width = backbone.read(backbone({"x": pictures[:2]}), backbone.depth)["mean"].shape[1]
        head = HeadLayer([(backbone.depth, "mean")], width, 2)
    truth = np.arange(COUNT) % 2
    outcome = trainer.train(
        phase,
        backbone,
        head,
        trainer.Lesson(fetch, truth, LEARNING, VALIDATING, task or Classify()),
        seed=seed,
        deadline=deadline,
        progress=Silent(),
        page=page,
    )
    return outcome, head


def copy_of(backbone):
    return {name: tensor.clone() for name, tensor in backbone.module.state_dict().items()}


def changed(backbone, before):
    after = backbone.module.state_dict()
    return {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def assert_state(backbone, expected):
    assert not changed(backbone, expected)


class Scripted(Classify):
    """A task whose validation scores are given, and which keeps the backbone's state at each."""

    def __init__(self, backbone, scores):
        self.backbone, self.scores, self.states = backbone, list(scores), []

    def score(self, probabilities, encoded):
        self.states.append(copy_of(self.backbone))
        return self.scores[len(self.states) - 1]


@pytest.mark.parametrize("boundary", range(DEPTH + 1))
def test_frozen_means_frozen(backbone, pictures, boundary):
    """Parameters and BatchNorm's running statistics below the boundary keep every bit."""
    assert backbone.depth == DEPTH
    before = copy_of(backbone)
    run(backbone, pictures, boundary)
    moved = changed(backbone, before)
    for at, stage in enumerate(backbone.stages):
        owned = set(stage.owns)
        if at < boundary:
            assert not owned & moved, stage.name
        else:
            assert any(name.endswith("running_mean") for name in owned & moved), stage.name
            assert any(name.endswith("weight") for name in owned & moved), stage.name
    assert not moved - {name for stage in backbone.stages for name in stage.owns}


@pytest.mark.parametrize("boundary", range(DEPTH + 1))
def test_layers_below_evaluate_and_layers_above_train(backbone, pictures, boundary):
    owner = {name: at for at, stage in enumerate(backbone.stages) for name in stage.owns}
    norms = {
        module: owner[f"{path}.weight"]
        for path, module in backbone.module.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    }
    seen = []

    class Watching(Classify):
        def loss(self, logits, encoded, smoothing):
            # Steps carry a gradient, the look at the validation side does not.
            seen.append((logits.requires_grad, [m.training for m in norms]))
            return super().loss(logits, encoded, smoothing)

    run(backbone, pictures, boundary, Watching())
    stepping = [modes for with_gradient, modes in seen if with_gradient]
    assert len(stepping) == 9
    assert all(modes == [at >= boundary for at in norms.values()] for modes in stepping)


def test_afterwards_the_backbone_is_frozen_whole(backbone, pictures):
    mark = backbone.fingerprint()
    run(backbone, pictures, boundary=3)
    assert not any(part.training for part in backbone.module.modules())
    assert not any(each.requires_grad for each in backbone.module.parameters())
    assert backbone.fingerprint() != mark


def test_a_frozen_stage_that_moves_is_found_out(backbone, pictures):
    class Meddling(Classify):
        def loss(self, logits, encoded, smoothing):
            next(backbone.module.buffers()).add_(1e-6)
            return super().loss(logits, encoded, smoothing)

    with pytest.raises(Failure, match="frozen stage"):
        run(backbone, pictures, boundary=4, task=Meddling())


def test_it_learns(backbone, pictures):
    outcome, _ = run(backbone, pictures, epochs=8)
    assert outcome.epochs[-1].loss < outcome.epochs[0].loss
    assert outcome.epochs[outcome.kept - 1].score > 0.8


def test_the_best_state_is_left_and_training_stops_when_it_stays_the_best(backbone, pictures):
    task = Scripted(backbone, [0.5, 0.9, 0.4, 0.6, 0.7, 0.95])
    outcome, head = run(backbone, pictures, task=task, epochs=6, patience=3)
    assert [epoch.score for epoch in outcome.epochs] == [0.5, 0.9, 0.4, 0.6, 0.7]
    assert outcome.kept == 2
    assert "3 epochs" in outcome.stopped
    assert_state(backbone, task.states[1])
    with torch.no_grad():
        read = backbone.read(backbone({"x": pictures[VALIDATING]}), DEPTH)["mean"]
        logits = head({(DEPTH, "mean"): read}).numpy()
    assert logits == pytest.approx(outcome.validation_logits, abs=0.05)


def test_of_equal_scores_the_one_with_the_lower_loss_is_left(backbone, pictures):
    task = Scripted(backbone, [0.5] * 8)
    outcome, _ = run(backbone, pictures, task=task, epochs=8)
    truth = torch.from_numpy(VALIDATING % 2)
    loss = nn.functional.cross_entropy(torch.from_numpy(outcome.validation_logits), truth)
    assert outcome.kept > 1
    assert float(loss) < math.log(2)
    assert_state(backbone, task.states[outcome.kept - 1])


@pytest.mark.parametrize("steps", [0, 2, 4, 8])
@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_divergence_is_told_and_the_last_good_state_is_left(backbone, pictures, steps, how):
    """An epoch has three steps: it breaks at the start, within an epoch, at the end of one."""
    before, done = copy_of(backbone), []

    class Breaking(Scripted):
        def loss(self, logits, encoded, smoothing):
            loss = super().loss(logits, encoded, smoothing)
            if logits.requires_grad:
                done.append(loss)
                if len(done) > steps:
                    # The root has a value at zero, and no finite slope.
                    return loss * math.nan if how == "loss" else loss + (loss - loss).sqrt()
            return loss

    task = Breaking(backbone, [0.5, 0.6, 0.7])
    with pytest.raises(Failure, match=f"epoch {steps // 3 + 1}") as caught:
        run(backbone, pictures, task=task)
    assert "--unfreeze 1" in caught.value.hint
    assert_state(backbone, task.states[steps // 3 - 1] if steps >= 3 else before)
    assert not any(part.training for part in backbone.module.modules())


def test_a_net_that_says_no_number_of_the_validation_side_has_diverged(backbone, pictures):
    before = copy_of(backbone)
    broken = pictures.clone()
    broken[VALIDATING[0]] = math.inf
    with pytest.raises(Failure, match="diverged in epoch 1"):
        run(backbone, broken)
    assert_state(backbone, before)


@pytest.mark.parametrize("boundary", [0, 3])
def test_the_same_seed_gives_the_same_weights(folder, pictures, boundary):
    ends = []
    for seed in (5, 5, 6):
        backbone = open_backbone(folder)
        torch.manual_seed(len(ends))  # what was drawn before makes no difference
        outcome, head = run(backbone, pictures, boundary, seed=seed, views=3)
        ends.append((copy_of(backbone), head.state_dict(), outcome.validation_logits))
    for mine, again in zip(ends[0][:2], ends[1][:2], strict=True):
        assert all(torch.equal(mine[name], again[name]) for name in mine)
    assert np.array_equal(ends[0][2], ends[1][2])
    assert not np.array_equal(ends[0][2], ends[2][2])


def test_the_callers_chances_are_left_alone(backbone, pictures):
    before = torch.random.get_rng_state()
    run(backbone, pictures, epochs=1)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("budget", "epochs"), [(-1, 1), (0, 1), (40, 4), (1000, 9)])
def test_the_plan_follows_the_clock(backbone, pictures, monkeypatch, budget, epochs):
    """A clock that a test winds: an epoch takes ten seconds."""
    now = [100.0]

    class Slow(Scripted):
        def score(self, probabilities, encoded):
            now[0] += 10
            return super().score(probabilities, encoded)

    monkeypatch.setattr(trainer.time, "perf_counter", lambda: now[0])
    task = Slow(backbone, np.linspace(0.1, 0.9, 9))
    outcome, _ = run(backbone, pictures, task=task, epochs=9, deadline=100 + budget)
    assert len(outcome.epochs) == epochs
    assert ("budget" in outcome.stopped) == (epochs < 9)


def test_a_last_batch_of_one_joins_no_step(backbone, pictures):
    """One example has no spread, which BatchNorm would divide by."""
    sizes = []

    class Counting(Classify):
        def loss(self, logits, encoded, smoothing):
            if logits.requires_grad:
                sizes.append(len(encoded))
            return super().loss(logits, encoded, smoothing)

    run(backbone, pictures, task=Counting(), epochs=1, batch_size=5)
    assert sizes == [5, 5, 5]
