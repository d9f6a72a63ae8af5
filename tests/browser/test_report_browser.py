"""The report in a real browser: nothing leaves it, nothing breaks it, nothing hangs over."""

import pytest

from headstart.report import render
from tests.evaluations import hostile, pictures, several, single

pytestmark = pytest.mark.browser

LONG = "Supercalifragilisticexpialidocious" * 20
CASES = {
    "two": lambda: single(["ant", "bee"], 153),
    "ten": lambda: single([f"flower number {n}" for n in range(10)], 200),
    "many": lambda: single([f"species of bird {n}" for n in range(44)], 400, skill=3),
    "thousand": lambda: single([f"class {n:04d}" for n in range(1000)], 400, skill=6),
    "several": lambda: several(["beach", "mountain", "sunset", "urban"]),
    "long": lambda: single([LONG, "مرحبا بالعالم " * 9, "bee"], 60),
    "hostile": hostile,
}

FAINT = """(() => {
        const parse = c => { const m = c.match(/[\\d.]+/g).map(Number);
            return m.length < 4 ? [...m, 1] : m; };
        const over = (a, b) => [0,1,2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
        const light = c => { const [r,g,b] = c.map(v => v / 255)
            .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b; };
        const ground = e => { let stack = [];
            for (; e; e = e.parentElement) stack.push(parse(getComputedStyle(e).backgroundColor));
            return stack.reverse().reduce((low, high) => over(high, low), [255, 255, 255, 1]); };
        const found = [];
        const texts = document.querySelectorAll(
            'h1,h2,p,dt,dd,th,td,small,a,summary,.tag,code,figcaption,bdi,li');
        for (const e of [...texts].slice(0, 3000)) {
            if (!e.textContent.trim()) continue;
            const under = ground(e);
            const ink = over(parse(getComputedStyle(e).color), under);
            const [a, b] = [light(ink), light(under)].sort((x, y) => y - x);
            const ratio = (a + .05) / (b + .05);
            if (ratio < 4.5) found.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
        }
        return [...new Set(found)]; })()"""
"""Texts whose contrast with the ground that they stand on is below WCAG's 4.5."""


@pytest.fixture(params=sorted(CASES), scope="module")
def page(request, tmp_path_factory):
    evaluation = CASES[request.param]()
    file = tmp_path_factory.mktemp("page") / "report.html"
    shown = pictures(evaluation)
    file.write_text(render(evaluation, shown, folder="bees/"), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("width", [360, 768, 1600])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_breaks_leaves_or_hangs_over(chromium, page, width, dark):
    chromium.look(width, dark=dark)
    chromium.open(page)
    chromium.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert chromium.complaints == []
    assert [url for url in chromium.requests if not url.startswith("data:")] == [page]
    assert chromium.ask("document.documentElement.scrollWidth") == width
    assert chromium.ask("document.body.scrollWidth") <= width


def test_no_text_is_cut_off_outside_its_own_scrolling_box(chromium, page):
    chromium.look(360)
    chromium.open(page)
    outside = chromium.ask(
        """[...document.querySelectorAll('h1,h2,h3,p,dt,dd,summary,li')]
           .filter(e => !e.closest('.scroll,.skip') && e.getBoundingClientRect().right > 361)
           .map(e => e.tagName + ' ' + e.textContent.slice(0, 60))"""
    )
    assert outside == []


def test_names_run_no_code(chromium, page):
    chromium.look(1000)
    chromium.open(page)
    assert chromium.ask("document.querySelectorAll('script,iframe,object,base,form').length") == 0
    assert chromium.ask("document.title").startswith("What this model is worth")


def test_every_picture_is_drawn_and_described(chromium, page):
    chromium.look(1000)
    chromium.open(page)
    pictures_drawn = chromium.ask(
        "[...document.images].map(i => [i.naturalWidth > 0, i.alt.length > 0])"
    )
    assert all(drawn and described for drawn, described in pictures_drawn)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_stand_out_from_their_ground(chromium, page, dark):
    """Check WCAG's contrast of 4.5 for text on the page's own ground and on the matrix's cells."""
    chromium.look(1000, dark=dark)
    chromium.open(page)
    assert chromium.ask(FAINT) == []


def test_a_screen_reader_gets_headings_tables_and_drawings_in_words(chromium, page):
    chromium.look(1000)
    chromium.open(page)
    told = chromium.accessibility()
    roles = [role for role, _ in told]
    assert roles.count("heading") >= 5
    assert roles.count("table") >= 2
    assert "rowheader" in roles
    assert "columnheader" in roles
    drawings = [name for role, name in told if role in ("image", "img")]
    assert drawings
    assert all(drawings)


def test_the_keyboard_reaches_the_sections_and_the_scrolling_tables(chromium, page):
    chromium.look(360)
    chromium.open(page)
    chromium.press("Tab")
    assert chromium.ask("document.activeElement.className") == "skip"
    chromium.press("Tab")
    assert chromium.ask("document.activeElement.getAttribute('href')").startswith("#")
    unreachable = chromium.ask(
        """[...document.querySelectorAll('.scroll')].filter(
             box => box.scrollWidth > box.clientWidth && box.tabIndex !== 0).length"""
    )
    assert unreachable == 0


def test_printed_it_loses_nothing_to_the_right(chromium, tmp_path):
    evaluation = CASES["two"]()
    file = tmp_path / "report.html"
    file.write_text(render(evaluation, pictures(evaluation)), encoding="utf-8")
    chromium.look(720, media="print")
    chromium.open(file.as_uri())
    assert chromium.ask("document.documentElement.scrollWidth") <= 720
    assert chromium.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
