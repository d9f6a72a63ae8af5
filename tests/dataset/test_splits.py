"""What every split must hold, tried on many random data sets: whole groups, fair shares."""

import numpy as np
import pytest

from headstart.dataset.splits import draw, folds, join_groups, seal
from headstart.schema import Sample

CASES = range(60)


def random_case(seed):
    """Return encoded targets and groups: one label or several, groups of one or of many."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(8, 300))
    classes = int(rng.integers(2, 9))
    groups = np.arange(count) if seed % 2 else rng.integers(0, count // 2, count)
    _, groups = np.unique(groups, return_inverse=True)
    if seed % 4 < 2:
        weights = rng.dirichlet(np.ones(classes))
        by_group = rng.choice(classes, int(groups.max()) + 1, p=weights)
        return by_group[groups], groups
    return (rng.random((count, classes)) < 0.3).astype(np.int64), groups


def split_groups(part, groups):
    return any(len(set(part[groups == group])) > 1 for group in set(groups.tolist()))


def pure_classes(encoded, groups, fewest):
    """Return the classes that have at least so many groups, each of one class only."""
    counts = {label: len(set(groups[encoded == label])) for label in set(encoded.tolist())}
    return [label for label, count in counts.items() if count >= fewest]


@pytest.mark.parametrize("seed", CASES)
def test_sealing(seed):
    encoded, groups = random_case(seed)
    train, test = seal(encoded, groups, seed=seed)
    assert sorted([*train, *test]) == list(range(len(groups)))
    assert not set(groups[train]) & set(groups[test])
    if encoded.ndim == 1:
        for label in pure_classes(encoded, groups, 2):
            assert label in encoded[train]
            assert label in encoded[test]
    elif seed % 2:
        for label in range(encoded.shape[1]):
            total = encoded[:, label].sum()
            assert abs(encoded[test, label].sum() - 0.2 * total) <= max(2, 0.08 * total)
    again = seal(encoded, groups, seed=seed)
    assert np.array_equal(again[0], train)


@pytest.mark.parametrize("seed", CASES)
def test_folding(seed):
    encoded, groups = random_case(seed)
    fold = folds(encoded, groups, 5, seed)
    assert fold.shape == groups.shape
    assert not split_groups(fold, groups)
    assert set(fold) == set(range(fold.max() + 1))
    assert 2 <= fold.max() + 1 <= 5
    if encoded.ndim == 1:
        fewest = min(len(set(groups[encoded == label])) for label in set(encoded.tolist()))
        assert fold.max() + 1 == max(2, min(5, fewest))
        for label in pure_classes(encoded, groups, fold.max() + 1):
            assert set(fold[encoded == label]) == set(range(fold.max() + 1))
    assert np.array_equal(fold, folds(encoded, groups, 5, seed))


@pytest.mark.parametrize("seed", CASES)
def test_drawing(seed):
    encoded, groups = random_case(seed)
    smaller = set()
    for per_class in (1, 2, 5, 20, 1000):
        drawn = draw(encoded, groups, per_class, seed)
        assert smaller <= set(drawn)
        smaller = set(drawn)
        inside = np.isin(np.arange(len(groups)), drawn)
        assert not split_groups(inside, groups)
        if encoded.ndim == 1:
            for label in set(encoded.tolist()):
                got, there = (encoded[drawn] == label).sum(), (encoded == label).sum()
                assert got >= min(per_class, there)
                if seed % 2:
                    assert got == min(per_class, there)
    assert len(smaller) == len(groups)


def test_shares_are_exact_where_they_can_be():
    encoded = np.repeat(np.arange(10), 50)
    groups = np.arange(500)
    _, test = seal(encoded, groups, seed=1)
    assert np.bincount(encoded[test]).tolist() == [10] * 10
    _, test = seal(encoded, groups, share=0.5, seed=1)
    assert np.bincount(encoded[test]).tolist() == [25] * 10
    fold = folds(encoded, groups, 5, 1)
    assert np.bincount(fold).tolist() == [100] * 5


def test_a_large_group_does_not_make_the_test():
    encoded = np.zeros(100, dtype=int)
    groups = np.where(np.arange(100) < 70, 0, np.arange(100))
    _, groups = np.unique(groups, return_inverse=True)
    train, test = seal(encoded, groups, seed=0)
    assert 0 in train
    assert 10 <= len(test) <= 30


def test_a_class_of_one_group_stays_on_one_side():
    encoded = np.array([0] * 10 + [1] * 10)
    groups = np.array([0] * 10 + list(range(1, 11)))
    _train, test = seal(encoded, groups, seed=0)
    assert set(encoded[test]) == {1}
    assert folds(encoded, groups, 5, 0).max() == 1


def test_other_seeds_give_other_splits():
    encoded, groups = np.repeat([0, 1], 50), np.arange(100)
    tests = {tuple(seal(encoded, groups, seed=seed)[1]) for seed in range(5)}
    assert len(tests) == 5
    assert len({tuple(draw(encoded, groups, 5, seed)) for seed in range(5)}) == 5


def test_examples_without_labels_are_shared_out_too():
    encoded = np.zeros((100, 3), dtype=int)
    encoded[:50, 0] = 1
    _train, test = seal(encoded, np.arange(100), seed=0)
    assert (test >= 50).sum() == 10
    assert len(draw(encoded, np.arange(100), 5, 0)) == 10


def test_groups_are_joined_through_others():
    samples = [
        Sample("a", group="p"),
        Sample("b"),
        Sample("c", group="p"),
        Sample("d", key="same"),
        Sample("e", key="same"),
        Sample("f", key="other"),
        Sample("g", group="same"),
    ]
    assert join_groups(samples, []).tolist() == [0, 1, 0, 2, 2, 3, 4]
    assert join_groups(samples, [[1, 2], [4, 5, 1]]).tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert join_groups([], []).tolist() == []


def test_many_examples_are_shared_out_soon_enough():
    encoded = np.arange(50_000) % 1000
    groups = np.arange(50_000)
    assert len(seal(encoded, groups, seed=0)[1]) == 10_000
