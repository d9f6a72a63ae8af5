"""Every strategy keeps the contracts: frozen is frozen, stored equals raw, rates are as said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart import defaults, store, trainer
from headstart.activations import PLAIN, at_boundary
from headstart.alongside import part
from headstart.backbones.source import open_backbone
from headstart.errors import UserError
from headstart.heads import search
from headstart.heads.layer import HeadLayer
from headstart.job import plan
from headstart.learn import learn
from headstart.progress import Silent
from headstart.registry import MODALITIES, STRATEGIES
from headstart.schema import Phase
from headstart.strategies.base import Facts
from headstart.tasks.classify import Classify
from tests.depth import lessons
from tests.standing import save_tiny

KINDS = ("timm", "hf")
EVERYWHERE = [name for name in STRATEGIES.names() if name not in ("adapt", "lora")]
"""Those that any backbone will do for.

What needs BatchNorm is tested in test_norms.py, what needs linear layers in test_lora.py.
"""


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp(request.param), request.param)


def tensors(backbone):
    return {name: each.clone() for name, each in backbone.module.state_dict().items()}


def depth_reached(job, backbone):
    trained = [each.boundary for each in plan(job, backbone) if each.objective == "train"]
    return min(trained, default=backbone.depth)


@pytest.mark.parametrize("strategy", EVERYWHERE)
def test_frozen_means_frozen(folder, strategy, monkeypatch):
    """Below the lowest boundary every bit stays, running statistics too; above it all move."""
    lessons.hurry(monkeypatch)
    job, backbone = lessons.job(folder, strategy, keep=None), open_backbone(str(folder))
    before = tensors(backbone)
    model = learn(job, backbone=backbone)
    after = tensors(backbone)
    boundary = depth_reached(job, backbone)
    for at, stage in enumerate(backbone.stages):
        same = [torch.equal(before[name], after[name]) for name in stage.owns if name in before]
        if at < boundary:
            assert all(same), stage.name
    for name in backbone.unowned:
        assert torch.equal(before[name], after[name])
    assert model.trained == any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("strategy", ["partial", "gradual", "full"])
def test_what_is_open_moves_and_what_was_learnt_is_kept(folder, strategy, monkeypatch):
    lessons.hurry(monkeypatch)
    job, backbone = lessons.job(folder, strategy, keep=0.0), open_backbone(str(folder))
    before = tensors(backbone)
    monkeypatch.setattr(Classify, "score", lambda *_: next(rising))
    rising = iter(range(1, 1000))  # every epoch is the best so far
    learn(job, backbone=backbone)
    after = tensors(backbone)
    for stage in backbone.stages[depth_reached(job, backbone) :]:
        moved = [
            name
            for name in stage.owns
            if name in before and not torch.equal(before[name], after[name])
        ]
        assert moved, stage.name


@pytest.mark.parametrize("strategy", EVERYWHERE)
def test_the_same_seed_gives_the_same_model(folder, strategy, monkeypatch):
    lessons.hurry(monkeypatch)
    job = lessons.job(folder, strategy)
    one, two = learn(job), learn(job)
    assert one.backbone.fingerprint() == two.backbone.fingerprint()
    assert np.array_equal(one.head.weight, two.head.weight)


@pytest.mark.parametrize("strategy", EVERYWHERE)
def test_vectors_from_stored_activations_are_those_of_pictures(folder, strategy, monkeypatch):
    lessons.hurry(monkeypatch)
    job, others = lessons.job(folder, strategy), lessons.samples(start=50)
    model = learn(job)
    boundary, readings = depth_reached(job, model.backbone), model.head.readings
    boundary = min(boundary, *(at for at, _ in readings))
    fetch = at_boundary(others, model.modality, model.backbone, boundary, PLAIN, "float32")
    stored = trainer.read(model.backbone, readings, fetch, boundary, len(others))
    vectors = model.features([each.input for each in others])
    assert vectors == pytest.approx(stored, rel=1e-3, abs=1e-3)


def first_step(folder, boundary, stored):
    """Take one step from a boundary; return every gradient and the weights after some more."""
    modality, backbone = MODALITIES.get("image")(), open_backbone(str(folder))
    given = lessons.samples(8)
    with pytest.MonkeyPatch.context() as patch:
        if not stored:  # nothing fits, so every step begins with the pictures
            patch.setattr(store, "limit", lambda: 0)
        fetch = at_boundary(given, modality, backbone, boundary, (0, 1), "float32")
    depth = backbone.depth
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = backbone.read(backbone(fetch([(0, 0)]), boundary), depth)
        name = next(iter(found))
        layer = HeadLayer([(depth, name)], found[name].shape[1], 2)
    truth = np.arange(len(given)) % 2
    grads = {}

    class Watching(Classify):
        def loss(self, logits, encoded, smoothing):
            loss = super().loss(logits, encoded, smoothing)
            if logits.requires_grad and not grads:
                opened = dict(backbone.module.named_parameters())
                names = [n for n, each in opened.items() if each.requires_grad]
                found = torch.autograd.grad(
                    loss, [opened[n] for n in names], retain_graph=True, allow_unused=True
                )
                grads.update(
                    {
                        n: each.clone()
                        for n, each in zip(names, found, strict=True)
                        if each is not None
                    }
                )
            return loss

    phase = Phase(
        "test", boundary, "train", epochs=3, batch_size=8, rate=1e-3, backbone_rate=1e-3, views=2
    )
    rows = np.arange(len(given))
    lesson = trainer.Lesson(fetch, truth, rows[::2], rows[1::2], Watching())
    trainer.train(phase, backbone, layer, lesson, seed=0, deadline=None, progress=Silent())
    return grads, trainer.predict(backbone, layer, fetch, boundary, rows)


def kinds_stored():
    return {record["about"].get("kind") for record in store.usage() if record["segments"]}


@pytest.mark.parametrize("above", [1, 2])
def test_training_from_the_store_equals_training_from_pictures(folder, above):
    boundary = open_backbone(str(folder)).depth - above
    store.empty()
    raw, after_raw = first_step(folder, boundary, stored=False)
    assert not kinds_stored() & {"activations"}
    stored, after_stored = first_step(folder, boundary, stored=True)
    assert "activations" in kinds_stored()
    assert set(stored) == set(raw)
    assert raw
    for name, gradient in raw.items():
        gap = (stored[name] - gradient).norm() / gradient.norm().clamp_min(1e-12)
        assert float(gap) < 1e-5, name
    same = (after_stored.argmax(1) == after_raw.argmax(1)).mean()
    assert same >= 0.99


def test_frozen_stages_run_once_an_example(folder, monkeypatch):
    """A second phase, fold or seed reads what the first one stored."""
    lessons.hurry(monkeypatch)
    job, backbone = lessons.job(folder, "partial"), open_backbone(str(folder))
    learn(job, backbone=backbone)
    again, counted = open_backbone(str(folder)), []
    first = again.stages[0].run
    stages = list(again.stages)
    stages[0] = type(stages[0])(
        stages[0].name, lambda state: counted.append(1) or first(state), stages[0].owns
    )
    again.stages = tuple(stages)
    learn(lessons.job(folder, "partial", seed=1), backbone=again)
    # The two inputs that time a backbone and settle its number format come from no data.
    assert len(counted) <= 2


@pytest.mark.parametrize("samples", [20, 400, 5000])
@pytest.mark.parametrize("depth", [1, 2, 5, 13])
def test_plans_suit_the_facts(samples, depth):
    """Boundaries fall, rates fall from the head down, and the head comes first."""
    for batch_norm in (True, False):
        facts = Facts(samples, 3, depth, width=768, batch_norm=batch_norm)
        for name in ("partial", "gradual", "full"):
            head, *tuned = STRATEGIES.get(name)().phases(facts)
            assert head.objective == "solve"
            assert all(each.objective == "train" for each in tuned)
            boundaries = [each.boundary for each in tuned]
            assert boundaries == sorted(set(boundaries), reverse=True)
            assert head.reads_from >= max(boundaries) - 1
            for phase in tuned:
                lowest = phase.backbone_rate * phase.decay ** (depth - 1 - phase.boundary)
                assert lowest <= phase.backbone_rate <= phase.rate
                if not batch_norm:  # transformers: a tenth to a few hundredths of the head's
                    assert phase.rate / 200 <= lowest <= phase.backbone_rate <= phase.rate / 10
                assert phase.epochs > phase.patience
                assert bool(phase.patience) == (name == "gradual")  # the rest ends its schedule
        assert STRATEGIES.get("gradual")().phases(facts)[-1].boundary == 0


def test_an_unfreeze_waits_for_a_plateau(folder, monkeypatch):
    """The second phase begins when the first has brought nothing for its patience, not before."""
    lessons.hurry(monkeypatch, epochs=6)
    monkeypatch.setattr(defaults, "tuning_patience", lambda samples: 2)
    scores = iter([0.5, 0.6, 0.7, 0.7, 0.7, *[0.1] * 50])
    monkeypatch.setattr(Classify, "score", lambda *_: next(scores))
    monkeypatch.setattr(Classify, "loss", constant_loss(Classify.loss))
    model = learn(lessons.job(folder, "gradual", unfreeze=2, keep=0.0))
    tuned = [each for each in model.choices if "top" in each.what]
    assert "epoch 2 of 4" in tuned[0].why
    assert "for 2 epochs" in tuned[0].why
    assert "no epoch of 2" in tuned[1].why


def constant_loss(real):
    """Leave gradients as they are and make every judged loss the same, so that scores decide."""

    def loss(self, logits, encoded, smoothing):
        value = real(self, logits, encoded, smoothing)
        return value if logits.requires_grad else torch.zeros(())

    return loss


def test_norms_and_biases_are_not_pulled_to_zero(folder):
    backbone = open_backbone(str(folder))
    depth = backbone.depth
    phase = Phase(
        "test", depth - 2, "train", rate=1e-3, backbone_rate=1e-4, decay=0.5, weight_decay=0.05
    )
    layer = HeadLayer([(depth, "mean")], 4, 2)
    lesson = trainer.Lesson(
        lambda _: {}, np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), None
    )
    run = trainer._Run(phase, backbone, layer, lesson, np.random.default_rng(0))
    stage = {name: at for at, each in enumerate(backbone.stages) for name in each.owns}
    names = {id(each): name for name, each in backbone.module.named_parameters()}
    seen = set()
    for group in run.optimiser.param_groups:
        for parameter in group["params"]:
            assert (group["weight_decay"] == 0) == (parameter.dim() <= 1)
            name = names.get(id(parameter))
            if name is None:
                assert group["peak"] == 1e-3
            else:
                seen.add(stage[name])
                assert group["peak"] == pytest.approx(1e-4 * 0.5 ** (depth - 1 - stage[name]))
    assert seen
    assert seen <= {depth - 2, depth - 1}


@pytest.mark.parametrize("count", [0, 99])
def test_more_stages_than_there_are(folder, count):
    with pytest.raises(UserError, match="stages") as caught:
        learn(lessons.job(folder, "partial", unfreeze=count))
    assert "1 to" in caught.value.hint


def test_the_head_stands_on_what_the_probe_stands_on(folder, monkeypatch):
    """Stages below the boundary are frozen, but what they read is not lost to the head."""
    lessons.hurry(monkeypatch, epochs=1)
    job = lessons.job(folder, "partial", unfreeze=1)
    asked = {}
    real = search.search

    def spy(readings, *args, **kwargs):
        asked[len(asked)] = {boundary for boundary, _ in readings}
        return real(readings, *args, **kwargs)

    monkeypatch.setattr("headstart.learn.search", spy)
    model = learn(job)
    learn(lessons.job(folder, "probe"))
    assert asked[0] == asked[len(asked) - 1]
    assert min(asked[0]) < model.backbone.depth - 1


def test_what_was_read_below_travels_with_the_state(folder):
    """Readings beside a stored state are those that the whole net gives."""
    modality, backbone = MODALITIES.get("image")(), open_backbone(str(folder))
    given, depth = lessons.samples(3), backbone.depth
    for boundary in range(1, depth + 1):
        fetch = at_boundary(given, modality, backbone, boundary, PLAIN, "float32")
        state, found = part(fetch([(0, 0), (4, 0)]))
        assert {at for at, _ in found} == set(range(1, boundary))
        arrays = [modality.prepare(modality.read(given[at].input), backbone.spec) for at in (0, 4)]
        whole = modality.collate(arrays, backbone.spec)
        for at in range(1, boundary):
            whole_at = backbone.read(backbone(dict(whole), 0, at), at)
            for name, vectors in whole_at.items():
                torch.testing.assert_close(found[at, name], vectors, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(state["x"], backbone(dict(whole), 0, boundary)["x"])
