"""`headstart report`: the page again from evaluation.json; pictures kept, no browser unasked."""

import json
import webbrowser

import pytest

from headstart.report import render
from headstart.report.pictures import kept_pictures
from tests.evaluations import pictures, single

EVALUATION = single(["ant", "bee"], 153)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "bees"
    path.mkdir()
    (path / "evaluation.json").write_text(json.dumps(EVALUATION))
    return path


@pytest.fixture
def opened(monkeypatch):
    found = []
    monkeypatch.setattr(webbrowser, "open", found.append)
    monkeypatch.setenv("DISPLAY", ":0")
    return found


def test_the_page_is_written_and_named(headstart, folder, opened):
    ended = headstart("report", folder)
    assert ended.code == 0
    assert ended.out == f"{folder}/report.html\n"
    assert "Right about" in (folder / "report.html").read_text()
    assert [path.name for path in folder.glob(".*")] == []
    assert opened == []


def test_pictures_in_the_old_report_are_kept(headstart, folder):
    shown = pictures(EVALUATION)
    (folder / "report.html").write_text(render(EVALUATION, shown))
    headstart("report", folder)
    assert kept_pictures(folder / "report.html", shown) == shown


def test_it_opens_when_told(headstart, folder, opened):
    headstart("report", folder, "--open")
    assert opened == [(folder / "report.html").as_uri()]
    headstart("report", folder, "--no-open")
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has no evaluation.json"),
        ("{", "cannot be read"),
        ("[]", "is not an evaluation"),
        ("{}", "is not an evaluation"),
    ],
)
def test_folders_that_hold_no_evaluation(headstart, tmp_path, content, message):
    if content is not None:
        (tmp_path / "evaluation.json").write_text(content)
    ended = headstart("report", tmp_path)
    assert ended.code == 2
    assert message in ended.err


def test_a_folder_that_is_not_there(headstart, tmp_path):
    ended = headstart("report", tmp_path / "none")
    assert ended.code == 2
    assert "There is no model folder" in ended.err


def test_where_nothing_may_be_written(headstart, folder, monkeypatch):
    (folder / "report.html").mkdir()
    ended = headstart("report", folder)
    assert ended.code == 1
    assert "cannot be written" in ended.err
    assert [path.name for path in folder.glob(".*")] == []
