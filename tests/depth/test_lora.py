"""The strategy `lora` from a job to a folder: what is trained, kept, merged, loaded and refused."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from peft import PeftModel
from safetensors.numpy import load_file, save_file

import headstart as hs
from headstart import features, model_folder, trainer
from headstart.adapters import CONFIG, WEIGHTS
from headstart.backbones.source import open_backbone
from headstart.errors import ModelFolderError, UserError
from headstart.job import Job
from headstart.journal import Journal
from headstart.learn import learn, try_out
from headstart.progress import Silent
from headstart.registry import BACKBONES, MODALITIES
from headstart.schema import Sample
from headstart.tasks.classify import Classify
from tests import words
from tests.depth import lessons
from tests.pictures import make_folder
from tests.standing import save_tiny


class Shelf:
    """A source whose names bring back weights, as the hub's do."""

    def __init__(self, folder):
        self.folder = folder

    def open(self, name, *, offline):
        backbone = open_backbone(str(self.folder / name))
        backbone.name = f"shelf/{name}"
        return backbone


@pytest.fixture(scope="module", autouse=True)
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shelf")
    save_tiny(folder / "pictures", "hf")
    save_tiny(folder / "texts", "text")
    save_tiny(folder / "maps", "timm")
    BACKBONES.add("shelf", Shelf(folder))
    yield folder
    BACKBONES.remove("shelf")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    make_short(monkeypatch)


def make_short(monkeypatch):
    """Train shortly, and as if every epoch were the best so far."""
    lessons.hurry(monkeypatch, epochs=2)
    rising = iter(range(1, 10_000))
    monkeypatch.setattr(Classify, "score", lambda *_: next(rising))


def texts(count=24, seed=0):
    rows = enumerate(words.reviews(count, seed))
    given = [Sample(text, label, str(at)) for at, (text, label) in rows]
    return tuple(features.identify(given, MODALITIES.get("text")())[0])


def job(kind="pictures", **changes):
    usual = {"samples": lessons.samples(), "labels": lessons.LABELS}
    if kind == "texts":
        usual = {"samples": texts(), "labels": ("bad", "good"), "modality": "text"}
    return Job(**{**usual, "backbone": f"shelf/{kind}", "strategy": "lora", "keep": 0.0} | changes)


def asked(kind):
    given = texts(8, 1) if kind == "texts" else lessons.samples(4, start=50)
    return [each.input for each in given]


KINDS = ("pictures", "texts")


@pytest.fixture(scope="module", params=KINDS)
def made(request, shelf, tmp_path_factory):
    """What was learnt of a kind, where it was saved, and the kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_HOME", str(tmp_path_factory.mktemp("home")))
        make_short(patch)
        model = learn(job(request.param))
        folder = tmp_path_factory.mktemp("made") / "m"
        model.save(folder)
        return model, folder, request.param


def assert_only_adapters_moved(model, kind, boundary):
    beside = model.adapters.weights_beside()
    before = open_backbone(f"shelf/{kind}").module.state_dict()
    assert beside.keys() == before.keys()
    assert all(torch.equal(beside[name], tensor) for name, tensor in before.items())
    assert not model.trained
    state = model.backbone.module.state_dict()
    assert model.backbone.adapters
    assert all(state[name].abs().sum() > 0 for name in model.backbone.adapters)
    stages = model.backbone.stages
    assert model.backbone.adapters < {name for each in stages[boundary:] for name in each.owns}
    assert not any(each.requires_grad for each in model.backbone.module.parameters())


def test_the_weights_stay_bit_for_bit_and_adapters_move(made):
    model, _, kind = made
    assert_only_adapters_moved(model, kind, boundary=1)


@pytest.mark.parametrize("count", [1, 3])
def test_adapters_stand_in_as_many_stages_as_asked(count):
    model = learn(job(unfreeze=count))
    depth = model.backbone.depth
    assert_only_adapters_moved(model, "pictures", depth - count)


def test_saved_small_and_loaded_elsewhere_it_says_the_same(made, tmp_path):
    """The backbone by reference, the adapters by peft's format, the head with them."""
    model, folder, kind = made
    names = {path.name for path in folder.iterdir()}
    assert {CONFIG, WEIGHTS, "head.safetensors"} < names
    assert "backbone.safetensors" not in names
    again = hs.load(folder)
    assert again.strategy == "lora"
    assert np.array_equal(again.head.weight, model.head.weight)
    assert np.array_equal(again.features(asked(kind)), model.features(asked(kind)))
    assert again.predict(asked(kind)) == model.predict(asked(kind))
    again.save(tmp_path / "copy")
    for name in (CONFIG, WEIGHTS, "head.safetensors"):
        assert (folder / name).read_bytes() == (tmp_path / "copy" / name).read_bytes()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_peft_itself_loads_it(made, shelf):
    """On the net as its own library opens it, with its own forward pass."""
    model, folder, kind = made
    modality, spec = model.modality, model.backbone.spec
    raws = modality.golden(spec, seed=3, count=3)
    state = modality.collate([modality.prepare(raw, spec) for raw in raws], spec)
    net = transformers.AutoModel.from_pretrained(shelf / kind).eval()
    given = {"input_ids" if kind == "texts" else "pixel_values": state["x"]}
    if kind == "texts":
        given["attention_mask"] = state["mask"].long()
    rows = state.get("mask", slice(None))
    with torch.no_grad():
        before = net(**given).last_hidden_state[rows]
        after = PeftModel.from_pretrained(net, str(folder)).eval()(**given).last_hidden_state[rows]
        ours = model.backbone(dict(state))["x"][rows]
    assert torch.allclose(ours, after, atol=1e-5)
    assert not torch.allclose(before, after, atol=1e-4)


def test_merged_equals_unmerged(made, tmp_path):
    folder, kind = tmp_path / "m", made[2]
    shutil.copytree(made[1], folder)
    model = hs.load(folder)
    expected = model.features(asked(kind))
    model.merge()
    assert model.trained
    assert model.features(asked(kind)) == pytest.approx(expected, abs=1e-4)
    model.save(folder)  # in place of what was there: no adapter is left lying about
    names = {path.name for path in folder.iterdir()}
    assert "backbone.safetensors" in names
    assert not {CONFIG, WEIGHTS} & names
    assert hs.load(folder).features(asked(kind)) == pytest.approx(expected, abs=1e-4)


def test_self_contained_it_needs_no_source(made, tmp_path):
    model, _, kind = made
    model.save(tmp_path / "m", self_contained=True)
    kept = load_file(tmp_path / "m" / "backbone.safetensors")
    assert kept.keys() == open_backbone(f"shelf/{kind}").module.state_dict().keys()
    again = hs.load(tmp_path / "m")
    assert np.array_equal(again.features(asked(kind)), model.features(asked(kind)))


def rewrite(folder, name, content):
    """Put another file in, and mend the hashes as somebody with bad intentions would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "model.json").read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    manifest.pop("seal")
    manifest["seal"] = model_folder._seal(manifest)
    (folder / "model.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def saved(shelf, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_HOME", str(tmp_path_factory.mktemp("home")))
        make_short(patch)
        folder = tmp_path_factory.mktemp("saved") / "m"
        learn(job()).save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lay_out(saved, folder):
    folder.mkdir()
    for name, content in saved.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
@pytest.mark.parametrize("how", ["edited", "missing"])
def test_a_file_that_is_not_as_it_was_is_named(saved, tmp_path, name, how):
    folder = lay_out(saved, tmp_path / "m")
    if how == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(saved[name] + b" ")
    with pytest.raises(ModelFolderError, match=name):
        hs.load(folder)


def another_kind(about):
    return about | {"peft_type": "LOHA"}


def another_scale(about):
    return about | {"lora_alpha": 64}


def another_rank(about):
    return about | {"r": 3, "lora_alpha": 3}


@pytest.mark.parametrize("change", [another_kind, another_scale, another_rank])
def test_settings_that_were_never_written_are_refused(saved, tmp_path, change):
    folder = lay_out(saved, tmp_path / "m")
    rewrite(folder, CONFIG, json.dumps(change(json.loads(saved[CONFIG]))).encode())
    with pytest.raises(ModelFolderError, match="do not fit"):
        hs.load(folder)


def renamed(tensors):
    return {name.replace("layer", "lair"): each for name, each in tensors.items()}


def halved(tensors):
    return {name: each for name, each in tensors.items() if "lora_A" in name}


def stranger(tensors):
    return tensors | {"base_model.model.classifier.weight": np.zeros(2, np.float32)}


def elsewhere(tensors):
    """Beside what is no linear layer."""
    return {name.replace("mlp.fc1", "layernorm_before"): each for name, each in tensors.items()}


def others(tensors):
    return {name: each + 1 for name, each in tensors.items()}


@pytest.mark.parametrize("change", [renamed, halved, stranger, elsewhere, others])
def test_tensors_that_were_never_written_are_refused(saved, tmp_path, change):
    folder = lay_out(saved, tmp_path / "m")
    save_file(change(load_file(folder / WEIGHTS)), tmp_path / "changed")
    rewrite(folder, WEIGHTS, (tmp_path / "changed").read_bytes())
    with pytest.raises(ModelFolderError):
        hs.load(folder)


def test_one_file_without_the_other(saved, tmp_path):
    folder = lay_out(saved, tmp_path / "m")
    rewrite(folder, CONFIG, saved[CONFIG])
    manifest = json.loads((folder / "model.json").read_text())
    del manifest["files"][CONFIG], manifest["seal"]
    manifest["seal"] = model_folder._seal(manifest)
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelFolderError, match="only one"):
        hs.load(folder)


def test_part_of_the_old_model_kept_is_part_of_each_product():
    """The line from before to after is straight: B is scaled, A stays."""
    found = {share: learn(job(keep=share)) for share in (0.0, 0.25, 1.0)}
    states = {share: model.backbone.module.state_dict() for share, model in found.items()}
    for name, after in states[0.0].items():
        some = 0.75 * after if "lora_B" in name else after
        assert torch.allclose(states[0.25][name], some, atol=1e-7), name
        assert torch.equal(states[1.0][name], 0 * after if "lora_B" in name else after), name
    plain = open_backbone("shelf/pictures")
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(found[1.0].backbone({"x": x})["x"], plain({"x": x})["x"])


class Killed(BaseException):
    """Stands for `kill -9` within a test's own process."""


class Dying(Silent):
    def __init__(self, last):
        self.last, self.count = last, 0

    def advance(self, steps=1):
        self.count += 1
        if self.count == self.last:
            raise Killed


def test_killed_anywhere_it_ends_in_the_same_model(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "PAGE_SECONDS", 0.0)
    lessons.hurry(monkeypatch, epochs=3)
    given = job(keep=None)
    learn(given)
    expected = learn(given, progress=(whole := Dying(None)))
    for last in range(whole.count - 3, whole.count + 1):
        journal = Journal.open(tmp_path / str(last), {"of": "a test"})
        with pytest.raises(Killed):
            learn(given, progress=Dying(last), journal=journal)
        for _ in range(2):  # taken up, and once more when all was done
            found = learn(given, journal=journal)
            assert found.backbone.fingerprint() == expected.backbone.fingerprint()
            assert np.array_equal(found.head.weight, expected.head.weight)


def test_trying_it_out_says_the_same_and_leaves_the_backbone_as_it_was(made):
    """Vectors from stored activations are those that predicting computes from the inputs."""
    model, _, kind = made
    backbone = open_backbone(f"shelf/{kind}")
    mark, names = backbone.fingerprint(), [name for name, _ in backbone.module.named_modules()]
    others = texts(8, 1) if kind == "texts" else lessons.samples(4, start=50)
    logits = try_out(job(kind), others, backbone=backbone)
    vectors = model.features([each.input for each in others])
    assert model.head.logits(vectors) == pytest.approx(logits, abs=1e-3)
    assert backbone.fingerprint() == mark
    assert [name for name, _ in backbone.module.named_modules()] == names


def test_frozen_stages_are_read_from_what_other_strategies_stored(monkeypatch):
    """Adapters stand above the boundary only, so what is stored at it stays right."""
    learn(job(strategy="partial", unfreeze=2))
    backbone, seen = open_backbone("shelf/pictures"), []
    run = backbone.stages[0].run
    first = type(backbone.stages[0])(
        "first", lambda state: seen.append(len(state["x"])) or run(state), backbone.stages[0].owns
    )
    backbone.stages = (first, *backbone.stages[1:])
    learn(job(unfreeze=2), backbone=backbone)
    assert sum(seen) <= 10, "two small batches settle the number format, and no picture is run"


def test_fit_merges_when_asked(tmp_path):
    photos = make_folder(tmp_path / "photos", per_class=16)
    model = hs.fit(
        photos, backbone="shelf/pictures", strategy="lora", merge=True, out=tmp_path / "m"
    )
    assert model.trained
    assert model.adapters is None
    assert model.evaluation["strategy"] == "lora"
    assert (tmp_path / "m" / "backbone.safetensors").is_file()
    assert hs.evaluate(hs.load(tmp_path / "m"), photos)["test"]


@pytest.mark.parametrize("backbone", ["shelf/maps", "bundled/image"])
def test_without_linear_layers_it_is_refused_at_once(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "survey", lambda *_: pytest.fail("the data was read"))
    photos = make_folder(tmp_path / "photos")
    with pytest.raises(UserError, match="no linear layers") as caught:
        hs.fit(photos, backbone=backbone, strategy="lora")
    assert "partial or full" in caught.value.hint


@pytest.mark.parametrize("strategy", ["full", "auto"])
def test_nothing_to_merge(strategy, tmp_path):
    with pytest.raises(UserError, match="makes none") as caught:
        hs.fit(tmp_path, strategy=strategy, merge=True)
    assert "--strategy lora" in caught.value.hint


def test_more_stages_than_there_are():
    with pytest.raises(UserError, match="99 stages"):
        learn(job(unfreeze=99))
