"""BatchNorm statistics taken anew: from the inputs alone, where asked, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import headstart as hs
from headstart import norms
from headstart.backbones.source import open_backbone
from headstart.errors import UserError
from headstart.learn import learn
from tests.depth import lessons
from tests.pictures import make_folder
from tests.standing import save_tiny

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def backbone(folder):
    return open_backbone(str(folder))


@pytest.fixture(scope="module")
def states():
    """Three batches of one size, far from what a net expects."""
    chance = torch.Generator().manual_seed(0)
    return [{"x": 3 + 2 * torch.randn(8, 3, 32, 32, generator=chance)} for _ in range(3)]


def copy_of(backbone):
    return {name: tensor.clone() for name, tensor in backbone.module.state_dict().items()}


def moved(backbone, before):
    after = backbone.module.state_dict()
    return {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}


@pytest.mark.parametrize("boundary", range(5))
def test_statistics_from_a_boundary_on_move_and_nothing_else(backbone, states, boundary):
    before, mark = copy_of(backbone), backbone.fingerprint()
    norms.estimate(backbone, boundary, [backbone(dict(each), 0, boundary) for each in states])
    names = moved(backbone, before)
    assert {name.rpartition(".")[2] for name in names} == set(STATISTICS)
    owner = {name: at for at, stage in enumerate(backbone.stages) for name in stage.owns}
    kept = {name for name in before if name.endswith("running_mean")}
    assert names & kept == {name for name in kept if owner[name] >= boundary}
    assert not any(part.training for part in backbone.module.modules())
    assert not any(each.requires_grad for each in backbone.module.parameters())
    assert backbone.fingerprint() != mark


def test_statistics_are_the_plain_average_over_batches(backbone, states):
    first = next(m for m in backbone.module.modules() if isinstance(m, nn.BatchNorm2d))
    seen = []
    with first.register_forward_pre_hook(lambda layer, given: seen.append(given[0])):
        norms.estimate(backbone, 0, states)
    means = torch.stack([each.mean((0, 2, 3)) for each in seen])
    spreads = torch.stack([each.var((0, 2, 3)) for each in seen])
    torch.testing.assert_close(first.running_mean, means.mean(0))
    torch.testing.assert_close(first.running_var, spreads.mean(0))
    assert first.momentum == 0.1


def test_what_layers_see_is_gathered_and_left_alone(backbone, states):
    before = copy_of(backbone)
    with norms.watching(backbone) as found, torch.no_grad():
        for state in states:
            backbone(dict(state))
    assert found.keys() == norms.norm_layers(backbone).keys()
    assert not moved(backbone, before)
    path = next(iter(found))
    layer = backbone.module.get_submodule(path)
    seen = []
    with layer.register_forward_pre_hook(lambda layer, given: seen.append(given[0])):
        for state in states:
            backbone(dict(state))
    whole = torch.cat(seen).double()
    torch.testing.assert_close(found[path].mean, whole.mean((0, 2, 3)))
    torch.testing.assert_close(found[path].variance, whole.var((0, 2, 3), correction=0))


def test_adapt_never_looks_at_labels(folder, backbone):
    job = lessons.job(folder, "adapt")
    learn(job, backbone=backbone)
    other = open_backbone(str(folder))
    turned = [("blue", "red")[each.target == "blue"] for each in job.samples]
    shuffled = tuple(
        type(each)(each.input, target, each.name, each.key)
        for each, target in zip(job.samples, turned, strict=True)
    )
    learn(lessons.job(folder, "adapt", samples=shuffled), backbone=other)
    assert not moved(other, copy_of(backbone))


def test_an_adapted_model_is_kept_with_its_statistics(folder, tmp_path):
    data = make_folder(tmp_path / "data")
    model = hs.fit(data, backbone=str(folder), strategy="adapt", out=tmp_path / "model")
    assert model.trained
    names = moved(open_backbone(str(folder)), copy_of(model.backbone))
    assert {name.rpartition(".")[2] for name in names} == set(STATISTICS)
    again = hs.load(tmp_path / "model")
    pictures = sorted((data / "red").glob("*.png"))[:3]
    np.testing.assert_allclose(
        [each.probability for each in again.predict(pictures)],
        [each.probability for each in model.predict(pictures)],
        rtol=1e-5,
    )


def test_without_batchnorm_there_is_nothing_to_estimate(tmp_path):
    folder = save_tiny(tmp_path / "vit", "hf")
    with pytest.raises(UserError, match="no BatchNorm"):
        learn(lessons.job(folder, "adapt"))


def test_nothing_is_left_to_mix(folder, tmp_path):
    with pytest.raises(UserError, match="nothing to mix"):
        hs.fit(make_folder(tmp_path / "data"), backbone=str(folder), strategy="adapt", keep=0.5)
