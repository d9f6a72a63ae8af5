"""The answer to a question, as a stretch of a text; judged by the words that it has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from headstart import metrics
from headstart.asked import Answers, Located, Passage
from headstart.errors import DataError, UnreadableInput
from headstart.heads import Kind
from headstart.metrics.calibration import calibration_figure, weighted_mean
from headstart.metrics.intervals import share_interval
from headstart.modalities.base import Modality
from headstart.ragged import Ragged, end_to_end
from headstart.schema import ANSWERING, Evaluation, InputSpec, Marked, Prediction, Sample, Span
from headstart.tasks.base import SHOWN_MISTAKES
from headstart.tasks.spans import Candidate, best_spans, mark_rows

BEST = 5
"""How many candidates a prediction names."""


class Answer:
    """Extractive question answering: a row a token, and two labels: begins here, ends here.

    The headline is SQuAD's F1, the overlap of words with the right answer. That a text does not
    answer can be learnt where the data has such questions.
    """

    name = ANSWERING
    headline = "answer_f1"
    kind: Kind = "sigmoid"
    guess = "the same stretch of every text"

    def suits(self, targets: Sequence[Any]) -> bool:
        """Tell whether every target is of answers in a text."""
        return all(isinstance(target, Answers) for target in targets)

    def ask(self, source: Any) -> Any:
        """Return a question and a text, which a pair is, as a passage."""
        if isinstance(source, Passage):
            return source
        if isinstance(source, tuple):
            return Passage(source[0], source[-1])
        raise UnreadableInput(
            "A question alone cannot be answered: the text is missing that it is about.",
            "Give the text with --context FILE, or in Python pairs: (question, text).",
        )

    def labels(self, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return the two labels of a token; some question must have an answer."""
        if not any(target.texts for target in targets):
            raise DataError(
                f"None of the {len(targets):,} questions has an answer.",
                "Give questions that the texts answer.",
            )
        return ("begins", "ends")

    def spoken(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return nothing: answers are not of kinds."""
        return ()

    def place(
        self, samples: Sequence[Sample], modality: Modality, spec: InputSpec
    ) -> tuple[Sample, ...]:
        """Return samples whose targets know where the rows of their texts stand."""
        return tuple(
            replace(sample, target=replace(sample.target, located=_locate(sample, modality, spec)))
            for sample in samples
        )

    def encode(self, targets: Sequence[Any], labels: tuple[str, ...]) -> Ragged:
        """Return which tokens begin and end a right answer, and the answers."""
        rows = [mark_rows(target.located, _stretches(target)) for target in targets]
        return end_to_end(rows, targets)

    def mix(self, encoded: Ragged) -> np.ndarray:
        """Return whether there is an answer."""
        return np.array([int(bool(target.texts)) for target in encoded.about], np.int64)

    def shares(self, encoded: Ragged, n_labels: int) -> np.ndarray:
        """Return how often a token begins an answer, and ends one."""
        return np.asarray(encoded.values.mean(0))

    def score_logits(self, logits: np.ndarray, encoded: Ragged, weights: np.ndarray) -> np.ndarray:
        """Return the mean overlap under each weighting of the questions."""
        parts = zip(Ragged(logits, encoded.counts).apart(), encoded.about, strict=True)
        said = [_text(best_spans(rows, each.located, 1)[0], each.located) for rows, each in parts]
        pairs = zip(said, encoded.about, strict=True)
        return weighted_mean(
            np.array([metrics.overlap(text, each.texts) for text, each in pairs]), weights
        )

    def loss(self, logits: torch.Tensor, encoded: Ragged, smoothing: float) -> torch.Tensor:
        """Return how surprising the right beginnings and ends are among a question's tokens.

        Several tokens may be right, such as one and the same in two windows; what counts is the
        probability of all of them. There is nothing to smooth towards.
        """
        right = torch.from_numpy(encoded.values) > 0
        counts = encoded.counts.tolist()
        pairs = zip(torch.split(logits, counts), torch.split(right, counts), strict=True)
        return torch.stack(
            [
                (own.logsumexp(0) - own.masked_fill(~true, -torch.inf).logsumexp(0)).mean()
                for own, true in pairs
            ]
        ).mean()

    def probabilities(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Return each token's own two probabilities; only together do they make an answer."""
        cooled = np.asarray(logits, np.float64) / temperature
        return np.asarray(np.exp(-np.logaddexp(0, -cooled)))

    def score(self, probabilities: np.ndarray, encoded: Ragged) -> float:
        """Return the mean overlap."""
        once = np.ones((len(encoded), 1))
        return float(self.score_logits(_logits(probabilities), encoded, once)[0])

    def say(
        self,
        names: Sequence[str],
        located: Sequence[Any],
        rows: Sequence[np.ndarray],
        known: Sequence[bool],
        labels: tuple[str, ...],
    ) -> list[Prediction]:
        """Return each question's answer, and the likeliest others with their probabilities."""
        said: list[Prediction] = []
        for name, where, chances, seen in zip(names, located, rows, known, strict=True):
            found = best_spans(_logits(chances), where, BEST)
            best, text = found[0], _text(found[0], where)
            surest: dict[str, float] = {}
            for each in found:
                surest.setdefault(_text(each, where), each.probability)
            spans = (Span(best.start, best.end, text, "answer", best.probability),) if text else ()
            said.append(Marked(name, text, best.probability, surest, seen, spans))
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
        """Return SQuAD's figures with intervals from resampled texts, and the worst answers."""
        about = encoded.about
        parts = Ragged(_logits(probabilities), encoded.counts).apart()
        best = [best_spans(rows, a.located, 1)[0] for rows, a in zip(parts, about, strict=True)]
        said = [_text(each, a.located) for each, a in zip(best, about, strict=True)]
        resamples = metrics.draw(groups, len(encoded), seed=seed)
        common = np.array([metrics.overlap(s, a.texts) for s, a in zip(said, about, strict=True)])
        same = np.array([metrics.exact(s, a.texts) for s, a in zip(said, about, strict=True)])
        sure = np.array([each.probability for each in best])
        support = float(resamples.groups)
        figures = {
            "answer_f1": share_interval(weighted_mean(common, resamples.weights), support),
            "exact_match": share_interval(weighted_mean(same, resamples.weights), support),
            "calibration_error": calibration_figure(sure, same, resamples),
        }
        missing = sum(not target.texts for target in about)
        notes = (f"{missing:,} of the questions have no answer in their text.",) if missing else ()
        return Evaluation(
            task=self.name,
            labels=(),
            headline=self.headline,
            n=len(encoded),
            figures=figures,
            mistakes=_worst(best, said, common, about, names),
            notes=notes,
        )


def _locate(sample: Sample, modality: Modality, spec: InputSpec) -> Located:
    found: Located = modality.locate(modality.read(sample.input), spec)
    return found


def _stretches(target: Answers) -> list[tuple[int, int]]:
    pairs = zip(target.starts, target.texts, strict=True)
    return [(start, start + len(text)) for start, text in pairs]


def _text(found: Candidate, located: Located) -> str:
    return located.text[found.start : found.end] if found.start >= 0 else ""


def _logits(probabilities: np.ndarray) -> np.ndarray:
    kept = np.clip(probabilities, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def _worst(
    best: Sequence[Candidate],
    said: Sequence[str],
    common: np.ndarray,
    about: Sequence[Answers],
    names: Sequence[str],
) -> tuple[dict[str, Any], ...]:
    """Return the answers with least in common with the right one, the most sure of them first."""
    wrong = [at for at in range(len(best)) if common[at] < 1]
    wrong.sort(key=lambda at: (-(1 - common[at]) * best[at].probability, at))
    return tuple(
        {
            "name": names[at],
            "truth": list(dict.fromkeys(about[at].texts)),
            "said": [said[at]] if said[at] else [],
            "probability": best[at].probability,
            "of_truth": 1 - best[at].probability,
            "true_spans": [
                {"start": start, "end": end, "label": "answer", "right": False}
                for start, end in dict.fromkeys(_stretches(about[at]))
            ],
            "said_spans": [
                {"start": best[at].start, "end": best[at].end, "label": "answer", "right": False}
            ]
            if said[at]
            else [],
        }
        for at in wrong[:SHOWN_MISTAKES]
    )
