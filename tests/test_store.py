"""The store: computed once, shared safely, and never read half-written."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from headstart import places, store
from headstart.errors import StorageError, UserError
from headstart.store import Shelf


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def fill(shelf: Shelf, numbers: range) -> None:
    for number in numbers:
        shelf.put(key(number), {"x": np.full(4, number, np.float32)})
    shelf.flush()


def test_what_is_put_is_read_again_by_another_shelf_of_the_same_description():
    fill(Shelf({"kind": "a"}), range(10))
    again = Shelf({"kind": "a"})
    assert np.array_equal(
        again.gather("x", [key(3), key(7), key(3)])[:, 0], np.array([3, 7, 3], np.float32)
    )


def test_another_description_is_another_shelf():
    fill(Shelf({"kind": "a", "weights": "1"}), range(3))
    assert key(1) not in Shelf({"kind": "a", "weights": "2"})


def test_samples_of_different_lengths_keep_no_padding():
    shelf = Shelf({"kind": "ragged"})
    for number in range(1, 6):
        shelf.put(key(number), {"x": np.arange(number * 2, dtype=np.float16).reshape(number, 2)})
    shelf.flush()
    again = Shelf({"kind": "ragged"})
    for number in range(1, 6):
        assert again.get(key(number))["x"].shape == (number, 2)
    (segment,) = again.folder.glob("*.safetensors")
    assert segment.stat().st_size < 1000 + 15 * 2 * 2


@pytest.mark.parametrize("count", [1, 3])
def test_transposed_arrays_come_back_as_they_were(count):
    """A decoder's picture has its channels last in memory; seen channels first it is a view."""
    chance = np.random.default_rng(0)
    rows = [chance.integers(0, 256, (4, 5, 3), np.uint8).transpose(2, 0, 1) for _ in range(count)]
    shelf = Shelf({"kind": "transposed"})
    for number, row in enumerate(rows):
        shelf.put(key(number), {"x": row})
    shelf.flush()
    again = Shelf({"kind": "transposed"})
    for number, row in enumerate(rows):
        assert np.array_equal(again.get(key(number))["x"], row)


def test_only_what_is_missing_is_computed():
    asked: list[int] = []

    def produce(positions):
        asked.extend(positions)
        for position in positions:
            yield position, [{"x": np.zeros(2, np.float32)}]

    keys = [key(number) for number in range(6)]
    assert store.fill([Shelf({"kind": "b"})], keys[:4], produce) == 4
    assert store.fill([Shelf({"kind": "b"})], keys, produce) == 2
    assert asked == [0, 1, 2, 3, 4, 5]


def test_an_interrupted_run_keeps_what_it_had():
    def produce(positions):
        yield 0, [{"x": np.zeros(2, np.float32)}]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fill([Shelf({"kind": "c"})], [key(0), key(1)], produce)
    assert key(0) in Shelf({"kind": "c"})
    assert key(1) not in Shelf({"kind": "c"})


@pytest.mark.parametrize("harm", ["cut", "empty", "noise"])
def test_a_damaged_segment_is_dropped_and_computed_again(harm):
    shelf = Shelf({"kind": "d"})
    fill(shelf, range(5))
    (path,) = shelf.folder.glob("*.safetensors")
    content = path.read_bytes()
    path.write_bytes({"cut": content[:-7], "empty": b"", "noise": os.urandom(64)}[harm])
    again = Shelf({"kind": "d"})
    assert key(1) not in again
    assert not path.exists()


def _writer(number: int, home: str) -> None:
    os.environ["HEADSTART_HOME"] = home
    shelf = Shelf({"kind": "shared"})
    for start in range(0, 40, 4):
        fill(shelf, range(start, start + 4 + number % 2))


def test_two_processes_may_fill_one_shelf_at_once():
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_writer, args=(number, str(places.home()))) for number in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = Shelf({"kind": "shared"})
    assert all(found.get(key(n))["x"][0] == n for n in range(40))


def test_a_killed_writer_leaves_nothing_half_read(tmp_path):
    script = (
        "import hashlib, numpy as np\n"
        "from headstart.store import Shelf\n"
        "shelf = Shelf({'kind': 'killed'})\n"
        "n = 0\n"
        "while True:\n"
        "    key = hashlib.sha256(str(n).encode()).hexdigest()\n"
        "    shelf.put(key, {'x': np.full(200_000, n, np.float32)})\n"
        "    n += 1\n"
        "    if n % 5 == 0:\n"
        "        shelf.flush()\n"
        "        print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = Shelf({"kind": "killed"})
    assert len(found) >= 20
    for number in range(len(found)):
        assert (found.get(key(number))["x"] == number).all()


def test_many_small_segments_become_one():
    shelf = Shelf({"kind": "small"})
    for number in range(store.MANY_SEGMENTS + 2):
        fill(shelf, range(number, number + 1))
    shelf.tidy()
    assert len(list(shelf.folder.glob("*.safetensors"))) == 1
    assert Shelf({"kind": "small"}).get(key(5))["x"][0] == 5


def test_the_limit_drops_the_least_recently_used_shelf():
    old, new = Shelf({"kind": "old"}), Shelf({"kind": "new"})
    fill(old, range(1000))
    fill(new, range(1000))
    os.utime(old.folder, (1, 1))
    store.set_limit(sum(record["bytes"] for record in store.usage()) - 1)
    assert [record["about"]["kind"] for record in store.usage()] == ["new"]


def test_usage_says_what_there_is_and_empty_removes_it():
    fill(Shelf({"kind": "seen"}), range(3))
    (record,) = store.usage()
    assert record["about"] == {"kind": "seen"}
    assert record["segments"] == 1
    assert store.empty() == record["bytes"]
    assert store.usage() == []


def test_a_negative_limit_is_refused():
    with pytest.raises(UserError, match="cannot hold"):
        store.set_limit(-1)


def test_a_large_matrix_lives_on_disk(monkeypatch):
    monkeypatch.setattr("headstart.matrix.MEMORY_BYTES", 10)
    fill(Shelf({"kind": "large"}), range(5))
    matrix = Shelf({"kind": "large"}).gather("x", [key(n) for n in range(5)])
    assert isinstance(matrix, np.memmap)
    assert matrix[4, 0] == 4
    assert np.array_equal(matrix[[3, 1]][:, 0], [3, 1])
    rows = matrix[1:3]
    rows += 1
    assert matrix[1, 0] == 1, "what is taken out is a copy"


@pytest.mark.parametrize("most", [10, 1 << 20])
def test_named_vectors_lie_side_by_side_in_the_order_asked_for(monkeypatch, most):
    monkeypatch.setattr("headstart.matrix.MEMORY_BYTES", most)
    shelf = Shelf({"kind": "beside"})
    for numbers in (range(3), range(3, 6)):
        for n in numbers:
            shelf.put(key(n), {"a": np.full(2, n, np.float32), "b": np.full(3, -n, np.float32)})
        shelf.flush()
    beside = shelf.gather_beside(["b", "a"], [key(n) for n in (5, 0, 2, 5)])
    assert np.array_equal(beside[:], [[-n] * 3 + [n] * 2 for n in (5, 0, 2, 5)])


def test_shelves_filled_together_are_written_together(monkeypatch):
    """A kill loses what waits on any shelf, so a small one must not wait for longer than others."""
    monkeypatch.setattr(store, "SEGMENT_BYTES", 1000)

    def produce(positions):
        for position in positions:
            yield position, [{"x": np.zeros(100, np.float32)}, {"x": np.zeros(1, np.float32)}]
            if position == 5:
                raise KeyboardInterrupt

    wide, narrow = Shelf({"kind": "wide"}), Shelf({"kind": "narrow"})
    with pytest.raises(KeyboardInterrupt):
        store.fill([wide, narrow], [key(n) for n in range(9)], produce)
    assert len(list(narrow.folder.glob("*.safetensors"))) == len(
        list(wide.folder.glob("*.safetensors"))
    )


def test_merging_holds_a_bounded_part_in_memory(monkeypatch):
    monkeypatch.setattr(store, "SEGMENT_BYTES", 10_000)
    shelf = Shelf({"kind": "lots"})
    for n in range(60):
        shelf.put(key(n), {"x": np.full(200, n, np.float32)})
        shelf.flush()
    shelf.tidy()
    sizes = [path.stat().st_size for path in shelf.folder.glob("*.safetensors")]
    assert 2 < len(sizes) < 12
    assert max(sizes) < 2 * 10_000
    again = Shelf({"kind": "lots"})
    assert all(again.get(key(n))["x"][0] == n for n in range(60))


def test_a_store_that_cannot_be_written_says_where_and_what_to_do(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("HEADSTART_HOME", str(blocked))
    made = []

    def produce(positions):
        made.append(positions)
        yield from ()

    with pytest.raises(StorageError, match="HEADSTART_HOME"):
        store.fill([Shelf({"kind": "e"})], [key(0)], produce)
    assert not made, "computed what could not be kept"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_says_so(monkeypatch):
    def full(*_args, **_kwargs):
        Path("/dev/full").write_bytes(b"x" * 10)

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(StorageError, match="disk is full"):
        fill(Shelf({"kind": "f"}), range(2))


def test_keys_that_begin_alike_are_told_apart():
    shelf = Shelf({"kind": "alike"})
    keys = [key(0)[:16] + key(number)[16:] for number in range(5)]
    for number, each in enumerate(keys[:4]):
        shelf.put(each, {"x": np.full(3, number, np.float32)})
        shelf.flush()  # a segment each
    assert shelf.gather("x", keys[3::-1])[:, 0].tolist() == [3, 2, 1, 0]
    assert [shelf.get(each)["x"][0] for each in keys[:4]] == [0, 1, 2, 3]
    assert shelf.lacks(keys).tolist() == [False, False, False, False, True]
    assert keys[4] not in shelf
    with pytest.raises(KeyError):
        shelf.get(keys[4])


def test_a_shelf_takes_little_memory_for_each_sample(monkeypatch):
    """A million texts are looked up by sixteen bytes each: their keys stay on the disk."""
    monkeypatch.setattr(store, "SEGMENT_BYTES", 40_000)
    count = 20_000
    fill(Shelf({"kind": "many"}), range(count))
    keys = [key(number) for number in range(count)]
    tracemalloc.start()
    shelf = Shelf({"kind": "many"})
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert not shelf.lacks(keys).any()
    assert taken / count < 40
