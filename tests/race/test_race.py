"""Races from data to record, through the public door, on tiny nets of random weights."""

from __future__ import annotations

import json

import numpy as np
import pytest

import headstart as hs
from headstart import defaults
from headstart.backbones.base import Backbone
from headstart.errors import DataError, UnknownName, UserError
from headstart.progress import Silent
from headstart.race import engine
from headstart.race.record import load_race
from headstart.race.runs import Track
from tests.pictures import make_folder
from tests.sounds import folder_of_sounds
from tests.standing import save_tiny
from tests.words import reviews, write_csv

KEYS = {
    "format", "headstart", "data", "backbone", "task", "headline", "budget", "labels_per_class",
    "seeds", "command", "strategies", "runs", "baselines", "summary", "paired", "says", "seconds",
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("photos"), per_class=12)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Train for a few steps: what is tested is the race, not what it comes to."""
    monkeypatch.setattr(defaults, "SCRATCH_STEPS", 12)
    monkeypatch.setattr(defaults, "TUNING_STEPS", 6)


@pytest.fixture
def count_runs(monkeypatch):
    """Note which runs are really run."""
    found, run = [], Track.run
    monkeypatch.setattr(
        Track, "run", lambda self, each, *rest: found.append(each.name) or run(self, each, *rest)
    )
    return found


class Listening(Silent):
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


def test_a_race_keeps_its_contract(photos, tiny, tmp_path):
    out = tmp_path / "race"
    race = hs.race(photos, out=out, backbone=tiny, labels=[2, 4, "all"], seeds=2)
    record = json.loads((out / "race.json").read_text())
    assert record.keys() == KEYS
    assert record["format"] == 1
    assert record["labels_per_class"] == [2, 4, "all"]
    assert {s["name"]: s["frozen"] for s in record["strategies"]} == {
        "scratch": "none", "probe": "all", "partial": "some"
    }  # fmt: skip
    assert len(record["runs"]) == 3 * 3 * 2
    for run in record["runs"]:
        assert run.keys() == {
            "id", "strategy", "labels_per_class", "seed", "n_train", "seconds", "stopped", "curve",
            "test",
        }  # fmt: skip
        assert run["curve"]
        assert ("epoch" in run["stopped"]) == (run["strategy"] != "probe"), run["stopped"]
        for point in run["curve"]:
            assert point.keys() == {"phase", "epoch", "seconds", "value"}
        figure = run["test"]["macro_f1"]
        assert figure["low"] <= figure["value"] <= figure["high"]
    probes = [run for run in record["runs"] if run["strategy"] == "probe"]
    assert all(len(run["curve"]) == 1 for run in probes)
    assert all(
        run["curve"][0]["value"] == pytest.approx(run["test"]["macro_f1"]["value"])
        for run in probes
    )
    assert {each["name"] for each in record["baselines"]} == {
        "always the most common class", "pixels + logistic regression"
    }  # fmt: skip
    assert load_race(out).record == record
    assert race.record["says"]["verdict"] in race.html()
    assert "<iframe" in race._repr_html_()


def test_the_net_runs_once_for_each_example_whatever_is_raced(photos, tiny, monkeypatch):
    seen, call = [], Backbone.__call__

    def counted(self, state, *where, **named):
        seen.append(len(next(iter(state.values()))))
        return call(self, state, *where, **named)

    counts = []
    for labels, seeds in (([4], 1), ([2, 4, 6, "all"], 4)):
        monkeypatch.setenv("HEADSTART_HOME", str(photos.parent / f"home-{seeds}"))
        seen.clear()
        monkeypatch.setattr(Backbone, "__call__", counted)
        hs.race(photos, backbone=tiny, strategies=["probe"], labels=labels, seeds=seeds)
        counts.append(sum(seen))
    assert counts[0] == counts[1]


def test_started_again_it_runs_only_what_is_missing(photos, tiny, tmp_path, count_runs):
    how = {"out": tmp_path / "race", "backbone": tiny, "labels": [2, "all"]}
    first = hs.race(photos, strategies=["scratch", "probe"], seeds=1, **how)
    count_runs.clear()
    again = hs.race(photos, strategies=["scratch", "probe"], seeds=1, **how)
    assert count_runs == []
    assert again.record["runs"] == first.record["runs"]
    hs.race(photos, strategies=["scratch", "probe"], seeds=2, **how)
    assert count_runs == ["scratch-2-1", "scratch-all-1", "probe-2-1", "probe-all-1"]


def test_interrupted_it_keeps_what_was_run(photos, tiny, tmp_path, monkeypatch, count_runs):
    how = {"out": tmp_path / "race", "backbone": tiny, "labels": [2, "all"], "seeds": 1}
    run = Track.run

    def stop(self, each, *rest):
        if each.name == "scratch-all-0":
            raise KeyboardInterrupt
        return run(self, each, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Track, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            hs.race(photos, strategies=["scratch", "probe"], **how)
    count_runs.clear()
    hs.race(photos, strategies=["scratch", "probe"], **how)
    assert count_runs == ["scratch-all-0", "probe-2-0", "probe-all-0"]


def test_other_data_are_refused_and_named(photos, tiny, tmp_path):
    how = {"out": tmp_path / "race", "backbone": tiny, "strategies": ["probe"], "seeds": 1}
    hs.race(photos, **how)
    other = make_folder(tmp_path / "other", per_class=9, start=50)
    with pytest.raises(UserError, match="other data"):
        hs.race(other, **how)
    assert hs.race(other, restart=True, **how).record["data"]["source"] == "other"


def test_the_test_has_no_part_in_what_is_learnt(photos, tiny, tmp_path):
    held = make_folder(tmp_path / "held", per_class=4, start=500)
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (held / "red").rename(wrong / "blue")
    (held / "blue").rename(wrong / "red")
    make_folder(held, per_class=4, start=500)
    how = {"backbone": tiny, "strategies": ["probe"], "labels": [4], "seeds": 1}
    right = hs.race(photos, test=held, **how).record["runs"][0]["test"]["accuracy"]["value"]
    left = hs.race(photos, test=wrong, **how).record["runs"][0]["test"]["accuracy"]["value"]
    assert right == pytest.approx(1 - left)


def test_texts_race_too(tmp_path):
    backbone = str(save_tiny(tmp_path / "text", "text"))
    table = write_csv(tmp_path / "reviews.csv", reviews(40))
    record = hs.race(
        table, text="review", label="stars", backbone=backbone, strategies=["probe", "scratch"],
        labels=[4, "all"], seeds=1,
    ).record  # fmt: skip
    assert record["data"]["modality"] == "text"
    assert record["command"].startswith(
        "headstart race reviews.csv --text review --label stars --strategies probe,scratch"
    )
    assert record["baselines"][-1]["name"] == "TF-IDF + logistic regression"
    assert record["baselines"][-1]["test"]["macro_f1"]["value"] > 0.6


def test_sounds_race_too(tmp_path, monkeypatch):
    from headstart.backbones import known
    from tests.bundled import lay_out

    monkeypatch.setattr(known, "WEIGHTS", lay_out(tmp_path))
    sounds = folder_of_sounds(tmp_path / "sounds", count=8)
    record = hs.race(sounds, strategies=["probe"], labels=[2, "all"], seeds=1).record
    assert record["data"]["modality"] == "audio"
    assert record["baselines"][-1]["name"] == "MFCC + random forest"


def test_several_labels_an_example_race_too(photos, tiny, tmp_path):
    pictures = sorted(photos.glob("*/*.png"))
    rows = [(str(p), f"{p.parent.name};odd" if at % 2 else p.parent.name)
            for at, p in enumerate(pictures)]  # fmt: skip
    table = write_csv(tmp_path / "tags.csv", rows, header=("file", "tags"))
    record = hs.race(
        table, separator=";", backbone=tiny, strategies=["probe"], labels=[3, "all"], seeds=1
    ).record
    assert record["task"] == "multilabel"
    assert record["baselines"][0]["name"] == "always every label"


def test_more_labels_than_there_are_become_all_and_that_is_said(photos, tiny):
    listening = Listening()
    record = hs.race(
        photos, backbone=tiny, strategies=["probe"], labels=[4, 900], seeds=1, progress=listening
    ).record
    assert record["labels_per_class"] == [4, "all"]
    assert any("900 labels a class are asked for" in said for said in listening.said)
    assert any(said.startswith("Run 1 of 2: probe, 4 a class") for said in listening.said)


def test_a_class_with_too_few_is_refused(tiny, tmp_path):
    folder = make_folder(tmp_path / "few", per_class=10)
    make_folder(folder, per_class=2, labels=("green",))
    with pytest.raises(DataError, match="too few examples are left of 'green'"):
        hs.race(folder, backbone=tiny, strategies=["probe"], seeds=1)


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ({"labels": [0]}, UserError, "0 is not a number of labels"),
        ({"labels": []}, UserError, "No number of labels"),
        ({"seeds": 0}, UserError, "0 is not a number of seeds"),
        ({"time": -1}, UserError, "time -1 cannot be used"),
        ({"strategies": []}, UserError, "needs strategies"),
        ({"strategies": ["auto"]}, UserError, "'auto' is no strategy"),
        ({"strategies": ["prob"]}, UnknownName, "Did you mean 'probe'"),
        ({"time": 0.01}, UserError, "each of the 3 runs that train"),
    ],
)
def test_what_cannot_be_raced_is_refused(photos, tiny, asked, kind, told):
    how = {"strategies": ["scratch"], "labels": ["all"], "backbone": tiny} | asked
    with pytest.raises(kind, match=told):
        hs.race(photos, **how)


def test_a_folder_of_something_else_is_left_alone(photos, tiny, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="holds no race"):
        hs.race(photos, out=tmp_path, backbone=tiny)


def test_a_record_of_another_format_is_refused(tmp_path):
    (tmp_path / "race.json").write_text(json.dumps({"format": 2, "headstart": "9", "runs": []}))
    with pytest.raises(UserError, match="format 2, written by headstart 9") as caught:
        load_race(tmp_path)
    assert "run the race again" in caught.value.hint


def test_time_is_divided_and_said(photos, tiny, monkeypatch):
    from headstart.cost import Cost

    monkeypatch.setattr(engine.cost, "measure", lambda *_: Cost(0.0, (0.0001,) * 5))
    record = hs.race(
        photos, backbone=tiny, strategies=["scratch"], labels=["all"], seeds=1, time=600
    ).record
    assert 0 < record["budget"]["seconds_a_run"] < 600
    assert record["budget"]["sentence"].startswith("Every run that trains had at most")


def test_draws_are_nested_and_the_same_for_every_strategy(photos, tiny, monkeypatch):
    found = {}
    run = Track.run

    def note(self, each, *rest):
        keys = {s.key for s in self.draws.samples(each.labels_per_class, each.seed)}
        found[each.strategy, each.labels_per_class, each.seed] = keys
        return run(self, each, *rest)

    monkeypatch.setattr(Track, "run", note)
    hs.race(photos, backbone=tiny, strategies=["probe", "adapt"], labels=[2, 4, "all"], seeds=2)
    for seed in (0, 1):
        assert found["probe", 2, seed] < found["probe", 4, seed] < found["probe", "all", seed]
        assert found["probe", 2, seed] == found["adapt", 2, seed]
    assert found["probe", 2, 0] != found["probe", 2, 1]


def test_weights_are_as_they_came_before_every_run(photos, tiny, tmp_path):
    how = {"backbone": tiny, "labels": [4], "seeds": 1}
    alone = hs.race(photos, strategies=["probe"], **how).record["runs"][0]
    after = hs.race(photos, strategies=["scratch", "probe"], **how).record["runs"][1]
    assert after["test"] == alone["test"]
    assert np.isfinite(alone["seconds"])
