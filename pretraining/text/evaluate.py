"""Judges any text backbone on the few-label suite, and its speed beside the teacher's.

    PYTHONPATH=src python pretraining/text/evaluate.py --data DATA \
        --candidate student=OUT --candidate static=OUT --candidate teacher=TEACHER \
        --candidate tfidf --out evaluation.json
    PYTHONPATH=src python pretraining/text/evaluate.py --data DATA --speed \
        --candidate student=OUT --candidate teacher=TEACHER --out speed.json

DATA is a folder laid out like the shared data (or $HEADSTART_DATA), or a packed `suite.parquet`.
The speed is told in processor time: run it with one thread (OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import entities
import numpy as np
import probe
import suite
import torch
from candidates import Net, Student, Teacher, TfIdf, open_candidate
from teacher import MAX_TOKENS

Table = dict[str, Any]


def draw(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(labels == k))[:per_class] for k in np.unique(labels)]
    return np.concatenate(rows)


def classify(
    candidate: Net | TfIdf, data: dict[str, Any], few: tuple[int, ...], draws: int
) -> Table:
    """Accuracy of the probe on the given test split: per draw at each few, and on the whole."""
    names = sorted({*data["train"]["label"], *data["test"]["label"]})
    number = {n: i for i, n in enumerate(names)}
    y = np.array([number[n] for n in data["train"]["label"]])
    gold = torch.tensor([number[n] for n in data["test"]["label"]])

    def measure(rows: np.ndarray, train: Any, test: Any) -> dict[str, list[float]]:
        said, strength = probe.probe(
            train, torch.from_numpy(y[rows]).to(train.device), test, len(names)
        )
        return {"accuracy": float((said.cpu() == gold).float().mean()), "strength": strength}  # type: ignore[dict-item]

    found: Table = {}
    everything = np.arange(len(y))
    plans = [(str(n), draw(y, n, seed)) for n in few for seed in range(draws)] + [
        ("whole", everything)
    ]
    if isinstance(candidate, TfIdf):
        for label, rows in plans:
            candidate.fit([data["train"]["text"][i] for i in rows])
            train = candidate.embed([data["train"]["text"][i] for i in rows])["sentence"]
            test = candidate.embed(data["test"]["text"])["sentence"]
            found.setdefault("sentence", {}).setdefault(label, []).append(
                measure(rows, train, test)
            )
        return found
    train, test = candidate.embed(data["train"]["text"]), candidate.embed(data["test"]["text"])
    for reading in train:
        for label, rows in plans:
            if label == "whole" and reading != "sentence":
                continue  # the others are compared by few labels alone: it says as much, sooner
            x = train[reading][torch.from_numpy(rows).to(train[reading].device)]
            result = measure(rows, x, test[reading])
            found.setdefault(reading, {}).setdefault(label, []).append(result)
    return found


def judge(candidate: Net | TfIdf, sets: dict[str, Any], run: argparse.Namespace) -> Table:
    found: Table = {"sha256": candidate.sha256}
    few = {"banking77": (10,), "sst5": (50,), "imdb5k": (50,)}
    for name in [n for n in few if n in run.sets]:
        began = time.time()
        found[name] = classify(candidate, sets[name], few[name], run.draws)
        print(f"  {name} {time.time() - began:.0f} s", file=sys.stderr, flush=True)
    if "wnut17" in run.sets and isinstance(candidate, Net):
        found["wnut17"] = {"probe": entities.by_probe(candidate, sets["wnut17"])}
        if run.tune and isinstance(candidate, Student | Teacher):
            rates = (1e-3, 3e-4) if isinstance(candidate, Student) else (1e-4, 5e-5)
            tried = [entities.by_tuning(candidate, sets["wnut17"], run.tune, r, 0) for r in rates]
            best = max(tried, key=lambda t: t["val"])
            again = [
                entities.by_tuning(candidate, sets["wnut17"], run.tune, best["rate"], seed)
                for seed in range(1, run.draws)
            ]
            found["wnut17"]["tuned"] = [best, *again]
    return found


def speed(candidates: dict[str, Net | TfIdf], sets: dict[str, Any], rounds: int) -> Table:
    """Texts a second of processor time, tokenising included, the candidates taking turns.

    Processor time of all threads, so that other work on the machine counts little; for what a
    person waits, give it one thread.
    """
    texts = {
        name: sets[name]["test"]["text"][:count]
        for name, count in (("banking77", 1000), ("sst5", 1000), ("imdb5k", 150))
    }
    found: Table = {"threads": torch.get_num_threads(), "rounds": rounds}
    nets = {k: c for k, c in candidates.items() if isinstance(c, Net)}
    for net in nets.values():
        # All read as much of a long text as the teacher does, and make nothing but one vector.
        net.brief = True
        net.tokenizer.enable_truncation(MAX_TOKENS)
    for name, some in texts.items():
        for net in nets.values():
            net.embed(some[:100])
        seconds: dict[str, list[float]] = {k: [] for k in nets}
        for _ in range(rounds):
            for kind, net in nets.items():
                began = time.process_time()
                net.embed(some)
                seconds[kind].append(time.process_time() - began)
        rates = {k: len(some) / float(np.median(s)) for k, s in seconds.items()}
        found[name] = {"texts_a_second": rates, "seconds": seconds}
        if "teacher" in rates:
            found[name]["times_the_teacher"] = {k: r / rates["teacher"] for k, r in rates.items()}
    return found


def show(results: Table) -> None:
    print(f"{'candidate':<12}{'reading':<22}{'set':<12}{'labels':<8}{'mean':>7}  draws")
    for kind, found in results.items():
        for name in ("banking77", "sst5", "imdb5k"):
            for reading, by_count in found.get(name, {}).items():
                for label, draws in by_count.items():
                    values = [100 * d["accuracy"] for d in draws]
                    each = " ".join(f"{v:.1f}" for v in values) if len(values) > 1 else ""
                    print(
                        f"{kind:<12}{reading:<22}{name:<12}{label:<8}{np.mean(values):7.2f}  {each}"
                    )
        if "wnut17" in found:
            score = 100 * found["wnut17"]["probe"]["f1"]
            print(f"{kind:<12}{'probe':<22}{'wnut17 F1':<20}{score:7.2f}")
            tuned = [100 * t["f1"] for t in found["wnut17"].get("tuned", [])]
            if tuned:
                each = " ".join(f"{v:.1f}" for v in tuned)
                print(f"{kind:<12}{'fine-tuned':<22}{'wnut17 F1':<20}{np.mean(tuned):7.2f}  {each}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Judge text backbones.")
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--candidate", action="append", required=True, metavar="KIND[=FOLDER]")
    parser.add_argument("--sets", nargs="*", default=["banking77", "sst5", "imdb5k", "wnut17"])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--tune", type=int, default=0, help="passes of fine-tuning on wnut17")
    parser.add_argument("--speed", action="store_true", help="only the speed, on the CPU")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, help="only so many texts a split: for a try")
    parser.add_argument("--out", type=Path, required=True)
    run = parser.parse_args()
    if run.data is None:
        raise SystemExit("say where the evaluation texts are: --data, or HEADSTART_DATA")
    use_gpu = torch.cuda.is_available() and not run.speed
    device = torch.device("cuda" if use_gpu else "cpu")
    sets = suite.load(Path(run.data))
    if run.limit:
        for splits in sets.values():
            for split, columns in splits.items():
                step = max(1, len(next(iter(columns.values()))) // run.limit)
                splits[split] = {k: v[::step] for k, v in columns.items()}
    report: Table = {
        "command": shlex.join(["python", "pretraining/text/evaluate.py", *sys.argv[1:]]),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name() if use_gpu else platform.machine(),
        "results": {},
    }
    candidates: dict[str, Net | TfIdf] = {}
    for spec in run.candidate:
        kind, _, folder = spec.partition("=")
        kind, _, nick = kind.partition(":")  # student:static-trained=DIR gives it a name of its own
        candidates[nick or kind] = open_candidate(kind, Path(folder) if folder else None, device)
    if run.speed:
        report["speed"] = speed(candidates, sets, run.rounds)
        print(
            json.dumps(
                {
                    k: v.get("times_the_teacher")
                    for k, v in report["speed"].items()
                    if isinstance(v, dict)
                },
                indent=1,
            )
        )
    for kind, candidate in ({} if run.speed else candidates).items():
        print(kind, file=sys.stderr, flush=True)
        report["results"][kind] = judge(candidate, sets, run)
        # Written after each candidate: a run cut short still leaves what it found.
        run.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    run.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if not run.speed:
        show(report["results"])


if __name__ == "__main__":
    main()
