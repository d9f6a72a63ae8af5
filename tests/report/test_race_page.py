"""The race's page says what the record says, names every run, and lets nothing else run."""

import base64
import hashlib
import json
import re

import pytest

from headstart.errors import UserError
from headstart.report.race_page import render
from tests.evaluations import HOSTILE
from tests.pages import Page
from tests.races import hostile, race

RACE = race()
CASES = {
    "whole": race,
    "one seed": lambda: race(seeds=(4,)),
    "one number of labels": lambda: race(counts=(5,)),
    "all labels alone": lambda: race(counts=("all",)),
    "strategies of somebody else": lambda: race(names=("probe", "mine", "theirs", "a", "b")),
    "many classes": lambda: race(labels=[f"bird {n}" for n in range(200)], pool=4000),
    "hostile": hostile,
    "nothing in it": lambda: {"format": 1},
}


def drawn(html):
    """Return what the page's script is given to draw."""
    (text,) = re.findall(r'<script type="application/json" id="race">(.*?)</script>', html, re.S)
    return json.loads(text)


@pytest.mark.parametrize("case", CASES)
def test_every_race_gives_a_well_formed_small_page(case):
    html = render(CASES[case]())
    page = Page(html)
    assert page.problems == []
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert len(html.encode()) < 1_000_000
    assert all(attrs.get("scope") for attrs in page.all("th"))


def test_the_words_come_first_with_the_tests_size_and_the_budget():
    said = Page(render(RACE)).said()
    says = RACE["says"]
    in_order = [
        says["verdict"],
        says["worth"][0]["sentence"],
        says["deeper"]["sentence"],
        says["share"][0]["sentence"],
        says["next"]["sentence"],
        says["next"]["checked"]["sentence"],
        "128 pictures that no run saw",
        RACE["budget"]["sentence"],
        "Everything in figures",
        RACE["data"]["split"],
        RACE["command"],
    ]
    assert sorted(in_order, key=said.index) == in_order


def test_every_run_is_drawn_and_listed_as_what_it_is():
    html = render(RACE)
    said, data = Page(html).said(), drawn(html)
    assert [run["id"] for run in data["runs"]] == [run["id"] for run in RACE["runs"]]
    for shown, run in zip(data["runs"], RACE["runs"], strict=True):
        assert run["id"] in said
        test = run["test"]["macro_f1"]
        assert shown["test"] == pytest.approx([test["value"], test["low"], test["high"]], abs=1e-4)
        assert data["strategies"][shown["strategy"]]["name"] == run["strategy"]
        assert data["draws"][shown["draw"]]["key"] == str(run["labels_per_class"])
        assert [m[2] for m in shown["moments"]] == pytest.approx(
            [point["value"] for point in run["curve"]], abs=1e-4
        )
        assert [m[4] for m in shown["moments"]] == [point["epoch"] for point in run["curve"]]


def test_epochs_of_later_phases_count_on():
    html = render(RACE)
    partial = next(run for run in drawn(html)["runs"] if run["id"] == "partial-5-0")
    assert [moment[0] for moment in partial["moments"]] == list(
        range(1, len(partial["moments"]) + 1)
    )


def test_a_mean_keeps_the_last_value_of_runs_that_ended():
    record = race(names=("scratch",), counts=(5,), seeds=(0, 1))
    for run, values in zip(record["runs"], ((0.2, 0.4), (0.4, 0.6, 0.8, 0.8)), strict=True):
        run["curve"] = [
            {"phase": "all", "epoch": at + 1, "seconds": at + 1.0, "value": value}
            for at, value in enumerate(values)
        ]
    (((means,),),) = [drawn(render(record))["means"]]
    assert means["epochs"] == [[1, 0.3], [2, 0.5], [3, 0.6], [4, 0.6]]
    assert means["seconds"][0] == [1, 0.3]
    assert means["seconds"][-1] == [4, 0.6]


def test_with_one_seed_there_are_no_bands_and_the_page_says_so():
    html = render(race(seeds=(3,)))
    assert "There was only one seed" in Page(html).said()
    assert all(mean[1:] == [None, None] for row in drawn(html)["summary"] for mean in row)
    assert "There was only one seed" not in Page(render(RACE)).said()


def test_the_table_says_what_the_pictures_show():
    said = Page(render(RACE)).said()
    for row in RACE["summary"]:
        assert f"{row['value']:.3f} {row['low']:.3f} to {row['high']:.3f}" in said
    for name in {baseline["name"] for baseline in RACE["baselines"]}:
        assert name in said


def test_a_baseline_that_was_asked_once_is_level():
    html = render(race(counts=(5, 20)))
    common = next(each for each in drawn(html)["baselines"] if each["name"].startswith("always"))
    assert common["line"] == [[0, 0.05], [1, 0.05]]
    assert "always the most common class plain baseline 0.050 0.050" in Page(html).said()


def test_all_labels_stand_right_of_every_number():
    data = drawn(render(race(counts=("all", 5, 80), pool=486)))
    assert [draw["key"] for draw in data["draws"]] == ["5", "80", "all"]
    places = [draw["place"] for draw in data["draws"]]
    assert places == sorted(places)
    assert places[2] > 1.1 * places[1]


def test_strategies_differ_in_dash_or_mark_not_only_in_colour():
    names = ("scratch", "probe", "partial", "full", "gradual", "lora", "adapt", "mine", "theirs")
    html = render(race(names=names, counts=(5,), seeds=(0,)))
    dashes = re.findall(r"--dashes: ([^;]+);", html)
    data = drawn(html)["strategies"]
    told = [(dash, each["mark"]) for dash, each in zip(dashes, data, strict=True)]
    assert len(set(told)) == len(names)


def test_the_page_runs_its_own_script_alone_and_asks_for_nothing():
    html = render(hostile())
    page = Page(html)
    (policy,) = [
        attrs["content"]
        for attrs in page.all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    assert len(scripts) == 1
    assert len(page.all("script")) == 2
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in html
    assert "url(" not in html


def test_hostile_words_stay_text():
    html = render(hostile())
    page = Page(html)
    assert {tag for tag, _ in page.elements}.isdisjoint({"base", "iframe", "object", "img"})
    for tag, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs), (tag, attrs)
    assert HOSTILE[0] in page.said()
    assert "\u202e" not in html
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", html)
    assert "a" * 600 not in html


@pytest.mark.parametrize("found", [2, None, "1"])
def test_a_race_from_another_version_is_refused_with_a_cure(found):
    with pytest.raises(UserError, match="format") as refused:
        render(RACE | {"format": found})
    assert "run the race again" in refused.value.hint


@pytest.mark.parametrize("key", [key for key in RACE if key != "format"])
@pytest.mark.parametrize("odd", [None, 3, "x", [], [3], {"a": [None]}])
def test_what_is_odd_is_left_out(key, odd):
    page = Page(render(RACE | {key: odd}))
    assert page.problems == []
    assert page.open == []
