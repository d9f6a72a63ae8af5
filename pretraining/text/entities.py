"""Entities in sentences: strict scores, a linear probe on frozen word states, a short fine-tune."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import probe
import torch
import torch.nn.functional as F
from candidates import Net, Student, pad
from torch import Tensor, nn


def entities(tags: list[str]) -> set[tuple[int, int, str]]:
    """(first word, word after the last, type). An I that continues nothing begins an entity."""
    found, begin, kind = set(), 0, ""
    for i, tag in enumerate([*tags, "O"]):
        mark, _, name = tag.partition("-")
        if kind and (mark != "I" or name != kind):
            found.add((begin, i, kind))
            kind = ""
        if mark == "B" or (mark == "I" and not kind):
            begin, kind = i, name
    return found


def f1(gold: list[list[str]], predicted: list[list[str]]) -> dict[str, float]:
    """Precision, recall and F1 of whole entities: bounds and type must both be right."""
    right = said = there = 0
    for one, other in zip(gold, predicted, strict=True):
        a, b = entities(one), entities(other)
        right, said, there = right + len(a & b), said + len(b), there + len(a)
    precision, recall = right / max(1, said), right / max(1, there)
    f = 2 * precision * recall / max(1e-9, precision + recall)
    return {"f1": f, "precision": precision, "recall": recall}


def regroup(flat: list[str], sentences: list[list[str]]) -> list[list[str]]:
    found, at = [], 0
    for sentence in sentences:
        found.append(flat[at : at + len(sentence)])
        at += len(sentence)
    return found


def by_probe(candidate: Net, data: dict[str, Any]) -> dict[str, Any]:
    """A linear probe on each word's state beside those of its neighbours; penalty by val F1."""
    names = sorted({t for tags in data["train"]["tags"] for t in tags})
    number = {t: i for i, t in enumerate(names)}

    def features(split: str) -> Tensor:
        return torch.cat(candidate.words(data[split]["words"]))

    x, val, test = probe.scale(features("train"), features("val"), features("test"))
    y = torch.tensor([number[t] for tags in data["train"]["tags"] for t in tags], device=x.device)
    best: dict[str, Any] = {"val": -1.0}
    w = None
    for strength in (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1):
        w = probe.fit(x, y, len(names), strength, w)

        def score(rows: Tensor, split: str, w: Tensor = w) -> dict[str, float]:
            said = [names[i] for i in probe.scores(rows, w).argmax(1).tolist()]
            return f1(data[split]["tags"], regroup(said, data[split]["words"]))

        on_val = score(val, "val")["f1"]
        if on_val > best["val"]:
            best = {"val": on_val, "strength": strength, **score(test, "test")}
    return best


class Tagger(nn.Module):
    """The encoder's last token states and a linear layer, trained together."""

    def __init__(self, candidate: Net, tags: int) -> None:
        super().__init__()
        self.net = copy.deepcopy(candidate.net).float()  # type: ignore[attr-defined]
        self.net.requires_grad_(True)
        self.ours = isinstance(candidate, Student)
        width = self.net.config.width if self.ours else self.net.config.hidden_size
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, tags)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        if self.ours:
            x = self.net.run({"x": ids, "mask": mask})["x"]
        else:
            x = self.net(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        scores: Tensor = self.head(F.dropout(self.norm(x), 0.1, self.training))
        return scores


def by_tuning(
    candidate: Net, data: dict[str, Any], epochs: int, rate: float, seed: int
) -> dict[str, Any]:
    """Everything trained for a few passes; a word's tag is read from its first token."""
    torch.manual_seed(seed)
    device = candidate.device
    names = sorted({t for tags in data["train"]["tags"] for t in tags})
    number = {t: i for i, t in enumerate(names)}
    encoded = {
        s: candidate.tokenizer.encode_batch(d["words"], is_pretokenized=True)
        for s, d in data.items()
    }

    def first_tokens(split: str, i: int) -> dict[int, int]:
        """Word -> its first token; a word that gives no token (an odd sign) is left out."""
        found: dict[int, int] = {}
        for place, word in enumerate(encoded[split][i].word_ids):
            if word is not None:
                found.setdefault(word, place)
        return found

    tagger = Tagger(candidate, len(names)).to(device).train()
    optimiser = torch.optim.AdamW(tagger.parameters(), lr=rate, weight_decay=0.01)
    rng = np.random.default_rng(seed)
    count = len(encoded["train"])
    steps, done = epochs * -(-count // 32), 0
    for _ in range(epochs):
        order = rng.permutation(count)
        for at in range(0, count, 32):
            batch = order[at : at + 32].tolist()
            ids, mask = pad([encoded["train"][i] for i in batch], device)
            wanted = torch.full(ids.shape, -100, device="cpu")
            for row, i in enumerate(batch):
                for word, place in first_tokens("train", i).items():
                    wanted[row, place] = number[data["train"]["tags"][i][word]]
            share = done / steps
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, share / 0.1, (1 - share) / 0.9 + 1e-3)
            loss = F.cross_entropy(tagger(ids, mask).flatten(0, 1), wanted.to(device).flatten())
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(tagger.parameters(), 1.0)
            optimiser.step()
            done += 1
    tagger.eval()
    result: dict[str, Any] = {"epochs": epochs, "rate": rate, "seed": seed}
    for split in ("val", "test"):
        said = []
        for at in range(0, len(encoded[split]), 64):
            rows = list(range(at, min(at + 64, len(encoded[split]))))
            ids, mask = pad([encoded[split][i] for i in rows], device)
            with torch.inference_mode():
                best = tagger(ids, mask).argmax(-1).cpu().numpy()
            for row, i in enumerate(rows):
                places = first_tokens(split, i)
                words = range(len(data[split]["words"][i]))
                said.append([names[best[row, places[w]]] if w in places else "O" for w in words])
        score = f1(data[split]["tags"], said)
        result.update({"val": score["f1"]} if split == "val" else score)
    return result
