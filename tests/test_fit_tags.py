"""Tagged texts from the file to the model folder, on a tiny net: learnt, judged, kept, asked."""

import csv
import io
import json
import random

import pytest

import headstart as hs
from headstart.check import check
from headstart.cli.run import run
from headstart.errors import DataError
from tests import words
from tests.standing import save_tiny
from tests.tagged import sentence, sentences, write_conll


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("bert"), "text"))


@pytest.fixture(scope="module")
def fitted(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tags")
    data = write_conll(folder / "judged.conll", sentences(100))
    model = hs.fit(data, backbone=net, strategy="probe", out=folder / "model")
    return model, folder / "model", folder


def said_of(model, text):
    (prediction,) = model.predict(text)
    return [(span.text, span.label) for span in prediction.spans]


def test_things_are_found_by_the_form_of_the_file_alone(fitted):
    model = fitted[0]
    found = model.evaluation
    assert found["task"] == "tag"
    assert found["headline"] == "entity_f1"
    assert found["labels"] == ["bad", "good"]
    figure = found["test"]["entity_f1"]
    assert figure["value"] > 0.5
    assert figure["low"] < figure["value"] <= figure["high"]
    assert found["per_class"]["good"]["support"] > 3
    assert found["baseline"]["entity_f1"]["value"] == 0
    assert found["data"]["counts"]["good"] > found["per_class"]["good"]["support"]


def test_places_are_those_in_the_persons_own_string(fitted):
    text = "We 🙂\r\n\tthought\u00a0the  lovely\r\nroom, and awful food!"
    (prediction,) = fitted[0].predict(text)
    assert prediction.input == text
    for span in prediction.spans:
        assert text[span.start : span.end] == span.text
        assert 0 < span.probability <= 1
    assert ("lovely\r\nroom", "good") in [(each.text, each.label) for each in prediction.spans]
    assert prediction.label == tuple(span.label for span in prediction.spans)


def test_answers_do_not_depend_on_who_else_is_asked_about(fitted):
    model, chance = fitted[0], random.Random(5)
    texts = [" ".join(word for word, _ in sentence(chance, size)) for size in (3, 60, 9, 25)]
    together = model.predict(texts)
    for text, beside in zip(texts, together, strict=True):
        (alone,) = model.predict(text)
        assert [(s.start, s.end, s.label) for s in alone.spans] == [
            (s.start, s.end, s.label) for s in beside.spans
        ]
    assert together[1].spans[-1].start > 100


def test_the_folder_says_the_same_elsewhere(fitted):
    model, folder, _ = fitted
    loaded = hs.load(folder)
    text = "It was a gentle garden but the stale dinner."
    assert said_of(loaded, text) == said_of(model, text)
    again = loaded.predict(text)[0].spans[0].probability
    assert again == pytest.approx(model.predict(text)[0].spans[0].probability, abs=1e-5)


def test_it_is_judged_on_more_of_the_same(fitted, tmp_path):
    model = fitted[0]
    data = write_conll(tmp_path / "more.conll", sentences(30, seed=9), between=" ", end="\r\n")
    found = hs.evaluate(model, data)
    assert found["n_test"] == 30
    assert found["test"]["entity_f1"]["value"] > 0.4
    for text, said in (
        ("Ada B-person", "labels that the model does not know: person"),
        ("a S-good", None),
    ):
        path = tmp_path / "other.conll"
        path.write_text(text)
        if said:
            with pytest.raises(DataError, match=said):
                hs.evaluate(model, path)
        else:
            assert hs.evaluate(model, path)["n_test"] == 1


def test_data_of_another_task_are_refused(fitted, net, tmp_path):
    model, _, folder = fitted
    table = words.write_csv(tmp_path / "reviews.csv", words.reviews())
    with pytest.raises(DataError, match=r"one answer for each input.*'tag'"):
        hs.evaluate(model, table)
    with pytest.raises(DataError, match=r"places in each input.*'classify'"):
        hs.fit(folder / "judged.conll", backbone=net, task="classify")
    with pytest.raises(DataError, match="'tag'"):
        hs.fit(table, backbone=net, task="tag")


def test_the_command_line_prints_spans(fitted, capsys):
    _, folder, _ = fitted
    text = "a lovely room and awful food"
    assert run(["predict", str(folder), text, "a but", "--format", "json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    found = [text[span["start"] : span["end"]] for span in first["spans"]]
    assert {"lovely room", "awful food"} <= set(found)  # a net of random weights may name more
    assert found == [span["text"] for span in first["spans"]]
    assert set(first["spans"][0]) == {"start", "end", "text", "label", "probability"}
    assert second["spans"] == []
    assert run(["predict", str(folder), text, "a but"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(text)
    assert lines[1].split()[0] == "good"
    assert lines[1].endswith("lovely room")
    assert "(nothing)" in lines[-1]
    assert run(["predict", str(folder), text, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    said = {(row["text"], row["label"]) for row in rows}
    assert {("lovely room", "good"), ("awful food", "bad")} <= said


def test_the_report_marks_the_worst_texts(fitted, net, tmp_path):
    chance = random.Random(3)
    texts = [
        [(word, tag if chance.random() < 0.7 else "O") for word, tag in text if tag[0] != "I"]
        for text in sentences(60, seed=4)
    ]
    data = write_conll(tmp_path / "dirty.conll", texts)
    model = hs.fit(data, backbone=net, strategy="probe", out=tmp_path / "model")
    page = (tmp_path / "model" / "report.html").read_text()
    assert model.evaluation["mistakes"]
    assert 'class="named right"' in page or 'class="named wrong"' in page
    assert '<p class="marked"' in page
    assert run(["report", str(tmp_path / "model")]) == 0
    assert '<p class="marked"' in (tmp_path / "model" / "report.html").read_text()


def test_what_was_forgotten_can_be_asked_of_tagged_texts(fitted, net, tmp_path):
    data = fitted[2] / "judged.conll"
    model = hs.fit(data, backbone=net, strategy="full", time=3, remember=data, pictures=False)
    assert model.evaluation["forgetting"]["reference"].startswith("100 inputs of judged.conll")


@pytest.mark.parametrize("strategy", ["partial", "full", "lora", "scratch"])
def test_going_deeper_goes_through_the_same_loop(net, tmp_path, strategy):
    texts = [*sentences(24), *sentences(4, seed=1, words=60)]
    data = write_conll(tmp_path / "t.conll", texts)
    model = hs.fit(data, backbone=net, strategy=strategy, time=6, out=tmp_path / "m")
    assert model.evaluation["test"]["entity_f1"]["value"] >= 0
    loaded = hs.load(tmp_path / "m")
    text = "the lovely room"
    assert said_of(loaded, text) == said_of(model, text)


def test_the_climb_compares_rungs_text_by_text(net, tmp_path):
    data = write_conll(tmp_path / "t.conll", sentences(70, words=4))
    model = hs.fit(data, backbone=net, time=600, pictures=False)
    tried = {choice["what"] for choice in model.evaluation["choices"]}
    assert {"partial", "full"} <= tried


def test_right_to_left_and_mixed_scripts(net, tmp_path):
    other = [("שלום", "O"), ("مرحبا", "B-good"), ("你好", "O"), ("🙂", "O"), ("\ufe0f", "O")]
    texts = [[*text, *other] for text in sentences(16)]
    data = write_conll(tmp_path / "t.conll", texts)
    model = hs.fit(data, backbone=net, strategy="probe", pictures=False)
    said = "שלום עולם lovely room مرحبا"
    (prediction,) = model.predict(said)
    assert all(said[span.start : span.end] == span.text for span in prediction.spans)


def test_texts_in_another_encoding_and_with_nul_bytes(tmp_path):
    data = write_conll(tmp_path / "t.conll", sentences(6))
    data.write_bytes(data.read_text().encode("utf-16"))
    assert any("UTF-16" in note for note in check(data).notes)
    data.write_bytes(b"a B-x\nb\0 O\n")
    with pytest.raises(DataError, match="NUL bytes, the first in line 2"):
        check(data)


def test_check_looks_at_tagged_texts(tmp_path):
    texts = sentences(20)
    other = [(word, "O") for word, _ in texts[0]]
    found = {
        each.kind for each in check(write_conll(tmp_path / "t.conll", [*texts, other])).findings
    }
    assert {"conflicting_labels", "exact_copies"} <= found


def test_what_cannot_be_learnt_is_refused(net, tmp_path):
    for texts, said in (
        ([[("a", "O"), ("room", "O")]] * 4, "nothing is named"),
        ([*sentences(10), [("one", "B-lone")]], "Only one text names a thing of the type 'lone'"),
    ):
        with pytest.raises(DataError, match=said):
            hs.fit(write_conll(tmp_path / "t.conll", texts), backbone=net, strategy="probe")


def test_strategies_race_on_tags(net, tmp_path):
    data = write_conll(tmp_path / "t.conll", sentences(40, words=6))
    found = hs.race(
        data, backbone=net, strategies=["scratch", "probe"], labels=[4], seeds=1, time=8
    )
    assert found.record["headline"] == "entity_f1"
    assert found.record["data"]["labels"] == ["bad", "good"]
    assert {run["strategy"] for run in found.record["runs"]} == {"scratch", "probe"}
    assert [each["name"] for each in found.record["baselines"]] == ["naming nothing"]
