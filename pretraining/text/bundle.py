"""Put trained weights into the package: the files themselves, and a card that says what they are.

    PYTHONPATH=src python pretraining/text/bundle.py --from OUT --data english.parquet

OUT holds what the training wrote (`model.safetensors`, `config.json`, `tokenizer.json`,
`log.jsonl`) and what `evaluate.py` wrote beside it (`evaluation.json`, `speed.json`). Log and
evaluation are copied next to this script, so that every figure on the card can be looked up.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import patterns
import torch
from safetensors.torch import load_file, save_file

from headstart.backbones.nets.text import build
from headstart.modalities.lengths import together
from headstart.modalities.text import Text
from headstart.schema import TextSpec

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "src" / "headstart" / "backbones" / "weights" / "text"
LENGTH = 256
TEXTS = 512


def probe_figures(results: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the mean accuracy of the probe, by reading, then by set and labels a class."""
    found: dict[str, dict[str, float]] = {}
    for name, readings in results.items():
        if name in ("sha256", "wnut17"):
            continue
        for reading, counts in readings.items():
            for count, draws in counts.items():
                mean = float(np.mean([draw["accuracy"] for draw in draws]))
                where = f"{name}, {count}" + ("" if count == "whole" else " a class")
                found.setdefault(reading, {})[where] = round(mean, 4)
    return found


@torch.inference_mode()
def reference(source: Path, data: Path) -> dict[str, torch.Tensor]:
    """Return what each stage's readings are like on texts of the pretraining kind.

    Half of them are sentences that were held back, half requests made from patterns. By these a
    later model can tell how far it has moved, and how far a person's texts are from these.
    """
    net = build(
        json.loads((source / "config.json").read_text()), load_file(source / "model.safetensors")
    )
    content = (source / "tokenizer.json").read_text()
    passages = corpus.load_passages(data)
    held = [s for _, p in passages if corpus.is_held_back(p) for s in corpus.sentences(p)]
    words = corpus.teacher_words(json.loads(content)["model"]["vocab"])
    slots = patterns.sort_words((text for _, text in passages[:20_000]), words)
    made = patterns.make_requests(slots, seed=7, count=TEXTS // 2)
    some = held[:: max(1, len(held) // (TEXTS // 2))][: TEXTS // 2]
    modality, spec = Text(), TextSpec(length=LENGTH).with_files({"tokenizer.json": content})
    rows: dict[str, list[torch.Tensor]] = {}
    for text in [*some, *made]:
        state = together([modality.prepare((text,), spec)])
        for boundary in range(1, len(net.stages) + 1):
            state = net.run(state, boundary - 1, boundary)
            x = state["x"][0]
            rows.setdefault(f"{boundary}.mean", []).append(x.mean(0))
            rows.setdefault(f"{boundary}.max", []).append(x.amax(0))
        rows.setdefault(f"{len(net.stages)}.pooled", []).append(net.sentence(state)[0])
    found = {}
    for name, parts in rows.items():
        table = torch.stack(parts)
        found[f"{name}.mean"] = table.mean(0).half()
        found[f"{name}.deviation"] = table.std(0).half()
    return found


def without_places(text: str) -> str:
    """Return text without the folders of the machine that it was written on."""
    return re.sub(r"(?<![\w.])(?:/[\w.-]+)+/", "", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="english.parquet")
    parser.add_argument("--command", required=True, help="what trained it")
    parser.add_argument("--target", type=Path, default=TARGET, help="for a trial: another folder")
    run = parser.parse_args()
    source: Path = run.source
    sha256 = hashlib.sha256((source / "model.safetensors").read_bytes()).hexdigest()
    evaluation = json.loads((source / "evaluation.json").read_text())
    student = evaluation["results"]["student"]
    if student["sha256"] != sha256:
        raise SystemExit("The evaluation is of other weights than these.")
    log = [json.loads(line) for line in (source / "log.jsonl").read_text().splitlines()]
    pool = next(line for line in reversed(log) if line["event"] == "targets")
    last = next(line for line in reversed(log) if line["event"] == "progress")
    run.target.mkdir(parents=True, exist_ok=True)
    for name in ("model.safetensors", "tokenizer.json"):
        shutil.copyfile(source / name, run.target / name)
    save_file(reference(source, run.data), run.target / "reference.safetensors")
    content = (source / "tokenizer.json").read_text(encoding="utf-8")
    card = {
        "architecture": "TextNet",
        "config": json.loads((source / "config.json").read_text()),
        "parameters": pool["parameters"],
        "modality": "text",
        "input": {
            "tokenizer": hashlib.sha256(content.encode()).hexdigest(),
            "length": LENGTH,
        },
        "licence": "weights: distilled from all-MiniLM-L6-v2 (Apache-2.0) on public-domain novels, "
        "SQuAD paragraphs and questions (CC BY-SA 4.0) and film reviews without a stated licence; "
        "code: Apache-2.0",
        "origin": "trained by this project, see pretraining/text",
        "about": "small transformer for English texts, taught all-MiniLM-L6-v2's sentence "
        f"embeddings on {pool['texts']:,} texts",
        "data": f"{pool['texts']:,} texts cut from english.parquet (novels, encyclopedia, "
        "questions, film reviews) or made from patterns; evaluation texts are left out "
        "(excluded.json)",
        "command": without_places(run.command),
        "steps": last["step"],
        "minutes": round(last["seconds"] / 60, 1),
        "device": pool["device"],
        "log": "pretraining/text/log.jsonl",
        "evaluation": "pretraining/text/evaluation.json",
        "held_back_cosine": last["cosine"],
        "probe_accuracy": probe_figures(student),
        "limits": [
            "learnt from English alone: other languages are read letter by letter",
            "reads 256 tokens at once; longer texts are read in windows",
            "imdb5k is of the same kind as part of the corpus (film reviews), sst5 close to it: "
            "figures on them flatter it a little",
            "trained on one shared core in under an hour: a large pretrained backbone (hf/) is "
            "stronger wherever one can be had",
        ],
        "sha256": sha256,
    }
    (run.target / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    if run.target != TARGET:
        return
    for name in ("log.jsonl", "evaluation.json", "speed.json"):
        if (source / name).exists():
            (HERE / name).write_text(without_places((source / name).read_text()), encoding="utf-8")


if __name__ == "__main__":
    main()
