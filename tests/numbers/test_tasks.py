"""Tasks: which targets suit, how labels are ordered and refused, what is decoded and evaluated."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from headstart.errors import DataError
from headstart.registry import TASKS
from headstart.tasks.classify import Classify
from headstart.tasks.multilabel import Multilabel

LABELS = ("ant", "bee", "wasp")


def test_both_tasks_are_registered_and_say_what_they_are():
    for name, kind in (("classify", Classify), ("multilabel", Multilabel)):
        task = TASKS.get(name)()
        assert isinstance(task, kind)
        assert (task.name, task.headline) == (name, "macro_f1")


def test_each_task_knows_its_own_targets():
    assert Classify().suits(["a", "b"])
    assert not Multilabel().suits(["a", "b"])
    assert Multilabel().suits([("a",), (), ["a", "b"]])
    assert not Classify().suits([("a",), ()])


@pytest.mark.parametrize("task", [Classify(), Multilabel()])
def test_labels_stand_in_natural_order(task):
    found = ["img10", "img9", "2", "10", "Bee", "ant", "<b>", "é", "img9", "07", "½"]
    targets = found if task.name == "classify" else [(label,) for label in found]
    labels = task.labels(targets)
    assert labels.index("2") < labels.index("07") < labels.index("10")
    assert labels.index("img9") < labels.index("img10")
    assert labels.index("ant") < labels.index("Bee")
    assert len(labels) == len(set(found))
    assert labels == task.labels(targets[::-1])


@pytest.mark.parametrize("targets", [["bee"] * 5, []])
def test_one_class_cannot_be_told_apart(targets):
    with pytest.raises(DataError, match="at least two"):
        Classify().labels(targets)
    with pytest.raises(DataError, match="at least two"):
        Multilabel().labels([(target,) for target in targets])


def test_encoding_and_shares():
    classify, multi = Classify(), Multilabel()
    numbers = classify.encode(["bee", "ant", "bee", "wasp"], LABELS)
    assert numbers.tolist() == [1, 0, 1, 2]
    assert classify.shares(numbers, 3).tolist() == [0.25, 0.5, 0.25]
    table = multi.encode([("bee", "ant"), (), ("wasp",), ("bee",)], LABELS)
    assert table.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert multi.shares(table, 3).tolist() == [0.25, 0.5, 0.25]


def test_unknown_labels_are_refused_with_the_nearest_known():
    with pytest.raises(DataError, match=r"'bees' is not one of the 3.*Did you mean 'bee'"):
        Classify().encode(["bees"], LABELS)
    with pytest.raises(DataError, match="'x'"):
        Multilabel().encode([("bee", "x")], LABELS)


def test_probabilities_and_what_they_decode_to():
    logits = np.array([[2.0, 0.0, -1.0], [1000.0, -1000.0, 0.0]], np.float32)
    classify, multi = Classify(), Multilabel()
    chances = classify.probabilities(logits, 2.0)
    assert chances.sum(1) == pytest.approx([1, 1])
    assert chances[0] == pytest.approx(np.exp([1, 0, -0.5]) / np.exp([1, 0, -0.5]).sum())
    label, sure = classify.decode(chances, LABELS)[0]
    assert (label, sure) == ("ant", pytest.approx(chances[0, 0]))
    apart = multi.probabilities(logits, 2.0)
    assert apart[0] == pytest.approx([0.7311, 0.5, 0.3775], abs=1e-4)
    assert np.isfinite(apart).all()
    said, sure = multi.decode(np.array([[0.9, 0.2, 0.7], [0.1, 0.2, 0.3]]), LABELS)[0]
    assert (said, sure) == (("ant", "wasp"), pytest.approx(0.7))
    assert multi.decode(np.array([[0.1, 0.2, 0.3]]), LABELS)[0] == ((), pytest.approx(0.7))


def test_losses_are_the_usual_ones():
    logits, truth = torch.randn(8, 3), torch.arange(8) % 3
    chosen = torch.log_softmax(logits, 1)[torch.arange(8), truth]
    assert Classify().loss(logits, truth, 0.0) == pytest.approx(float(-chosen.mean()), abs=1e-6)
    table = torch.nn.functional.one_hot(truth, 3)
    single = -torch.where(table > 0, logits.sigmoid(), 1 - logits.sigmoid()).log().mean()
    assert Multilabel().loss(logits, table, 0.0) == pytest.approx(float(single), abs=1e-6)
    sure = 50 * (2.0 * table - 1)
    assert Multilabel().loss(sure, table, 0.1) > Multilabel().loss(sure, table, 0.0) + 1


def test_a_classification_is_evaluated_in_full():
    truth = np.array([0] * 12 + [1] * 12 + [2] * 3)
    chances = np.full((27, 3), 0.1)
    chances[np.arange(27), truth] = 0.8
    chances[0] = [0.02, 0.9, 0.08]
    chances[13] = [0.5, 0.4, 0.1]
    names = [f"{row}.jpg" for row in range(27)]
    found = Classify().evaluate(chances, truth, (*LABELS[:2], "wasp"), names, [None] * 27, 0)
    assert found.headline in found.figures
    assert found.n == 27
    assert found.confusion == ((11, 1, 0), (1, 11, 0), (0, 0, 3))
    assert [mistake["name"] for mistake in found.mistakes] == ["0.jpg", "13.jpg"]
    first = dict(found.mistakes[0])
    assert first == {
        "name": "0.jpg", "truth": "ant", "said": "bee", "probability": 0.9, "of_truth": 0.02,
    }  # fmt: skip
    assert found.per_class["wasp"]["support"] == 3
    assert any("wasp" in note for note in found.notes)
    assert found.figures["macro_f1"].value == pytest.approx(Classify().score(chances, truth))
    json.dumps(asdict(found))


def test_no_more_mistakes_are_listed_than_a_person_reads():
    truth = np.zeros(200, np.int64)
    chances = np.tile([0.2, 0.8], (200, 1))
    truth[0] = 1
    found = Classify().evaluate(chances, truth, LABELS[:2], ["x"] * 200, [None] * 200, 0)
    assert len(found.mistakes) == 48


def test_label_sets_are_evaluated_in_full():
    truth = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]] * 6)
    chances = np.where(truth > 0, 0.9, 0.1)
    chances[1] = [0.1, 0.3, 0.95]
    names = [str(row) for row in range(18)]
    found = Multilabel().evaluate(chances, truth, LABELS, names, [None] * 18, 0)
    assert found.figures["subset_accuracy"].value == pytest.approx(17 / 18)
    assert [dict(mistake) for mistake in found.mistakes] == [
        {
            "name": "1",
            "truth": ["bee"],
            "said": ["wasp"],
            "probability": pytest.approx(0.95),
            "of_truth": pytest.approx(0.05),
        }
    ]
    assert found.per_class["ant"]["support"] == 6
    assert found.figures["macro_f1"].value == pytest.approx(Multilabel().score(chances, truth))
    json.dumps(asdict(found))


def test_thousands_of_classes_are_evaluated_without_their_square():
    truth = np.arange(600) % 300
    chances = np.full((600, 300), 0.001)
    chances[np.arange(600), truth] = 0.701
    labels = tuple(str(number) for number in range(300))
    found = Classify().evaluate(chances, truth, labels, labels * 2, [None] * 600, 0)
    assert found.confusion == ()
    assert any("confusion matrix" in note for note in found.notes)
    assert found.figures["accuracy"].value == 1
