"""Tables as data: files, encodings, columns, and what is set aside or refused."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headstart.dataset import read
from headstart.errors import DataError
from tests.dataset.making import SUFFIXES, make_classes, make_files, make_table

FOUR = "file,label\n0.jpg,bee\n1.jpg,bee\n2.jpg,ant\n3.jpg,ant\n"


def read_table(source, **options):
    return read(source, suffixes=SUFFIXES, **options)


def refused(source, **options):
    with pytest.raises(DataError) as caught:
        read_table(source, **options)
    return caught.value


def targets(dataset):
    return [sample.target for sample in dataset.samples]


def test_paths_are_relative_to_the_table(tmp_path, monkeypatch):
    table = make_table(tmp_path / "data", FOUR)
    monkeypatch.chdir(tmp_path)
    dataset = read_table("data/list.csv")
    assert targets(dataset) == ["bee", "bee", "ant", "ant"]
    assert all(sample.input.is_file() for sample in dataset.samples)
    assert dataset.samples[0].name == "0.jpg"
    assert dataset.kind == "table"
    assert read_table(table).samples[0].input == tmp_path / "data" / "0.jpg"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_encodings(tmp_path, encoding):
    table = make_table(tmp_path, FOUR.replace("bee", "bée"), encoding=encoding)
    dataset = read_table(table)
    assert targets(dataset) == ["bée", "bée", "ant", "ant"]
    said = " ".join(dataset.notes)
    assert ("UTF-16" in said) == encoding.startswith("utf-16")
    assert ("not UTF-8" in said) == (encoding == "cp1252")


def test_bytes_that_are_no_cp1252_are_latin_1(tmp_path):
    table = make_table(tmp_path, FOUR.replace("bee", "b\x81é"), encoding="latin-1")
    assert targets(read_table(table))[0] == "b\x81é"


@pytest.mark.parametrize(("mark", "name"), [(";", "l.csv"), ("\t", "l.tsv"), ("|", "l.csv")])
def test_delimiters(tmp_path, mark, name):
    table = make_table(tmp_path, FOUR.replace(",", mark), name)
    assert targets(read_table(table)) == ["bee", "bee", "ant", "ant"]


def test_quoted_cells_and_windows_line_ends(tmp_path):
    text = 'file,note,label\r\n0.jpg,"a, b\r\nc",bee\r\n1.jpg,"""x""",bee\r\n'
    table = make_table(tmp_path, text + "2.jpg,,ant\r\n3.jpg,,ant\r\n")
    assert targets(read_table(table)) == ["bee", "bee", "ant", "ant"]


def test_a_table_without_a_header(tmp_path):
    dataset = read_table(make_table(tmp_path, FOUR.partition("\n")[2]))
    assert targets(dataset) == ["bee", "bee", "ant", "ant"]
    assert any("no header" in note for note in dataset.notes)


def test_windows_paths(tmp_path):
    make_files(tmp_path / "sub", *(f"{number}.jpg" for number in range(4)))
    text = FOUR.replace("0.jpg", "sub\\0.jpg").replace("1.jpg", "sub\\1.jpg")
    assert read_table(make_table(tmp_path, text)).samples[0].input.is_file()


def test_rows_of_other_widths_are_set_aside(tmp_path):
    dataset = read_table(make_table(tmp_path, FOUR + "4.jpg,bee,extra\n5.jpg\n"))
    assert len(dataset.samples) == 4
    assert [item.name for item in dataset.set_aside] == ["line 6", "line 7"]
    assert any("2 rows with too many or too few" in note for note in dataset.notes)


def test_parquet(tmp_path):
    make_table(tmp_path, FOUR)
    columns = {"photo": ["0.jpg", "1.jpg", "2.jpg", "3.jpg"], "kind": [1, 1, 2, 2]}
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    dataset = read_table(tmp_path / "list.parquet")
    assert targets(dataset) == ["1", "1", "2", "2"]
    assert "column 'photo'" in dataset.notes[0]
    assert "column 'kind'" in dataset.notes[0]


def test_parquet_with_the_pictures_inside(tmp_path):
    cells = [{"bytes": bytes([number]), "path": None} for number in range(4)]
    pq.write_table(pa.table({"image": cells, "label": list("aabb")}), tmp_path / "p.parquet")
    dataset = read_table(tmp_path / "p.parquet")
    assert [sample.input for sample in dataset.samples] == [b"\0", b"\1", b"\2", b"\3"]
    assert dataset.samples[3].name == "row 3"


def test_data_frames_and_arrow_tables(tmp_path, monkeypatch):
    make_table(tmp_path, FOUR)
    monkeypatch.chdir(tmp_path)
    columns = {"file": ["0.jpg", "1.jpg", "2.jpg", "3.jpg"], "label": [1.0, 1.0, 2.0, 2.0]}
    for source in (pd.DataFrame(columns), pa.table(columns)):
        assert targets(read_table(source)) == ["1", "1", "2", "2"]


def test_a_data_frame_of_arrays():
    arrays = [np.zeros((2, 2, 3), np.uint8) for _ in range(4)]
    dataset = read_table(pd.DataFrame({"pixels": arrays, "name": list("aabb")}))
    assert dataset.samples[0].input.shape == (2, 2, 3)
    assert targets(dataset) == list("aabb")


def test_columns_are_chosen_by_name_and_said_aloud(tmp_path):
    text = "id,thumb,photo,species,split\n"
    text += "".join(f"{n},{n}.jpg,{n}.jpg,{'ab'[n % 2]},train\n" for n in range(6))
    table = make_table(tmp_path, text)
    dataset = read_table(table)
    assert dataset.notes[0].startswith("Guessed: inputs from column 'photo' and labels from column")
    assert "'species'" in dataset.notes[0]
    assert read_table(table, input_column="thumb", label="species").notes == ()


def test_a_column_with_a_comma_in_its_name_is_meant_whole(tmp_path):
    text = 'file,"kind, as seen",kind\n' + "".join(f"{n}.jpg,{'ab'[n % 2]},c\n" for n in range(4))
    table = make_table(tmp_path, text)
    assert targets(read_table(table, label="kind, as seen")) == list("abab")
    flags = "file,a,b\n" + "".join(f"{n}.jpg,{n % 2},{1 - n % 2}\n" for n in range(4))
    table = make_table(tmp_path, flags)
    assert targets(read_table(table, label="a, b,"))[:2] == [("b",), ("a",)]


def test_a_label_column_is_guessed_by_what_is_in_it(tmp_path):
    text = "f,id,insect\n" + "".join(f"{n}.jpg,x{n},{'ab'[n % 2]}\n" for n in range(8))
    assert targets(read_table(make_table(tmp_path, text)))[:2] == ["a", "b"]


def test_two_possible_label_columns_are_not_guessed_between(tmp_path):
    text = "f,insect,colour\n" + "".join(f"{n}.jpg,{'ab'[n % 2]},red{n % 3}\n" for n in range(8))
    error = refused(make_table(tmp_path, text))
    assert "insect, colour" in error.message
    assert "--label" in error.hint


def test_a_wrong_column_name(tmp_path):
    table = make_table(tmp_path, FOUR)
    for option in ("input_column", "label", "group"):
        error = refused(table, **{option: "labl"})
        assert "Did you mean 'label'?" in error.message
        assert "file, label" in error.hint


def test_one_column_cannot_be_two_things(tmp_path):
    assert "two things" in refused(make_table(tmp_path, FOUR), label="label", group="label").message


def test_groups(tmp_path):
    text = "file,label,patient\n0.jpg,a,7\n1.jpg,a,7\n2.jpg,b,\n3.jpg,b,8\n"
    dataset = read_table(make_table(tmp_path, text), group="patient")
    assert [sample.group for sample in dataset.samples] == ["7", "7", None, "8"]
    assert any("1 row has no 'patient'" in note for note in dataset.notes)


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "NA", "  "])
def test_rows_without_a_label_are_set_aside(tmp_path, empty):
    dataset = read_table(make_table(tmp_path, FOUR + f"4.jpg,{empty}\n5.jpg,{empty}\n"))
    assert len(dataset.samples) == 4
    assert [item.name for item in dataset.set_aside] == ["4.jpg", "5.jpg"]
    assert "has no label (line 6)" in dataset.set_aside[0].why
    assert any("2 rows without a label" in note for note in dataset.notes)


def test_pandas_missing_values_are_missing(tmp_path, monkeypatch):
    make_table(tmp_path, FOUR)
    monkeypatch.chdir(tmp_path)
    files = [f"{number}.jpg" for number in range(6)]
    for column in (
        pd.array(["a", "a", "b", "b", None, pd.NA], dtype="string"),
        pd.array([1, 1, 2, 2, None, pd.NA], dtype="Int64"),
        [1.0, 1.0, 2.0, 2.0, float("nan"), None],
        pd.Categorical(["a", "a", "b", "b", None, None]),
    ):
        dataset = read_table(pd.DataFrame({"file": files, "label": column}))
        assert len(dataset.samples) == 4
        assert targets(dataset) in ([*"aabb"], [*"1122"])


def test_none_is_a_name_of_a_class(tmp_path):
    assert targets(read_table(make_table(tmp_path, FOUR.replace("bee", "None"))))[0] == "None"


def test_no_row_has_a_label(tmp_path):
    assert "No row" in refused(make_table(tmp_path, "file,label\n0.jpg,\n1.jpg,\n")).message


def test_missing_files_are_set_aside_and_listed(tmp_path):
    more = "gone.jpg,bee\nhttps://example.org/a.jpg,bee\n,bee\n"
    dataset = read_table(make_table(tmp_path, FOUR + more))
    assert len(dataset.samples) == 4
    assert {item.name: item.why for item in dataset.set_aside} == {
        "gone.jpg": "is not there (line 6)",
        "https://example.org/a.jpg": "is an address, not a file: download it first (line 7)",
        "line 8": "names no input",
    }
    assert any("2 rows whose file is not there" in note for note in dataset.notes)


def test_when_no_file_is_there_it_is_said_where_they_are(tmp_path):
    make_files(tmp_path / "images", "a.jpg", "b.jpg")
    text = "file,label\na.jpg,x\nb.jpg,y\n"
    error = refused(make_table(tmp_path, text))
    assert f"'{tmp_path / 'a.jpg'}'" in error.message
    assert "'images/a.jpg' is there" in error.hint
    error = refused(make_table(tmp_path, text.replace(".jpg", "")), input_column="file")
    assert "'images/a.jpg' is there" in error.hint


def test_rows_that_repeat_are_counted_once(tmp_path):
    dataset = read_table(make_table(tmp_path, FOUR + "0.jpg,bee\n0.jpg,ant\n"))
    assert len(dataset.samples) == 5
    assert any("1 row that says the same" in note for note in dataset.notes)
    assert any("more than one label ('0.jpg')" in note for note in dataset.notes)


def test_a_table_as_the_test(tmp_path):
    table = make_table(tmp_path, "what,pic\nbee,0.jpg\nbee,1.jpg\nant,2.jpg\nant,3.jpg\n")
    (tmp_path / "held.csv").write_text("pic,what\n4.jpg,bee\n2.jpg,ant\n")
    (tmp_path / "list.csv").write_text((tmp_path / "list.csv").read_text() + "ant,5.jpg\n")
    dataset = read_table(table, test=tmp_path / "held.csv")
    assert Counter(targets(dataset)) == {"bee": 2, "ant": 2}
    assert [sample.target for sample in dataset.test] == ["bee", "ant"]


def test_a_folder_as_the_test_of_a_table(tmp_path):
    table = make_table(tmp_path, "pic,what\n0.jpg,ant\n1.jpg,ant\n2.jpg,bee\n3.jpg,bee\n")
    dataset = read_table(table, test=make_classes(tmp_path / "held", ant=2, bee=1))
    assert [sample.target for sample in dataset.test] == ["ant", "ant", "bee"]


def test_the_same_examples_to_learn_from_and_to_test_on(tmp_path):
    table = make_table(tmp_path, "pic,what\n0.jpg,ant\n1.jpg,ant\n2.jpg,bee\n3.jpg,bee\n")
    with pytest.raises(DataError, match="All 4 examples stand in the test data too"):
        read_table(table, test=table)


def test_what_was_set_aside_is_named_where_the_rest_is_too_little(tmp_path):
    table = make_table(tmp_path, "pic,what\n0.jpg,ant\n1.jpg,ant\nx.jpg,bee\ny.jpg,bee\n")
    error = refused(table)
    assert "one class, 'ant'" in error.message
    assert "2 were set aside, such as 'x.jpg': is not there" in error.message


def test_ten_thousand_distinct_labels(tmp_path):
    cells = "".join(f"0.jpg,id{number}\n" for number in range(10_000))
    error = refused(make_table(tmp_path, "file,label\n" + cells))
    assert "10,000 different labels in 10,000 examples" in error.message
    assert "names or ids" in error.message


def test_measurements_are_not_classes(tmp_path):
    cells = "".join(f"{number % 10}.jpg,{number * 0.37:.2f}\n" for number in range(60))
    assert "measurements" in refused(make_table(tmp_path, "file,label\n" + cells)).message


def test_nul_bytes(tmp_path):
    error = refused(make_table(tmp_path, FOUR + "4.jpg,b\0ee\n"))
    assert "1 NUL bytes, the first in line 6" in error.message
    assert "UTF-8" in error.hint


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b" \n\n", "is empty"),
        ("a.csv", b"file,label\n", "no rows"),
        ("a.csv", b"file,label,label\n1,2,3\n", "more than one column called 'label'"),
        ("a.csv", b"a,b\n1\n2\n", "No row"),
        ("a.csv", b"\xff\xfea\0b\0\n", "damaged at byte"),
        ("a.parquet", b"PAR1 and no more", "not a Parquet file"),
        ("a.xlsx", b"PK", "not a table"),
        ("a.zip", b"PK", "not a table"),
        ("a.jpg", b"\xff\xd8", "single example"),
        ("a", b"x", "not a table"),
    ],
)
def test_files_that_are_no_table(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    error = refused(path)
    assert message in error.message
    assert error.hint


def test_an_empty_data_frame_and_other_objects():
    assert "no rows" in refused(pd.DataFrame({"file": [], "label": []})).message
    assert "int" in refused(7).message


def test_a_hundred_thousand_rows(tmp_path):
    make_files(tmp_path, *(f"{number}.jpg" for number in range(100)))
    rows = "".join(f"{n % 100}.jpg,{n % 50},{n}\n" for n in range(100_000))
    (tmp_path / "list.csv").write_text("file,label,row\n" + rows)
    dataset = read_table(tmp_path / "list.csv", group="row")
    assert len(dataset.samples) == 100
    assert any("99,900 rows" in note for note in dataset.notes)
