"""Killed at any moment and run again, a run ends in the same model; another run is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from headstart import places, trainer
from headstart.choose import make
from headstart.errors import UserError
from headstart.journal import Journal
from headstart.learn import learn
from headstart.progress import Silent
from tests.depth import lessons
from tests.pictures import make_folder
from tests.standing import save_tiny

STRATEGIES = ("gradual", "full", "scratch")


class Killed(BaseException):
    """What stands for `kill -9` within a test's own process: nothing catches it."""


class Counting(Silent):
    """Counts epochs, and dies when so many are done."""

    def __init__(self, last: int | None = None) -> None:
        self.last, self.count, self.training = last, 0, False

    def start(self, what: str, total: int) -> None:
        self.training = what.startswith("Training")

    def advance(self, steps: int = 1) -> None:
        if self.training and steps:
            self.count += steps
            if self.last and self.count >= self.last:
                raise Killed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"), "timm")


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Write a page after every epoch; other tests' runs are not this one's."""
    monkeypatch.setattr(trainer, "PAGE_SECONDS", 0.0)
    lessons.hurry(monkeypatch, epochs=3)


def same(one, two) -> bool:
    return (
        one.backbone.fingerprint() == two.backbone.fingerprint()
        and np.array_equal(one.head.weight, two.head.weight)
        and one.head.temperature == two.head.temperature
        and [each.what for each in one.choices] == [each.what for each in two.choices]
        and [each.score for each in one.choices] == [each.score for each in two.choices]
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_killed_anywhere_it_ends_in_the_same_model(folder, strategy, tmp_path):
    job, whole = lessons.job(folder, strategy), Counting()
    expected = learn(job, progress=whole)
    assert whole.count >= 3
    for last in range(1, whole.count + 1, max(1, whole.count // 3)):
        journal = Journal.open(tmp_path / str(last), {"of": "a test"})
        with pytest.raises(Killed):
            learn(job, progress=Counting(last), journal=journal)
        assert same(expected, learn(job, journal=journal)), last


def test_killed_twice_and_between_phases(folder, tmp_path):
    job = lessons.job(folder, "gradual", unfreeze=2)
    whole = Counting()
    expected = learn(job, progress=whole)
    assert whole.count >= 6
    journal = Journal.open(tmp_path / "twice", {})
    for last in (2, 5):
        with pytest.raises(Killed):
            learn(job, progress=Counting(last), journal=journal)
    assert same(expected, learn(job, journal=journal))
    # What was finished is not done again: the phases' ends are read.
    counting = Counting()
    assert same(expected, learn(job, progress=counting, journal=journal))
    assert counting.count == 0


def test_a_page_that_was_cut_short_is_no_page(folder, tmp_path):
    job, journal = lessons.job(folder, "full"), Journal.open(tmp_path / "cut", {})
    expected = learn(job, journal=journal)
    for path in (tmp_path / "cut").glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-9])
    assert same(expected, learn(job, journal=journal))


def test_a_climb_is_taken_up_rung_by_rung(folder, tmp_path, monkeypatch):
    from headstart import defaults

    monkeypatch.setattr(defaults, "LEAST_TO_COMPARE", 10)
    monkeypatch.setattr(defaults, "AUTO_LEAST", 600.0)
    monkeypatch.setattr(defaults, "rungs", lambda *_: ("partial",))
    job, whole = lessons.job(folder, "auto"), Counting()
    expected = make(job, progress=whole)
    for last in (whole.count // 3, whole.count - 1):
        journal = Journal.open(tmp_path / str(last), {})
        with pytest.raises(Killed):
            make(job, progress=Counting(last), journal=journal)
        assert same(expected, make(job, journal=journal))


SCRIPT = """
import os, signal, sys
import headstart as hs
from headstart import defaults, trainer
from headstart.progress import Silent

class Deadly(Silent):
    training = False
    def start(self, what, total):
        self.training, self.count = what.startswith("Training"), 0
    def advance(self, steps=1):
        self.count += steps
        if self.training and self.count == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)

trainer.PAGE_SECONDS = 0.0
defaults.tuning_epochs = lambda samples: 3
defaults.tuning_patience = lambda samples: 3
defaults.kept_views = lambda samples: 2
hs.fit(sys.argv[1], backbone=sys.argv[2], out=sys.argv[3], strategy="partial", progress=Deadly())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal on this system")
def test_kill_9_and_the_same_command_again(folder, tmp_path):
    """The real signal, in a process of its own, in the middle of training."""
    photos = make_folder(tmp_path / "photos", 15)

    def run(out: Path, last: int) -> int:
        words = [sys.executable, "-c", SCRIPT, str(photos), str(folder), str(out), str(last)]
        return subprocess.run(words, check=False, capture_output=True, timeout=300).returncode

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(whole, -1) == 0
    assert run(killed, 2) == -signal.SIGKILL
    assert not (killed / "model.json").exists()
    assert list(places.runs().iterdir())
    assert run(killed, -1) == 0
    for name in ("head.safetensors", "backbone.safetensors"):
        one, two = whole / name, killed / name
        assert one.exists() == two.exists()
        assert not one.exists() or one.read_bytes() == two.read_bytes()
    left = [each for each in places.runs().iterdir() if each.is_dir()]
    assert not left, "a finished run leaves no journal"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"strategy": "full"}, "strategy was partial, now is full"),
        ({"seed": 5}, "seed was 0, now is 5"),
        ({"data": "more"}, "other data"),
        ({"weights": "other"}, "other weights"),
    ],
)
def test_another_run_is_refused_with_the_difference_named(folder, tmp_path, change, named):
    photos, out = make_folder(tmp_path / "photos", 15), tmp_path / "model"
    words = {"backbone": str(folder), "strategy": "partial", "out": out, "seed": 0}
    with pytest.raises(Killed):
        hs.fit(photos, **words, progress=Counting(2))
    if change.pop("data", None):
        make_folder(tmp_path / "photos", 3, start=40)
    if change.pop("weights", None):
        words["backbone"] = str(save_tiny(tmp_path / folder.name, "timm", seed=3))
    with pytest.raises(UserError, match=named) as caught:
        hs.fit(photos, **(words | change))
    assert "--restart" in caught.value.hint
    model = hs.fit(photos, **(words | change), restart=True)
    assert model.evaluation["n_train"]


def test_journals_hold_safetensors_and_json_alone(folder, tmp_path):
    journal = Journal.open(tmp_path / "run", {"of": "a test"})
    with pytest.raises(Killed):
        learn(lessons.job(folder, "partial"), progress=Counting(2), journal=journal)
    names = {path.suffix for path in (tmp_path / "run").iterdir()}
    assert names == {".json", ".safetensors"}
    about = json.loads((tmp_path / "run" / "about.json").read_text())
    assert about["of"] == "a test"


def test_a_journal_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(hs.HeadstartError) as caught:
        Journal.open(tmp_path / "file" / "run", {})
    assert "HEADSTART_HOME" in caught.value.hint
    assert os.listdir(tmp_path) == ["file"]
