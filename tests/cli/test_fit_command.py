"""`headstart fit`: the options reach the verb, and the person learns what came of it."""

import json

import pytest

from tests.evaluations import single


def test_every_option_reaches_the_verb(headstart, fake_fit):
    words = (
        "fit photos.csv --out bees --backbone timm/resnet18.a1_in1k --strategy scratch "
        "--task classify --test held_out --image file --label kind --group patient "
        "--separator ; --seed 3 --time 10m --offline --strict --self-contained --no-pictures"
    )
    assert headstart(*words.split()).code == 0
    (call,) = fake_fit
    del call["progress"]
    asked = {
        "data": "photos.csv",
        "out": "bees",
        "backbone": "timm/resnet18.a1_in1k",
        "strategy": "scratch",
        "task": "classify",
        "test": "held_out",
        "image": "file",
        "label": "kind",
        "group": "patient",
        "separator": ";",
        "seed": 3,
        "time": 600.0,
        "offline": True,
        "strict": True,
        "self_contained": True,
        "pictures": False,
    }
    assert {name: call.pop(name) for name in asked} == asked
    assert not any(call.values()), "what was not asked for"


@pytest.mark.parametrize(
    ("data", "folder"),
    [
        ("photos", "photos-model"),
        ("a/b/photos/", "photos-model"),
        ("photos.v2.csv", "photos.v2-model"),
        ("/", "my-model"),
    ],
)
def test_the_model_is_named_after_the_data(headstart, fake_fit, data, folder):
    headstart("fit", data)
    assert fake_fit[0]["out"] == folder


def test_a_dot_means_the_folder_one_stands_in(headstart, fake_fit, tmp_path, monkeypatch):
    (tmp_path / "birds.2024").mkdir()
    monkeypatch.chdir(tmp_path / "birds.2024")
    headstart("fit", ".")
    # Beside it: inside, it would be taken for a class the next time.
    assert fake_fit[0]["out"] == "../birds.2024-model"
    (tmp_path / "birds.2024" / "owls").mkdir()
    monkeypatch.chdir("owls")
    headstart("fit", "..")
    assert fake_fit[1]["out"] == "../../birds.2024-model"


def test_the_person_reads_verdict_figures_choices_warnings_and_what_is_next(headstart, fake_fit):
    ended = headstart("fit", "photos", "--out", "my bees")
    evaluation = single(["ant", "bee"], 153)
    accuracy = evaluation["test"]["accuracy"]
    said = ended.out
    assert said.startswith("Right about ")
    assert f"{accuracy['value']:.3f}" in said
    assert f"{accuracy['low']:.3f} to {accuracy['high']:.3f}" in said
    assert "last two stages: best in cross-validation" in said
    assert said.index("The file format predicts") < said.index("6 files are copies")
    assert "Sizes run from" not in said
    assert "Set aside: 1 that could not be used, such as ants/imageNotFound.gif" in said
    assert "my bees/report.html" in said
    assert "headstart predict 'my bees' NEW_FILES" in said
    assert "one pass over 765 inputs" in ended.err
    assert "one pass" not in said


def test_with_json_stdout_is_the_evaluation_and_nothing_else(headstart, fake_fit):
    ended = headstart("fit", "photos", "--json")
    assert ended.json == json.loads(json.dumps(single(["ant", "bee"], 153)))
    assert "one pass over 765 inputs" in ended.err


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h", 3600), ("1h30m", 5400), ("0.5h", 1800)],
)
def test_times_as_people_write_them(headstart, fake_fit, written, seconds):
    assert headstart("fit", "photos", "--time", written).code == 0
    assert fake_fit[0]["time"] == seconds


@pytest.mark.parametrize("written", ["", "0", "-5", "10 minutes", "m", "1h-3m", "nan", "inf"])
def test_times_that_are_none(headstart, fake_fit, written):
    ended = headstart("fit", "photos", f"--time={written}")
    assert ended.code == 2
    assert fake_fit == []
