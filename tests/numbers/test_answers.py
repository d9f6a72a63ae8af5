"""Answers: compared as SQuAD compares them, found as the best stretch, pooled over windows."""

import numpy as np
import pytest
import torch

from headstart import metrics
from headstart.asked import Answers, Located
from headstart.calibrate import log_losses
from headstart.ragged import Ragged
from headstart.tasks.answer import Answer
from headstart.tasks.spans import MOST_ROWS, best_spans, mark_rows


@pytest.mark.parametrize(
    ("said", "truths", "same", "common"),
    [
        ("The Panthers!", ["panthers"], 1, 1),
        ("an  apple", ["Apple."], 1, 1),
        ("two red apples", ["red apples", "x"], 0, 0.8),
        ("red red", ["red"], 0, 2 / 3),
        ("", [], 1, 1),
        ("", ["x"], 0, 0),
        ("x", [], 0, 0),
        ("the", ["a"], 1, 1),
        ("U.S.", ["US"], 1, 1),
    ],
)
def test_answers_are_compared_as_squad_does(said, truths, same, common):
    assert metrics.exact(said, truths) == same
    assert metrics.overlap(said, truths) == pytest.approx(common)


def located(*windows):
    """Return places of letters; a window is a stretch of the alphabet."""
    places = []
    for number, (start, end) in enumerate(windows):
        places += [(number, -1, -1), *((number, at, at + 1) for at in range(start, end))]
    return Located("abcdefghijklmnopqrstuvwxyz" * 3, tuple(places))


def test_an_answer_never_ends_before_it_begins_nor_in_another_window():
    where = located((0, 4), (4, 8))
    logits = np.zeros((10, 2))
    logits[4, 0] = logits[7, 1] = 9  # begins at d, ends at g: two windows
    logits[8, 0] = logits[6, 1] = 5  # begins at h, ends at f: the wrong way round
    for found in best_spans(logits, where, 50):
        assert found.start == -1 or found.start < found.end
        assert (found.start < 4) == (found.end <= 4)


def test_a_stretch_that_two_windows_show_counts_from_both():
    where = located((0, 6), (4, 10))
    logits = np.full((14, 2), -9.0)
    logits[1] = 1.2  # a, in one window
    logits[5] = logits[8] = 1.0  # e, in both
    best = best_spans(logits, where, 2)
    assert (best[0].start, best[0].end) == (4, 5)
    assert best[0].probability > best[1].probability


def test_no_answer_and_long_ones():
    where = located((0, 60))
    logits = np.full((61, 2), -9.0)
    logits[0] = 3.0
    assert best_spans(logits, where, 1)[0].start == -1
    logits[1, 0] = logits[1 + MOST_ROWS, 1] = 9.0
    found = best_spans(logits, where, 1)[0]
    assert found.end - found.start <= MOST_ROWS


def test_right_rows_are_those_of_every_window_that_has_them():
    where = located((0, 6), (4, 10))
    marks = mark_rows(where, [(4, 6)])
    assert np.flatnonzero(marks[:, 0]).tolist() == [5, 8]
    assert np.flatnonzero(marks[:, 1]).tolist() == [6, 9]
    assert np.flatnonzero(mark_rows(where, [])[:, 0]).tolist() == [0, 7]


def test_the_loss_is_over_the_rows_of_a_question():
    where = located((0, 2)), located((0, 3))
    targets = [Answers(("a",), (0,), where[0]), Answers((), (), where[1])]
    task = Answer()
    encoded = task.encode(targets, ("begins", "ends"))
    logits = torch.randn(7, 2)
    parts = [logits[:3].log_softmax(0), logits[3:].log_softmax(0)]
    expected = -(parts[0][1].mean() + parts[1][0].mean()) / 2
    assert float(task.loss(logits, encoded, 0.0)) == pytest.approx(float(expected), abs=1e-5)
    losses = log_losses(logits.numpy(), encoded)
    assert losses[:3] == pytest.approx([float(-parts[0][1].mean())] * 3, abs=1e-5)
    assert isinstance(encoded, Ragged)
    assert losses[3:] == pytest.approx([float(-parts[1][0].mean())] * 4, abs=1e-5)
