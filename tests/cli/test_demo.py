"""`headstart demo`: check, fit and race on leaves drawn on the spot, without a network."""

import json

import pytest

from headstart.backbones import known
from headstart.cli import demo
from tests.bundled import lay_out


@pytest.fixture
def small(tmp_path_factory, monkeypatch):
    """Stand on tiny nets, with few leaves and little time."""
    monkeypatch.setattr(known, "WEIGHTS", lay_out(tmp_path_factory.mktemp("weights")))
    monkeypatch.setattr(demo, "PER_KIND", 8)
    monkeypatch.setattr(demo, "LABELS", "2,4")
    monkeypatch.setattr(demo, "SEEDS", "1")
    # In the first no machine can do it.
    monkeypatch.setattr(demo, "TIMES", ("1s", "10m"))


def test_it_goes_from_pictures_to_report_and_race(headstart, small, tmp_path):
    out = tmp_path / "demo"
    ended = headstart("demo", "--out", out)
    assert ended.code == 0, ended.err
    assert len(list(out.glob("leaves/*/*.jpg"))) == 48
    assert "What each stage sees" in (out / "model/report.html").read_text()
    record = json.loads((out / "race/race.json").read_text())
    assert {run["strategy"] for run in record["runs"]} == {"scratch", "probe", "partial"}
    assert record["labels_per_class"] == [2, 4]
    page = (out / "race/race.html").read_text()
    assert all(run["id"] in page for run in record["runs"])
    typed = [line for line in ended.out.splitlines() if line.startswith("$ headstart ")]
    assert [line.split()[2] for line in typed] == ["check", "fit", "race", "race"]
    assert "In 1s each of the" in ended.out
    assert all("--offline" in line for line in typed[1:])
    for name in ("model/report.html", "race/race.html"):
        assert f"  {out / name}" in ended.out.splitlines()


def test_what_no_demo_wrote_is_left_alone(headstart, small, tmp_path):
    (tmp_path / "mine.txt").write_text("")
    ended = headstart("demo", "--out", tmp_path)
    assert ended.code == 2
    assert "mine.txt" in ended.err
    assert "headstart demo --out" in ended.err
    ended = headstart("demo", "--out", tmp_path / "mine.txt")
    assert ended.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
