"""Judge an image backbone on the few-label suite, beside opponents that cost nothing.

    PYTHONPATH=src python pretraining/image/evaluate.py --weights image.safetensors \\
        --data suite.npz --out evaluation.json

`--data` is a file packed by suite.py or the folder that holds `images/` (or set HEADSTART_DATA).
`--weights` is a file that train.py wrote, or `timm:NAME` / `timm:NAME@FILE` for any timm model
(without a file: with the weights that timm finds on this machine).
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from probing import PER_CLASS, Cell, cells, from_scratch, probe, random_net, read, readings
from safetensors import safe_open
from safetensors.torch import load_file
from suite import Set, load_suite
from torch import Tensor, nn

from headstart.backbones.nets.image import SmallResNet

# (set, labels a class, least accuracy): what the project asked of its bundled image net.
GOALS = (
    ("flowers5", 20, 0.75),
    ("flowers5", None, 0.80),
    ("fashion900", 20, 0.84),
    ("ants_bees", None, 0.82),
)
OPPONENTS = ("scratch", "random", "pixels", "stages")


class TimmStages(nn.Module):
    """A timm model, read by the levels of its feature pyramid."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__()
        import timm

        options: dict[str, Any] = {"checkpoint_path": path} if path else {"pretrained": True}
        self.net = timm.create_model(name, features_only=True, **options)

    def forward_maps(self, x: Tensor) -> dict[str, Tensor]:
        return {f"level{i}": full for i, full in enumerate(self.net(x))}


def load_net(weights: str) -> tuple[nn.Module, dict[str, Any], str]:
    """The net, its configuration and its weights' sha256."""
    if weights.startswith("timm:"):
        name, _, path = weights.removeprefix("timm:").partition("@")
        return TimmStages(name, path), {}, file_hash(path) if path else ""
    with safe_open(weights, "pt") as file:
        config = json.loads(file.metadata()["config"])
    net = SmallResNet(**config)
    net.load_state_dict(load_file(weights))
    return net, config, file_hash(weights)


def file_hash(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def pixels(one: Set) -> dict[str, np.ndarray]:
    small = one.images.reshape(len(one.images), 32, 4, 32, 4, 3).mean((2, 4))
    return {"pixels": small.reshape(len(small), -1).astype(np.float32) / 255}


def submit_all(pool: ProcessPoolExecutor, args: argparse.Namespace, sets: list[Set]
               ) -> tuple[list[Future[Any]], str]:  # fmt: skip
    """Every job of the evaluation, longest kind first."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net, config, sha = load_net(args.weights)
    net = net.to(device).eval()
    jobs: list[Future[Any]] = []
    if "scratch" in args.opponents:
        for one in sets:
            for per_class, draws in cells(one.labels[~one.test]):
                for seed in range(len(draws)):
                    jobs.append(pool.submit(from_scratch, one, per_class, seed, args.size,
                                            args.scratch_steps, config))  # fmt: skip
    for one in sets:
        known = (one.labels, one.test)
        for reading, blocks in readings(read(net, one.images, args.size, device)).items():
            if reading == "all" or "stages" in args.opponents:
                jobs.append(pool.submit(probe, one.name, f"probe: {reading}", blocks, *known))
        if "random" in args.opponents:
            nothing = random_net(one.images[~one.test], args.size, device)
            blocks = readings(read(nothing, one.images, args.size, device))["all"]
            jobs.append(pool.submit(probe, one.name, "random", blocks, *known))
        if "pixels" in args.opponents:
            jobs.append(pool.submit(probe, one.name, "pixels", pixels(one), *known))
    return jobs, sha


def gather(jobs: list[Future[Any]]) -> list[Cell]:
    """Results of all jobs; single draws of one cell are put together."""
    together: dict[tuple[str, str, int | None], Cell] = {}
    for job in jobs:
        result = job.result()
        for cell in result if isinstance(result, list) else [result]:
            key = (cell.set, cell.method, cell.per_class)
            if key in together:
                together[key].accuracy += cell.accuracy
                together[key].macro_f1 += cell.macro_f1
            else:
                together[key] = cell
    return list(together.values())


def mean(found: list[Cell], name: str, method: str, per_class: int | None, what: str) -> float:
    for cell in found:
        if (cell.set, cell.method, cell.per_class) == (name, method, per_class):
            return float(np.mean(getattr(cell, what)))
    return float("nan")


def print_table(found: list[Cell], what: str) -> None:
    methods = list(dict.fromkeys(cell.method for cell in found))
    methods.sort(key=lambda m: (m != "probe: all", m.startswith("probe"), m))
    heads = "".join(f"{n or 'whole':>8}" for n in PER_CLASS)
    print(f"\n{what}, %, by labels a class\n{'':32}{heads}")
    for name in dict.fromkeys(cell.set for cell in found):
        for method in methods:
            values = [mean(found, name, method, n, what) for n in PER_CLASS]
            print(f"{name:14}{method:18}" + "".join(f"{100 * v:8.1f}" for v in values))


def judge(found: list[Cell]) -> list[dict[str, Any]]:
    """The goals, each with what was reached."""
    asked: list[dict[str, Any]] = []
    for name, per_class, least in GOALS:
        got = mean(found, name, "probe: all", per_class, "accuracy")
        asked.append({"set": name, "per_class": per_class, "asked": least, "got": round(got, 4),
                      "met": bool(got >= least)})  # fmt: skip
    for name in dict.fromkeys(cell.set for cell in found):
        for per_class in PER_CLASS[:-1]:
            ours = mean(found, name, "probe: all", per_class, "accuracy")
            theirs = mean(found, name, "from scratch", per_class, "accuracy")
            least = 0.08 if name == "flowers5" else 0.0
            asked.append({"set": name, "per_class": per_class, "asked_above_scratch": least,
                          "got": round(ours - theirs, 4),
                          "met": bool(ours - theirs >= max(least, 1e-9))})  # fmt: skip
    return [goal for goal in asked if not np.isnan(goal["got"])]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", required=True)
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--out", type=Path, required=True, help="JSON with every figure")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--sets", nargs="*", help="only these")
    parser.add_argument("--opponents", nargs="*", choices=OPPONENTS, default=list(OPPONENTS))
    parser.add_argument("--scratch-steps", type=int, default=800)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    args = parser.parse_args()
    if args.data is None:
        parser.error("say where the pictures are: --data or HEADSTART_DATA")
    return args


def main() -> None:
    args = arguments()
    start = time.monotonic()
    sets = [one for one in load_suite(Path(args.data)) if not args.sets or one.name in args.sets]
    # Many small fits side by side: one thread each. CUDA forbids forked workers.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.workers, mp_context=context) as pool:
        jobs, sha = submit_all(pool, args, sets)
        found = gather(jobs)
    goals = judge(found)
    report = {
        "command": " ".join(sys.argv),
        "weights": Path(args.weights).name,
        "sha256": sha,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        "size": args.size,
        "scratch_steps": args.scratch_steps,
        "seconds": round(time.monotonic() - start, 1),
        "sets": {s.name: {"train": int((~s.test).sum()), "test": int(s.test.sum())} for s in sets},
        "goals": goals,
        "figures": [dataclasses.asdict(cell) for cell in found],
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1))
    print_table(found, "accuracy")
    print_table([cell for cell in found if cell.set == "blood_cells"], "macro_f1")
    for goal in goals:
        print("met   " if goal["met"] else "MISSED", {k: v for k, v in goal.items() if k != "met"})
    print(f"{report['seconds']} s")


if __name__ == "__main__":
    main()
