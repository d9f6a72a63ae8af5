"""The race's page in a real browser: sliders move, curves answer, every point names its run."""

import pytest

from headstart.report.race_page import render
from tests.browser.test_report_browser import FAINT
from tests.races import hostile, race

pytestmark = pytest.mark.browser

CASES = {
    "whole": race,
    "one seed": lambda: race(seeds=(0,)),
    "one number": lambda: race(counts=(5,)),
    "six strategies": lambda: race(names=("scratch", "probe", "gradual", "lora", "adapt", "mine")),
    "hostile": hostile,
    "nothing in it": lambda: {"format": 1},
}
CURVES = "[...document.querySelectorAll('#training .mean')].map(e => e.getAttribute('d'))"
NAMES = "[...document.querySelectorAll('#{} .end')].map(e => e.textContent)"
TIPS = "[...document.querySelectorAll('.tip')].map(e => e.hidden ? '' : e.textContent)"
READING = "document.getElementById('reading').textContent"


def lay(folder, record):
    file = folder / "race.html"
    file.write_text(render(record), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(params=sorted(CASES), scope="module")
def page(request, tmp_path_factory):
    return lay(tmp_path_factory.mktemp("race"), CASES[request.param]())


@pytest.fixture
def opened(chromium, tmp_path):
    """Open a whole race on a wide window and return the record."""
    record = race()
    chromium.look(1600, 1400)
    chromium.open(lay(tmp_path, record))
    return record


def place_of(chromium, selector):
    """Scroll to the middle of an element and return where that is in the window."""
    return chromium.ask(
        f"""(() => {{ const e = document.querySelector({selector!r});
        e.scrollIntoView({{block: 'center', behavior: 'instant'}});
        const r = e.getBoundingClientRect();
        return [r.left + r.width / 2, r.top + r.height / 2]; }})()"""
    )


@pytest.mark.parametrize("width", [360, 768, 1600])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_breaks_leaves_or_hangs_over(chromium, page, width, dark):
    chromium.look(width, dark=dark)
    chromium.open(page)
    chromium.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    chromium.ask("document.querySelectorAll('button, input').forEach(e => e.click())")
    assert chromium.complaints == []
    assert chromium.requests == [page]
    assert chromium.ask("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [360, 1600])
def test_no_lettering_of_a_picture_is_cut_off(chromium, page, width):
    chromium.look(width)
    chromium.open(page)
    cut = chromium.ask(
        """[...document.querySelectorAll('.drawing text')].filter(e => {
             const [own, all] = [e, e.ownerSVGElement].map(x => x.getBoundingClientRect());
             return own.left < all.left - 1 || own.right > all.right + 1
               || own.top < all.top - 1 || own.bottom > all.bottom + 1;
           }).map(e => e.textContent)"""
    )
    assert cut == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_stand_out_from_their_ground(chromium, page, dark):
    chromium.look(1000, dark=dark)
    chromium.open(page)
    assert chromium.ask(FAINT) == []


def test_the_slider_moves_the_curves_and_says_so(chromium, opened):
    before, said = chromium.ask(CURVES), chromium.ask(READING)
    assert said.startswith("10 a class: Macro F1 ")
    chromium.ask("document.getElementById('draw').focus()")
    chromium.press("End")
    assert chromium.ask("document.getElementById('chosen').textContent") == "all labels"
    assert chromium.ask("document.getElementById('draw').ariaValueText") == "all labels, 512 in all"
    after = chromium.ask(CURVES)
    assert len(after) == len(before) == 4
    assert not set(before) & set(after)
    assert chromium.ask(READING).startswith("All labels: Macro F1 ")
    chromium.press("Home")
    chromium.press("ArrowRight")
    assert chromium.ask(CURVES) == before
    for row in opened["summary"]:
        if row["labels_per_class"] == 10:
            assert f"{row['strategy']} {row['value']:.3f}" in said


def test_freezing_and_unfreezing_takes_curves_away_and_brings_them_back(chromium, opened):
    before = chromium.ask(NAMES.format("training"))
    assert sorted(before) == ["full", "partial", "probe", "scratch"]
    x, y = place_of(chromium, "[data-strategy='0']")
    chromium.click(x, y)
    assert "scratch" not in chromium.ask(NAMES.format("training"))
    assert "scratch" not in chromium.ask(NAMES.format("labels"))
    assert chromium.ask("document.querySelector('.toggle').ariaPressed") == "false"
    assert chromium.ask(READING).startswith("scratch is hidden. 10 a class")
    assert chromium.ask("document.querySelectorAll('.worth').length") == 0
    chromium.click(x, y)
    assert chromium.ask(NAMES.format("training")) == before
    assert chromium.ask("document.querySelectorAll('.worth').length") == 1


def test_by_seconds_the_same_runs_stand_elsewhere(chromium, opened):
    before = chromium.ask(CURVES)
    count = chromium.ask("document.querySelectorAll('#training .point').length")
    chromium.ask("document.querySelector('[value=seconds]').click()")
    assert chromium.ask(CURVES) != before
    assert chromium.ask("document.querySelectorAll('#training .point').length") == count
    assert "seconds" in chromium.ask("document.querySelector('#training .axis-title').textContent")


def test_every_point_is_of_a_real_run_and_says_which(chromium, opened):
    runs = {run["id"]: run for run in opened["runs"]}
    for picture in ("training", "labels"):
        told = chromium.ask(
            f"[...document.querySelectorAll('#{picture} .point')].map(e => e.ariaLabel)"
        )
        of_runs = [label for label in told if "baseline:" not in label]
        for label in of_runs:
            run = runs[label.rsplit("; run ", 1)[1].split(",")[0]]
            assert f"seed {run['seed']}" in label
            assert f"{run['n_train']} to learn from" in label
        shown = {label.rsplit("; run ", 1)[1].split(",")[0] for label in of_runs}
        wanted = {
            name
            for name, run in runs.items()
            if picture == "labels" or run["labels_per_class"] == 10
        }
        assert shown == wanted
    run = runs["full-50-1"]
    test, label = run["test"]["macro_f1"], next(each for each in told if "full-50-1" in each)
    assert f"{test['value']:.3f} (95 % interval {test['low']:.3f} to {test['high']:.3f})" in label


def test_hovering_names_the_run(chromium, opened):
    for number, picture in enumerate(("training", "labels")):
        assert chromium.ask(TIPS)[number] == ""
        x, y = place_of(chromium, f"#{picture} .point:last-child")
        chromium.point_at(x, y)
        tip = chromium.ask(TIPS)[number]
        assert "run full-" in tip
        assert "Macro F1 0." in tip
        chromium.point_at(3, 3)
        assert chromium.ask(TIPS)[number] == ""


def test_a_finger_finds_points_too(chromium, tmp_path):
    chromium.look(360, 800)
    chromium.open(lay(tmp_path, race()))
    x, y = place_of(chromium, "#labels .point:last-child")
    chromium.click(x, y)
    assert "run full-" in chromium.ask(TIPS)[1]
    box = "document.querySelectorAll('.tip')[1].getBoundingClientRect()"
    assert chromium.ask(f"{box}.left") >= 0
    assert chromium.ask(f"{box}.right") <= 360


def test_the_keyboard_reaches_every_point_through_one_stop(chromium, opened):
    stops = chromium.ask("document.querySelectorAll('#training [tabindex=\"0\"]').length")
    assert stops == 1
    chromium.ask("document.querySelector('#training [tabindex=\"0\"]').focus()")
    first = chromium.ask("document.activeElement.ariaLabel")
    assert chromium.ask(TIPS)[0].startswith("Macro F1")
    chromium.press("ArrowRight")
    second = chromium.ask("document.activeElement.ariaLabel")
    assert second != first
    chromium.press("ArrowLeft")
    assert chromium.ask("document.activeElement.ariaLabel") == first
    chromium.press("End")
    assert "run full-10-2" in chromium.ask("document.activeElement.ariaLabel")
    chromium.press("Escape")
    assert chromium.ask(TIPS)[0] == ""
    assert chromium.ask("document.querySelectorAll('#training [tabindex=\"0\"]').length") == 1


def test_a_screen_reader_gets_controls_pictures_and_the_table(chromium, opened):
    told = chromium.accessibility()
    roles = [role for role, _ in told]
    assert ("slider", "Labels") in told
    assert ("radio", "by seconds") in told
    assert sum(role == "button" and "scratch" in name for role, name in told) == 1
    assert "status" in roles
    assert roles.count("table") >= 1
    assert any(role == "group" and "Arrow keys" in name for role, name in told)
    drawings = [name for role, name in told if role in ("image", "img")]
    assert drawings
    assert all(drawings)


def test_with_one_seed_no_band_is_drawn(chromium, tmp_path):
    chromium.look(1000)
    chromium.open(lay(tmp_path, race(seeds=(0,))))
    assert chromium.ask("document.querySelectorAll('#labels .band').length") == 0
    chromium.open(lay(tmp_path, race()))
    assert chromium.ask("document.querySelectorAll('#labels .band').length") == 4


def test_printed_it_loses_nothing_to_the_right(chromium, opened):
    chromium.look(720, media="print")
    assert chromium.ask("document.documentElement.scrollWidth") <= 720
    assert chromium.ask("getComputedStyle(document.querySelector('.switch')).display") == "none"


def test_a_big_race_stays_under_a_megabyte(chromium, tmp_path):
    record = race(counts=(1, 2, 5, 10, 20, 50, 100, "all"), seeds=range(10), pool=5000)
    assert len(render(record).encode()) < 1_000_000
    chromium.look(1600)
    chromium.open(lay(tmp_path, record))
    assert chromium.complaints == []
