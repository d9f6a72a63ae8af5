"""Inputs for prediction, and pairs of lists."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from headstart.dataset import from_pairs, read_inputs, require_trainable
from headstart.errors import DataError
from tests.dataset.making import SUFFIXES, make_files


def test_files_and_folders(tmp_path, monkeypatch):
    make_files(tmp_path, "new/b.jpg", "new/a.png", "new/deep/c.jpg", "new/.x.jpg", "new/n.txt", "d")
    monkeypatch.chdir(tmp_path)
    samples = read_inputs(["d", "new/"], SUFFIXES)
    assert [sample.name for sample in samples] == ["d", "new/a.png", "new/b.jpg", "new/deep/c.jpg"]
    assert all(sample.target is None and sample.input.is_file() for sample in samples)
    assert [sample.name for sample in read_inputs(Path("d"), SUFFIXES)] == ["d"]


def test_things_in_memory_pass_as_they_are():
    array = np.zeros((2, 2, 3))
    assert read_inputs([array], SUFFIXES)[0].input is array


def test_what_is_not_there(tmp_path):
    make_files(tmp_path, "photo1.jpg", "docs/readme.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"Did you mean 'photo1.jpg'\?"):
        read_inputs([tmp_path / "photo2.jpg"], SUFFIXES)
    with pytest.raises(DataError, match=r"1 with \.txt"):
        read_inputs([tmp_path / "docs"], SUFFIXES)
    with pytest.raises(DataError, match="no file to read"):
        read_inputs([tmp_path / "empty"], SUFFIXES)
    with pytest.raises(DataError, match="No input"):
        read_inputs([], SUFFIXES)
    with pytest.raises(DataError, match="a single int"):
        read_inputs(7, SUFFIXES)


def test_what_is_there_and_is_no_input(tmp_path):
    (tmp_path / "dead.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(DataError, match="leads nowhere"):
        read_inputs(tmp_path / "dead.jpg", SUFFIXES)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        read_inputs(tmp_path / "pipe.jpg", SUFFIXES)
    with pytest.raises(DataError, match="an address"):
        read_inputs("https://example.org/a.jpg", SUFFIXES)


@pytest.mark.parametrize(
    ("targets", "expected", "multi"),
    [
        (["a", "a", "b"], ["a", "a", "b"], False),
        ([1, 1, 2], ["1", "1", "2"], False),
        (np.array([1.0, 1.0, 2.0]), ["1", "1", "2"], False),
        (pd.Series(["a", "a", "b"], index=[7, 8, 9]), ["a", "a", "b"], False),
        (["a;b", "a", "b"], ["a;b", "a", "b"], False),
        (["NA", "NA", "EU"], ["NA", "NA", "EU"], False),
        ([["a", "b"], ["b"], []], [("a", "b"), ("b",), ()], True),
        (np.array([[1, 0], [1, 1], [0, 0]]), [("0",), ("0", "1"), ()], True),
        ([[1, 0], [1, 1], [0, 0]], [("0",), ("0", "1"), ()], True),
        (pd.DataFrame({"x": [1, 1, 0], "y": [0, 1, 0]}), [("x",), ("x", "y"), ()], True),
        (np.array([["a"], ["a"], ["b"]]), ["a", "a", "b"], False),
    ],
)
def test_pairs(targets, expected, multi):
    dataset = from_pairs(["1.jpg", Path("2.jpg"), "3.jpg"], targets)
    assert [sample.target for sample in dataset.samples] == expected
    assert dataset.multi is multi
    assert dataset.samples[0].input == Path("1.jpg")
    assert dataset.kind == "pairs"


def test_pairs_with_groups_and_gaps():
    arrays = list(np.zeros((3, 4, 4, 3)))
    assert len(from_pairs(arrays, np.array([1, np.nan, 2], np.float32)).samples) == 2
    assert len(from_pairs(arrays, [np.float32(1), np.float32("nan"), " "]).samples) == 1
    dataset = from_pairs(arrays, ["a", None, "b"], groups=[1, 2, None])
    assert [(sample.name, sample.group) for sample in dataset.samples] == [
        ("input 0", "1"),
        ("input 2", None),
    ]
    assert dataset.set_aside[0].name == "input 1"
    with pytest.raises(DataError, match="2 labels have only one"):
        require_trainable(dataset.samples)


def test_pairs_that_do_not_match():
    with pytest.raises(DataError, match="2 inputs and 3 targets"):
        from_pairs(["a", "b"], [1, 2, 3])
    with pytest.raises(DataError, match="2 inputs and 1 groups"):
        from_pairs(["a", "b"], [1, 2], groups=[1])
    with pytest.raises(DataError, match="other values than 0 and 1"):
        from_pairs(["a", "b"], np.array([[1, 2], [3, 4]]))
    with pytest.raises(DataError, match="single path"):
        from_pairs("a.jpg", ["x"])


def test_no_sample_at_all():
    with pytest.raises(DataError, match="No usable example"):
        require_trainable([])
