"""How much memory `fit` and `predict` need above the model, on generated pictures or texts.

    python benchmarks/memory.py --images 100000
    python benchmarks/memory.py --texts 1000000

Draws that many different JPEG pictures of 48 px in ten classes into a temporary folder, saves
a timm folder with random weights (resnet18, whose readings are 3,072 numbers a picture), and runs
`headstart fit --strategy probe` in a fresh HEADSTART_HOME, sampling the process from outside. The
same on 200 pictures is what the model and its libraries take; it is subtracted. Then `headstart
predict` reads some of the pictures, and the time of its first line is noted. With `--texts` it is
that many different short texts of ten classes in a CSV file, read by bundled/text, and fitted only.

Two figures, because a process that maps files into memory has two answers:

    anonymous   memory that is the process's own: nothing but a swap file could take it back. This
                is what a machine must have.
    resident    that, and the pages of mapped files (the store's segments, large matrices on
                disk) that happen to be in memory. The kernel drops them when others need the room,
                so with plenty of memory free this is an upper bound, not a need.

Linux only (/proc/PID/smaps_rollup). Results go to benchmarks/results/memory.json, of texts to
memory_text.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image

from headstart.backbones.source import open_backbone

ROOT = Path(__file__).resolve().parent
COMMAND = Path(sys.executable).parent / "headstart"
SIDE, INPUT = 48, 32
CLASSES = 10
FEW = 200
TEXT_BACKBONE = "bundled/text"
PREDICTED = 20_000
EVERY = 0.1
WORDS, SHORTEST, LONGEST, OF_CLASS = 4000, 5, 14, 0.3
FIELDS = {"Rss": "resident", "Anonymous": "anonymous", "Private_Dirty": "private_dirty"}


def draw_pictures(folder: Path, count: int) -> None:
    """Draw clouds over the tint of a class: coarse shapes strong and fine ones faint, as in photos.

    Every picture is drawn anew, so none is a near-duplicate of another.
    """
    random = np.random.default_rng(count)
    tints = random.normal(0, 24, (CLASSES, 3)) + 128
    for label in range(CLASSES):
        (folder / f"class-{label}").mkdir(parents=True)
    for number in range(count):
        label = number % CLASSES
        cloud = np.zeros((SIDE, SIDE, 3), np.float32)
        for cells, strength in ((3, 40), (6, 20), (12, 10)):
            grains = random.normal(0, strength, (cells, cells, 3)).clip(-127, 127) + 128
            small = Image.fromarray(grains.astype(np.uint8))
            cloud += np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        picture = (cloud - 3 * 128 + tints[label]).clip(0, 255).astype(np.uint8)
        path = folder / f"class-{label}" / f"{number:06}.jpg"
        Image.fromarray(picture).save(path, quality=85)


def draw_texts(path: Path, count: int) -> None:
    """Write rows of words drawn anew, some of them of a class, so none are near-duplicates."""
    random = np.random.default_rng(count)
    known = json.loads(open_backbone(TEXT_BACKBONE).spec.content)["model"]["vocab"]
    words = [word for word in known if word.isalpha() and len(word) > 2][:WORDS]
    own = np.array_split(random.permutation(WORDS), CLASSES)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number in range(count):
            label = number % CLASSES
            length = int(random.integers(SHORTEST, LONGEST))
            told = random.random(length) < OF_CLASS
            picked = np.where(
                told, random.choice(own[label], length), random.integers(0, WORDS, length)
            )
            rows.writerow([" ".join(words[at] for at in picked), f"class-{label}"])


def make_backbone(name: str, folder: Path) -> Path:
    """Write a timm folder with random weights that takes pictures of 32 px, so that it is quick."""
    torch.manual_seed(0)
    model = timm.create_model(
        name,
        pretrained=False,
        pretrained_cfg_overlay={"input_size": (3, INPUT, INPUT), "crop_pct": 1.0},
    )
    timm.models.save_for_hf(model, folder / name, safe_serialization=True)
    return folder / name


class Watch(threading.Thread):
    """Samples a process's memory until it ends; `peak` holds the most of each kind, in bytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = dict.fromkeys(FIELDS.values(), 0)
        self.course: list[tuple[float, int, int]] = []

    def run(self) -> None:
        begun = time.perf_counter()
        while True:
            try:
                lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                return
            found = {}
            for line in lines[1:]:
                name, rest = line.split(":", 1)
                if name in FIELDS:
                    found[FIELDS[name]] = int(rest.split()[0]) << 10
            for name, size in found.items():
                self.peak[name] = max(self.peak[name], size)
            if found:
                spent = time.perf_counter() - begun
                self.course.append((spent, found["anonymous"], found["resident"]))
            time.sleep(EVERY)


def run(arguments: list[str | Path], home: Path, trace: Path | None = None) -> dict:
    """Run a headstart command and return its last line, first line's time, and peak memory."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [COMMAND, *arguments],
        env=os.environ | {"HEADSTART_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("LOUD") else subprocess.DEVNULL,
        text=True,
    )
    watch = Watch(process.pid)
    watch.start()
    first, count, line = 0.0, 0, ""
    text: list[str] = []
    for line in process.stdout:
        first = first or time.perf_counter() - begun
        count += 1
        if count < 10_000:
            text.append(line)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"headstart {' '.join(map(str, arguments))} failed")
    watch.join()
    watch.peak["resident"] = usage.ru_maxrss << 10
    if trace:
        trace.write_text(json.dumps(watch.course))
    return {
        "text": "".join(text),
        "lines": count,
        "first_line": first,
        "seconds": time.perf_counter() - begun,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak": watch.peak,
    }


def fit(data: Path, backbone: Path | str, work: Path, trace: Path | None = None) -> dict:
    out = work / f"{data.stem}-model"
    home = work / f"{data.stem}-home"
    arguments = ["fit", data, "--backbone", backbone, "--strategy", "probe", "--out", out]
    found = run([*arguments, "--json"], home, trace)
    evaluation = json.loads(found["text"])
    size = sum(path.stat().st_size for path in (home / "store").rglob("*") if path.is_file())
    return {
        "peak": found["peak"],
        "seconds": {
            **evaluation["seconds"],
            "command": found["seconds"],
            "processor": found["processor_seconds"],
        },
        "store": size,
        "head": next(each["what"] for each in evaluation["choices"] if each["kept"]),
        "accuracy": evaluation["test"]["accuracy"]["value"],
        "twins": evaluation["data"]["twins"]["groups"],
        "model": str(out),
    }


def predict(photos: Path, model: str, work: Path) -> dict:
    found = run(["predict", model, photos, "--format", "json"], work / "predict-home")
    return {
        "lines": found["lines"],
        "first_line": found["first_line"],
        "seconds": found["seconds"],
        "processor_seconds": found["processor_seconds"],
        "peak": found["peak"],
    }


def above(many: dict, few: dict) -> dict:
    return {name: size - few["peak"][name] for name, size in many["peak"].items()}


def measure(images: int, backbone: str, work: Path, trace: Path | None) -> dict:
    folder = make_backbone(backbone, work)
    for name, count in (("few", FEW), ("many", images), ("unseen", min(PREDICTED, images))):
        drawn(draw_pictures, work / name, count, "pictures")
    whole, model = measure_fit(work / "few", work / "many", folder, work, trace)
    some = predict(work / "few", model, work)
    more = predict(work / "unseen", model, work)
    return {"fit": whole, "predict": {"few": some, "many": more, "above": above(more, some)}}


def measure_texts(texts: int, work: Path, trace: Path | None) -> dict:
    for name, count in (("few", FEW), ("many", texts)):
        drawn(draw_texts, work / f"{name}.csv", count, "texts")
    whole, _ = measure_fit(work / "few.csv", work / "many.csv", TEXT_BACKBONE, work, trace)
    return {"fit": whole}


def drawn(draw: Callable[[Path, int], None], path: Path, count: int, what: str) -> None:
    begun = time.perf_counter()
    draw(path, count)
    spent = time.perf_counter() - begun
    print(f"drew {count:,} {what} in {spent:.0f} s", file=sys.stderr, flush=True)


def measure_fit(
    few: Path, many: Path, backbone: Path | str, work: Path, trace: Path | None
) -> tuple[dict, str]:
    """Return what fitting few and many takes, and where the model of many lies."""
    base = fit(few, backbone, work)
    print(json.dumps(base), file=sys.stderr, flush=True)
    whole = fit(many, backbone, work, trace)
    print(json.dumps(whole), file=sys.stderr, flush=True)
    model = whole.pop("model")
    base.pop("model")
    return {"few": base, "many": whole, "above": above(whole, base)}, model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--texts", type=int, help="so many texts in place of pictures")
    parser.add_argument("--backbone", default="resnet18", help="a timm architecture, for pictures")
    parser.add_argument("--work", type=Path, help="where the temporary folder is made")
    parser.add_argument("--trace", type=Path, help="also write the course of memory over time")
    parser.add_argument("--out", type=Path, help="where the results go")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.work) as work:
        if args.texts:
            results = measure_texts(args.texts, Path(work), args.trace)
        else:
            results = measure(args.images, args.backbone, Path(work), args.trace)
    if args.texts:
        kind, count, backbone = "texts", args.texts, TEXT_BACKBONE
    else:
        kind, count = "images", args.images
        backbone = f"{args.backbone}, random weights, {INPUT} px"
    record = {
        "command": f"python benchmarks/memory.py --{kind} {count}",
        kind: count,
        "backbone": backbone,
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS", "as many as cores"),
            "system": platform.platform(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "unit": "bytes and seconds; above = many less few",
        "results": results,
    }
    out = args.out or ROOT / "results" / ("memory_text.json" if args.texts else "memory.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n")
    for verb, found in results.items():
        for name, size in found["above"].items():
            print(f"{verb:8} {name:14} {size / 1e9:6.2f} GB above {FEW} {kind}")
    for part, seconds in results["fit"]["many"]["seconds"].items():
        print(f"fit      {part:14} {seconds:6.0f} s")
    if "predict" in results:
        print(f"predict  first line     {results['predict']['many']['first_line']:6.1f} s")


if __name__ == "__main__":
    main()
