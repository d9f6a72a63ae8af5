"""Named things and answers beside transformers' own `Trainer`: same weights, texts and test.

    HEADSTART_DATA=... python benchmarks/spans.py --sets wnut17 xquad

All stand on all-MiniLM-L6-v2 and are asked the same test, in one process on one thread:

    trainer     a plain `Trainer` with its default arguments (3 epochs of all layers in batches of
                8, AdamW at 5e-5, falling to nothing). Of tags on `AutoModelForTokenClassification`,
                where a word's first token has its tag and the others none; of answers on
                `AutoModelForQuestionAnswering`, in windows of 384 tokens that share 128, the best
                of the pairs of the 20 likeliest beginnings and ends, of 30 tokens at most
    probe, partial, full, auto
                headstart as it comes, with an empty store
    partial, full, auto in its time
                the same with the CPU seconds that the Trainer took as their `--time`

wnut17 (tags) has a test of its own, judged by entity F1, strictly: type and both ends are right. Of
xquad (answers) a quarter of the paragraphs is the test, judged as SQuAD judges. Seconds are of
learning alone. Every run is appended to benchmarks/results/spans.jsonl; started again, only what is
missing is run. `--count` learns from about so many texts, drawn with what belongs together.
`--against trainer` prints paired differences with 95 % intervals over the test's texts (of xquad
its paragraphs) and shares of CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

import depth
from headstart import dataset, features, metrics
from headstart.dataset.splits import join_groups, seal
from headstart.job import group_numbers
from headstart.metrics import paired_difference, share_interval
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Figure, Prediction, Sample
from text_opponents import NET, Rows, ask, rows_of, teach

RESULTS = Path(__file__).resolve().parent / "results" / "spans.jsonl"
OURS = ("probe", "partial", "full", "auto")
IN_ITS_TIME = " in its time"
SIDES = ("trainer", *OURS, *(each + IN_ITS_TIME for each in OURS if each != "probe"))
TEST_SHARE = 0.25

LENGTH, STRIDE = 384, 128
LIKELIEST, LONGEST = 20, 30
NOT_ASKED = -100
"""What the loss of transformers leaves out."""

Scores = dict[str, dict[str, list[float]]]
"""By figure what each text gained and what it could have: a figure is the sum over the sum."""


@dataclass(frozen=True)
class Set:
    """A set, cut into what is learnt from and what is asked; twins and paragraphs stay whole."""

    task: str
    learning: list[Sample]
    test: list[Sample]


def read_set(root: Path, name: str) -> Set:
    """Return wnut17 with its own test, or xquad with a quarter of its paragraphs as one."""
    modality = MODALITIES.get("text")()
    if name == "wnut17":
        source, held = (str(root / "text" / name / f"{part}.conll") for part in ("train", "test"))
        found = dataset.read(source, suffixes=modality.suffixes, inline=True, test=held)
        sides = [features.identify(side, modality)[0] for side in (found.samples, found.test)]
        return Set("tag", *sides)
    source = str(root / "text" / "xquad.en.json")
    found = dataset.read(source, suffixes=modality.suffixes, inline=True)
    samples = features.identify(found.samples, modality)[0]
    groups = join_groups(samples, [])
    alike = np.zeros(len(samples), np.int64)
    learning, test = seal(alike, groups, share=TEST_SHARE, seed=0)
    return Set("answer", *([samples[at] for at in side] for side in (learning, test)))


def some_of(samples: list[Sample], count: int, number: int) -> list[Sample]:
    """Return about so many samples, drawn with what belongs together; 0: all of them."""
    groups = group_numbers(samples)
    order = np.random.default_rng(number).permutation(groups.max() + 1)
    upto = np.searchsorted(np.cumsum(np.bincount(groups)[order]), count or len(samples))
    taken = set(order[: upto + 1].tolist())
    return [each for each, group in zip(samples, groups, strict=True) if int(group) in taken]


def judged_tags(said: Sequence[set[tuple[int, int, str]]], test: list[Sample]) -> Scores:
    """Compare what is named, as places in the text and types, with what should be."""
    truths = [named(sample.target.each, sample.target.places) for sample in test]
    pairs = list(zip(said, truths, strict=True))
    gained = [2 * len(one & other) for one, other in pairs]
    return {
        "entity_f1": {"gained": gained, "possible": [len(one) + len(other) for one, other in pairs]}
    }


def named(tags: Sequence[str], places: Sequence[tuple[int, int]]) -> set[tuple[int, int, str]]:
    """Return what the tags of a text name."""
    kinds = sorted({tag[2:] for tag in tags if tag != "O"})
    numbers = {"O": 0} | {
        f"{part}-{kind}": 2 * at + more
        for at, kind in enumerate(kinds)
        for more, part in ((1, "B"), (2, "I"))
    }
    row = np.array([numbers[tag] for tag in tags], np.int64)
    found = metrics.find_entities(row, np.zeros(1, np.int64))
    return {
        (places[begin][0], places[end - 1][1], kinds[kind]) for begin, end, kind in found.listed()
    }


def judged_answers(said: Sequence[str], test: list[Sample]) -> Scores:
    """Compare answers in words with the right ones, as SQuAD does."""
    pairs = [(each, sample.target.texts) for each, sample in zip(said, test, strict=True)]
    ways = {"answer_f1": metrics.overlap, "exact_match": metrics.exact}
    return {
        name: {"gained": [way(*pair) for pair in pairs], "possible": [1.0] * len(pairs)}
        for name, way in ways.items()
    }


def run_ours(
    strategy: str, data: Set, samples: list[Sample], seed: int, seconds: float | None
) -> dict[str, Any]:
    """Learn and ask the test; return what each text gained, and the seconds."""
    model, took = depth.learn(data.task, strategy, samples, seed, NET, seconds)
    said: list[Prediction] = model.predict([sample.input for sample in data.test])
    if data.task == "tag":
        spans = [{(each.start, each.end, each.label) for each in one.spans} for one in said]
        scores = judged_tags(spans, data.test)
    else:
        scores = judged_answers([str(one.label) for one in said], data.test)
    return {"scores": scores, "shipped": model.strategy} | took


def teach_tags(data: Set, samples: list[Sample], seed: int) -> dict[str, Any]:
    """Let a `Trainer` learn tags and ask the test; return the same as `run_ours`."""
    task = TASKS.get("tag")()
    labels = task.labels([sample.target for sample in samples])
    numbers = {label: number for number, label in enumerate(labels)}
    # RoBERTa's kin would need a blank before the first word; MiniLM does not.
    tokenizer = transformers.AutoTokenizer.from_pretrained(NET)
    net = transformers.AutoModelForTokenClassification.from_pretrained(NET, num_labels=len(labels))

    def tokens(some: list[Sample]) -> tuple[Rows, list[list[int]]]:
        """Return rows, and for each token the word that it is the first of (-1: of none)."""
        words = [
            [sample.input.text[start:end] for start, end in sample.input.places] for sample in some
        ]
        found = tokenizer(words, is_split_into_words=True, truncation=True)
        firsts = []
        for at in range(len(some)):
            owners = [-1 if word is None else word for word in found.word_ids(at)]
            before = [-1, *owners]
            firsts.append(
                [own if own != last else -1 for own, last in zip(owners, before, strict=False)]
            )
        return rows_of(found), firsts

    def learning() -> Rows:
        rows, firsts = tokens(samples)
        return [
            row
            | {
                "labels": [
                    NOT_ASKED if word < 0 else numbers[sample.target.each[word]] for word in first
                ]
            }
            for row, first, sample in zip(rows, firsts, samples, strict=True)
        ]

    took = teach(net, learning, transformers.DataCollatorForTokenClassification(tokenizer), seed)
    rows, firsts = tokens(data.test)
    said = []
    for (logits,), first, sample in zip(
        ask(net, rows, transformers.DataCollatorWithPadding(tokenizer)),
        firsts,
        data.test,
        strict=True,
    ):
        tags = ["O"] * len(sample.target.each)
        for word, each in zip(first, logits.argmax(1)[: len(first)], strict=True):
            if word >= 0:
                tags[word] = labels[each]
        said.append(named(tags, sample.target.places))
    return {"scores": judged_tags(said, data.test), "shipped": "trainer"} | took


def teach_answers(data: Set, samples: list[Sample], seed: int) -> dict[str, Any]:
    """Let a `Trainer` learn answers and ask the test; return the same as `run_ours`."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(NET)
    net = transformers.AutoModelForQuestionAnswering.from_pretrained(NET)
    collate = transformers.DataCollatorWithPadding(tokenizer)

    def windows(some: list[Sample]) -> tuple[Rows, list[int], list[np.ndarray]]:
        """Return rows, the question of each, and where its tokens stand in the text (-1: not)."""
        found = tokenizer(
            [sample.input.question for sample in some],
            [sample.input.text for sample in some],
            truncation="only_second",
            max_length=LENGTH,
            stride=STRIDE,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        owners, offsets = found.pop("overflow_to_sample_mapping"), found.pop("offset_mapping")
        places = []
        for at, each in enumerate(offsets):
            own = np.array([part == 1 for part in found.sequence_ids(at)])
            places.append(np.where(own[:, None], np.array(each), -1))
        return rows_of(found), owners, places

    def learning() -> Rows:
        rows, owners, places = windows(samples)
        taught = []
        for row, owner, where in zip(rows, owners, places, strict=True):
            target = samples[owner].target
            start, end = target.starts[0], target.starts[0] + len(target.texts[0])
            first = np.flatnonzero((where[:, 0] <= start) & (start < where[:, 1]))
            last = np.flatnonzero((where[:, 0] < end) & (end <= where[:, 1]))
            # Where a window does not show the whole answer, its first token stands for that.
            stretch = (int(first[0]), int(last[0])) if len(first) and len(last) else (0, 0)
            taught.append(
                row | dict(zip(("start_positions", "end_positions"), stretch, strict=True))
            )
        return taught

    took = teach(net, learning, collate, seed)
    rows, owners, places = windows(data.test)
    best: list[tuple[float, str]] = [(-np.inf, "")] * len(data.test)
    for found, owner, where in zip(ask(net, rows, collate), owners, places, strict=True):
        score, start, end = best_stretch(*(each[: len(where)] for each in found), where)
        if score > best[owner][0]:
            best[owner] = score, data.test[owner].input.text[start:end]
    said = [text for _, text in best]
    return {"scores": judged_answers(said, data.test), "shipped": "trainer"} | took


def best_stretch(begins: np.ndarray, ends: np.ndarray, where: np.ndarray) -> tuple[float, int, int]:
    """Return the likeliest answer in a window: its score, and where it begins and ends."""
    own = where[:, 1] > 0
    first, last = (
        np.argsort(-np.where(own, each, -np.inf), kind="stable")[:LIKELIEST]
        for each in (begins, ends)
    )
    scores = begins[first][:, None] + ends[last][None]
    length = last[None] - first[:, None]
    fine = own[first][:, None] & own[last][None] & (length >= 0) & (length < LONGEST)
    scores = np.where(fine, scores, -np.inf)
    one, other = np.unravel_index(scores.argmax(), scores.shape)
    return float(scores[one, other]), int(where[first[one], 0]), int(where[last[other], 1])


TEACH: dict[str, Callable[[Set, list[Sample], int], dict[str, Any]]] = {
    "tag": teach_tags,
    "answer": teach_answers,
}


def run_side(
    side: str, data: Set, samples: list[Sample], seed: int, budget: float | None
) -> dict[str, Any]:
    """Let one learn and ask the test; seconds, if they are given, are ours to keep to."""
    if side == "trainer":
        transformers.set_seed(seed)
        return TEACH[data.task](data, samples, seed)
    with depth.empty_store():
        return run_ours(side.removesuffix(IN_ITS_TIME), data, samples, seed, budget) | {
            "budget": budget
        }


Cell = tuple[str, int, int]
"""A set, how many texts are learnt from, and a draw."""


def read_results() -> dict[Cell, dict[str, dict[str, Any]]]:
    """Return every run so far, by cell and side."""
    found: dict[Cell, dict[str, dict[str, Any]]] = defaultdict(dict)
    for line in RESULTS.read_text().splitlines() if RESULTS.exists() else ():
        record = json.loads(line)
        found[record["set"], record["n_train"], record["draw"]][record["side"]] = record
    return found


def run_cell(name: str, number: int, data: Set, samples: list[Sample], sides: list[str]) -> None:
    """Run what is missing of a cell, and write it down."""
    for side in sides:
        done = read_results()[name, len(samples), number]
        timed = side.endswith(IN_ITS_TIME)
        if side in done or (timed and "trainer" not in done):
            continue
        budget = done["trainer"]["cpu_seconds"] if timed else None
        found = run_side(side, data, samples, number, budget)
        about = {"backbone": depth.called(NET), "set": name, "draw": number, "side": side}
        about |= {"n_train": len(samples), "n_test": len(data.test)}
        about |= {"groups": group_numbers(data.test).tolist()}
        with RESULTS.open("a") as file:
            file.write(json.dumps(about | found) + "\n")
        told = {
            figure: round(sum(each["gained"]) / max(1, sum(each["possible"])), 4)
            for figure, each in found["scores"].items()
        }
        print(name, len(samples), number, side, told, found["cpu_seconds"], "CPU s", flush=True)


def drawn(record: dict[str, Any], figure: str) -> tuple[np.ndarray, int]:
    """Return a figure with its resamples, and how many groups of texts it rests on."""
    resamples = metrics.draw(record["groups"], record["n_test"])
    gained, possible = (np.array(record["scores"][figure][name]) for name in ("gained", "possible"))
    weights = resamples.weights.T
    return (weights @ gained) / np.maximum(weights @ possible, 1e-12), resamples.groups


def percent(figure: Figure, sign: str = "") -> str:
    """Return a figure in %, with its interval; a sure difference stands out."""
    value, low, high = (
        f"{100 * each:{sign}.1f}" for each in (figure.value, figure.low, figure.high)
    )
    mark = "**" if sign and not figure.low <= 0 <= figure.high else ""
    return f"{mark}{value}{mark} ({low} to {high})"


def against(rival: str) -> None:
    """Print each side's figures and how much higher they are than a rival's, by the same texts."""
    print(f"| set, texts learnt from, draw | | | % | less {rival} | CPU seconds (share of its) |")
    print("|---|---|---|---|---|---|")
    for key, runs in sorted(read_results().items()):
        theirs = runs.get(rival)
        for side in (each for each in SIDES if each in runs):
            run = runs[side]
            for figure in run["scores"]:
                values, support = drawn(run, figure)
                gap, share = "–", ""
                if theirs and side != rival:
                    gap = percent(paired_difference(drawn(theirs, figure)[0], values, support), "+")
                    share = f" ({run['cpu_seconds'] / theirs['cpu_seconds']:.2f})"
                said = side if run["shipped"] in side else f"{side} ({run['shipped']})"
                whole = percent(share_interval(values, support))
                cells = [", ".join(map(str, key)), said, figure, whole, gap]
                print("| " + " | ".join([*cells, f"{run['cpu_seconds']:.0f}{share}"]) + " |")


def main() -> None:
    """Run what is asked for, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", default=["wnut17", "xquad"])
    parser.add_argument("--count", type=int, default=0, help="texts to learn from; 0: all")
    parser.add_argument("--draws", nargs="+", type=int, default=[0], help="their numbers, from 0")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--against", choices=SIDES, help="print what there is, and run nothing")
    args = parser.parse_args()
    if args.against:
        against(args.against)
        return
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for name in args.sets:
        data = read_set(Path(args.data), name)
        for number in args.draws:
            run_cell(name, number, data, some_of(data.learning, args.count, number), args.sides)


if __name__ == "__main__":
    main()
