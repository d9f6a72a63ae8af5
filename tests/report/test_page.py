"""The page holds what the evaluation says, and nothing that a name could smuggle in."""

import re

import pytest

from headstart.report import render
from headstart.report.pictures import kept_pictures
from headstart.report.words import pictured
from tests.evaluations import HOSTILE, hostile, picture, pictures, several, single
from tests.pages import Page

TWO = single(["ant", "bee"], 153)


@pytest.mark.parametrize(
    "evaluation",
    [
        TWO,
        single(["daisy", "rose", "tulip"], 90),
        single([f"bird {n}" for n in range(44)], 400, skill=3),
        several(["beach", "sunset"]),
        hostile(),
        {},
    ],
    ids=["two", "three", "forty-four", "several", "hostile", "empty"],
)
def test_every_evaluation_gives_a_well_formed_page(evaluation):
    page = Page(render(evaluation, pictures(evaluation) if evaluation else {}))
    assert page.problems == []
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for attrs in page.all("a"):
        assert attrs["href"][1:] in ids


def test_the_verdict_comes_first():
    page = Page(render(TWO))
    assert next(tag for tag, _ in page.elements if tag in ("h1", "h2", "table")) == "h1"
    assert "of this kind" in page.said().split("Data")[0]


def test_figures_are_shown_with_their_intervals():
    said = Page(render(TWO)).said()
    for name in ("accuracy", "macro_f1", "roc_auc", "calibration_error", "log_loss"):
        figure = TWO["test"][name]
        assert f"{figure['value']:.3f} {figure['low']:.3f} to {figure['high']:.3f}" in said


def test_notes_on_the_figures_are_shown():
    assert TWO["notes"][0] in Page(render(TWO)).said()


def test_every_class_has_its_figures():
    said = Page(render(TWO)).said()
    for label, row in TWO["per_class"].items():
        assert f"{label} {row['support']} {row['precision']['value']:.3f}" in said


def test_the_matrix_is_whole_up_to_ten_classes_and_pairs_beyond():
    ten = single([f"c{n}" for n in range(10)], 300)
    assert "A row holds" in Page(render(ten)).said()
    eleven = single([f"c{n}" for n in range(11)], 300)
    said = Page(render(eleven)).said()
    assert "A row holds" not in said
    worst = max(
        (count, -truth, -other)
        for truth, row in enumerate(eleven["confusion"])
        for other, count in enumerate(row)
        if truth != other
    )
    row = sum(eleven["confusion"][-worst[1]])
    assert f"Times c{-worst[1]} c{-worst[2]} {worst[0]} of {row}" in said


def test_of_very_many_classes_the_weakest_stand_first():
    many = single([f"c{n:03d}" for n in range(60)], 600, skill=3)
    said = Page(render(many)).said()
    judged = {label: row["f1"]["value"] for label, row in many["per_class"].items() if "f1" in row}
    weakest = min(judged, key=judged.get)
    assert f"The weakest 15 of 60 Class Tested on Precision Recall F1 ROC AUC {weakest}" in said


def test_mistakes_are_pictures_only_when_pictures_are_given():
    page = Page(render(TWO, pictures(TWO)))
    assert len(page.all("img")) == len(pictured(TWO))
    assert all(attrs["alt"] for attrs in page.all("img"))
    bare = Page(render(TWO))
    assert bare.all("img") == []
    assert TWO["mistakes"][0]["name"] in bare.said()


@pytest.mark.parametrize(
    "shown",
    [
        {"kind": "picture", "mime": "text/html", "data": "PHNjcmlwdD4="},
        {"kind": "picture", "mime": "image/svg+xml", "data": "PHN2Zz4="},
        {"kind": "picture", "mime": "image/png", "data": '"><script>alert(1)</script>'},
        {"kind": "page", "mime": "image/png", "data": "AAAA"},
        {"kind": "picture", "mime": "image/png"},
    ],
    ids=["html", "svg", "markup", "kind", "nothing"],
)
def test_only_plain_pictures_become_pictures(shown):
    page = Page(render(TWO, {TWO["mistakes"][0]["name"]: shown}))
    assert page.all("img") == []
    assert page.all("script") == []


def test_sounds_are_played_beside_their_spectrograms_and_found_again(tmp_path):
    name = TWO["mistakes"][0]["name"]
    shown = {"kind": "sound", "mime": "audio/ogg", "data": "T2dnUw==", "picture": "iVBORw=="}
    written = render(TWO, {name: shown})
    page = Page(written)
    assert [attrs["src"] for attrs in page.all("img")] == ["data:image/png;base64,iVBORw=="]
    (sound,) = page.all("audio")
    assert sound["src"] == "data:audio/ogg;base64,T2dnUw=="
    assert sound["aria-label"]
    assert sound["preload"] == "metadata"  # or its length is not shown
    assert "first ten seconds" in written
    (tmp_path / "report.html").write_text(written)
    assert kept_pictures(tmp_path / "report.html", [name]) == {name: shown}


@pytest.mark.parametrize("change", [{"mime": "text/html"}, {"data": '"><script>'}, {"data": ""}])
def test_only_plain_sounds_are_played(change):
    shown = {"kind": "sound", "mime": "audio/ogg", "data": "T2dnUw==", "picture": "iVBORw=="}
    page = Page(render(TWO, {TWO["mistakes"][0]["name"]: shown | change}))
    assert page.all("audio") == []
    assert page.all("script") == []


def test_hostile_names_stay_text():
    page = Page(render(hostile(), pictures(hostile())))
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"script", "base", "iframe", "object", "form"})
    for tag, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs), (tag, attrs)
        assert not (attrs.get("src") or "data:").startswith(("http", "x", "//")), (tag, attrs)
    said = page.said()
    assert "<script>alert(1)</script>" in said
    assert "{{ 7 * 7 }}" in said
    assert "49" not in re.findall(r"\{\{.*?\}\}|\b49\b", said)


def test_hostile_names_neither_reorder_nor_flood_the_page():
    html = render(hostile(), pictures(hostile()))
    html.encode("utf-8")
    assert "\u202e" not in html
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", html)
    assert "a" * 600 not in html


def test_right_to_left_names_are_isolated():
    label = "مرحبا"
    html = render(single([label, "bee"], 60))
    assert f'<bdi class="name">{label}</bdi>' in html


def test_the_page_forbids_itself_everything_it_does_not_need():
    html = render(TWO, pictures(TWO))
    (policy,) = [
        attrs["content"]
        for attrs in Page(html).all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert "url(" not in html


def test_findings_stand_worst_first_and_name_their_files():
    said = Page(render(TWO)).said()
    assert said.index("The file format predicts") < said.index("6 files are copies")
    assert said.index("6 files are copies") < said.index("Sizes run from")
    assert "90 files bee/0.png" in said
    assert "and 60 more" in said


def test_what_was_tried_says_what_was_kept_and_why():
    said = Page(render(TWO)).said()
    assert "kept last two stages best in cross-validation 0.884 0.850 to 0.910 0.5 s" in said


def test_the_commands_name_the_folder_safely():
    said = Page(render(TWO, folder="my bees; rm -rf")).said()
    assert "headstart predict 'my bees; rm -rf' new.jpg" in said
    assert "hs.load('my bees; rm -rf')" in said


def test_twins_across_a_users_split_give_the_figure_both_ways():
    evaluation = single(["ant", "bee"], 80)
    evaluation["test_without_twins"] = {
        "accuracy": {"value": 0.7071, "low": 0.6, "high": 0.8},
        "n": 70,
    }
    evaluation["data"]["twins"] = {"groups": 2, "across": 2}
    said = Page(render(evaluation)).said()
    assert "Without twins" in said
    assert "0.707" in said
    assert "reach across your own split" in said


def test_tables_say_what_their_cells_are():
    page = Page(render(TWO))
    assert all(attrs.get("scope") for attrs in page.all("th"))
    for attrs in page.all("svg"):
        hidden = attrs.get("aria-hidden") == "true" or "viewbox" in attrs or "x" in attrs
        assert hidden or attrs.get("aria-label")


def test_thousand_classes_stay_a_page_of_reasonable_size():
    many = single([f"class {n:04d}" for n in range(1000)], 400, skill=6)
    assert len(render(many)) < 3_000_000


def test_pictures_in_a_report_can_be_read_back(tmp_path):
    evaluation = hostile()
    shown = {m["name"]: picture(n) for n, m in enumerate(evaluation["mistakes"])}
    report = tmp_path / "report.html"
    report.write_text(render(evaluation, shown), encoding="utf-8")
    assert kept_pictures(report, shown) == shown
    assert kept_pictures(report, ["another"]) == {}
    assert kept_pictures(tmp_path / "none.html", shown) == {}


def test_names_are_shortened_in_the_middle():
    assert len(HOSTILE[4]) == 5000
    evaluation = single(["x" * 500 + "y" * 20, "bee"], 40)
    said = Page(render(evaluation)).said()
    assert "x" * 40 in said
    assert "y" * 20 in said
    assert "x" * 200 not in said


def test_the_meters_show_each_stage_with_its_number():
    page = Page(render(TWO))
    said = page.said()
    assert "The backbone lost 41 % of what it knew." in said
    assert "Near what bundled/image was trained on" in said
    assert "Asked about 128 generated inputs" in said
    for number in ("0.21", "0.32", "1.00", "0.76", "41 %", "59 %"):
        assert number in said
    assert any(attrs.get("href") == "#backbone" for attrs in page.all("a"))


def test_the_stages_show_what_they_are_worth_and_what_excites_them():
    page = Page(render(TWO, pictures(TWO)))
    said = page.said()
    assert TWO["stages"]["says"] in said
    for each in ("0.410 0.360 to 0.450", "about 38 pixels wide", "with bee"):
        assert each in said
    alts = [attrs["alt"] for attrs in page.all("img")]
    assert sum(alt.startswith("stage2, channel 1: bee/") for alt in alts) == 5
    assert "What excites them" not in Page(render(TWO)).said()


@pytest.mark.parametrize("meter", ["domain", "forgetting", "stages"])
@pytest.mark.parametrize("odd", [None, 3, "x", [], {"stages": "x", "says": 1, "advice": 2}])
def test_odd_meters_are_left_out_or_shown_as_they_are(meter, odd):
    page = Page(render({**TWO, meter: odd}))
    assert not page.problems
    assert not page.open
