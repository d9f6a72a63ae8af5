"""Tables end to end: several labels per example, groups, and names from hostile strangers."""

from __future__ import annotations

import csv
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.errors import DataError
from tests.pictures import draw, make_folder
from tests.standing import save_tiny

PER_CLASS = 14


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("photos"), PER_CLASS, ("red", "green", "blue"))


def tags_of(label, number):
    """Every picture is `round`; what is not blue is `warm` or `fresh`; none says what it cannot."""
    return {"red": ("round", "warm"), "green": ("fresh", "round"), "blue": ("round",)}[label]


@pytest.fixture(scope="module")
def rows(photos):
    return [
        (f"{label}/{number}.png", tags_of(label, number), f"{label}{number // 2}")
        for label in ("red", "green", "blue")
        for number in range(PER_CLASS)
    ]


def write(photos, name, header, rows):
    with (photos / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return photos / name


@pytest.fixture(scope="module")
def tagged(tmp_path_factory, tiny, photos, rows):
    """Fit on a table whose labels are separated by a semicolon; keep the model and its folder."""
    table = write(photos, "tags.csv", ["file", "tags"], [(f, ";".join(t)) for f, t, _ in rows])
    out = tmp_path_factory.mktemp("tagged") / "model"
    return hs.fit(table, label="tags", separator=";", out=out, backbone=tiny), out


def test_several_labels_in_a_column(tagged):
    model, _ = tagged
    found = model.evaluation
    assert found["task"] == "multilabel"
    assert found["labels"] == ["fresh", "round", "warm"]
    assert found["n_train"] + found["n_test"] == 3 * PER_CLASS
    assert found["headline"] == "macro_f1"
    assert {"macro_f1", "micro_f1", "subset_accuracy", "hamming_loss"} <= set(found["test"])
    assert found["per_class"].keys() == {"fresh", "round", "warm"}
    assert found["data"]["counts"]["round"] == 3 * PER_CLASS
    assert found["test"]["micro_f1"]["value"] > 0.75


def test_a_model_of_several_labels_travels(tagged):
    model, out = tagged
    new = [draw(label, 900) for label in ("red", "green", "blue")]
    said = model.predict(new)
    assert [p.label for p in hs.load(out).predict(new)] == [p.label for p in said]
    for prediction in said:
        assert isinstance(prediction.label, tuple)
        assert set(prediction.label) == {k for k, p in prediction.probabilities.items() if p > 0.5}
    assert "warm" in said[0].label
    assert "fresh" in said[1].label
    assert "Macro F1" in (out / "report.html").read_text()


def test_nothing_tells_where_the_table_lay(tagged, photos):
    written = b"".join(path.read_bytes() for path in tagged[1].iterdir())
    assert str(photos).encode() not in written


def test_guessing_several_labels_is_not_made_to_look_worse_than_it_is(tagged):
    """Naming every label without looking gets an F1 that a model must beat to be worth it."""
    baseline = tagged[0].evaluation["baseline"]
    counts, n = tagged[0].evaluation["per_class"], tagged[0].evaluation["n_test"]
    shares = [each["support"] / n for each in counts.values()]
    expected = np.mean([2 * share / (1 + share) for share in shares])
    assert baseline["macro_f1"]["value"] == pytest.approx(expected, abs=1e-6)
    assert baseline["what"] == "always every label"


def test_columns_of_0_and_1_say_the_same(tiny, photos, rows, tagged):
    names = ["warm", "round", "fresh"]
    flags = [(f, *(int(name in t) for name in names)) for f, t, _ in rows]
    table = write(photos, "flags.csv", ["file", *names], flags)
    found = hs.fit(table, label=names, backbone=tiny).evaluation
    assert found["task"] == "multilabel"
    assert found["labels"] == tagged[0].evaluation["labels"]
    assert found["test"] == tagged[0].evaluation["test"]


def test_several_labels_are_not_squeezed_into_one(tiny, photos, rows, tagged):
    with pytest.raises(DataError, match="several labels each") as caught:
        hs.fit(photos / "tags.csv", separator=";", task="classify", backbone=tiny)
    assert "multilabel" in caught.value.hint
    found = hs.fit(photos / "tags.csv", separator="", backbone=tiny).evaluation
    assert found["labels"] == ["fresh;round", "round", "round;warm"]


def test_more_data_of_several_labels_is_judged_alike(photos, tagged):
    found = hs.evaluate(tagged[0], photos / "tags.csv", separator=";")
    assert found["n_test"] == 3 * PER_CLASS
    assert found["test"].keys() == tagged[0].evaluation["test"].keys()


def test_evaluate_says_which_separator_is_missing(tagged, photos):
    with pytest.raises(DataError, match="labels that the model does not know") as caught:
        hs.evaluate(tagged[0], photos / "tags.csv", separator="")
    assert "--separator ';'" in caught.value.hint


@pytest.mark.parametrize(("form", "seed"), [("csv", 0), ("parquet", 1), ("frame", 2)])
def test_a_group_never_stands_on_two_sides(tiny, photos, rows, form, seed, monkeypatch):
    frame = pd.DataFrame(
        [(f, f.split("/")[0], group) for f, _, group in rows], columns=["file", "kind", "patient"]
    )
    if form == "csv":
        data = photos / "groups.csv"
        frame.to_csv(data, index=False)
    elif form == "parquet":
        data = photos / "groups.parquet"
        frame.to_parquet(data)
    else:
        monkeypatch.chdir(photos)
        data = frame
    sides = []
    fitting = import_module("headstart.fit")
    make = fitting.make
    monkeypatch.setattr(fitting, "make", lambda job, **how: sides.append(job) or make(job, **how))
    model = hs.fit(data, label="kind", group="patient", backbone=tiny, seed=seed)
    group_of = dict(zip(frame.file, frame.patient, strict=True))
    learnt = {group_of[sample.name] for sample in sides[0].samples}
    tested = set(frame.patient) - learnt
    assert model.evaluation["n_test"] == sum(group in tested for group in frame.patient) > 0
    assert len(sides[0].samples) + model.evaluation["n_test"] == len(frame)


@pytest.mark.parametrize("group", ["everything", "kind"])
def test_groups_that_leave_nothing_to_test_on_are_refused(tiny, photos, rows, group):
    kinds = [(f, f.split("/")[0], "everything") for f, *_ in rows]
    table = write(photos, "whole.csv", ["file", "label", "everything"], kinds)
    copied = write(
        photos, "by-kind.csv", ["file", "label", "kind"], [(f, k, k) for f, k, _ in kinds]
    )
    with pytest.raises(DataError, match="set apart as a test"):
        hs.fit(
            table if group == "everything" else copied, label="label", group=group, backbone=tiny
        )


def test_copies_of_one_picture_are_nothing_to_choose_by(tiny, photos, tmp_path):
    for label in ("red", "blue"):
        (tmp_path / label).mkdir()
        for number in range(4):
            draw("red", 1).save(tmp_path / label / f"{number}.png")
    with pytest.raises(DataError, match="set apart as a test"):
        hs.fit(tmp_path, backbone=tiny)
    held = make_folder(tmp_path / "held", per_class=2, start=50)
    (tmp_path / "train").mkdir()
    for label in ("red", "blue"):
        (tmp_path / label).rename(tmp_path / "train" / label)
    with pytest.raises(DataError, match="held back to choose by"):
        hs.fit(tmp_path / "train", test=held, backbone=tiny)


def test_pictures_in_a_data_frame_need_no_files(tiny, tmp_path):
    frame = pd.DataFrame(
        {
            "picture": [draw(label, n) for label in ("red", "blue") for n in range(12)],
            "colour": ["<script>alert(1)</script>"] * 12 + ["blå 🐝"] * 12,
        }
    )
    out = tmp_path / "model"
    model = hs.fit(frame, image="picture", label="colour", backbone=tiny, out=out)
    assert "<script>alert" not in (out / "report.html").read_text()
    assert model.labels == ("<script>alert(1)</script>", "blå 🐝")
    assert model.evaluation["data"]["source"] == "a DataFrame"
    assert model.predict([np.asarray(draw("blue", 900))])[0].label == "blå 🐝"


def test_labels_that_are_numbers_stay_as_they_were_written(tiny, photos, rows):
    codes = {"red": "007", "green": "10", "blue": "2"}
    table = write(
        photos, "codes.csv", ["f", "label"], [(f, codes[f.split("/")[0]]) for f, *_ in rows]
    )
    assert hs.fit(table, backbone=tiny).labels == ("2", "007", "10")
