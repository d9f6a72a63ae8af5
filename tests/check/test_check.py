"""`check` finds what is wrong with a folder of pictures, names the files, and is else silent."""

import json

import numpy as np
import pytest
from PIL import Image as Pillow

from headstart.check import check
from headstart.errors import DataError
from tests.data import data_folder


def picture(seed, size=(96, 72)):
    """Draw smooth blots: no two seeds look alike."""
    random = np.random.default_rng(seed)
    small = Pillow.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
    return small.resize(size, Pillow.Resampling.BICUBIC)


def make_folder(folder, count=12, labels=("cat", "dog"), start=0):
    for number, label in enumerate(labels):
        (folder / label).mkdir(parents=True)
        for at in range(count):
            picture(start + 1000 * number + at).save(folder / label / f"{at:02}.jpg", quality=90)
    return folder


def find(report, kind):
    found = [finding for finding in report.findings if finding.kind == kind]
    assert len(found) == 1, [finding.kind for finding in report.findings]
    return found[0]


def kinds(report):
    return [finding.kind for finding in report.findings]


def test_sound_data_has_no_findings(tmp_path):
    report = check(make_folder(tmp_path / "data"))
    assert report.findings == ()
    assert (report.n_train, report.n_test, report.set_aside) == (24, 0, 0)


def test_unreadable_files_are_named_with_the_cause(tmp_path):
    folder = make_folder(tmp_path / "data")
    (folder / "cat" / "empty.jpg").write_bytes(b"")
    (folder / "cat" / "hollow.png").write_bytes(b"")
    (folder / "dog" / "page.jpg").write_text("<html>404</html>")
    report = check(folder)
    first, second = (f for f in report.findings if f.kind == "unreadable")
    assert first.files == ("cat/empty.jpg", "cat/hollow.png")
    assert "0 bytes" in first.message
    assert second.files == ("dog/page.jpg",)
    assert "not a picture" in second.message
    assert report.set_aside == 3


def test_wrong_endings(tmp_path):
    folder = make_folder(tmp_path / "data")
    (folder / "cat" / "00.jpg").rename(folder / "cat" / "00.png")
    finding = find(check(folder), "misnamed")
    assert finding.files == ("cat/00.png",)
    assert "JPEG" in finding.message
    assert finding.severity == "info"


def test_copies_exact_and_near(tmp_path):
    folder = make_folder(tmp_path / "data")
    (folder / "cat" / "again.jpg").write_bytes((folder / "cat" / "03.jpg").read_bytes())
    picture(1005).resize((60, 45)).save(folder / "dog" / "smaller.png")
    report = check(folder)
    assert find(report, "exact_copies").files == ("cat/03.jpg", "cat/again.jpg")
    assert find(report, "near_copies").files == ("dog/05.jpg", "dog/smaller.png")
    assert "conflicting_labels" not in kinds(report)


def test_one_picture_under_two_labels_comes_first(tmp_path):
    folder = make_folder(tmp_path / "data")
    picture(4).save(folder / "dog" / "stray.jpg", quality=70)
    report = check(folder)
    finding = report.findings[0]
    assert finding.kind == "conflicting_labels"
    assert finding.severity == "problem"
    assert finding.files == ("cat/04.jpg", "dog/stray.jpg")
    assert "'cat'" in finding.message
    assert "'dog'" in finding.message


def test_twins_across_the_persons_own_split(tmp_path):
    folder = tmp_path / "data"
    make_folder(folder / "train")
    make_folder(folder / "test", count=6, start=500)
    picture(2).save(folder / "test" / "cat" / "leak.png")
    report = check(folder)
    finding = find(report, "twins_across_split")
    assert finding.severity == "problem"
    assert finding.count == 1
    assert finding.files == ("train/cat/02.jpg", "test/cat/leak.png")
    assert report.n_test == 13


def test_few_examples_and_imbalance(tmp_path):
    folder = make_folder(tmp_path / "data", count=45)
    make_folder(tmp_path / "more", count=1, labels=("owl",), start=3000)
    (tmp_path / "more" / "owl").rename(folder / "owl")
    make_folder(tmp_path / "few", count=4, labels=("eel",), start=4000)
    (tmp_path / "few" / "eel").rename(folder / "eel")
    report = check(folder)
    assert find(report, "lone_examples").files == ("owl/00.jpg",)
    assert find(report, "tiny_classes").count == 4
    assert "'eel' (4)" in find(report, "tiny_classes").message
    assert "'owl' has 1" in find(report, "imbalance").message


def test_one_label_only(tmp_path):
    report = check(make_folder(tmp_path / "data", labels=("cat",)))
    assert kinds(report) == ["one_label"]


def test_labels_that_only_the_test_has(tmp_path):
    folder = tmp_path / "data"
    make_folder(folder / "train")
    make_folder(folder / "test", count=3, labels=("cat", "dog", "owl"), start=500)
    finding = find(check(folder), "unknown_test_labels")
    assert finding.count == 3
    assert finding.files[0] == "test/owl/00.jpg"


@pytest.mark.parametrize("how", ["format", "mode", "size", "compression"])
def test_file_level_shortcuts(tmp_path, how):
    folder = make_folder(tmp_path / "data", count=14)
    for path in sorted((folder / "dog").iterdir()):
        with Pillow.open(path) as opened:
            dog = opened.convert("RGB")
        if how == "format":
            path.unlink()
            dog.save(path.with_suffix(".png"))
        elif how == "mode":
            dog.convert("L").save(path, quality=90)
        elif how == "size":
            dog.resize((130, 90)).save(path, quality=90)
        else:
            dog.save(path, quality=30)
    found = [f for f in check(folder).findings if f.kind == "shortcut"]
    assert found
    assert all(finding.severity == "problem" for finding in found)
    said = " ".join(finding.message for finding in found)
    word = {"format": "format", "mode": "mode", "size": "width", "compression": "bytes"}[how]
    assert word in said
    assert "100%" in said


def test_no_shortcut_where_the_labels_are_shuffled(tmp_path):
    random = np.random.default_rng(5)
    folder = tmp_path / "data"
    for label in ("cat", "dog", "owl"):
        (folder / label).mkdir(parents=True)
    for number in range(90):
        label = ("cat", "dog", "owl")[int(random.integers(3))]
        width, height = (int(x) for x in random.integers(40, 200, 2))
        shown = picture(number, (width, height))
        if random.random() < 0.3:
            shown = shown.convert("L")
        suffix = "png" if random.random() < 0.3 else "jpg"
        shown.save(folder / label / f"{number}.{suffix}")
    assert "shortcut" not in kinds(check(folder))


def test_outliers(tmp_path):
    folder = make_folder(tmp_path / "data", count=20)
    picture(77, (1500, 40)).save(folder / "cat" / "banner.jpg")
    with Pillow.open(folder / "dog" / "03.jpg") as opened:
        opened.convert("CMYK").save(folder / "dog" / "03.jpg")
    report = check(folder)
    assert find(report, "outlier").files == ("cat/banner.jpg",)
    assert find(report, "mixed").files == ("dog/03.jpg",)
    assert "CMYK (1)" in find(report, "mixed").message


def test_a_table_with_several_labels(tmp_path):
    folder = make_folder(tmp_path / "data", count=6)
    rows = ["file,kinds"]
    rows += [f"data/cat/{at:02}.jpg,cat|small" for at in range(6)]
    rows += [f"data/dog/{at:02}.jpg,dog" for at in range(6)]
    picture(3).save(folder / "dog" / "same.png")
    rows.append("data/dog/same.png,dog|small")
    table = tmp_path / "kinds.csv"
    table.write_text("\n".join(rows))
    report = check(table, image="file", label="kinds", separator="|")
    assert "'cat' + 'small'" in find(report, "conflicting_labels").message


def test_hostile_names_are_named_as_they_are(tmp_path):
    evil = "<script>alert(1)</script>".replace("/", "\u2215")
    folder = make_folder(tmp_path / "data", labels=(evil, "dog %s {0}"))
    (folder / evil / "a\nb\x1b[31m.jpg").write_bytes(b"nothing")
    report = check(folder)
    assert kinds(report) == ["unreadable"]
    assert json.loads(json.dumps(report.to_json()))["findings"][0]["count"] == 1


def test_what_cannot_be_checked_is_refused(tmp_path):
    with pytest.raises(DataError):
        check(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        check(tmp_path / "empty")


def test_the_report_is_plain_and_nothing_is_changed(tmp_path):
    folder = make_folder(tmp_path / "data")
    (folder / "cat" / "again.jpg").write_bytes((folder / "cat" / "03.jpg").read_bytes())
    before = {path: path.read_bytes() for path in folder.rglob("*.jpg")}
    written = json.loads(json.dumps(check(folder).to_json()))
    assert set(written) == {"findings", "n_train", "n_test", "set_aside", "notes"}
    assert set(written["findings"][0]) == {
        "kind", "severity", "message", "advice", "files", "count",
    }  # fmt: skip
    assert before == {path: path.read_bytes() for path in folder.rglob("*.jpg")}


@pytest.mark.data
def test_chest_xrays_are_damaged_and_give_their_label_away():
    report = check(data_folder("images_dirty", "chest_xray"))
    damage = find(report, "damaged")
    assert damage.severity == "problem"
    assert damage.count == 16
    assert "12 'covid', 4 'normal'" in damage.message
    assert "conversion of line ends" in damage.message
    shortcuts = " ".join(f.message for f in report.findings if f.kind == "shortcut")
    assert "'damaged'" in shortcuts
    assert "'mode'" in shortcuts


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ants_bees", {"mixed", "outlier"}),
        ("flowers5", set()),
        ("fashion900", set()),
        ("blood_cells", {"shortcut", "imbalance"}),
        ("brain_mri", {"shortcut", "exact_copies", "near_copies", "misnamed", "mixed"}),
    ],
)
def test_public_sets(name, expected):
    report = check(data_folder("images", name))
    assert set(kinds(report)) == expected
    if name == "ants_bees":
        assert find(report, "mixed").files == ("train/ants/imageNotFound.gif",)
    if name == "brain_mri":
        assert "in 22 groups" in find(report, "exact_copies").message
