"""`auto` beside fastai's `fine_tune` and transformers' `Trainer`: same weights, draws and test.

    HEADSTART_DATA=... python benchmarks/opponents.py --fastai PYTHON_WITH_FASTAI --counts 20 50

For each set, number of labels a class (0: all) and draw (those of depth.py), five learn from the
same examples on the bundled picture net, and are asked about the set's own test:

    fastai      `vision_learner(...).fine_tune(4)`, by fastai_fine_tune.py, which says how to get a
                Python that has it; 4 is what its tutorials call it with for a small set
    trainer     `transformers.Trainer` with its default arguments (3 epochs of all layers in batches
                of 8, AdamW at 5e-5, falling to nothing) and a linear layer on the mean of the map
    auto        headstart as it comes
    fifth of fastai, fifth of trainer
                `auto` with a fifth of the CPU seconds which that one took, as its `--time`

Nobody holds pictures back for the two, nor looks at any while they train: they learn from all that
there is in the least time. Each runs alone on one thread. headstart begins with an empty store, and
its seconds are of everything from files to model. They are CPU seconds (wall seconds beside them),
so that what else the machine does has no part in the ratios. Every run is appended to
benchmarks/results/opponents.jsonl; started again, only what is missing is run. `--table` prints
paired differences in macro-F1 with 95 % intervals over the test's pictures, and the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from depth import BACKBONE, read_set, run
from headstart import metrics
from headstart.backbones.source import open_backbone
from headstart.dataset.splits import draw
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Figure, Sample

ROOT = Path(__file__).resolve().parent
RESULTS = ROOT / "results" / "opponents.jsonl"
OPPONENTS = ("fastai", "trainer")
FIFTH = "fifth of "
SHARE = 0.2
SETS = ("flowers5", "fashion900", "brain_mri", "ants_bees", "blood_cells")

Key = tuple[str, int, int]
"""A set, a number of labels a class and a draw."""


def fine_tune(
    python: str, samples: Sequence[Sample], test: Sequence[Sample], seed: int
) -> dict[str, Any]:
    """Let fastai learn in its own Python; return what it said and how long it took."""
    labels = sorted({str(sample.target) for sample in samples})
    job = {
        "net": BACKBONE,
        "size": open_backbone(BACKBONE).spec.size[0],
        "labels": labels,
        "learn": [[str(sample.input), sample.target] for sample in samples],
        "watch": [],
        "ask": [str(sample.input) for sample in test],
        "normalised": True,
        "workers": 0,
        "seed": seed,
    }
    process = subprocess.run(
        [python, ROOT / "fastai_fine_tune.py"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    found = json.loads(process.stdout.strip().splitlines()[-1])
    said = [labels.index(label) for label in found["said"]]
    return {"said": said, "seconds": found["seconds"], "cpu": found["cpu"]}


QUIETLY: dict[str, Any] = {
    "use_cpu": True,
    "save_strategy": "no",
    "logging_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
    "dataloader_pin_memory": False,
}
"""What is not a `Trainer`'s default only spares it time: nothing is saved, logged or pinned."""


class Pictures(torch.utils.data.Dataset[dict[str, Any]]):
    """Pictures with labels as a `Trainer` takes them, decoded whenever they are asked for."""

    def __init__(self, samples: Sequence[Sample], labels: Sequence[str]) -> None:
        self.samples, self.labels = samples, list(labels)
        self.modality, self.spec = MODALITIES.get("image")(), open_backbone(BACKBONE).spec

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, at: int) -> dict[str, Any]:
        sample = self.samples[at]
        prepared = self.modality.prepare(self.modality.read(sample.input), self.spec)
        state = self.modality.collate([prepared], self.spec)
        return {"pixel_values": state["x"][0], "labels": self.labels.index(sample.target)}


class Classifier(nn.Module):
    """The bundled net with a new linear layer, as a `Trainer` takes it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.body = open_backbone(BACKBONE).module.requires_grad_(True)
        self.head = nn.Linear(self.body.config["features"], count)

    def forward(
        self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Return scores, and the loss where labels are given."""
        logits = self.head(self.body.forward_features(pixel_values).mean((2, 3)))
        if labels is None:
            return {"logits": logits}
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def train(samples: Sequence[Sample], test: Sequence[Sample], seed: int) -> dict[str, Any]:
    """Let a plain `Trainer` learn; return what it said and how long it took."""
    from transformers import Trainer, TrainingArguments, set_seed

    labels = sorted({str(sample.target) for sample in samples})
    with tempfile.TemporaryDirectory() as place:
        set_seed(seed)
        asked = TrainingArguments(place, seed=seed, **QUIETLY)
        net = Classifier(len(labels))
        begun, cpu = time.perf_counter(), time.process_time()
        Trainer(net, asked, train_dataset=Pictures(samples, labels)).train()
        seconds, spent = time.perf_counter() - begun, time.process_time() - cpu
    net.eval()
    pictures = Pictures(test, labels)
    with torch.inference_mode():
        said = [
            int(net(pictures[at]["pixel_values"][None])["logits"].argmax())
            for at in range(len(test))
        ]
    return {"said": said, "seconds": seconds, "cpu": spent}


def climb(
    samples: list[Sample], test: list[Sample], seed: int, budget: float | None
) -> dict[str, Any]:
    """Let `auto` learn in so many seconds, with nothing in the store."""
    before = os.environ.get("HEADSTART_HOME")
    with tempfile.TemporaryDirectory() as home:
        os.environ["HEADSTART_HOME"] = home
        try:
            found = run("auto", samples, test, seed, seconds=budget)
        finally:
            os.environ.pop("HEADSTART_HOME")
            if before is not None:
                os.environ["HEADSTART_HOME"] = before
    kept = {name: found[name] for name in ("said", "seconds", "shipped")}
    return kept | {"cpu": found["cpu_seconds"], "budget": budget}


def read_results() -> dict[Key, dict[str, dict[str, Any]]]:
    """Return every run so far, by cell and side."""
    found: dict[Key, dict[str, dict[str, Any]]] = defaultdict(dict)
    if RESULTS.exists():
        for line in RESULTS.read_text().splitlines():
            record = json.loads(line)
            key = record["set"], record["labels_per_class"], record["draw"]
            found[key][record["side"]] = record
    return found


def run_cell(key: Key, samples: list[Sample], test: list[Sample], fastai: str | None) -> None:
    """Run what is missing of a cell, and write it down."""
    done = read_results()[key]
    task = TASKS.get("classify")()
    labels = task.labels([sample.target for sample in samples])
    truth = task.encode([sample.target for sample in test], labels)
    sides = [opponent for opponent in OPPONENTS if fastai or opponent != "fastai"]
    for side in (*sides, *(FIFTH + opponent for opponent in sides), "auto"):
        if side in done:
            continue
        if side == "fastai" and fastai:
            found = fine_tune(fastai, samples, test, key[2])
        elif side == "trainer":
            found = train(samples, test, key[2])
        else:
            opponent = done.get(side.removeprefix(FIFTH))
            found = climb(samples, test, key[2], SHARE * opponent["cpu"] if opponent else None)
        about = dict(zip(("set", "labels_per_class", "draw"), key, strict=True))
        done[side] = about | {"side": side, "n_train": len(samples), **found}
        done[side] |= {"truth": np.asarray(truth).tolist(), "torch": torch.__version__}
        with RESULTS.open("a") as file:
            file.write(json.dumps(done[side]) + "\n")
        right = np.mean(np.array(found["said"]) == truth)
        print(*key, side, f"{right:.3f} right, {found['cpu']:.1f} CPU s", flush=True)


def scores(records: Sequence[dict[str, Any]]) -> tuple[np.ndarray, int]:
    """Return macro-F1, mean of the draws, with its resamples; and the number of pictures asked."""
    truth = np.array(records[0]["truth"])
    classes = int(truth.max()) + 1
    resamples = metrics.draw(None, len(truth), columns=classes)
    draws = [
        metrics.macro(
            metrics.single_scores(np.array(each["said"]), truth, classes, resamples.weights)["f1"]
        )
        for each in records
    ]
    return np.mean(draws, axis=0), len(truth)


def told(figure: Figure) -> str:
    """Return a difference in points, marked where it is surely one."""
    mark = "" if figure.low <= 0 <= figure.high else "**"
    low, high = 100 * figure.low, 100 * figure.high
    return f"{mark}{100 * figure.value:+.1f}{mark} ({low:+.1f} to {high:+.1f})"


def table(opponent: str) -> None:
    """Print `auto` beside one opponent: paired differences, and its share of the CPU seconds."""
    found = read_results()
    sides = (opponent, FIFTH + opponent, "auto")
    cells = defaultdict(list)
    for (name, count, _), runs in found.items():
        if all(side in runs for side in sides):
            cells[name, count].append(runs)
    titles = (f"{opponent}, CPU seconds", "in a fifth of them", "share", "as it comes", "share")
    print("| set, labels a class (draws) | " + " | ".join(titles) + " |")
    print("|---|---|---|---|---|---|")
    every: dict[str, list[Figure]] = defaultdict(list)
    for (name, count), runs in sorted(cells.items(), key=lambda one: (one[0][0], one[0][1] or 999)):
        theirs, asked = scores([each[opponent] for each in runs])
        spent = np.mean([each[opponent]["cpu"] for each in runs])
        row = [f"{name}, {count or 'all'} ({len(runs)})", f"{100 * theirs[0]:.1f} ({spent:.0f} s)"]
        for side in sides[1:]:
            ours, _ = scores([each[side] for each in runs])
            gap = metrics.paired_difference(theirs, ours, asked)
            every[side].append(gap)
            share = np.mean([each[side]["cpu"] for each in runs]) / spent
            row += [told(gap), f"{share:.2f}"]
        print("| " + " | ".join(row) + " |")
    for side, gaps in every.items():
        mean = 100 * np.mean([gap.value for gap in gaps])
        worse, better = sum(gap.high < 0 for gap in gaps), sum(gap.low > 0 for gap in gaps)
        print(
            f"\n{side}: {mean:+.1f} points on average over {len(gaps)} cells; surely worse in "
            f"{worse}, surely better in {better}."
        )
    print()


def main() -> None:
    """Run what is asked for, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--fastai", help="a Python that has fastai; without, it is left out")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--counts", nargs="+", type=int, default=[20, 50, 10, 0])
    parser.add_argument("--draws", nargs="+", type=int, default=[0], help="their numbers, from 0")
    parser.add_argument("--table", action="store_true", help="print what there is, and run nothing")
    args = parser.parse_args()
    if args.table:
        for opponent in OPPONENTS:
            table(opponent)
        return
    torch.set_num_threads(1)
    for name in args.sets:
        learning, test = read_set(Path(args.data) / "images" / name)
        task = TASKS.get("classify")()
        targets = [sample.target for sample in learning]
        encoded = task.encode(targets, task.labels(targets))
        every = np.arange(len(learning))
        for number in args.draws:
            for count in args.counts:
                rows = draw(encoded, every, count, number) if count else every
                key = (name, count, number)
                run_cell(key, [learning[at] for at in rows], test, args.fastai)


if __name__ == "__main__":
    main()
