"""Writing: the most probable token after another, from what was heard, until the text ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from headstart.backbones.base import Decoder
from headstart.schema import SpeechSpec


@dataclass(frozen=True)
class Written:
    """The tokens of a text without those that it opens and ends with, and how sure they were."""

    tokens: tuple[int, ...]
    probability: float
    ended: bool


def write(
    decoder: Decoder, source: torch.Tensor, spec: SpeechSpec, limit: int | None = None
) -> list[Written]:
    """Return what is written of each sound of a batch, from the states of the last stage before.

    The states are those of the store: the stages that hear are not run again. A text has at most
    `limit` tokens, those that it opens with counted.
    """
    count = len(source)
    opening = torch.tensor([*spec.opening, *spec.closing], device=source.device)
    tokens: list[list[int]] = [[] for _ in range(count)]
    chances: list[list[float]] = [[] for _ in range(count)]
    ended = [False] * count
    with torch.inference_mode():
        line = decoder.begin(source)
        scores = line.step(opening.expand(count, -1))
        for at in range((limit or spec.length) - len(opening)):
            scores = scores.float()
            scores[:, [*spec.never, *(() if at else spec.never_first)]] = -torch.inf
            best = scores.argmax(1)
            sure = torch.log_softmax(scores, 1).gather(1, best[:, None])[:, 0]
            for row in range(count):
                if not ended[row]:
                    chances[row].append(float(sure[row]))
                    ended[row] = int(best[row]) == spec.end
                    tokens[row] += [] if ended[row] else [int(best[row])]
            if all(ended):
                break
            scores = line.step(best[:, None])
    return [
        Written(tuple(row), float(torch.tensor(likely).mean().exp()), end)
        for row, likely, end in zip(tokens, chances, ended, strict=True)
    ]


def hear_language(decoder: Decoder, source: torch.Tensor, spec: SpeechSpec) -> list[int]:
    """Return the token of the language of each sound: the one that most likely follows the start.

    The checkpoint was trained to say it first.
    """
    start = torch.tensor(spec.opening[:1], device=source.device).expand(len(source), -1)
    with torch.inference_mode():
        scores = decoder.begin(source).step(start)[:, list(spec.languages)]
    return [spec.languages[at] for at in scores.argmax(1).tolist()]


def most_often(tokens: Sequence[int]) -> int:
    """Return the token that comes most often; of several the smallest."""
    return max(sorted(set(tokens)), key=list(tokens).count)
