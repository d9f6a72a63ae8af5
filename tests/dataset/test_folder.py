"""Folders as data: classes, splits, what is left out, and what is refused."""

import os
from collections import Counter

import pytest

from headstart.dataset import read, scan
from headstart.errors import DataError
from tests.data import data_folder
from tests.dataset.making import SUFFIXES, make_classes, make_files


def read_folder(folder, **options):
    return read(folder, suffixes=SUFFIXES, **options)


def count_labels(samples):
    return dict(Counter(sample.target for sample in samples))


def test_a_folder_per_class(tmp_path):
    make_classes(tmp_path, bee=3, ant=2)
    make_files(tmp_path, "bee/2023/may/deep.JPG")
    dataset = read_folder(str(tmp_path))
    assert count_labels(dataset.samples) == {"ant": 2, "bee": 4}
    assert [sample.name for sample in dataset.samples][-1] == "bee/2023/may/deep.JPG"
    assert dataset.samples[0].input == tmp_path / "ant" / "0.jpg"
    assert dataset.labelled
    assert not dataset.multi
    assert dataset.test is None
    assert dataset.kind == "folder"


def test_hidden_and_system_files_are_left_out_with_a_note(tmp_path):
    make_classes(tmp_path, bee=2, ant=2)
    make_files(tmp_path, "bee/.DS_Store", "ant/Thumbs.db", "__MACOSX/bee/._0.jpg", ".git/a.jpg")
    dataset = read_folder(tmp_path)
    assert len(dataset.samples) == 4
    assert dataset.set_aside == ()
    assert any("4 hidden or system files" in note for note in dataset.notes)


def test_other_files_are_set_aside_with_the_reason(tmp_path):
    make_classes(tmp_path, bee=2, ant=2)
    make_files(tmp_path, "bee/notes.txt", "bee/README", "loose.jpg")
    dataset = read_folder(tmp_path)
    assert {item.name: item.why for item in dataset.set_aside} == {
        "bee/notes.txt": ".txt files are not read",
        "bee/README": "a file without a suffix is not read",
        "loose.jpg": "lies beside the class folders, so it has no label",
    }
    assert any("1 file that lies beside" in note for note in dataset.notes)


def test_a_folder_without_a_readable_file_is_no_class(tmp_path):
    make_classes(tmp_path, bee=2, ant=2)
    make_files(tmp_path, "docs/manual.pdf")
    dataset = read_folder(tmp_path)
    assert set(count_labels(dataset.samples)) == {"bee", "ant"}
    assert any("'docs'" in note for note in dataset.notes)


def test_names_are_kept_as_they_are(tmp_path):
    names = ["<script>alert(1)<", "Bienenstöcke", "蜂 🐝", " with blanks", "1"]
    for name in names:
        make_files(tmp_path / name, "a.jpg", "b.jpg")
    assert set(count_labels(read_folder(tmp_path).samples)) == set(names)


def test_an_accent_is_one_letter_however_it_was_written(tmp_path):
    make_files(tmp_path, "train/caf\u0065\u0301/1.jpg", "train/caf\u0065\u0301/2.jpg")
    make_files(tmp_path, "train/tea/1.jpg", "train/tea/2.jpg", "test/caf\u00e9/3.jpg")
    dataset = read_folder(tmp_path)
    assert dataset.test[0].target == dataset.samples[0].target == "caf\u00e9"


def test_a_name_that_is_not_unicode_can_be_printed(tmp_path):
    folder = os.fsencode(tmp_path / "bee") + b"\xff"
    os.mkdir(folder)
    for name in (b"a.jpg", b"\xfe.jpg"):
        with open(folder + b"/" + name, "wb"):
            pass
    make_classes(tmp_path, ant=2)
    dataset = read_folder(tmp_path)
    assert all(sample.input.is_file() for sample in dataset.samples)
    "".join(sample.name + sample.target for sample in dataset.samples).encode("utf-8")


@pytest.mark.parametrize(
    ("train", "held"), [("train", "test"), ("Training", "TESTING"), ("train", "Valid")]
)
def test_a_split_folder_keeps_its_split(tmp_path, train, held):
    make_classes(tmp_path / train, bee=3, ant=3)
    make_classes(tmp_path / held, bee=2, ant=1)
    dataset = read_folder(tmp_path)
    assert count_labels(dataset.samples) == {"bee": 3, "ant": 3}
    assert count_labels(dataset.test) == {"bee": 2, "ant": 1}
    assert dataset.test[0].name == f"{held}/ant/0.jpg"
    assert "already split" in dataset.notes[0]


def test_validation_is_learnt_from_when_there_is_a_test(tmp_path):
    make_classes(tmp_path / "train", bee=3, ant=3)
    make_classes(tmp_path / "validation", bee=2, ant=2)
    make_classes(tmp_path / "test", bee=1, ant=1)
    dataset = read_folder(tmp_path)
    assert (len(dataset.samples), len(dataset.test)) == (10, 2)
    assert "training (6) and validation (4)" in dataset.notes[0]


def test_an_unlabelled_test_part_is_not_used(tmp_path):
    make_classes(tmp_path / "train", bee=3, ant=3)
    make_files(tmp_path / "test", "1.jpg", "2.jpg")
    make_files(tmp_path, "annotations/x.jpg")
    dataset = read_folder(tmp_path)
    assert dataset.test is None
    assert len(dataset.samples) == 6
    assert any("'test' has no class folders" in note for note in dataset.notes)
    assert any("'annotations'" in note for note in dataset.notes)


def test_a_training_folder_alone_is_entered(tmp_path):
    make_classes(tmp_path / "train", bee=3, ant=3)
    assert count_labels(read_folder(tmp_path).samples) == {"bee": 3, "ant": 3}


def test_train_can_be_a_class(tmp_path):
    make_classes(tmp_path, train=2, bus=2, test=2)
    assert set(count_labels(read_folder(tmp_path).samples)) == {"train", "bus", "test"}


def test_loops_of_links_end_and_links_to_files_are_read(tmp_path):
    make_classes(tmp_path / "data", bee=2, ant=2)
    make_files(tmp_path, "elsewhere/far.jpg")
    (tmp_path / "data/bee/loop").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "data/bee/self").symlink_to("self")
    (tmp_path / "data/ant/far.jpg").symlink_to(tmp_path / "elsewhere/far.jpg")
    (tmp_path / "data/ant/broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    dataset = read_folder(tmp_path / "data")
    names = [sample.name for sample in dataset.samples]
    assert "ant/far.jpg" in names
    assert "ant/broken.jpg" not in names
    reasons = {item.name: item.why for item in dataset.set_aside}
    assert reasons["ant/broken.jpg"] == "a link that leads nowhere"
    assert reasons["bee/self"] == "a link that leads nowhere"
    assert "read already" in reasons["bee/loop/bee"]


def test_a_second_folder_becomes_the_test(tmp_path):
    make_classes(tmp_path / "photos", bee=3, ant=3)
    make_classes(tmp_path / "held", bee=1, ant=1)
    dataset = read_folder(tmp_path / "photos", test=tmp_path / "held")
    assert count_labels(dataset.test) == {"bee": 1, "ant": 1}
    assert len(dataset.samples) == 6


def test_the_test_is_never_learnt_from(tmp_path):
    make_classes(tmp_path / "train", bee=3, ant=3)
    make_classes(tmp_path / "test", bee=1, ant=1)
    for test in (tmp_path / "test", tmp_path / "train/../test"):
        dataset = read_folder(tmp_path, test=test)
        assert len(dataset.samples) == 6
        assert len(dataset.test) == 2
    inside = read_folder(tmp_path / "train", test=scan_part(tmp_path))
    assert len(inside.samples) == 4
    assert any("2 examples stand in the test data too" in note for note in inside.notes)


def scan_part(folder):
    (folder / "part/bee").mkdir(parents=True)
    (folder / "part.csv").write_text("file,label\ntrain/bee/0.jpg,bee\ntrain/ant/0.jpg,ant\n")
    return folder / "part.csv"


def test_test_examples_of_unknown_labels_are_set_aside(tmp_path):
    make_classes(tmp_path / "photos", bee=3, ant=3)
    make_classes(tmp_path / "held", bee=1, wasp=2)
    dataset = read_folder(tmp_path / "photos", test=tmp_path / "held")
    assert count_labels(dataset.test) == {"bee": 1}
    assert any("2 test examples" in note and "'wasp'" in note for note in dataset.notes)
    make_classes(tmp_path / "other", wasp=2, fly=2)
    with pytest.raises(DataError, match="none in common"):
        read_folder(tmp_path / "photos", test=tmp_path / "other")


def refused(folder, **options):
    with pytest.raises(DataError) as caught:
        read_folder(folder, **options)
    return caught.value


def test_no_such_folder_names_the_sibling(tmp_path):
    make_classes(tmp_path / "photos", bee=2, ant=2)
    error = refused(tmp_path / "fotos")
    assert "There is no file or folder" in error.message
    assert "Did you mean 'photos'?" in error.message
    assert "ends at" in refused(tmp_path / "a/b/photos").hint


def test_an_empty_folder(tmp_path):
    (tmp_path / "nothing").mkdir()
    error = refused(tmp_path / "nothing")
    assert "is empty" in error.message
    assert ".jpg" in error.hint


def test_a_folder_of_other_files_says_what_there_is(tmp_path):
    make_files(tmp_path, "a.txt", "b.txt", "labels.csv")
    error = refused(tmp_path)
    assert "2 with .txt" in error.message
    assert "'labels.csv'" in error.hint
    (tmp_path / "labels.csv").unlink()
    make_files(tmp_path, "photos.zip")
    assert "Unpack" in refused(tmp_path).hint


def test_a_folder_without_classes(tmp_path):
    make_files(tmp_path, "1.jpg", "2.jpg")
    error = refused(tmp_path)
    assert "no class folders" in error.message
    assert not scan(tmp_path, suffixes=SUFFIXES).labelled


def test_one_class(tmp_path):
    make_classes(tmp_path, bee=5)
    error = refused(tmp_path)
    assert error.message == (
        "All 5 examples are of one class, 'bee'; two classes are needed at least."
    )
    assert len(scan(tmp_path, suffixes=SUFFIXES).samples) == 5


def test_a_class_with_one_example(tmp_path):
    make_classes(tmp_path, bee=5, ant=5, wasp=1)
    error = refused(tmp_path)
    assert error.message == "Only one example has the label 'wasp'."
    assert "Two examples of each" in error.hint
    assert len(scan(tmp_path, suffixes=SUFFIXES).samples) == 11


def test_columns_of_a_folder_are_refused(tmp_path):
    make_classes(tmp_path, bee=2, ant=2)
    assert "has no columns" in refused(tmp_path, group="patient").message
    assert "has no columns" in refused(tmp_path, label="x").message


def test_a_test_without_labels_is_refused(tmp_path):
    make_classes(tmp_path / "photos", bee=2, ant=2)
    make_files(tmp_path / "held", "1.jpg")
    assert "no labels" in refused(tmp_path / "photos", test=tmp_path / "held").message


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    make_classes(tmp_path, bee=2, ant=2, wasp=2)
    really = os.scandir

    def scandir(path):
        if str(path).endswith("wasp"):
            raise PermissionError(13, "Permission denied", str(path))
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    dataset = read_folder(tmp_path)
    assert count_labels(dataset.samples) == {"bee": 2, "ant": 2}
    assert "Permission denied" in dataset.set_aside[0].why


@pytest.mark.data
def test_a_real_split_set():
    dataset = read_folder(data_folder("images", "ants_bees"))
    assert (len(dataset.samples), len(dataset.test)) == (245, 153)
    assert "no test part" in dataset.notes[0]
