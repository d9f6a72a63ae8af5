"""Words of a text: where they stand in what the person gave, and which tokens they are."""

import numpy as np
import pytest

from headstart.asked import Words
from headstart.errors import UnreadableInput
from headstart.modalities.lengths import joined, rejoined, together, windows_of
from headstart.modalities.text import Text
from headstart.modalities.text_rows import cut
from headstart.modalities.text_words import find_words
from headstart.schema import TextSpec
from tests.standing import files

CONTENT = files("text")["tokenizer.json"].decode()


def spec(length=40):
    return TextSpec(length=length, kinds=True).with_files({"tokenizer.json": CONTENT})


def cut_up(text):
    return [text[start:end] for start, end in find_words(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ada flew to Rome.", ["Ada", "flew", "to", "Rome", "."]),
        ("Ada's mother-in-law (80%)", ["Ada", "'s", "mother-in-law", "(", "80", "%", ")"]),
        ("I don't!!! ...", ["I", "don't", "!!!", "..."]),
        ("$1,000 at 3.5", ["$", "1,000", "at", "3.5"]),
        ("see http://a.bc/d_e?f=g).", ["see", "http://a.bc/d_e?f=g", ")", "."]),
        ("@ada #rome me@x.org", ["@ada", "#rome", "me@x.org"]),
        ("e\u0301te\u0301 👩‍👩‍👧🏽 ❤️x", ["e\u0301te\u0301", "👩‍👩‍👧🏽", "❤️", "x"]),
        ("a\tb\r\nc\u00a0d\ufeff", ["a", "b", "c", "d"]),
        ("שלום, 你好。", ["שלום", ",", "你好", "。"]),
    ],
)
def test_words_stand_where_the_person_wrote_them(text, words):
    assert cut_up(text) == words


def test_each_word_has_its_first_token_and_no_other():
    text = Text()
    raw = text.read(Words("lovely unheardof room."))
    (window,) = text.windows(raw, spec())
    assert len(window["x"]) > len(raw.places) + 2
    assert window["rows"].sum() == 4
    plain = text.windows(("lovely",), spec())[0]["x"][1]
    assert window["x"][window["rows"]][0] == plain
    assert not window["rows"][0]
    assert not window["rows"][-1]


def test_a_word_that_the_tokenizer_drops_is_asked_about_all_the_same():
    raw = Text().read(Words("lovely \ufe0f room", ((0, 6), (7, 8), (9, 13))))
    (window,) = Text().windows(raw, spec())
    assert window["rows"].sum() == 3


def test_no_word_of_a_long_text_is_left_out_or_asked_twice():
    said = " ".join(["lovely", "room", "unheardof"] * 30)
    raw = Text().read(Words(said))
    windows = Text().windows(raw, spec(16))
    assert all(len(each["x"]) <= 16 for each in windows)
    assert len(windows) > 10
    assert sum(int(each["rows"].sum()) for each in windows) == 90
    asked = np.concatenate([each["x"][each["rows"]] for each in windows])
    (whole,) = Text().windows(raw, spec(1000))
    assert np.array_equal(asked, whole["x"][whole["rows"]])


@pytest.mark.parametrize(
    ("count", "room", "overlap"), [(0, 8, 2), (8, 8, 2), (9, 8, 2), (50, 7, 3)]
)
def test_windows_share_out_the_tokens(count, room, overlap):
    asked = [
        start + at
        for start, stop, own in cut(count, room, overlap)
        for at in range(stop - start)[own]
    ]
    assert asked == list(range(count))


def test_windows_are_joined_for_the_store_and_stand_apart_in_a_batch():
    text = Text()
    long, short = (
        text.prepare(text.read(Words(said)), spec(16)) for said in ("room food " * 20, "a room")
    )
    assert len(windows_of(long)) == len(long["windows"]) > 1
    state = together([long, short])
    assert len(state["x"]) == len(long["windows"]) + 1
    assert int(state["rows"].sum()) == 42
    again = rejoined([*windows_of(long), *windows_of(short)], [long, short])
    assert np.array_equal(again[0]["x"], long["x"])
    assert joined(windows_of(short))["windows"].tolist() == short["windows"].tolist()


def test_a_view_hides_words_and_keeps_their_rows():
    text = Text()
    raw = text.read(Words("lovely room and gentle staff " * 4))
    views = [text.view(raw, spec(100), "a" * 64, number) for number in range(1, 12)]
    assert {int(view["rows"].sum()) for view in views} == {20}
    assert len({view["x"].tobytes() for view in views}) > 3


def test_the_same_text_asked_otherwise_is_another():
    text = Text()
    assert text.fingerprint(Words("a room")) != text.fingerprint("a room")
    assert text.fingerprint(Words("a room")) == text.fingerprint(Words("a  room"))


def test_a_text_without_a_word_is_refused():
    with pytest.raises(UnreadableInput, match="no word"):
        Text().read(Words("\u200b"))
