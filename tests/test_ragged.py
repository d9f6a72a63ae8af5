"""Rows of samples: one a sample, or several, by the same words."""

import numpy as np

from headstart.ragged import end_to_end, flat, laid, mean_of, rows_of, spread

PARTS = [np.array([1, 2]), np.array([3]), np.array([4, 5, 6])]


def test_samples_are_taken_out_whole_and_in_the_order_asked_for():
    rows = end_to_end(PARTS, ["a", "b", "c"])
    some = rows[np.array([2, 0])]
    assert some.values.tolist() == [4, 5, 6, 1, 2]
    assert some.counts.tolist() == [3, 2]
    assert some.about == ("c", "a")
    assert [part.tolist() for part in rows.apart()] == [part.tolist() for part in PARTS]
    assert rows_of(rows, np.array([1, 2])).tolist() == [2, 3, 4, 5]
    assert len(rows[np.array([], int)]) == 0


def test_one_row_a_sample_is_a_plain_array():
    plain = np.array([7, 8, 9])
    assert flat(plain) is plain
    assert laid(plain, plain) is plain
    assert spread(plain, plain) is plain
    assert mean_of(plain, plain) is plain
    assert rows_of(plain, np.array([2, 0])).tolist() == [2, 0]


def test_what_is_known_of_samples_goes_to_their_rows_and_back():
    rows = end_to_end(PARTS)
    assert spread(np.array([10, 20, 30]), rows).tolist() == [10, 10, 20, 30, 30, 30]
    assert mean_of(rows.values, rows).tolist() == [1.5, 3, 5]
    assert laid(rows.values * 2, rows)[np.array([1])].values.tolist() == [6]
