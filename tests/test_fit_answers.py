"""Questions on texts from the file to the model folder, on a tiny net: learnt, judged, asked."""

import json

import pytest

import headstart as hs
from headstart.cli.run import run
from headstart.errors import DataError, UserError
from tests.asked import write_squad
from tests.standing import save_tiny


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("bert"), "text"))


@pytest.fixture(scope="module")
def fitted(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    data = write_squad(folder / "asked.json", 80)
    model = hs.fit(data, backbone=net, strategy="probe", out=folder / "model")
    return model, folder / "model", folder


CONTEXT = "and it was very\r\n🙂 with a\tlovely room but the also"


def test_questions_are_known_by_the_form_of_the_file(fitted):
    found = fitted[0].evaluation
    assert found["task"] == "answer"
    assert found["headline"] == "answer_f1"
    assert found["test"]["answer_f1"]["value"] > found["baseline"]["answer_f1"]["value"] + 0.1
    assert found["test"]["exact_match"]["value"] <= found["test"]["answer_f1"]["value"]
    assert any("no answer" in note for note in found["notes"])
    assert any("The questions on one text stay together" in note for note in found["data"]["notes"])


def test_an_answer_is_a_stretch_of_the_persons_own_text(fitted):
    (said,) = fitted[0].predict([("what was sweet", CONTEXT)])
    assert said.input == "what was sweet"
    if said.label:
        (span,) = said.spans
        assert CONTEXT[span.start : span.end] == span.text == said.label
    assert 0 < said.probability <= 1
    assert said.probability == max(said.probabilities.values())
    assert sum(said.probabilities.values()) <= 1 + 1e-6


def test_long_texts_are_read_to_their_end_and_alone_as_beside_others(fitted):
    model = fitted[0]
    asked = [("what was sweet", "and it was " * 40 + "lovely room"), ("what was sweet", CONTEXT)]
    together = model.predict(asked)
    for pair, beside in zip(asked, together, strict=True):
        (alone,) = model.predict([pair])
        assert alone.label == beside.label
        assert alone.probability == pytest.approx(beside.probability, abs=1e-4)


def test_the_folder_says_the_same_elsewhere(fitted):
    model, folder, _ = fitted
    pair = [("what was sweet", CONTEXT)]
    assert hs.load(folder).predict(pair)[0].probability == pytest.approx(
        model.predict(pair)[0].probability, abs=1e-5
    )


def test_it_is_judged_on_more_of_the_same(fitted, tmp_path):
    found = hs.evaluate(fitted[0], write_squad(tmp_path / "more.json", 20, seed=4))
    assert found["n_test"] == 20
    assert 0 <= found["test"]["answer_f1"]["value"] <= 1


def test_the_command_line_answers_from_a_file(fitted, tmp_path, capsys):
    page = tmp_path / "page.txt"
    page.write_bytes(CONTEXT.encode())
    words = ["predict", str(fitted[1]), "--context", str(page), "what was sweet"]
    assert run([*words, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["input"] == "what was sweet"
    assert all(CONTEXT[s["start"] : s["end"]] == s["text"] for s in said["spans"])
    assert run(words) == 0
    assert capsys.readouterr().out.startswith("what was sweet")
    assert run(["predict", str(fitted[1]), "what was sweet"]) == 2
    assert "--context" in capsys.readouterr().err


def test_the_report_shows_the_text_with_the_answer(fitted):
    page = (fitted[1] / "report.html").read_text()
    if fitted[0].evaluation["mistakes"]:
        assert '<p class="marked"' in page


@pytest.mark.parametrize("strategy", ["partial", "full", "lora"])
def test_going_deeper_goes_through_the_same_loop(net, tmp_path, strategy):
    data = write_squad(tmp_path / "asked.json", 24, words=40)
    model = hs.fit(data, backbone=net, strategy=strategy, time=6, out=tmp_path / "m")
    pair = [("what was sweet", CONTEXT)]
    assert hs.load(tmp_path / "m").predict(pair)[0].label == model.predict(pair)[0].label


def squad(answers, context="Ada flew to Rome."):
    asked = [
        {"id": f"q{at}", "question": "Who flew?", "answers": each}
        for at, each in enumerate(answers)
    ]
    return {"data": [{"paragraphs": [{"context": context, "qas": asked}]}]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            squad([[{"text": "Ada", "answer_start": 1}], [{"text": "Ada", "answer_start": 0}]]),
            r"1 questions .* does not stand where the file says: Who flew\? \[q0\]",
        ),
        ({"rows": []}, "there is no list 'data'"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, "without 'context'"),
        ({"data": []}, "holds no question"),
        (squad([[], []]), "has an answer|belong together"),
    ],
)
def test_files_that_are_not_well_formed_are_refused(net, tmp_path, content, said):
    path = tmp_path / "asked.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=said):
        hs.fit(path, backbone=net, strategy="probe")


def test_a_model_of_another_task_takes_no_context(net, tmp_path):
    from tests import words

    table = words.write_csv(tmp_path / "reviews.csv", words.reviews(40))
    model = hs.fit(table, backbone=net, strategy="probe", pictures=False, out=tmp_path / "m")
    assert run(["predict", str(tmp_path / "m"), "--context", str(table), "hello"]) == 2
    with pytest.raises(UserError):
        model.predict([3])


def test_a_race_is_over_labels_which_answers_have_none_of(net, tmp_path):
    with pytest.raises(UserError, match="'answer' has none"):
        hs.race(write_squad(tmp_path / "asked.json", 20), backbone=net, labels=[5], seeds=1)
