"""Named things: counted as seqeval does when strict, decoded as valid sequences, sure as they are.

The table was checked against seqeval 1.2.2 with mode="strict" and scheme=IOB2, by its source.
"""

import itertools

import numpy as np
import pytest

from headstart import metrics
from headstart.tasks.chain import Chain, best_tags

TAGS = ("O", "B-x", "I-x", "B-y", "I-y")
NUMBER = {tag: at for at, tag in enumerate(TAGS)}


def numbers(said):
    return np.array([NUMBER[tag] for tag in said.split()], np.int64)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("O O", []),
        ("B-x", [("x", 0, 1)]),
        ("B-x I-x O", [("x", 0, 2)]),
        ("B-x B-x", [("x", 0, 1), ("x", 1, 2)]),
        ("B-x I-x B-x I-x I-x", [("x", 0, 2), ("x", 2, 5)]),
        ("B-x B-y I-y", [("x", 0, 1), ("y", 1, 3)]),
        ("I-x", []),
        ("O I-x I-x", []),
        ("B-x I-y", [("x", 0, 1)]),
        ("B-x I-y I-x", [("x", 0, 1)]),
        ("B-x O I-x", [("x", 0, 1)]),
        ("I-y B-y I-y", [("y", 1, 3)]),
    ],
)
def test_a_thing_begins_at_b_and_goes_on_with_i_of_its_type(said, found):
    entities = metrics.find_entities(numbers(said), np.array([0]))
    assert [("xy"[kind], begin, end) for begin, end, kind in entities.listed()] == found


def test_a_thing_never_goes_on_into_the_next_text():
    entities = metrics.find_entities(numbers("O B-x I-x O"), np.array([0, 2]))
    assert entities.listed() == [(1, 2, 0)]


@pytest.mark.parametrize(
    ("truth", "said", "f1"),
    [
        ("B-x I-x O B-y", "B-x I-x O B-y", 1.0),
        ("B-x I-x O B-y", "B-x O O B-y", 0.5),
        ("B-x I-x O B-y", "B-y I-y O B-y", 0.5),
        ("B-x I-x O O", "B-x I-x O B-y", 2 / 3),
        ("B-x O O O", "O O O O", 0.0),
        ("O O O O", "O O O O", 0.0),
        ("B-x I-x I-x O", "B-x B-x I-x O", 0.0),
    ],
)
def test_type_and_both_ends_must_be_right(truth, said, f1):
    counts = metrics.count_entities(numbers(said), numbers(truth), np.array([4]), 2)
    assert metrics.entity_f1(counts, np.ones((1, 1)))[0] == pytest.approx(f1)


def test_weights_are_of_texts():
    truth, said = numbers("B-x O B-y O"), numbers("B-x O O O")
    counts = metrics.count_entities(said, truth, np.array([2, 2]), 2)
    weights = np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 1.0]])
    assert metrics.entity_f1(counts, weights) == pytest.approx([2 / 3, 1.0, 0.0])


def valid(tags):
    before = 0
    for tag in tags:
        if tag and tag % 2 == 0 and before not in (tag, tag - 1):
            return False
        before = tag
    return True


def test_the_best_valid_sequence_is_found_among_all():
    chance = np.random.default_rng(0)
    for length in (1, 2, 4):
        scores = chance.normal(size=(length, 5)) * 3
        every = [each for each in itertools.product(range(5), repeat=length) if valid(each)]
        value = {each: sum(scores[at, tag] for at, tag in enumerate(each)) for each in every}
        assert tuple(best_tags(scores, np.array([length]))) == max(every, key=value.get)


def test_texts_of_all_lengths_are_decoded_together_as_alone():
    chance = np.random.default_rng(1)
    lengths = np.array([3, 1, 7, 4, 1])
    scores = chance.normal(size=(lengths.sum(), 5))
    parts = np.split(scores, np.cumsum(lengths)[:-1])
    alone = [best_tags(part, np.array([len(part)])) for part in parts]
    assert best_tags(scores, lengths).tolist() == np.concatenate(alone).tolist()
    assert all(valid(part) for part in alone)


def test_how_sure_a_thing_is_is_its_share_of_all_valid_sequences():
    chance = np.random.default_rng(2)
    logits = chance.normal(size=(4, 5))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    chain = Chain(probabilities)
    every = [each for each in itertools.product(range(5), repeat=4) if valid(each)]
    weight = {
        each: np.prod([probabilities[at, tag] for at, tag in enumerate(each)]) for each in every
    }
    total = sum(weight.values())

    def share(begin, end, kind):
        of = [
            each
            for each in every
            if (begin, end, kind) in metrics.find_entities(np.array(each), np.array([0])).listed()
        ]
        return sum(weight[each] for each in of) / total

    for begin, end, kind in [(0, 1, 0), (0, 4, 1), (1, 3, 0), (3, 4, 1), (2, 4, 0)]:
        assert chain.sure_of(begin, end, kind) == pytest.approx(share(begin, end, kind))
    assert chain.sure_of_none() == pytest.approx(weight[0, 0, 0, 0] / total)
