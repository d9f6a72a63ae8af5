"""`headstart predict`: lines that stream, in three formats."""

import csv
import io
import json
from types import SimpleNamespace

import pytest
import torch

from headstart.schema import Prediction, Unreadable

HERE = SimpleNamespace(device=torch.device("cpu"))


class Model:
    """Knows bees; what is called `odd` is unlike anything it has seen."""

    labels = ("ant", "bee")
    task = SimpleNamespace(name="classify", spoken=lambda labels: labels)
    backbone = HERE

    def __init__(self):
        self.asked = []

    def stream(self, inputs, set_aside=None):
        self.asked += inputs
        for path in inputs:
            if path == "broken.jpg" and set_aside is not None:
                set_aside.append(Unreadable(path, "is not a picture"))
                continue
            yield Prediction(path, "bee", 0.97, {"ant": 0.03, "bee": 0.97}, "odd" not in path)


@pytest.fixture
def model(put_module):
    known = Model()
    opened = []

    def load(folder, offline=False, device=None):
        opened.append((folder, offline))
        return known

    put_module("headstart.model_folder", load=load)
    known.opened = opened
    return known


def test_text_is_one_aligned_line_an_input(headstart, model):
    said = headstart("predict", "bees", "a.jpg", "odd.jpg").out.splitlines()
    assert said[0] == "bee   97.0%  a.jpg"
    assert said[1].startswith("bee   97.0%  odd.jpg  (unlike anything seen")


def test_json_is_one_object_a_line_with_the_promised_keys(headstart, model):
    lines = headstart("predict", "bees", "a.jpg", "odd.jpg", "--format", "json").out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "input": name,
            "label": "bee",
            "probability": 0.97,
            "probabilities": {"ant": 0.03, "bee": 0.97},
            "known": known,
        }
        for name, known in (("a.jpg", True), ("odd.jpg", False))
    ]


def test_csv_has_a_header_and_survives_odd_names(headstart, model):
    said = headstart("predict", "bees", 'a,"b.jpg', "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(said)))
    assert rows == [
        {
            "input": 'a,"b.jpg',
            "label": "bee",
            "probability": "0.970000",
            "known": "true",
            "ant": "0.030000",
            "bee": "0.970000",
        }
    ]


def test_paths_are_read_from_stdin(headstart, model, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"b.jpg\r\n\nwith space.jpg\n")))
    headstart("predict", "bees", "a.jpg", "-", "c.jpg")
    assert model.asked == ["a.jpg", "b.jpg", "with space.jpg", "c.jpg"]


def test_names_with_line_breaks_come_from_stdin_as_find_writes_them(headstart, model, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb.jpg\0c.jpg\0")))
    headstart("predict", "bees", "-")
    assert model.asked == ["a\nb.jpg", "c.jpg"]


def test_what_cannot_be_read_is_named_on_stderr(headstart, model):
    ended = headstart("predict", "bees", "broken.jpg", "a.jpg", "--format", "json")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 1
    assert "Not read: broken.jpg (is not a picture)" in ended.err


def test_offline_reaches_the_loading(headstart, model):
    headstart("predict", "bees", "a.jpg", "--offline")
    assert model.opened == [("bees", True)]


def test_several_labels_are_joined(headstart, put_module):
    class Several:
        labels = ("beach", "sunset")
        task = SimpleNamespace(name="multilabel", spoken=lambda labels: labels)
        backbone = HERE

        def stream(self, inputs, set_aside=None):
            both = {"beach": 0.9, "sunset": 0.8}
            yield Prediction("a.jpg", ("beach", "sunset"), 0.8, both)
            yield Prediction("b.jpg", (), 0.6, {"beach": 0.1, "sunset": 0.4})

    put_module("headstart.model_folder", load=lambda folder, offline=False, device=None: Several())
    assert "a.jpg,beach;sunset,0.8" in headstart("predict", "m", "x", "--format", "csv").out
    assert headstart("predict", "m", "x").out.splitlines()[1].startswith("(none)")
    first = headstart("predict", "m", "x", "--format", "json").out.splitlines()[0]
    assert json.loads(first)["label"] == ["beach", "sunset"]


def test_errors_are_json_where_json_was_asked_for(headstart, put_module):
    from headstart.errors import ModelFolderError

    def load(folder, offline=False, device=None):
        raise ModelFolderError(f"{folder} is not a model folder.", "Make one.")

    put_module("headstart.model_folder", load=load)
    for words in (["--format", "json"], ["--format=json"]):
        ended = headstart("predict", "nowhere", "a.jpg", *words)
        assert ended.code == 2
        assert ended.json["error"]["kind"] == "model_folder"
