"""Texts: read as they come, cut into windows by the tokenizer, varied gently, known again."""

import codecs

import numpy as np
import pytest

from headstart.errors import BackboneError, UnreadableInput
from headstart.modalities.text import Text
from headstart.schema import TextSpec
from tests import words
from tests.standing import files

CONTENT = files("text")["tokenizer.json"].decode()


@pytest.fixture
def spec():
    return TextSpec(length=16, kinds=True).with_files({"tokenizer.json": CONTENT})


@pytest.fixture
def text():
    return Text()


def test_files_in_any_usual_encoding_are_one_text(text, tmp_path):
    said = "Schöne Räume, très bien"
    found = {text.fingerprint(said)}
    for number, raw in enumerate(
        (
            said.encode(),
            codecs.BOM_UTF8 + said.encode(),
            codecs.BOM_UTF16_LE + said.encode("utf-16-le"),
            said.encode("cp1252"),
        )
    ):
        path = tmp_path / f"{number}.txt"
        path.write_bytes(raw)
        assert text.read(path) == (said,)
        found.add(text.fingerprint(path))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "is empty"),
        (" \n\t ", "is empty"),
        ("one\0two", "1 NUL byte"),
        (3.5, "type float is no text"),
        ("x" * 1_000_001, "1,000,001 characters long"),
        (("one", ""), "is empty"),
    ],
)
def test_what_is_no_text_is_refused(text, given, said):
    with pytest.raises(UnreadableInput, match=said):
        text.read(given)


def test_a_file_of_fifty_megabytes_is_refused_unread(text, tmp_path):
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(UnreadableInput, match="50,000,000 bytes"):
        text.read(path)


def test_strings_are_texts_and_paths_are_known_by_their_ending(text, tmp_path):
    assert text.accepts("some words")
    assert text.accepts(("one", "other"))
    assert text.accepts(tmp_path / "a.txt")
    assert not text.accepts(tmp_path / "a.png")
    assert not text.accepts(np.zeros(3))


def test_windows_hold_every_word_once(text, spec):
    said = " ".join(words.GOOD * 4)
    windows = text.windows((said,), spec)
    assert len(windows) == 3
    assert all(len(each["x"]) <= 16 for each in windows)
    inner = [token for each in windows for token in each["x"][1:-1].tolist()]
    (whole,) = text.windows((said,), TextSpec(length=100).with_files({"tokenizer.json": CONTENT}))
    assert inner == whole["x"][1:-1].tolist()
    assert np.array_equal(text.prepare((said,), spec)["x"], windows[0]["x"])


def test_the_longer_of_a_pair_goes_on_beside_the_other(text, spec):
    windows = text.windows(("the room was lovely", " ".join(words.BAD * 2)), spec)
    assert len(windows) > 1
    first = windows[0]
    assert first["kinds"].tolist()[0] == 0
    assert first["kinds"].tolist()[-1] == 1
    for each in windows:
        assert np.array_equal(each["x"][:6], first["x"][:6])


def test_of_two_long_ones_the_first_gives_way(text, spec):
    windows = text.windows((" ".join(words.GOOD), " ".join(words.BAD * 3)), spec)
    assert all(len(each["x"]) <= 16 for each in windows)
    assert sum(each["kinds"].sum() for each in windows) >= 30


def test_a_view_follows_from_key_and_number_alone(text, spec):
    raw = (words.reviews(1)[0][0],)
    one, again = (text.view(raw, spec, "a" * 64, 3)["x"] for _ in range(2))
    assert np.array_equal(one, again)
    views = {text.view(raw, spec, "a" * 64, number)["x"].tobytes() for number in range(1, 9)}
    assert len(views) > 3
    assert text.view(("kind room",), spec, "a" * 64, 1)["x"].shape == (4,)


def test_twins_are_copies_in_other_case_marks_and_order_of_none(text):
    long = "we thought the hotel was really very lovely with a bright garden and warm staff"
    texts = [
        long,
        long.upper() + "!!!",
        long.replace("really ", ""),
        " ".join(reversed(long.split())),
        "How do I open it?",
        "how do i open it",
        "How do I close it?",
        "🙂🙂",
        "🙂🙂",
        "🙁🙁",
        "",
    ]
    groups = text.twins(np.stack([text.sketch((each,)) for each in texts]))
    assert sorted(map(sorted, groups)) == [[0, 1, 2], [4, 5], [7, 8]]


def test_no_two_different_reviews_are_taken_for_one(text):
    texts = [said for said, _ in words.reviews(3000, seed=5)]
    assert len(set(texts)) == 3000
    assert text.twins(np.stack([text.sketch((each,)) for each in texts])) == []


def test_one_text_among_many_long_ones_is_found_though_changed(text):
    chance = np.random.default_rng(0)
    long = [" ".join(f"w{at}" for at in chance.integers(0, 3000, 400)) for _ in range(50)]
    changed = long[17].split()
    for at in range(0, 400, 40):
        changed[at] = "other"
    sketches = np.stack([text.sketch((each,)) for each in [*long, " ".join(changed)]])
    assert text.twins(sketches) == [[17, 50]]


def test_facts_say_what_is_not_meaning(text):
    facts = text.facts("READ https://a.b <br> now 5 ")
    assert facts["web address"]
    assert facts["markup"]
    assert facts["digits"]
    assert facts["blank around"]
    assert text.facts("שלום עולם")["script"] == "hebrew"
    assert text.facts("!!!")["script"] == "none"


def test_golden_texts_are_the_same_everywhere(text, spec):
    assert text.golden(spec, 1, 2)[0] == (
        "However without without quick forgot sold that the morning this.",
    )
    assert len({text.golden(spec, seed, 1)[0] for seed in range(20)}) == 20


def test_a_tokenizer_that_is_none_is_refused(text):
    broken = TextSpec(length=16).with_files({"tokenizer.json": "{}"})
    with pytest.raises(BackboneError, match="tokenizer cannot be read"):
        text.prepare(("words",), broken)
    with pytest.raises(ValueError, match="another"):
        TextSpec(tokenizer="0" * 64).with_files({"tokenizer.json": CONTENT})
