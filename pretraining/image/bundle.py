"""Put trained weights into the package: the file itself, and a card that says what it is.

    python pretraining/image/bundle.py --from OUT

OUT holds what the training wrote (`image.safetensors`, `image.json`, `log.jsonl`) and what
`evaluate.py` wrote beside it (`evaluation.json`). The log and the evaluation are copied next to
this script, so that every figure on the card can be looked up.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "src" / "headstart" / "backbones" / "weights" / "image"


def probe_figures(evaluation: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the mean accuracy of the probe on whole sets, by reading and set."""
    found: dict[str, dict[str, float]] = {}
    for cell in evaluation["figures"]:
        if cell["method"].startswith("probe: ") and cell["per_class"] is None:
            draws = cell["accuracy"]
            reading = cell["method"].removeprefix("probe: ")
            found.setdefault(reading, {})[cell["set"]] = round(sum(draws) / len(draws), 4)
    return found


def without_places(text: str) -> str:
    """Return text without the folders of the machine that it was written on."""
    return re.sub(r"(?<![\w.])(?:/[\w.-]+)+/", "", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", type=Path, required=True)
    source: Path = parser.parse_args().source
    weights = source / "image.safetensors"
    trained = json.loads((source / "image.json").read_text())
    evaluation = json.loads((source / "evaluation.json").read_text())
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    if not sha256 == trained["sha256"] == evaluation["sha256"]:
        raise SystemExit("The evaluation is of other weights than these.")
    TARGET.mkdir(parents=True, exist_ok=True)
    shutil.copy(weights, TARGET / "model.safetensors")
    card = {
        "architecture": "SmallResNet",
        "config": trained["config"],
        "parameters": trained["parameters"],
        "modality": "image",
        "input": trained["input"],
        "licence": "weights: ImageNet terms (research); code: Apache-2.0",
        "origin": "trained by this project, see pretraining/image",
        "about": "small residual net for pictures of 48 to 128 px, trained on 42,474 photos",
        "data": "photos64: 44,701 photos of 64 px in 199 classes, a sample of Tiny-ImageNet "
        "(5 % held back), from which rows that look like evaluation photos had been left out",
        "command": without_places(trained["command"]),
        "log": "pretraining/image/log.jsonl",
        "evaluation": "pretraining/image/evaluation.json",
        "held_back_accuracy": {
            size: trained[f"held_back_{size}"]
            for size in (64, 96)
            if f"held_back_{size}" in trained
        },
        "probe_accuracy": probe_figures(evaluation),
        "limits": [
            "learnt from small photos of things and animals: scans, drawings and text are foreign",
            "reads pictures at 96 px: detail finer than that is not seen",
            "a large pretrained backbone (timm/, hf/) is stronger wherever one can be had",
        ],
        "classes": trained["classes"],
        "sha256": sha256,
    }
    (TARGET / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    for name in ("log.jsonl", "evaluation.json"):
        (HERE / name).write_text(without_places((source / name).read_text()))


if __name__ == "__main__":
    main()
