"""Labels as people write them: numbers, several per example, look-alikes."""

import pytest

from headstart.dataset import read
from headstart.errors import DataError
from tests.dataset.making import SUFFIXES, make_table


def read_labels(folder, *cells, header="file,label", **options):
    rows = "".join(f"{number}.jpg,{cell}\n" for number, cell in enumerate(cells))
    table = make_table(folder, f"{header}\n{rows}")
    dataset = read(table, suffixes=SUFFIXES, **options)
    return [sample.target for sample in dataset.samples], dataset


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("1", "1", "2", "2"), ["1", "1", "2", "2"]),
        (("1.0", "1.0", "2.0", "2.0"), ["1", "1", "2", "2"]),
        (("1", "1.0", "2", "2.0"), ["1", "1", "2", "2"]),
        (("-1.0", "-1.0", "0.0", "0"), ["-1", "-1", "0", "0"]),
        (("007", "007", "008", "008"), ["007", "007", "008", "008"]),
        (("1.0", "1.0", "1.1", "1.1"), ["1.0", "1.0", "1.1", "1.1"]),
        (("v1.0", "v1.0", "2.0", "2.0"), ["v1.0", "v1.0", "2.0", "2.0"]),
        ((" bee ", "bee", "ant", " ant"), ["bee", "bee", "ant", "ant"]),
        (("True", "True", "False", "False"), ["True", "True", "False", "False"]),
        (("<b>", "<b>", "蜂", "蜂"), ["<b>", "<b>", "蜂", "蜂"]),
    ],
)
def test_labels_are_written_as_a_person_would(tmp_path, cells, expected):
    assert read_labels(tmp_path, *cells)[0] == expected


def test_look_alikes_are_kept_apart_and_named(tmp_path):
    found, dataset = read_labels(tmp_path, "Bee", "Bee", "bee", "bee")
    assert set(found) == {"Bee", "bee"}
    assert any("Bee / bee" in note for note in dataset.notes)


def test_a_separator(tmp_path):
    found, dataset = read_labels(tmp_path, "sea;sun", "sun ; sea;", "sun", separator=";")
    assert found == [("sea", "sun"), ("sea", "sun"), ("sun",)]
    assert dataset.multi


def test_a_separator_that_is_evident_is_taken_and_said(tmp_path):
    cells = ("sea|sun", "sun", "sea", "sun|snow", "snow", "sea|snow")
    found, dataset = read_labels(tmp_path, *cells)
    assert dataset.multi
    assert found[3] == ("snow", "sun")
    assert any("several labels" in note and "'|'" in note for note in dataset.notes)


def test_one_example_of_several_labels_is_evidence_enough(tmp_path):
    found, dataset = read_labels(tmp_path, "sea", "sun", "sea;sun", "sea", "sun")
    assert dataset.multi
    assert found[2] == ("sea", "sun")


def test_an_empty_separator_never_splits(tmp_path):
    cells = ("sea|sun", "sun", "sea", "sea|sun", "sun", "sea")
    found, dataset = read_labels(tmp_path, *cells, separator="")
    assert tuple(found) == cells
    assert not dataset.multi


@pytest.mark.parametrize(
    "cells",
    [
        ('"apple, red"', '"apple, red"', '"apple, green"', '"apple, green"'),
        ("a;b", "a;b", "c;d", "c;d"),
        ("a;b", "a;b", "c", "c"),
    ],
)
def test_names_with_marks_in_them_are_kept_whole(tmp_path, cells):
    dataset = read_labels(tmp_path, *cells)[1]
    assert not dataset.multi
    said = any("kept whole (separator ';'" in note for note in dataset.notes)
    assert said == (";" in cells[0])


@pytest.mark.parametrize("label", [["sea", "sun"], "sea,sun", "sea, sun"])
def test_columns_of_0_and_1(tmp_path, label):
    found, dataset = read_labels(
        tmp_path, "1,0", "1.0,1", "False,true", "0,0", header="file,sea,sun", label=label
    )
    assert found == [("sea",), ("sea", "sun"), ("sun",), ()]
    assert dataset.multi


def test_an_empty_cell_among_0_and_1_is_a_missing_label(tmp_path):
    found, dataset = read_labels(
        tmp_path, "1,0", "1,1", "0,1", ",1", header="file,sea,sun", label="sea,sun"
    )
    assert len(found) == 3
    assert [item.name for item in dataset.set_aside] == ["3.jpg"]


def refused(folder, *cells, **options):
    with pytest.raises(DataError) as caught:
        read_labels(folder, *cells, **options)
    return caught.value


def test_what_cannot_be_learnt_of_several_labels(tmp_path):
    several = {"header": "file,sea,sun", "label": "sea,sun"}
    assert "'2' (line 3)" in refused(tmp_path, "1,0", "2,0", **several).message
    assert "None of the 2" in refused(tmp_path, "0,0", "0,0", **several).message
    assert "one label 'sea'" in refused(tmp_path, "1,0", "1,0", **several).message
    assert "Only one example" in refused(tmp_path, "1,0", "1,1", "1,0", **several).message
    assert (
        "Did you mean 'sun'"
        in refused(tmp_path, "1,0", header="file,sea,sun", label="sea,sum").message
    )
    assert "named twice" in refused(tmp_path, "1,0", header="file,sea,sun", label="sea,sea").message
    assert "A separator" in refused(tmp_path, "1,0", separator=";", **several).message


def test_a_test_table_is_split_as_the_training_table_is(tmp_path):
    make_table(tmp_path, "file,label\n8.jpg,sea;sun\n9.jpg,sun\n", "held.csv")
    cells = ("sea;sun", "sun", "sea", "sun;snow", "snow", "sea;snow")
    dataset = read_labels(tmp_path, *cells, test=tmp_path / "held.csv")[1]
    assert [sample.target for sample in dataset.test] == [("sea", "sun"), ("sun",)]
