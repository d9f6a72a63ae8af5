"""CoNLL files: found by their form, read whatever way their tags are written, refused by line."""

import pytest

from headstart.dataset import scan
from headstart.errors import DataError
from tests.tagged import sentences, write_conll

WAYS = {
    "BIO": "B-a I-a B-a O B-b B-a I-a I-a",
    "IOB1": "I-a I-a B-a O I-b I-a I-a I-a",
    "BIOES": "B-a E-a S-a O S-b B-a I-a E-a",
    "BILOU": "B-a L-a U-a O U-b B-a I-a L-a",
}


def read(path):
    return scan(path, suffixes={".txt"}, inline=True)


def write(path, lines):
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_tags_comes_to_bio(tmp_path, way):
    tags = WAYS[way].split()
    found = read(write(tmp_path / "t.conll", [f"w{at} {tag}" for at, tag in enumerate(tags)]))
    assert found.samples[0].target.each == tuple(WAYS["BIO"].split())
    assert found.samples[0].target.labels == ("a", "a", "b", "a")
    assert any(f"written as {way}" in note for note in found.notes)
    assert any("converted" in note for note in found.notes) == (way != "BIO")


def test_what_begins_with_i_in_bio_is_mended_and_said(tmp_path):
    found = read(write(tmp_path / "t.conll", ["a B-x", "b O", "c I-x", "d I-x", "e I-y"]))
    assert found.samples[0].target.each == ("B-x", "O", "B-x", "I-x", "B-y")
    assert any("2 things begin with I-" in note for note in found.notes)


def test_documents_comments_columns_and_line_ends(tmp_path):
    lines = ["\ufeff# a remark about all", "-DOCSTART- -X- O", "", "Ada NNP B-per", "# X O"]
    lines += ["flew VBD O", "", "  \t", "-DOCSTART- -X- O", "Rome NNP B-loc"]
    path = tmp_path / "t.conll"
    path.write_bytes("\r\n".join(lines).encode("utf-8"))
    found = read(path)
    assert [sample.input.text for sample in found.samples] == ["Ada # flew", "Rome"]
    assert [sample.name for sample in found.samples] == ["line 4", "line 10"]
    assert any("1 lines of comments" in note for note in found.notes)
    assert {sample.group for sample in found.samples} == {None}


def test_texts_of_a_document_stay_together_where_there_are_many(tmp_path):
    lines = []
    for at in range(20):
        lines += ["-DOCSTART- O", "", f"Ada{at} B-per", "", f"Bob{at} B-per", ""]
    groups = [sample.group for sample in read(write(tmp_path / "t.conll", lines)).samples]
    assert groups[0] == groups[1] != groups[2]


def test_a_word_keeps_its_signs_and_a_tab_its_blanks(tmp_path):
    found = read(write(tmp_path / "t.conll", ["New York\tB-loc", "#\tO", "\ufe0f\tO", "🙂\tO"]))
    (sample,) = found.samples
    words = [sample.input.text[start:end] for start, end in sample.input.places]
    assert words == ["New York", "#", "\ufe0f", "🙂"]


def test_it_is_known_by_its_form_under_other_endings(tmp_path):
    texts = sentences(4)
    assert len(read(write_conll(tmp_path / "a.txt", texts)).samples) == 4
    assert len(read(write_conll(tmp_path / "a.tsv", texts, end="\r\n")).samples) == 4
    table = write(tmp_path / "b.tsv", ["text\tlabel", "one two\ta", "three four\tb"])
    assert read(table).samples[0].input == "one two"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a B-x", "b O", "c"], "Line 3 of .* has 1 columns, where the first line has 2"),
        (["a B-x", "b NN O"], "Line 2 of .* has 3 columns"),
        (["a B-x", "b PER"], "Line 2 of .* has the tag 'PER', which is none"),
        (["a B-x", "\tO"], "Line 2 of"),
        (["alone", "words"], "Line 1 of .* has one column"),
        (["a B-x", "b L-x", "c S-x"], "mixes two ways of writing tags"),
        (["# nothing"], "holds no tagged word"),
    ],
)
def test_what_is_not_well_formed_is_refused_by_its_line(tmp_path, lines, said):
    with pytest.raises(DataError, match=said):
        read(write(tmp_path / "t.conll", lines))


def test_a_column_cannot_be_chosen(tmp_path):
    path = write_conll(tmp_path / "t.conll", sentences(3))
    with pytest.raises(DataError, match="no columns to choose"):
        scan(path, suffixes={".txt"}, inline=True, label="x")
