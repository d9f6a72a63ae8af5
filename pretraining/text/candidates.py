"""What the evaluation can judge: the student, a static table, the teacher, TF-IDF.

A candidate turns texts into vectors (`embed`), and all but TF-IDF turn words in sentences into
vectors too (`words`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Protocol

import numpy as np
import teacher as teacher_
import torch
from safetensors.torch import load_file
from tokenizer import folding
from tokenizers import Encoding, Tokenizer
from torch import Tensor, nn

from headstart.backbones.nets.text import TextNet, build, masked_mean


class Candidate(Protocol):
    sha256: str

    def embed(self, texts: list[str]) -> dict[str, Tensor]:
        """Vectors of the texts by the name of the reading ("sentence", "stages", ...)."""

    def words(self, sentences: list[list[str]]) -> list[Tensor]:
        """For each sentence, words x width."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def batches(encoded: list[Encoding], tokens: int) -> list[list[int]]:
    """Numbers of texts sorted by length, cut so that a padded batch holds about `tokens`."""
    order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i].ids))
    found: list[list[int]] = []
    while order:
        count = max(1, tokens // max(1, len(encoded[order[0]].ids)))
        found.append(order[:count])
        order = order[count:]
    return found


def pad(encoded: list[Encoding], device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(len(e.ids) for e in encoded)
    ids = np.zeros((len(encoded), width), dtype=np.int64)
    mask = np.zeros((len(encoded), width), dtype=bool)
    for i, e in enumerate(encoded):
        ids[i, : len(e.ids)] = e.ids
        mask[i, : len(e.ids)] = True
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


class Net:
    """What student, static table and teacher share: reading in batches, and means over words."""

    tokens = 8192
    brief = False  # only the sentence embedding: what the speed is measured on
    tokenizer: Tokenizer
    sha256 = ""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def read(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        raise NotImplementedError

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        raise NotImplementedError

    @torch.inference_mode()
    def embed(self, texts: list[str]) -> dict[str, Tensor]:
        encoded = self.tokenizer.encode_batch(texts)
        found: dict[str, Tensor] = {}
        for batch in batches(encoded, self.tokens):
            ids, mask = pad([encoded[i] for i in batch], self.device)
            for name, x in self.read(ids, mask).items():
                if name not in found:
                    found[name] = torch.zeros(len(texts), x.shape[1], device=self.device)
                found[name][batch] = x.float()
        return found

    @torch.inference_mode()
    def words(self, sentences: list[list[str]]) -> list[Tensor]:
        encoded = self.tokenizer.encode_batch(sentences, is_pretokenized=True)
        found: list[Tensor] = [torch.empty(0)] * len(sentences)
        for batch in batches(encoded, self.tokens):
            ids, mask = pad([encoded[i] for i in batch], self.device)
            x = self.states(ids, mask).float()
            for row, i in enumerate(batch):
                found[i] = word_rows(x[row], encoded[i], len(sentences[i]))
        return found


def word_rows(x: Tensor, encoding: Encoding, words: int) -> Tensor:
    """The mean of each word's token states; a word without tokens gets zeros."""
    where = torch.tensor([words if w is None else w for w in encoding.word_ids], device=x.device)
    sums = torch.zeros(words + 1, x.shape[1], device=x.device).index_add(0, where, x[: len(where)])
    count = torch.zeros(words + 1, device=x.device).index_add(
        0, where, torch.ones(len(where), device=x.device)
    )
    return sums[:words] / count[:words, None].clamp_min(1)


class Student(Net):
    """A folder written by `train.py`."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        super().__init__(device)
        self.sha256 = sha256(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text("utf-8"))
        self.net: TextNet = build(config, load_file(folder / "model.safetensors")).to(device)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(512)

    def read(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        if self.brief:
            return {"sentence": self.net(ids, mask)}
        state, means = {"x": ids, "mask": mask}, {}
        for name, stage in self.net.stages.items():
            state = stage(state)
            means[name] = unit(masked_mean(state["x"], mask))
        sentence = self.net.sentence(state)
        return {
            "sentence": sentence,
            "sentence and stages": torch.cat([sentence, *means.values()], 1),
            **means,
        }

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Every stage's states, each at unit length: tagging wants early stages too."""
        state, found = {"x": ids, "mask": mask}, []
        for stage in self.net.stages.values():
            state = stage(state)
            found.append(unit(state["x"]))
        return torch.cat([*found, unit(self.net.tokens(state))], -1)


class Static(Net):
    """The floor: `static.safetensors` beside a student."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        super().__init__(device)
        self.sha256 = sha256(folder / "static.safetensors")
        self.table = load_file(folder / "static.safetensors")["table"].float().to(device)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(512)
        self.base = torch.from_numpy(folding(self.tokenizer)[1]).to(device)

    def read(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {"sentence": unit(masked_mean(self.states(ids, mask), mask))}

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.table[self.base[ids]]


class Teacher(Net):
    def __init__(self, folder: Path, device: torch.device) -> None:
        super().__init__(device)
        self.sha256 = sha256(folder / "model.safetensors")
        self.net: nn.Module = teacher_.load(folder, device)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(teacher_.MAX_TOKENS)

    def read(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {"sentence": teacher_.sentence(teacher_.states(self.net, ids, mask), mask)}

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        return teacher_.states(self.net, ids, mask)


class TfIdf:
    """Words and pairs of words, fitted on the training texts it is first shown."""

    sha256 = ""

    def __init__(self, device: torch.device) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.device = device
        self.count = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=8000)

    def fit(self, texts: list[str]) -> None:
        self.count.fit(texts)

    def embed(self, texts: list[str]) -> dict[str, Tensor]:
        dense = self.count.transform(texts).toarray().astype(np.float32)
        return {"sentence": torch.from_numpy(dense).to(self.device)}


def unit(x: Tensor) -> Tensor:
    return nn.functional.normalize(x.float(), dim=-1)


def open_candidate(kind: str, folder: Path | None, device: torch.device) -> Net | TfIdf:
    if kind == "tfidf":
        return TfIdf(device)
    kinds: dict[str, type[Student] | type[Static] | type[Teacher]] = {
        "student": Student,
        "static": Static,
        "teacher": Teacher,
    }
    if kind not in kinds or folder is None:
        raise SystemExit(
            f"unknown candidate {kind!r}: student=DIR, static=DIR, teacher=DIR or tfidf"
        )
    return kinds[kind](folder, device)
