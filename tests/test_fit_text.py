"""Texts from the table to the model folder, on a tiny net: read, learnt, judged, kept, asked."""

import json
import random

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.check import check
from headstart.errors import DataError, UserError
from tests import words
from tests.standing import save_tiny


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("bert"), "text"))


@pytest.fixture(scope="module")
def fitted(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reviews")
    table = words.write_csv(folder / "reviews.csv", words.reviews())
    said = Heard()
    model = hs.fit(table, backbone=net, strategy="probe", out=folder / "stars", progress=said)
    return model, folder / "stars", said


class Heard:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)

    def start(self, what, total):
        pass

    def advance(self, count=1):
        pass

    def finish(self):
        pass


def test_reviews_are_told_apart(fitted):
    model, _, said = fitted
    assert model.evaluation["modality"] == "text"
    assert model.evaluation["test"]["accuracy"]["value"] > 0.8
    assert any("texts from column 'review'" in line for line in said.lines)
    chance = random.Random(9)
    texts = [words.write_review(at % 2, chance) for at in range(20)]
    right = [p.label == ("good" if at % 2 else "bad") for at, p in enumerate(model.predict(texts))]
    assert sum(right) >= 16
    assert [p.input for p in model.predict(texts)] == texts


def test_one_string_is_one_text(fitted):
    (said,) = fitted[0].predict("Lovely room and gentle staff.")
    assert said.input == "Lovely room and gentle staff."


def test_answers_do_not_depend_on_who_else_is_asked_about(fitted):
    texts = [text for text, _ in words.reviews(30, seed=3)] + ["lovely " * 300]
    model = fitted[0]
    together = model.predict(texts)
    for text, beside in zip(texts[::7] + texts[-1:], together[::7] + together[-1:], strict=True):
        (alone,) = model.predict(text)
        assert alone.probabilities == pytest.approx(beside.probabilities, abs=1e-4)


def test_a_long_text_is_read_to_its_end(fitted):
    model = fitted[0]
    (start,) = model.predict("the room was " * 20)
    (whole,) = model.predict("the room was " * 20 + "awful cruel dirty stale bitter " * 40)
    assert abs(start.probabilities["bad"] - whole.probabilities["bad"]) > 0.01


def test_the_folder_says_the_same_elsewhere_and_holds_its_tokenizer(fitted):
    model, folder, _ = fitted
    names = {path.name for path in folder.iterdir()}
    assert "tokenizer.json" in names
    assert all(name.endswith((".json", ".safetensors", ".html")) for name in names)
    loaded = hs.load(folder)
    text = "Sweet music, and we thought it very kind."
    assert loaded.predict(text)[0].probabilities == pytest.approx(
        model.predict(text)[0].probabilities, abs=1e-6
    )


def test_another_tokenizer_in_the_folder_is_refused(fitted, tmp_path):
    _, folder, _ = fitted
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace("lovely", "lousy"))
    with pytest.raises(UserError, match=r"tokenizer\.json is not as it was written"):
        hs.load(tmp_path)


def test_the_report_shows_the_worst_mistakes_in_words(fitted):
    model, folder, _ = fitted
    page = (folder / "report.html").read_text()
    assert "texts" in page
    for mistake in model.evaluation["mistakes"][:3]:
        assert model.pictures[mistake["name"]]["kind"] == "text"
        assert f'data-kept="{model.pictures[mistake["name"]]["data"]}"' in page


def test_a_data_frame_of_grades_is_judged_as_grades(net):
    rows = [(text, "54321"[at % 5]) for at, (text, _) in enumerate(words.reviews(100))]
    frame = pd.DataFrame(rows, columns=["review", "stars"])
    frame["stars"] = frame["stars"].astype(int)
    model = hs.fit(frame, text="review", label="stars", backbone=net, strategy="probe")
    assert 0 <= model.evaluation["test"]["grade_error"]["value"] <= 4
    assert any("grades, from 1 to 5" in note for note in model.evaluation["notes"])


def test_pairs_of_texts_from_two_columns(net, tmp_path):
    chance = random.Random(1)
    rows = []
    for at in range(80):
        one, other = chance.random() < 0.5, chance.random() < 0.5
        texts = (words.write_review(one, chance, 6), words.write_review(other, chance, 6))
        rows.append((*texts, "same" if one == other else "different"))
    table = words.write_csv(tmp_path / "pairs.csv", rows, ("premise", "hypothesis", "label"))
    model = hs.fit(table, text="premise,hypothesis", backbone=net, strategy="probe")
    (said,) = model.predict([("Lovely room.", "Sweet food.")])
    assert said.label in ("same", "different")


def test_several_labels_from_json_lines(net, tmp_path):
    chance = random.Random(2)
    lines = []
    for at in range(60):
        labels = [name for name in ("good", "long") if chance.random() < 0.5]
        text = words.write_review("good" in labels, chance, 24 if "long" in labels else 6)
        lines.append(json.dumps({"text": text, "labels": labels}))
    table = tmp_path / "many.jsonl"
    table.write_text("\n".join(lines))
    model = hs.fit(table, label="labels", backbone=net, strategy="probe")
    assert model.evaluation["task"] == "multilabel"


def test_a_folder_of_text_files(net, tmp_path):
    for at, (text, label) in enumerate(words.reviews(40)):
        place = tmp_path / "data" / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{at}.txt").write_text(text)
    model = hs.fit(tmp_path / "data", backbone=net, strategy="probe")
    assert model.evaluation["modality"] == "text"
    assert model.predict([tmp_path / "data" / "good" / "1.txt"])[0].input.endswith("1.txt")


def test_a_backbone_of_another_kind_is_refused(net, tmp_path):
    table = words.write_csv(tmp_path / "reviews.csv", words.reviews())
    with pytest.raises(UserError, match="takes inputs of the kind 'image'"):
        hs.fit(table, backbone=str(save_tiny(tmp_path / "timm")))


def test_twins_never_stand_on_both_sides(net, tmp_path):
    rows = words.reviews(60)
    rows += [(text.upper().replace(".", "!"), label) for text, label in rows[:20]]
    model = hs.fit(words.write_csv(tmp_path / "t.csv", rows), backbone=net, strategy="probe")
    assert model.evaluation["data"]["twins"]["groups"] >= 20


@pytest.mark.parametrize(
    ("header", "rows", "text", "said"),
    [
        (("n", "label"), [(at, "ab"[at % 2]) for at in range(20)], "n", "holds numbers, not texts"),
        (("t", "label"), [("", "ab"[at % 2]) for at in range(20)], "t", "holds nothing, not texts"),
        (
            ("t", "label"),
            [("some words" if at < 8 else "", "ab"[at % 2]) for at in range(20)],
            "t",
            "is empty in 12 of 20 rows",
        ),
        (("t", "label"), [("a b", "c")] * 4, "label", "named for two things"),
        (("t", "label"), [("a b", "c")] * 4, "u", "There is no column 'u'"),
    ],
)
def test_columns_that_are_no_texts_are_refused(net, tmp_path, header, rows, text, said):
    table = words.write_csv(tmp_path / "t.csv", rows, header)
    with pytest.raises(DataError, match=said):
        hs.fit(table, text=text, label="label", backbone=net)


def test_text_in_another_encoding_and_with_nul_bytes(tmp_path):
    table = words.write_csv(tmp_path / "t.csv", words.reviews(), encoding="utf-16")
    assert any("UTF-16" in note for note in check(table).notes)
    table.write_bytes(b"review,stars\nlovely\0 room,good\n")
    with pytest.raises(DataError, match="NUL bytes, the first in line 2"):
        check(table)


def test_texts_that_cannot_be_used_are_set_aside_with_the_reason(net):
    rows = [*words.reviews(40), ("lovely\0room", "good"), ("word " * 300_000, "bad")]
    frame = pd.DataFrame(rows, columns=["review", "stars"])
    model = hs.fit(frame, backbone=net, strategy="probe")
    why = [each["why"] for each in model.evaluation["data"]["set_aside"]]
    assert any("NUL byte" in each for each in why)
    assert any("1,500,000 characters" in each for each in why)


def test_check_finds_what_is_wrong_with_texts(tmp_path):
    rows = [(f"{text} This one is {label}.", label) for text, label in words.reviews(60)]
    rows += rows[:5]
    rows += [(rows[7][0].lower(), "good" if rows[7][1] == "bad" else "bad")]
    found = {each.kind: each for each in check(words.write_csv(tmp_path / "t.csv", rows)).findings}
    assert found["label_in_text"].severity == "problem"
    assert found["label_in_text"].count >= 60
    assert found["exact_copies"].count == 10
    assert "conflicting_labels" in found


def test_texts_in_right_to_left_and_mixed_scripts(net):
    rows = [(f"{text} שלום עולם مرحبا 你好 🙂", label) for text, label in words.reviews(40)]
    frame = pd.DataFrame(rows, columns=["review", "stars"])
    model = hs.fit(frame, backbone=net, strategy="probe")
    assert np.isfinite(model.predict("שלום 🙂")[0].probability)
