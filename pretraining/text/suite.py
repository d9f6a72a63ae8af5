"""The evaluation texts, from a folder laid out like the shared data or from a packed file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

SPLITS = {
    "banking77": ("train", "test"),
    "sst5": ("train", "val", "test"),
    "imdb5k": ("train", "test"),
}


def read_csv(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {"text": [r["text"] for r in rows], "label": [r["label"] for r in rows]}


def read_conll(path: Path) -> dict[str, list[list[str]]]:
    """Sentences as lists of words and of BIO tags."""
    words: list[list[str]] = []
    tags: list[list[str]] = []
    for block in path.read_text("utf-8").replace("\r\n", "\n").split("\n\n"):
        pairs = [line.split("\t") for line in block.split("\n") if line.strip()]
        if pairs:
            words.append([p[0].strip() for p in pairs])
            tags.append([p[-1].strip() for p in pairs])
    return {"words": words, "tags": tags}


def load(data: Path) -> dict[str, Any]:
    """Sets -> splits -> columns: "text" and "label", or for wnut17 "words" and "tags"."""
    if data.is_file():
        packed = pq.read_table(data).to_pydict()
        return {n: json.loads(j) for n, j in zip(packed["name"], packed["json"], strict=True)}
    folder = data / "text"
    sets: dict[str, Any] = {
        name: {split: read_csv(folder / name / f"{split}.csv") for split in splits}
        for name, splits in SPLITS.items()
    }
    sets["wnut17"] = {
        s: read_conll(folder / "wnut17" / f"{s}.conll") for s in ("train", "val", "test")
    }
    return sets


def every_text(data: Path) -> dict[str, list[str]]:
    """All evaluation texts by set, xquad's passages and questions among them: for the scan."""
    found: dict[str, list[str]] = {}
    for name, splits in load(data).items():
        if name == "wnut17":
            found[name] = [" ".join(words) for part in splits.values() for words in part["words"]]
        else:
            found[name] = [text for part in splits.values() for text in part["text"]]
    squad = json.loads((data / "text/xquad.en.json").read_text("utf-8"))
    paragraphs = [p for article in squad["data"] for p in article["paragraphs"]]
    found["xquad contexts"] = [p["context"] for p in paragraphs]
    found["xquad questions"] = [q["question"] for p in paragraphs for q in p["qas"]]
    return found
