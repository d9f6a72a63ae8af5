"""The pool of texts as flat arrays: ids of both tokenizers and the word each token belongs to.

Both tokenizers cut into the same words first, so "token 7 is part of word 5" needs no alignment
beyond the word's number, and the student's word states can be compared with the teacher's.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import corpus
import numpy as np
import patterns
import torch
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

STUDENT_TOKENS, TEACHER_TOKENS = 400, 256
Arrays = dict[str, np.ndarray]
Job = tuple[str, int, list[tuple[str, str]]]
_readers: tuple[Tokenizer, Tokenizer, list[str], frozenset[str]]


def open_readers(student: Path, teacher: Path) -> None:
    """Each worker process keeps its own pair of tokenizers."""
    global _readers
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    ours = Tokenizer.from_file(str(student))
    theirs = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    ours.enable_truncation(STUDENT_TOKENS)
    theirs.no_padding()
    theirs.enable_truncation(TEACHER_TOKENS)
    _readers = ours, theirs, corpus.teacher_words(theirs.get_vocab()), corpus.excluded_hashes()


def encode(texts: list[str]) -> Arrays:
    out: Arrays = {}
    for name, tokenizer in zip("st", _readers[:2], strict=True):
        found = tokenizer.encode_batch(texts)
        out[f"{name}_len"] = np.array([len(e.ids) for e in found], dtype=np.int32)
        out[f"{name}_ids"] = np.array([i for e in found for i in e.ids], dtype=np.int32)
        words = [-1 if w is None else w for e in found for w in e.word_ids]
        out[f"{name}_word"] = np.array(words, dtype=np.int16)
    return out


def work(job: Job) -> Arrays:
    """One chunk: passages are cut, ready texts taken as they are; both tokenizers read them."""
    kind, seed, items = job
    common, excluded = _readers[2], _readers[3]
    if kind == "cut":
        texts = [t for source, passage in items for t in corpus.cut(source, passage, common, seed)]
    else:
        texts = [text for _, text in items]
    if excluded:
        texts = [t for t in texts if corpus.text_hash(t) not in excluded]
    return encode(texts or ["the"])


def jobs(passages: list[tuple[str, str]], rounds: int) -> Iterator[Job]:
    for seed in range(rounds):
        for i in range(0, len(passages), 500):
            yield "cut", seed, passages[i : i + 500]


def ready_texts(passages: list[tuple[str, str]], common: list[str], count: int) -> list[str]:
    """Requests from patterns and handfuls of words: about a quarter of the pool."""
    slots = patterns.sort_words((text for _, text in passages), common)
    made = patterns.make_requests(slots, seed=1, count=count)
    return made + corpus.word_texts(common, seed=2, count=count // 3)


def make(
    passages: list[tuple[str, str]],
    rounds: int,
    made: int,
    student: Path,
    teacher: Path,
    cores: int,
) -> Arrays:
    """Cut, make and tokenise on all cores. Must run before CUDA is touched, as it forks."""
    open_readers(student, teacher)
    # One placeholder if nothing was held back: a try on few passages must not fail.
    work_list = list(jobs(passages, rounds)) or [("ready", 0, [])]
    if made:
        extra = [("", t) for t in ready_texts(passages, _readers[2], made)]
        work_list += [("ready", 0, extra[i : i + 5000]) for i in range(0, len(extra), 5000)]
    if cores < 2:
        parts = [work(job) for job in work_list]
    else:
        context = multiprocessing.get_context("fork")
        with context.Pool(cores, open_readers, (student, teacher)) as workers:
            parts = workers.map(work, work_list, chunksize=1)
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def make_or_load(cache: Path | None, **how: object) -> Arrays:
    """The same pool from a cache file, where there is one: a resumed run starts sooner."""
    if cache and cache.exists():
        return dict(load_file(cache))
    arrays = make(**how)  # type: ignore[arg-type]
    if cache:
        cache.parent.mkdir(parents=True, exist_ok=True)
        save_file(arrays, cache.with_suffix(".part"))
        cache.with_suffix(".part").replace(cache)
    return arrays


@dataclass
class Side:
    """One tokenizer's view of the pool, on the device."""

    ids: Tensor
    word: Tensor
    start: Tensor
    length: Tensor

    @classmethod
    def of(cls, arrays: Arrays, name: str, device: torch.device) -> Side:
        length = torch.from_numpy(arrays[f"{name}_len"]).long()
        start = torch.cumsum(length, 0) - length
        ids = torch.from_numpy(arrays[f"{name}_ids"])
        word = torch.from_numpy(arrays[f"{name}_word"])
        return cls(*(t.to(device) for t in (ids, word, start, length)))

    def places(self, index: Tensor, width: int) -> tuple[Tensor, Tensor]:
        """Where the tokens of the texts `index` stand in the flat arrays, and which exist."""
        steps = torch.arange(width, device=index.device)
        mask = steps < self.length[index][:, None]
        return (self.start[index][:, None] + steps).clamp_max(len(self.ids) - 1), mask

    def rows(self, index: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, mask and word numbers (-1: none) of the texts `index`, padded to `width`."""
        where, mask = self.places(index, width)
        ids = torch.where(mask, self.ids[where], 0)
        return ids.long(), mask, torch.where(mask, self.word[where], -1).long()


def plan(
    lengths: np.ndarray, budget: int, most: int, seed: int, shuffle: bool = True
) -> Iterator[np.ndarray]:
    """Batches of texts of like length, at most `budget` tokens and `most` texts each."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(lengths)) if shuffle else np.argsort(lengths, kind="stable")
    reach = 60 * most if shuffle else len(order)
    for begin in range(0, len(order), reach):
        chunk = order[begin : begin + reach]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        batches, end = [], len(chunk)
        while end > 0:
            # From the longest down: the last text of a slice says how wide the slice is.
            count = max(1, min(most, budget // int(lengths[chunk[end - 1]])))
            batches.append(chunk[max(0, end - count) : end])
            end -= count
        if shuffle:
            rng.shuffle(batches)  # type: ignore[arg-type]
        yield from batches


def padded(length: int, device: torch.device) -> int:
    """On a GPU widths in steps of 8: its kernels want aligned rows, and shapes recur."""
    return -(-length // 8) * 8 if device.type == "cuda" else length


def choose(arrays: Arrays, count: int, seed: int) -> Arrays:
    """At most `count` of the texts, short ones likelier: most user texts are short.

    Up to a dozen tokens all texts are as likely; beyond, the chance falls with the square of the
    length, so that many texts are had for few tokens of a teacher's time.
    """
    lengths = arrays["t_len"]
    if count >= len(lengths):
        return arrays
    weight = np.minimum(1.0, (12 / lengths) ** 2)
    draw = np.random.default_rng(seed).random(len(lengths)) ** (1 / weight)
    kept = draw >= np.partition(draw, -count)[-count]
    tokens = {side: np.repeat(kept, arrays[f"{side}_len"]) for side in "st"}
    return {
        key: values[kept if key.endswith("_len") else tokens[key[0]]]
        for key, values in arrays.items()
    }
