"""From a folder of pictures to a model that can be trusted, through the public door."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from headstart import store
from headstart.errors import DataError, ModelFolderError, StorageError, UnknownName, UserError
from headstart.progress import Silent
from tests.pictures import draw, make_folder
from tests.standing import save_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("photos"), per_class=16)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, tiny, photos):
    out = tmp_path_factory.mktemp("fitted") / "model"
    hs.fit(photos, out=out, backbone=tiny)
    return out


def test_the_evaluation_keeps_its_contract(fitted):
    found = json.loads((fitted / "evaluation.json").read_text())
    assert found["task"] == "classify"
    assert found["labels"] == ["blue", "red"]
    assert found["n_train"] + found["n_test"] == 32
    assert found["strategy"] == "probe"
    assert found["headline"] == "macro_f1"
    assert set(found["seconds"]) == {"features", "head", "total"}
    for name in ("accuracy", "macro_f1", "roc_auc", "log_loss", "balanced_accuracy"):
        figure = found["test"][name]
        assert figure["low"] <= figure["value"] <= figure["high"]
    for choice in found["choices"]:
        assert {"what", "score", "low", "high", "seconds", "kept", "why"} == set(choice)
    assert sum(choice["kept"] for choice in found["choices"]) == 1


def test_a_model_loaded_elsewhere_predicts_the_same(fitted, tmp_path):
    new = [draw("red", 900), draw("blue", 901)]
    here = hs.load(fitted).predict(new)
    shutil.copytree(fitted, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "report.html", ignore_errors=True)
    there = hs.load(tmp_path / "copy").predict(new)
    assert [p.label for p in here] == ["red", "blue"]
    assert [p.probabilities for p in here] == [p.probabilities for p in there]


def test_the_folder_holds_only_safetensors_json_and_the_report(fitted):
    assert {path.name for path in fitted.iterdir()} == {
        "model.json", "head.safetensors", "backbone.safetensors", "evaluation.json", "report.html"
    }  # fmt: skip


def test_a_second_fit_computes_no_features(tiny, photos, monkeypatch):
    hs.fit(photos, backbone=tiny)
    computed = []
    fill = store.fill
    monkeypatch.setattr(store, "fill", lambda *a: computed.append(fill(*a)) or computed[-1])
    hs.fit(photos, backbone=tiny, seed=4)
    assert sum(computed) == 0


def test_other_bytes_of_one_file_compute_that_file_alone(tiny, tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "photos")
    hs.fit(folder, backbone=tiny)
    draw("red", 77).save(folder / "red" / "0.png")
    computed = []
    fill = store.fill
    monkeypatch.setattr(store, "fill", lambda *a: computed.append(fill(*a)) or computed[-1])
    hs.fit(folder, backbone=tiny)
    assert sum(computed) == 1


def test_other_weights_share_nothing_in_the_store(tiny, photos, tmp_path, monkeypatch):
    hs.fit(photos, backbone=tiny)
    other = str(save_tiny(tmp_path / "other", seed=1))
    computed = []
    fill = store.fill
    monkeypatch.setattr(store, "fill", lambda *a: computed.append(fill(*a)) or computed[-1])
    hs.fit(photos, backbone=other)
    assert sum(computed) == 32


def test_no_choice_sees_the_sealed_test(tiny, tmp_path):
    """The labels of the test may be shuffled without changing the model."""
    train = make_folder(tmp_path / "train")
    test = make_folder(tmp_path / "test", per_class=6, start=100)
    honest = hs.fit(train, test=test, backbone=tiny)
    for number in range(100, 106):
        one, other = test / "red" / f"{number}.png", test / "blue" / f"{number}.png"
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)
    shuffled = hs.fit(train, test=test, backbone=tiny)
    assert np.array_equal(honest.head.weight, shuffled.head.weight)
    assert honest.head.temperature == shuffled.head.temperature
    assert honest.choices[0].score == shuffled.choices[0].score
    assert shuffled.evaluation["test"] != honest.evaluation["test"]


def test_the_same_seed_gives_the_same_model(tiny, photos):
    first, second = (hs.fit(photos, backbone=tiny, seed=7) for _ in range(2))
    assert np.array_equal(first.head.weight, second.head.weight)
    assert first.evaluation["test"] == second.evaluation["test"]


def test_twins_never_sit_on_both_sides(tiny, tmp_path):
    folder = make_folder(tmp_path / "photos", per_class=10)
    for number in range(10):
        for label in ("red", "blue"):
            copy = folder / label / f"copy-{number}.png"
            shutil.copy(folder / label / f"{number}.png", copy)
    model = hs.fit(folder, backbone=tiny)
    assert model.evaluation["data"]["twins"]["groups"] >= 20
    assert model.evaluation["data"]["twins"]["across"] == 0
    assert model.evaluation["n_test"] % 2 == 0


def test_twins_across_the_users_own_split_are_given_both_ways(tiny, tmp_path):
    folder = tmp_path / "split"
    make_folder(folder / "train")
    make_folder(folder / "test", per_class=6, start=100)
    shutil.copy(folder / "train" / "red" / "0.png", folder / "test" / "red" / "twin.png")
    found = hs.fit(folder, backbone=tiny).evaluation
    assert found["data"]["twins"]["across"] == 1
    assert found["n_test"] == 13
    assert found["test_without_twins"]["n"] == 12


def test_scratch_trains_a_model_that_travels_with_its_weights(tiny, photos, tmp_path):
    model = hs.fit(photos, out=tmp_path / "m", backbone=tiny, strategy="scratch", time=6)
    assert model.trained
    assert model.evaluation["strategy"] == "scratch"
    new = [draw("red", 900)]
    again = hs.load(tmp_path / "m").predict(new)
    assert again[0].probabilities == pytest.approx(model.predict(new)[0].probabilities, abs=0.02)


def test_what_cannot_be_read_is_set_aside_and_listed(tiny, tmp_path):
    folder = make_folder(tmp_path / "photos")
    (folder / "red" / "broken.png").write_bytes(b"not a picture")
    (folder / "red" / "empty.jpg").write_bytes(b"")
    found = hs.fit(folder, backbone=tiny).evaluation["data"]["set_aside"]
    assert {each["name"].split("/")[-1] for each in found} == {"broken.png", "empty.jpg"}
    with pytest.raises(DataError, match="2 inputs cannot be used"):
        hs.fit(folder, backbone=tiny, strict=True)


def test_data_of_which_nothing_can_be_read_is_no_test(tiny, photos, fitted, tmp_path):
    for label in ("red", "blue"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match="None of the 2 inputs"):
        hs.fit(photos, test=tmp_path, backbone=tiny)
    with pytest.raises(DataError, match="None of the 2 inputs"):
        hs.evaluate(hs.load(fitted), tmp_path)


def test_evaluate_needs_labels(fitted, photos):
    with pytest.raises(DataError, match="no class folders"):
        hs.evaluate(hs.load(fitted), photos / "red")


@pytest.mark.parametrize(
    "choice",
    [{"seed": -1}, {"seed": None}, {"seed": 1.5}, {"time": 0}, {"time": "10m"}],
    ids=str,
)
def test_numbers_that_cannot_be_used_are_refused_at_once(choice):
    ((name, value),) = choice.items()
    with pytest.raises(UserError, match=f"The {name} {value!r} cannot be used"):
        hs.fit("not/looked/at", **choice)


def test_one_picture_is_not_a_list_of_its_rows(fitted):
    model = hs.load(fitted)
    picture = draw("red", 900)
    in_a_list = model.predict([picture])
    for alone in (picture, np.asarray(picture)):
        assert model.predict(alone) == in_a_list
    assert len(model.predict(np.stack([np.asarray(picture)] * 3))) == 3


@pytest.mark.parametrize("thing", [None, 3, {}])
def test_what_is_no_input_at_all(fitted, thing):
    with pytest.raises(DataError):
        hs.load(fitted).predict([thing])


def test_a_model_is_shown_on_one_line(fitted, tiny):
    name = f"folder/{Path(tiny).name}"
    shown = repr(hs.load(fitted))
    assert shown == f"<Model: classify (2 labels: blue, red), probe on {name}>"


def test_unlike_anything_seen_is_called_unknown(fitted):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    assert not hs.load(fitted).predict([noise])[0].known


def test_evaluate_on_more_data(fitted, tmp_path):
    more = make_folder(tmp_path / "more", per_class=8, start=300)
    found = hs.evaluate(hs.load(fitted), more)
    assert found["n_test"] == 16
    assert found["test"]["accuracy"]["value"] > 0.8


def test_labels_that_the_model_does_not_know_are_refused(fitted, tmp_path):
    make_folder(tmp_path / "more", per_class=3)
    (tmp_path / "more" / "red").rename(tmp_path / "more" / "crimson")
    with pytest.raises(DataError, match="crimson"):
        hs.evaluate(hs.load(fitted), tmp_path / "more")


@pytest.mark.parametrize(
    "name", ["head.safetensors", "backbone.safetensors", "evaluation.json", "model.json"]
)
@pytest.mark.parametrize("harm", ["cut", "edit", "remove"])
def test_a_damaged_model_folder_is_refused(fitted, tmp_path, name, harm):
    folder = tmp_path / "model"
    shutil.copytree(fitted, folder)
    content = bytearray((folder / name).read_bytes())
    if harm == "remove":
        (folder / name).unlink()
    else:
        content[-30] ^= 1
        (folder / name).write_bytes(content if harm == "edit" else content[:-40])
    with pytest.raises(ModelFolderError) as caught:
        hs.load(folder)
    assert caught.value.hint


def test_another_format_is_refused_with_what_to_do(fitted, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(fitted, folder)
    manifest = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(ModelFolderError, match="format 99"):
        hs.load(folder)


def test_a_manifest_cannot_point_out_of_its_folder(fitted, tmp_path):
    from headstart import model_folder

    folder = tmp_path / "model"
    shutil.copytree(fitted, folder)
    manifest = json.loads((folder / "model.json").read_text())
    manifest["files"]["../outside"] = "0" * 64
    manifest.pop("seal")
    manifest["seal"] = model_folder._seal(manifest)
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelFolderError, match="outside"):
        hs.load(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda manifest: manifest.pop("golden"),
        lambda manifest: manifest["labels"].pop(),
        lambda manifest: manifest["files"].pop("head.safetensors"),
        lambda manifest: manifest["backbone"]["recipe"].pop("architecture"),
        lambda manifest: manifest["head"].update(readings=[[5, "colour"]]),
    ],
    ids=["no golden samples", "a label less", "no hash", "no architecture", "no such reading"],
)
def test_a_manifest_edited_with_care_is_refused_as_well(fitted, tmp_path, edit):
    from headstart import model_folder

    folder = tmp_path / "model"
    shutil.copytree(fitted, folder)
    manifest = json.loads((folder / "model.json").read_text())
    edit(manifest)
    manifest.pop("seal")
    manifest["seal"] = model_folder._seal(manifest)
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelFolderError, match="damaged"):
        hs.load(folder)


@pytest.mark.parametrize("lost", ["model.json", "report.html", "evaluation.json"])
def test_a_model_whose_writing_was_cut_off_is_written_again(tiny, photos, fitted, tmp_path, lost):
    """Killed, or the disk was full: the same command works once there is room."""
    folder = tmp_path / "model"
    shutil.copytree(fitted, folder)
    (folder / "model.json").unlink()
    (folder / lost).unlink(missing_ok=True)
    (folder / ".model.json.0badcafe.tmp").write_text("{")
    hs.fit(photos, out=folder, backbone=tiny)
    assert {path.name for path in folder.iterdir()} == {path.name for path in fitted.iterdir()}
    hs.load(folder)


def test_a_model_is_saved_again_where_its_backbone_folder_is_gone(fitted, tmp_path):
    """The weights travel with the model, and nothing in it says where they once lay."""
    model = hs.load(fitted)
    model.save(tmp_path / "copy")
    new = [draw("red", 900)]
    assert hs.load(tmp_path / "copy").predict(new) == model.predict(new)


def test_nothing_tells_where_the_data_and_the_backbone_lay(fitted, tiny, photos):
    written = b"".join(path.read_bytes() for path in fitted.iterdir())
    assert tiny.encode() not in written
    assert str(photos).encode() not in written


def test_a_folder_with_other_things_is_not_overwritten(tiny, photos, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ModelFolderError, match="holds no headstart model"):
        hs.fit(photos, out=tmp_path, backbone=tiny)


def test_somebody_elses_model_is_not_overwritten(tiny, photos, tmp_path):
    """Other tools write a model.json too."""
    (tmp_path / "model.json").write_text('{"format": "theirs"}')
    (tmp_path / "weights.bin").write_text("months of work")
    with pytest.raises(ModelFolderError, match="holds no headstart model"):
        hs.fit(photos, out=tmp_path, backbone=tiny)
    with pytest.raises(ModelFolderError, match="holds no headstart model"):
        hs.fit(photos, backbone=tiny).save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "weights.bin"}


def test_replacing_a_model_is_said_before_and_done_after(tiny, photos, fitted, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(fitted, folder)
    (folder / "notes.txt").write_text("mine")
    said = []
    progress = Silent()
    progress.say = said.append
    hs.fit(photos, out=folder, backbone=tiny, seed=3, progress=progress)
    assert "holds a model" in said[0]
    assert hs.load(folder).evaluation["seed"] == 3
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_model_outlives_a_failure_to_replace_it(tiny, photos, fitted, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(fitted, folder)
    write = Path.write_bytes

    def full(path, content):
        if "model.json" in path.name:
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"):
        hs.fit(photos, out=folder, backbone=tiny, seed=3)
    assert hs.load(folder).evaluation["seed"] == 0
    assert {path.name for path in folder.iterdir()} == {path.name for path in fitted.iterdir()}


def test_an_output_that_is_a_file_is_refused(tiny, photos, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ModelFolderError, match="is a file"):
        hs.fit(photos, out=tmp_path / "taken", backbone=tiny)
    with pytest.raises(StorageError, match="cannot be written"):
        hs.fit(photos, out=tmp_path / "taken" / "below", backbone=tiny)


def test_unknown_names_say_what_was_meant(tiny, photos):
    with pytest.raises(UnknownName, match="Did you mean 'probe'"):
        hs.fit(photos, backbone=tiny, strategy="prob")
    with pytest.raises(UnknownName, match="Did you mean 'classify'"):
        hs.fit(photos, backbone=tiny, task="clasify")


def test_a_model_that_is_only_a_path_away(tmp_path):
    with pytest.raises(ModelFolderError, match="not a model folder"):
        hs.load(tmp_path)
    with pytest.raises(ModelFolderError):
        hs.load(Path("nowhere"))
