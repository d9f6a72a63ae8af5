"""`cache`, `backbones`, `check` and `evaluate`: looking without training."""

import json
import types

import numpy as np
import pytest
import torch

from headstart import places, store
from headstart.schema import Card, Finding
from tests.evaluations import single


def fill_store():
    shelf = store.Shelf({"what": "readings", "backbone": "toy/net"})
    shelf.put("ab" * 16, {"mean": np.ones(1000, np.float32)})
    shelf.flush()


def test_cache_shows_what_it_holds(headstart):
    fill_store()
    said = headstart("cache").out
    assert str(places.store()) in said
    assert "toy/net" in said
    shown = headstart("cache", "show", "--json").json
    assert shown["bytes"] > 4000
    assert shown["shelves"][0]["about"]["backbone"] == "toy/net"


def test_cache_is_emptied(headstart):
    fill_store()
    assert headstart("cache", "empty").out.startswith("Freed ")
    assert headstart("cache", "--json").json["shelves"] == []


def test_cache_is_limited_at_once_and_for_good(headstart):
    fill_store()
    assert headstart("cache", "limit", "1k", "--json").json["bytes"] == 0
    assert headstart("cache", "--json").json["limit"] == 1000


@pytest.mark.parametrize(
    ("written", "size"),
    [("500M", 500e6), ("2G", 2e9), ("1.5gb", 1.5e9), ("1234", 1234), ("2GiB", 2 << 30)],
)
def test_sizes_as_people_write_them(headstart, written, size):
    assert headstart("cache", "limit", written, "--json").json["limit"] == size


CARDS = [
    Card("bundled/image", "bundled", licence="see WEIGHTS.md", parameters=5_000_000, local=True),
    Card("timm/resnet18", "timm", licence="Apache-2.0", bytes=46_000_000, about="a small net"),
]


def test_backbones_are_listed_and_described(headstart, put_module, monkeypatch):
    import headstart.backbones as package

    def describe(reference, *, offline=False, device=None):
        return next(card for card in CARDS if card.name == reference)

    for name, public in (
        ("known", {"list_backbones": lambda: CARDS}),
        ("source", {"describe": describe}),
    ):
        module = put_module(f"headstart.backbones.{name}", **public)
        monkeypatch.setattr(package, name, module, raising=False)
    said = headstart_call(headstart, "backbones")
    assert "bundled/image" in said
    assert "46 MB" in said
    assert [card["name"] for card in headstart("backbones", "--json").json] == [
        card.name for card in CARDS
    ]
    said = headstart("backbones", "timm/resnet18").out
    assert "Apache-2.0" in said
    assert "it would be downloaded" in said
    assert headstart("backbones", "timm/resnet18", "--json").json["bytes"] == 46_000_000


def headstart_call(headstart, *words):
    ended = headstart(*words)
    assert ended.code == 0
    return ended.out


FINDINGS = [
    Finding("sizes", "info", "Sizes differ.", ""),
    Finding(
        "unreadable",
        "problem",
        "7 files cannot be read.",
        "Remove them.",
        tuple(f"a/{n}.jpg" for n in range(7)),
        7,
    ),
]


def fake_check(put_module, findings):
    calls = []

    def check(data, **choices):
        calls.append({"data": data, **choices})
        return types.SimpleNamespace(
            findings=findings, to_json=lambda: {"findings": [f.message for f in findings]}
        )

    put_module("headstart.check", check=check)
    return calls


def test_check_shows_the_worst_first_with_files_and_cure(headstart, put_module):
    fake_check(put_module, FINDINGS)
    said = headstart_call(headstart, "check", "photos")
    assert said.index("Problem: 7 files cannot be read.") < said.index("Note: Sizes differ.")
    assert "Remove them." in said
    assert "a/4.jpg" in said
    assert "a/5.jpg" not in said
    assert "and 2 more" in said
    assert "1 to look at. Then: headstart fit photos" in said
    assert headstart("check", "photos", "--json").json == {
        "findings": ["Sizes differ.", "7 files cannot be read."]
    }


def test_check_of_clean_data_says_so(headstart, put_module):
    calls = fake_check(put_module, [])
    said = headstart_call(
        headstart, "check", "a.csv", "--label", "x,y", "--image", "f", "--test", "b"
    )
    assert said.startswith("Nothing found")
    assert (calls[0]["label"], calls[0]["image"], calls[0]["test"]) == ("x,y", "f", "b")


def test_evaluate_shows_the_figures_and_writes_them(headstart, put_module):
    evaluation = single(["ant", "bee"], 90)
    calls = []

    def evaluate(model, data, **choices):
        calls.append((model.folder, data, choices["group"], choices["strict"]))
        return evaluation

    put_module("headstart.evaluate", evaluate=evaluate)
    here = types.SimpleNamespace(device=torch.device("cpu"))
    put_module(
        "headstart.model_folder",
        load=lambda folder, **more: types.SimpleNamespace(folder=folder, backbone=here),
    )
    said = headstart_call(headstart, "evaluate", "bees", "more", "--group", "g", "--strict")
    assert said.startswith("Right about ")
    assert calls == [("bees", "more", "g", True)]
    assert headstart("evaluate", "bees", "more", "--json").json == json.loads(
        json.dumps(evaluation)
    )
