"""Looks for evaluation texts in the corpus, and in the very texts that training cuts from it.

Three looks, all on lower-cased words:

1. whole: a passage, or a text cut or made for training, equals an evaluation text;
2. near: an evaluation text and a passage share runs of eight words (containment: the share
   of the shorter one's runs that stand in the other);
3. inside: an evaluation text of four to seven words, too short for 2, stands in a passage.

Whole matches, and near ones with containment of at least a half, are written to `excluded.json`
by hash; `train.py` leaves them out. Inside matches are common sayings ("what is your name"): they
are counted and shown, not excluded.

    python pretraining/text/scan.py --data DATA --teacher TEACHER --out pretraining/text/scan.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import corpus
import pool
import suite

BREAK = re.compile(r"<br\s*/?>")
RUN = 8
SHARED = 0.5


def runs(words: list[str], length: int) -> Iterator[str]:
    for i in range(len(words) - length + 1):
        yield " ".join(words[i : i + length])


class Index:
    """Evaluation texts by their whole wording, their runs of eight, and, if short, as one run."""

    def __init__(self, texts: dict[str, list[str]]) -> None:
        self.texts: list[tuple[str, str, list[str]]] = []
        self.whole: dict[str, list[int]] = defaultdict(list)
        self.by_run: dict[str, list[int]] = defaultdict(list)
        self.short: dict[str, list[int]] = defaultdict(list)
        for name, members in texts.items():
            for text in members:
                # The corpus was cleared of line-break tags, the evaluation texts were not.
                words = corpus.normalise(BREAK.sub(" ", text)).split()
                number = len(self.texts)
                self.texts.append((name, text, words))
                self.whole[" ".join(words)].append(number)
                for run in set(runs(words, RUN)):
                    self.by_run[run].append(number)
                if 4 <= len(words) < RUN:
                    self.short[" ".join(words)].append(number)

    def name(self, number: int) -> str:
        return self.texts[number][0]


def scan_passages(index: Index, passages: list[tuple[str, str]]) -> dict[str, Any]:
    exact: Counter[str] = Counter()
    near: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    pairs: list[dict[str, Any]] = []
    excluded: dict[str, str] = {}
    sayings: Counter[str] = Counter()
    for source, passage in passages:
        words = corpus.normalise(passage).split()
        for number in index.whole.get(" ".join(words), []):
            exact[index.name(number)] += 1
            excluded[corpus.text_hash(passage)] = index.name(number)
        shared: Counter[int] = Counter()
        own = set(runs(words, RUN))
        for run in own:
            shared.update(index.by_run.get(run, []))
        for number, count in shared.items():
            name, text, theirs = index.texts[number]
            fewer = min(len(own), max(1, len(theirs) - RUN + 1))
            share = min(1.0, count / fewer)
            pairs.append(
                {
                    "set": name,
                    "source": source,
                    "containment": round(share, 3),
                    "runs": count,
                    "evaluation": text[:160],
                    "corpus": passage[:160],
                    "corpus_hash": corpus.text_hash(passage),
                }
            )
            if share >= SHARED:
                near[name] += 1
                excluded[corpus.text_hash(passage)] = name
        for length in range(4, RUN):
            for run in set(runs(words, length)):
                for number in index.short.get(run, []):
                    inside[index.name(number)] += 1
                    sayings[run] += 1
    pairs.sort(key=lambda p: (-p["containment"], -p["runs"]))
    by_set = Counter(p["set"] for p in pairs)
    return {
        "whole": dict(exact),
        "near": dict(near),
        "sharing_any_run_of_eight": dict(by_set),
        "short_texts_inside": dict(inside),
        "commonest_inside": sayings.most_common(15),
        "closest_pairs": pairs[:40],
        "excluded": excluded,
    }


def scan_training_texts(
    index: Index, passages: list[tuple[str, str]], common: list[str], made: int
) -> dict[str, Any]:
    """Every text that training would see, as `train.py` makes it, compared whole."""
    found: Counter[str] = Counter()
    examples: dict[str, str] = {}
    total = 0

    def look(text: str) -> None:
        key = corpus.normalise(text)
        if key in index.whole:
            found[index.name(index.whole[key][0])] += 1
            examples[corpus.text_hash(text)] = text

    for seed in range(2):
        for source, passage in passages:
            for text in corpus.cut(source, passage, common, seed):
                total += 1
                look(text)
    for text in pool.ready_texts(passages, common, made):
        total += 1
        look(text)
    return {
        "texts": total,
        "whole": dict(found),
        "examples": sorted(set(examples.values()))[:40],
        "excluded": list(examples),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Look for evaluation texts in the corpus.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True, help="for its list of words")
    parser.add_argument("--made", type=int, default=900_000, help="as in train.py")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    path = args.data / "pretraining/english.parquet"
    evaluation = suite.every_text(args.data)
    index = Index(evaluation)
    # What an earlier scan excluded must be found again.
    passages = corpus.load_passages(path, everything=True)
    result = scan_passages(index, passages)
    excluded = result.pop("excluded")
    kept = [p for p in passages if corpus.text_hash(p[1]) not in excluded]
    vocabulary = json.loads((args.teacher / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    cut = scan_training_texts(index, kept, corpus.teacher_words(vocabulary), args.made)
    hashes = sorted({*excluded, *cut.pop("excluded")})
    corpus.EXCLUDED.write_text(
        json.dumps(
            {
                "what": "sha256, 16 digits, of normalised texts left out by train.py",
                "hashes": hashes,
            },
            indent=0,
        )
        + "\n"
    )
    report = {
        "corpus_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "passages": len(passages),
        "evaluation_texts": {name: len(texts) for name, texts in evaluation.items()},
        "rule": f"whole, or containment of runs of {RUN} words of at least {SHARED}",
        "in_passages": result,
        "passages_excluded": len(excluded),
        "in_training_texts": cut,
        "hashes_excluded": len(hashes),
        "verdict": "none found" if not hashes else "found, and left out of training by hash",
        "note": "imdb5k shares its kind (film reviews), not its texts, with part of the corpus",
    }
    args.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(
        json.dumps({k: v for k, v in report.items() if k not in ("in_passages",)}, indent=1)[:3000]
    )
    print({k: v for k, v in result.items() if k != "closest_pairs"})


if __name__ == "__main__":
    main()
