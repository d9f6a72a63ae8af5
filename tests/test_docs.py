"""README and docs/ are true: examples run, links lead somewhere, lists are whole."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests import words
from tests.asked import write_squad
from tests.bundled import lay_out
from tests.pictures import draw, make_folder
from tests.sounds import folder_of_sounds
from tests.standing import save_tiny
from tests.tagged import sentences, write_conll
from tests.test_house import FLOOR_OF

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headstart"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]

BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^>]+) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
EXIT_CODE = re.compile(r"# exit code (\d+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def named(page):
    return str(page.relative_to(ROOT))


over_pages = pytest.mark.parametrize("page", PAGES, ids=named)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `why` says why it is not run."""

    kind: str
    text: str
    why: str | None
    line: int

    def lines(self):
        return [line for line in self.text.splitlines() if line.strip()]


@cache
def blocks_of(page):
    text = page.read_text(encoding="utf-8")
    return [
        Block(match["kind"], match["text"], match["why"], text[: match.start("text")].count("\n"))
        for match in BLOCK.finditer(text)
    ]


def prose_of(page):
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def codes(text):
    """Return what stands in backquotes."""
    return re.findall(r"`([^`\n]+)`", text)


def section(page, heading):
    """Return what stands below a heading, up to the next of its rank or above."""
    rank = heading.split()[0]
    text = page.read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{len(rank)}}} ", text, maxsplit=1, flags=re.M)[0]


def rows_of(text):
    """Return a table's rows: what is in backquotes in the first cell, and in the others."""
    rows = [line.strip("|").split("|", 1) for line in text.splitlines() if line.startswith("| `")]
    return [(codes(first), codes(rest)) for first, rest in rows]


def write_table(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Lay out what the examples name: pictures, tables, a backbone, an old checkpoint."""
    import timm
    import torch

    root = tmp_path_factory.mktemp("docs")

    def lay(folder, per_class, start):
        make_folder(root / folder, per_class, start=start)
        (root / folder / "red").rename(root / folder / "bee")
        (root / folder / "blue").rename(root / folder / "ant")

    lay("photos", 14, 0)
    lay("held_out", 5, 100)
    lay("more_photos", 5, 200)
    lay("new_folder", 2, 300)
    for part, (count, start) in {"train": (8, 0), "val": (3, 20), "test": (4, 40)}.items():
        lay(f"split/{part}", count, start)
    shutil.copytree(root / "photos", root / "dirty")
    (root / "dirty/bee/broken.png").write_bytes(b"not a picture")
    draw("red", 400).save(root / "new.jpg")

    photos = [(p.relative_to(root), p.parent.name) for p in sorted(root.glob("photos/*/*.png"))]
    held = [(p.relative_to(root), p.parent.name) for p in sorted(root.glob("held_out/*/*.png"))]
    header = ("file", "kind", "patient")
    write_table(root / "photos.csv", header, [(*p, at // 2) for at, p in enumerate(photos)])
    write_table(root / "more.csv", header, [(*p, 1000 + at) for at, p in enumerate(held)])
    flowers = [(path, kind, at % 3 == 0) for at, (path, kind) in enumerate(photos)]
    tags = [(path, f"{kind};flower" if flower else kind) for path, kind, flower in flowers]
    write_table(root / "tags.csv", ("file", "tags"), tags)
    flags = [(p, int(k == "ant"), int(k == "bee"), int(flower)) for p, k, flower in flowers]
    write_table(root / "flags.csv", ("file", "ant", "bee", "flower"), flags)

    folder_of_sounds(root / "sounds", count=8)
    parts = [(p.relative_to(root), p.parent.name, 0.0) for p in sorted(root.glob("sounds/*/*"))]
    write_table(root / "calls.csv", ("file", "kind", "start"), parts)
    shutil.copy(root / parts[0][0], root / "new.wav")

    reviews = [(text, "5" if label == "good" else "1") for text, label in words.reviews(40)]
    words.write_csv(root / "reviews.csv", reviews)
    (root / "more.txt").write_text("Lovely staff and warm food\nAwful cold room\n")

    write_conll(root / "tweets.conll", sentences(40, words=5))
    write_conll(root / "more.conll", sentences(10, seed=1, words=5))

    write_squad(root / "questions.json", 24, words=6)
    write_squad(root / "more_questions.json", 8, seed=1, words=6)
    (root / "page.txt").write_text("The stale room had a sweet garden.")

    save_tiny(root / "tiny-backbone")
    net = timm.create_model("test_resnet", pretrained=False, num_classes=10)
    torch.save(net.state_dict(), root / "old.pth")
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Lay out tiny nets as a release holds the bundled ones."""
    return lay_out(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def bundled_image(weights, monkeypatch):
    """Put a tiny net in the place of the bundled one: examples are run, not measured."""
    from headstart.backbones import known

    monkeypatch.setattr(known, "WEIGHTS", weights)


@pytest.fixture
def inside(world, tmp_path, monkeypatch):
    """Stand in a copy of the world, as a reader would stand beside `photos/`."""
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_line(line, capsys, monkeypatch):
    """Run one line of a shell example through the command line itself."""
    from headstart.cli.run import run

    wanted = EXIT_CODE.search(line)
    if not line.startswith("headstart "):
        feed, _, line = line.partition(" | ")
        fed = subprocess.run(["sh", "-c", feed], capture_output=True, check=True).stdout
        assert fed, f"nothing comes out of: {feed}"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(fed)))
    program, *words = shlex.split(line, comments=True)
    assert program == "headstart", f"mark the block as not run, or leave this out: {line}"
    words, into = (words[:-2], words[-1]) if ">" in words else (words, None)
    capsys.readouterr()
    code = run(words)
    out, err = capsys.readouterr()
    assert code == int(wanted[1] if wanted else 0), f"{line}\n{err}"
    if "--json" in words:
        json.loads(out)
    if into is not None:
        assert out
        Path(into).write_text(out, encoding="utf-8")


@over_pages
def test_examples_run(page, inside, capsys, monkeypatch):
    namespace = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.why is not None:
            continue
        if block.kind == "python":
            code = compile("\n" * block.line + block.text, named(page), "exec")
            exec(code, namespace)
        elif block.kind == "sh":
            for line in block.lines():
                run_line(line, capsys, monkeypatch)
        else:
            assert block.kind in ("", "toml"), f"{named(page)}:{block.line}: {block.kind}?"


def test_few_examples_are_not_run():
    reasons = [block.why for page in PAGES for block in blocks_of(page) if block.why]
    assert len(reasons) <= 3
    assert set(reasons) <= {"needs the network", "sets up an environment"}


def slug(heading):
    """Return a heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", LINKED, ids=named)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{named(page)} links to {target}"
        assert there.is_relative_to(ROOT)
        if anchor:
            headings = re.findall(r"^#+ (.+)$", prose_of(there), re.M)
            assert anchor in map(slug, headings), f"{named(page)} links to {target}"


def test_every_page_is_found_from_the_readme():
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)\)", prose_of(PAGES[0])))
    assert linked == {named(page) for page in PAGES[1:]}


@cache
def commands():
    """Return the options of every command."""
    from typer.main import get_command

    from headstart.cli.application import application

    found = get_command(application).commands
    return {
        name: [{*option.opts, *option.secondary_opts} for option in command.params]
        for name, command in found.items()
    }


def shell_lines(page):
    """Return every shell line of a page and every piece of inline code that is a command."""
    lines = [line for block in blocks_of(page) if block.kind == "sh" for line in block.lines()]
    return [*lines, *codes(prose_of(page))]


@over_pages
def test_commands_and_options_are_there(page):
    known = set().union(*(options for each in commands().values() for options in each))
    for line in shell_lines(page):
        said = re.search(r"\bheadstart ([a-z]+)", line)
        if said:
            assert said[1] in commands(), line
        own = set().union(*commands()[said[1]]) if said else known
        foreign = re.match(r"(\S*pip|python3?|hf) ", line)
        for option in () if foreign else OPTION.findall(line):
            assert option in {*own, "--help", "--debug"}, line


def test_every_command_and_option_is_told():
    said = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name, every in commands().items():
        assert f"headstart {name}" in said
        for options in every:
            if any(option.startswith("--") for option in options):
                assert any(re.search(rf"{option}\b", said) for option in options), options


def test_set_up_is_told_as_it_is():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = section(PAGES[0], "## Two commands")
    for target in re.findall(r"\bmake ([a-z-]+)", "\n".join(shell_lines(PAGES[0]))):
        assert re.search(rf"^{target}:", makefile, re.M), target
    sizes = set(re.findall(r"[\d.]+ GB", told))
    assert sizes
    assert sizes <= set(re.findall(r"[\d.]+ GB", makefile))
    for pin in re.findall(r"\S+==\S+", told):
        assert pin in constraints, pin
    extras = re.findall(r"'\.\[(\w+)\]'", told)
    assert set(extras) == set(project["optional-dependencies"])


def test_the_map_has_a_line_for_every_module():
    (text,) = [
        block.text for block in blocks_of(PAGES[0]) if block.text.startswith("src/headstart/\n")
    ]
    told, floor, package = [], 5, ""
    for line in text.splitlines()[1:]:
        entry = re.fullmatch(r"( +)([\w/]+(?:\.py|/)) {2,}\S.*", line)
        if entry is None:
            floor -= bool(line.strip())  # the heading of the next floor
            continue
        indent, name = len(entry[1]), entry[2]
        package = package if indent > 2 else name if name.endswith("/") else ""
        told.append(package + name if indent > 2 else name)
        if indent == 2 and name != "__init__.py":
            part = name.removesuffix("/").removesuffix(".py")
            assert FLOOR_OF[part] == floor, f"{name} stands under another floor than its own"
    files = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py")}
    packages = {f"{name.split('/')[0]}/" for name in files if "/" in name}
    there = {name for name in files if not name.endswith("/__init__.py")} | packages
    assert there - set(told) == set(), "give these a line in README.md, under The house"
    assert set(told) - there == set(), "take these out of README.md, under The house"
    assert len(told) == len(set(told)), "a line stands twice in README.md, under The house"


@pytest.fixture
def evaluations(inside):
    """Return the evidence of two small fits, with twins across the split and wrong labels."""
    import headstart as hs

    shutil.copy("photos/bee/0.png", "held_out/bee/copy.png")
    shutil.move("held_out/ant/100.png", "held_out/bee/mistaken.png")
    single = hs.fit("photos/", test="held_out/")
    multi = hs.fit("tags.csv")
    return single.evaluation, multi.evaluation, hs.evaluate(single, "more_photos/")


def test_the_fields_of_the_evidence_are_told(evaluations):
    single, multi, again = evaluations
    page = ROOT / "docs" / "model-folder.md"
    told = section(page, "## evaluation.json")
    rows = {name: rest for first, rest in rows_of(told) for name in first}
    assert rows.keys() == single.keys()
    assert rows.keys() - multi.keys() == {"test_without_twins"}
    for field in ("seconds", "unknown", "data"):
        assert single[field].keys() <= set(rows[field]), field
    for field in ("choices", "findings", "mistakes"):
        assert single[field][0].keys() <= set(rows[field]), field
    assert single["data"]["twins"].keys() <= set(rows["data"])
    assert set(codes(told.rsplit("the model:", 1)[1])) == again.keys()


def test_the_figures_are_told(evaluations):
    single, multi, _ = evaluations
    told = set(codes(section(ROOT / "docs" / "evidence.md", "## Figures")))
    figures = single["test"].keys() | multi["test"].keys()
    assert figures <= told
    assert {name for first, _ in rows_of(section(ROOT / "docs" / "evidence.md", "## Figures"))
            for name in first} <= figures  # fmt: skip


def test_the_kinds_of_findings_are_told():
    told = section(ROOT / "docs" / "data.md", "## Looking before training")
    kinds = {name for first, _ in rows_of(told) for name in first} - {"kind"}
    code = "".join(path.read_text(encoding="utf-8") for path in (SOURCE / "check").glob("*.py"))
    assert {kind for kind in kinds if f'"{kind}"' not in code} == set()
    assert set(re.findall(r'Finding\(\s*"(\w+)"', code)) <= kinds


def test_the_file_endings_are_told():
    from headstart.modalities.image import Image

    told = section(ROOT / "docs" / "data.md", "## What is read").split("\n\n")[0]
    assert {code for code in codes(told) if code.startswith(".")} == Image.suffixes
