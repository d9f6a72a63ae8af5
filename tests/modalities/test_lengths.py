"""Examples of different lengths: batches pad them, and nothing of the padding is ever kept."""

import numpy as np
import torch

from headstart.modalities.lengths import HELD, MOST, POSITIONS, apart, batched, plan, together


def text(length, start=1):
    ids = np.arange(start, start + length)
    return {"x": ids, "mask": np.ones(length, bool)}


def maps(length, width=3):
    rows = np.random.default_rng(length).normal(size=(length, width)).astype(np.float32)
    once = np.full((1, 5), length, np.float32)
    return {"x": rows, "mask": np.ones(length, bool), "pooled": once}


def test_padding_stands_at_the_end_and_the_mask_says_so():
    state = together([text(2), text(4)])
    assert state["x"].tolist() == [[1, 2, 0, 0], [1, 2, 3, 4]]
    assert state["mask"].tolist() == [[True, True, False, False], [True] * 4]


def test_a_batch_comes_apart_into_what_it_was_made_of():
    for lengths in ([3, 1, 7], [1, 1], [1, 5], [5, 5, 5]):
        examples = [maps(length) for length in lengths]
        again = apart(together(examples))
        for one, other in zip(examples, again, strict=True):
            assert one.keys() == other.keys()
            assert all(np.array_equal(one[name], other[name]) for name in one)


def test_what_has_no_mask_is_stacked_as_it_is():
    examples = [{"x": np.full((2, 3), at, np.float16)} for at in range(4)]
    state = together(examples)
    assert state["x"].shape == (4, 2, 3)
    assert [float(each["x"][0, 0]) for each in apart(state)] == [0.0, 1.0, 2.0, 3.0]


def test_halves_are_kept_as_whole_floats():
    state = {"x": torch.ones(1, 2, 3, dtype=torch.bfloat16), "mask": torch.ones(1, 2).bool()}
    assert apart(state)[0]["x"].dtype == np.float32


def test_batches_hold_like_lengths_and_no_more_than_there_is_room_for():
    lengths = np.random.default_rng(0).integers(1, 600, 2000).tolist()
    batches = plan(lengths)
    assert sorted(at for batch in batches for at in batch) == list(range(2000))
    padded = sum(len(batch) * max(lengths[at] for at in batch) for batch in batches)
    assert padded < 1.05 * sum(lengths)
    for batch in batches:
        assert len(batch) <= MOST
        assert len(batch) * max(lengths[at] for at in batch) <= POSITIONS or len(batch) == 1


def test_one_longer_than_a_batch_has_one_of_its_own():
    assert [0] in plan([3 * POSITIONS, 2, 2])


def test_pictures_keep_their_turns_and_texts_are_waited_for():
    pictures = [[(at, {"x": np.zeros(2)}) for at in range(4)] for _ in range(3)]
    assert list(batched(pictures)) == [[turn] for turn in pictures]
    lengths = [10, 500] * 100
    turns = [[(length, text(length))] for length in lengths]
    groups = list(batched(turns))
    assert len(groups) == int(np.ceil(sum(lengths) / HELD))
    for group in groups:
        for batch in group[1:-1]:
            assert len({length for length, _ in batch}) <= 2
