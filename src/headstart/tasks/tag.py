"""A tag for each word: what is named in a text, from where to where; judged by entity F1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart import metrics
from headstart.asked import Tags, Words
from headstart.errors import DataError
from headstart.heads import Kind
from headstart.metrics.entities import Entities
from headstart.ragged import Ragged, end_to_end
from headstart.schema import Evaluation, Marked, Prediction, Span
from headstart.tasks.base import (
    SHOWN_MISTAKES,
    Targeted,
    number_labels,
    order_labels,
    refuse_unknown,
)
from headstart.tasks.chain import Chain, best_tags
from headstart.tasks.classify import note_few, softmax

OUTSIDE = "O"


class Tag(Targeted):
    """Named things in texts: a row a word, and labels that say where in a thing a word stands.

    The headline is F1 over whole things, as seqeval counts them when strict: type, beginning and
    end must be right. What is said is always a valid sequence, the most probable of them.
    """

    name = "tag"
    headline = "entity_f1"
    kind: Kind = "softmax"
    guess = "naming nothing"

    def suits(self, targets: Sequence[Any]) -> bool:
        """Tell whether every target has a tag for each word."""
        return all(isinstance(target, Tags) for target in targets)

    def ask(self, source: Any) -> Any:
        """Return a text to be asked about word by word."""
        if isinstance(source, Words):
            return source
        return Words(source[0] if isinstance(source, tuple) and len(source) == 1 else source)

    def labels(self, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return O, and for each type what begins it and what goes on with it."""
        texts = Counter(label for target in targets for label in set(target.labels))
        if not texts:
            raise DataError(
                f"No word of the {len(targets):,} texts is tagged: nothing is named in them.",
                "Give texts with tags such as B-person and I-person.",
            )
        alone = sorted(label for label, count in texts.items() if count < 2)
        if alone:
            raise DataError(
                f"Only one text names a thing of the type '{alone[0]}'.",
                "Two of each type are needed at least, and ten or more are better: add some, or "
                "make these tags O.",
            )
        kinds = order_labels(texts)
        return (OUTSIDE, *(f"{part}-{kind}" for kind in kinds for part in "BI"))

    def spoken(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return the types of things."""
        return tuple(label[2:] for label in labels[1::2])

    def encode(self, targets: Sequence[Any], labels: tuple[str, ...]) -> Ragged:
        """Return the number of each word's tag, and where the words of each text stand."""
        numbers = number_labels(labels)
        known = self.spoken(labels)
        for target in targets:
            for tag in target.each:
                if tag not in numbers:
                    raise refuse_unknown(tag[2:], known)
        rows = [np.array([numbers[tag] for tag in target.each], np.int64) for target in targets]
        return end_to_end(rows, [target.places for target in targets])

    def mix(self, encoded: Ragged) -> np.ndarray:
        """Return which types each text names: texts of each are shared out evenly."""
        found = metrics.find_entities(encoded.values, encoded.starts)
        owner = np.repeat(np.arange(len(encoded)), encoded.counts)
        there = np.zeros((len(encoded), int(encoded.values.max(initial=0) + 1) // 2), np.int64)
        there[owner[found.begin], found.type] = 1
        return there

    def shares(self, encoded: Ragged, n_labels: int) -> np.ndarray:
        """Return each tag's share of the words."""
        return np.bincount(encoded.values, minlength=n_labels) / max(len(encoded.values), 1)

    def score_logits(self, logits: np.ndarray, encoded: Ragged, weights: np.ndarray) -> np.ndarray:
        """Return entity F1 under each weighting of the texts."""
        said = best_tags(logits, encoded.counts)
        types = logits.shape[1] // 2
        counts = metrics.count_entities(said, encoded.values, encoded.counts, types)
        return metrics.entity_f1(counts, weights)

    def loss(self, logits: torch.Tensor, encoded: Ragged, smoothing: float) -> torch.Tensor:
        """Return the words' cross-entropy, with the target smoothed over the tags."""
        truth = torch.from_numpy(encoded.values)
        return torch.nn.functional.cross_entropy(logits, truth, label_smoothing=smoothing)

    def probabilities(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Return the softmax of each word's cooled logits."""
        return softmax(logits, temperature)

    def score(self, probabilities: np.ndarray, encoded: Ragged) -> float:
        """Return entity F1."""
        logs, once = np.log(np.maximum(probabilities, 1e-30)), np.ones((len(encoded), 1))
        return float(self.score_logits(logs, encoded, once)[0])

    def say(
        self,
        names: Sequence[str],
        located: Sequence[Any],
        rows: Sequence[np.ndarray],
        known: Sequence[bool],
        labels: tuple[str, ...],
    ) -> list[Prediction]:
        """Return what is named in each text, with places in the text as it was given.

        An answer is as sure as its least sure span, or as that nothing is named.
        """
        kinds = self.spoken(labels)
        said: list[Prediction] = []
        for name, where, chances, seen in zip(names, located, rows, known, strict=True):
            chain = Chain(chances)
            tags = best_tags(chain.logs, np.array([len(chances)]))
            spans = []
            for begin, end, kind in metrics.find_entities(tags, np.zeros(1, np.int64)).listed():
                start, stop = where.places[begin][1], where.places[end - 1][2]
                sure = chain.sure_of(begin, end, kind)
                spans.append(Span(start, stop, where.text[start:stop], kinds[kind], sure))
            surest: dict[str, float] = {}
            for span in spans:
                surest[span.label] = max(span.probability, surest.get(span.label, 0.0))
            least = min((span.probability for span in spans), default=chain.sure_of_none())
            label = tuple(span.label for span in spans)
            said.append(Marked(name, label, least, surest, seen, tuple(spans)))
        return said

    def evaluate(
        self,
        probabilities: np.ndarray,
        encoded: Ragged,
        labels: tuple[str, ...],
        names: Sequence[str],
        groups: Sequence[str | None],
        seed: int,
    ) -> Evaluation:
        """Return every figure with its interval from resampled texts, and the worst texts."""
        kinds, starts = self.spoken(labels), encoded.starts
        chances = Ragged(probabilities, encoded.counts).apart()
        chains = [Chain(each) for each in chances]
        logs = np.concatenate([chain.logs for chain in chains])
        tags = best_tags(logs, encoded.counts)
        said = metrics.find_entities(tags, starts)
        truth = metrics.find_entities(encoded.values, starts)
        counts = metrics.count_entities(tags, encoded.values, encoded.counts, len(kinds))
        resamples = metrics.draw(groups, len(encoded), columns=len(kinds), seed=seed)
        sides = [_Side(found, chains, encoded) for found in (said, truth)]
        right = said.among(truth)
        figures, per_class = metrics.measure_entities(
            counts, sides[0].sure, right, sides[0].owner, resamples
        )
        return Evaluation(
            task=self.name,
            labels=kinds,
            headline=self.headline,
            n=len(encoded),
            figures=figures,
            per_class=dict(zip(kinds, per_class, strict=True)),
            mistakes=_worst(sides[0], sides[1], right, truth.among(said), kinds, names),
            notes=note_few(counts.of_truth.sum(0), kinds),
        )


class _Side:
    """Things that were said, or that are true: in which text, how sure, and where in it."""

    def __init__(self, found: Entities, chains: Sequence[Chain], encoded: Ragged) -> None:
        self.found = found
        self.owner = np.searchsorted(encoded.starts, found.begin, "right") - 1
        own = encoded.starts[self.owner]
        words = np.stack([found.begin - own, found.end - own, found.type], 1)
        pairs = list(zip(self.owner.tolist(), words.tolist(), strict=True))
        self.sure = np.array([chains[text].sure_of(*word) for text, word in pairs])
        self.places = [
            (encoded.about[text][begin][0], encoded.about[text][end - 1][1])
            for text, (begin, end, _) in pairs
        ]

    def of(self, text: int) -> list[int]:
        """Return the numbers of a text's things, in order."""
        return np.flatnonzero(self.owner == text).tolist()

    def spans(self, text: int, right: np.ndarray, kinds: Sequence[str]) -> list[dict[str, Any]]:
        """Return a text's things as JSON-ready values."""
        return [
            {
                "start": int(self.places[at][0]),
                "end": int(self.places[at][1]),
                "label": kinds[self.found.type[at]],
                "right": bool(right[at]),
            }
            for at in self.of(text)
        ]


def _worst(
    said: _Side,
    truth: _Side,
    right: np.ndarray,
    known: np.ndarray,
    kinds: Sequence[str],
    names: Sequence[str],
) -> tuple[dict[str, Any], ...]:
    """Return the texts with the most confident wrong answers first.

    A thing that is none is as wrong as it was sure, one that was missed as it was held unlikely.
    """
    wrong: dict[int, float] = {}
    for side, fine, error in ((said, right, said.sure), (truth, known, 1 - truth.sure)):
        for at in np.flatnonzero(~fine):
            text = int(side.owner[at])
            wrong[text] = max(wrong.get(text, 0.0), float(error[at]))
    worst = sorted(wrong, key=lambda text: (-wrong[text], text))[:SHOWN_MISTAKES]
    return tuple(
        {
            "name": names[text],
            "truth": [kinds[truth.found.type[at]] for at in truth.of(text)],
            "said": [kinds[said.found.type[at]] for at in said.of(text)],
            "probability": wrong[text],
            "of_truth": 1 - wrong[text],
            "true_spans": truth.spans(text, known, kinds),
            "said_spans": said.spans(text, right, kinds),
        }
        for text in worst
    )
