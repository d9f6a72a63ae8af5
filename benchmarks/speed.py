"""How near `fit` is to the machine's limit, and beside fastai; ratios from one interleaved run.

    HEADSTART_DATA=... python benchmarks/speed.py --rounds 3 --fastai PYTHON_WITH_FASTAI

For each backbone (random weights, the same for all) over the photos of ants_bees, each round
measures in turn:

    decode      all photos through timm's own transform, on every core
    forward     one bare forward pass, channels-last, in the fastest number format that keeps
                features within 2 % (the one headstart chose)
    fit         `headstart fit` in a fresh store: its feature seconds and its whole time
    again       the same fit again: its feature seconds, read from the store
    fastai      `vision_learner(...).fine_tune(4)`, with --fastai

and the results go to benchmarks/results/speed.json. Run it on an otherwise idle machine.
fastai_fine_tune.py says how to get a Python that has fastai.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import timm
import torch
from PIL import Image, ImageFile
from timm.data import create_transform, resolve_data_config

ROOT = Path(__file__).resolve().parent
ImageFile.LOAD_TRUNCATED_IMAGES = False


def make_backbone(name: str, folder: Path) -> Path:
    """Write a timm folder with random weights."""
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False)
    target = folder / name
    timm.models.save_for_hf(model, target, safe_serialization=True)
    return target


def list_photos(data: Path) -> list[Path]:
    photos = []
    for path in sorted(data.rglob("*")):
        try:
            with Image.open(path) as image:
                image.verify()
        except Exception:
            continue
        photos.append(path)
    return photos


def decode(photos: list[Path], model: torch.nn.Module) -> tuple[float, torch.Tensor]:
    transform = create_transform(**resolve_data_config({}, model=model))

    def one(path: Path) -> torch.Tensor:
        with Image.open(path) as image:
            return transform(image.convert("RGB"))

    begun = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pictures = list(pool.map(one, photos))
    return time.perf_counter() - begun, torch.stack(pictures)


def forward(pictures: torch.Tensor, model: torch.nn.Module, precision: str) -> float:
    dtype = getattr(torch, precision)
    model = model.eval().to(dtype=dtype, memory_format=torch.channels_last)
    pictures = pictures.to(dtype=dtype, memory_format=torch.channels_last)
    with torch.inference_mode():
        model.forward_features(pictures[:32])
        begun = time.perf_counter()
        for batch in pictures.split(32):
            model.forward_features(batch)
        return time.perf_counter() - begun


def fit(data: Path, backbone: Path, home: Path, *more: str | Path) -> dict:
    """Run the command line as a person would; its whole time counts Python's start."""
    begun = time.perf_counter()
    process = subprocess.run(
        [
            Path(sys.executable).parent / "headstart", "fit", data, "--backbone", backbone,
            "--strategy", "probe", "--out", home / "model", "--json", *more,
        ],
        env=os.environ | {"HEADSTART_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )  # fmt: skip
    found = json.loads(process.stdout)
    return {
        "features": found["seconds"]["features"],
        "head": found["seconds"]["head"],
        "fit": found["seconds"]["total"],
        "command": time.perf_counter() - begun,
    }


def precision_of(home: Path) -> str:
    (note,) = (home / "precision").glob("*.json")
    return json.loads(note.read_text())["precision"]


def fine_tune(python: str, photos: list[Path], name: str, weights: Path) -> dict:
    """Let fastai learn from `train`, with a look at `val` after every epoch."""
    sides = {"train": [], "val": []}
    for path in photos:
        sides[path.parent.parent.name].append([str(path), path.parent.name])
    job = {
        "net": name,
        "weights": str(weights),
        "size": 224,
        "labels": sorted({label for _, label in sides["train"]}),
        "learn": sides["train"],
        "watch": sides["val"],
        "ask": [path for path, _ in sides["val"]],
        "normalised": False,
        "workers": 2,
        "seed": 0,
    }
    process = subprocess.run(
        [python, ROOT / "fastai_fine_tune.py"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(process.stdout.strip().splitlines()[-1])
    truth = [label for _, label in sides["val"]]
    right = sum(one == other for one, other in zip(found.pop("said"), truth, strict=True))
    return found | {"accuracy": right / len(truth)}


def measure(name: str, data: Path, rounds: int, fastai: str | None, work: Path) -> dict:
    folder = make_backbone(name, work)
    photos = list_photos(data)
    rows = []
    for number in range(rounds):
        home = work / f"home-{name}-{number}"
        row = {"fit": fit(data, folder, home), "again": fit(data, folder, home)}
        model = timm.create_model(name, pretrained=False)
        row["decode"], pictures = decode(photos, model)
        row["precision"] = precision_of(home)
        row["forward"] = forward(pictures, model, row["precision"])
        if fastai:
            row["fastai"] = fine_tune(fastai, photos, name, folder / "model.safetensors")
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    limit = [row["decode"] + row["forward"] for row in rows]
    ratios = {
        "features / (decode + forward)": [
            row["fit"]["features"] / bound for row, bound in zip(rows, limit, strict=True)
        ],
        "features again / features": [
            row["again"]["features"] / row["fit"]["features"] for row in rows
        ],
    }
    if fastai:
        ratios["fastai / fit"] = [row["fastai"]["seconds"] / row["fit"]["fit"] for row in rows]
        ratios["fastai / whole command"] = [
            row["fastai"]["seconds"] / row["fit"]["command"] for row in rows
        ]
    return {
        "photos": len(photos),
        "rounds": rows,
        "median_ratios": {key: statistics.median(values) for key, values in ratios.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("HEADSTART_DATA"), help="the public sets")
    parser.add_argument("--backbones", nargs="+", default=["mobilenetv3_large_100", "resnet18"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fastai", help="a Python that has fastai")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "speed.json")
    args = parser.parse_args()
    if not args.data:
        parser.error("give --data or set HEADSTART_DATA to the folder of the public sets")
    data = Path(args.data) / "images" / "ants_bees"
    with tempfile.TemporaryDirectory() as work:
        results = {
            name: measure(name, data, args.rounds, args.fastai, Path(work))
            for name in args.backbones
        }
    record = {
        "command": "python benchmarks/speed.py --rounds "
        f"{args.rounds}{' --fastai PYTHON' if args.fastai else ''}",
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
        },
        "results": results,
    }
    args.out.write_text(json.dumps(record, indent=1) + "\n")
    for name, result in results.items():
        for ratio, value in result["median_ratios"].items():
            print(f"{name:26} {ratio:32} {value:8.3f}")


if __name__ == "__main__":
    main()
