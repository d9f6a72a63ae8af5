"""What is said in recordings, as text; judged by the words that are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart import metrics
from headstart.asked import Located
from headstart.errors import DataError
from headstart.heads import Kind
from headstart.normalise import USUAL, get_normalisation
from headstart.schema import SPEECH, Evaluation, Prediction, Said
from headstart.tasks.base import SHOWN_MISTAKES, Targeted

FEW_WORDS = 200


class Transcribe(Targeted):
    """Texts of recordings. The headline is word accuracy: 1 less the word error rate.

    A model of this task writes texts, and those stand where others have probabilities. They are
    compared after the normalisation named here, which the evaluation names too.
    """

    name = SPEECH
    headline = "word_accuracy"
    kind: Kind = "softmax"
    guess = "writing nothing"
    normalisation = USUAL

    def suits(self, targets: Sequence[Any]) -> bool:
        """Tell whether every target is what is said."""
        return all(isinstance(target, Said) for target in targets)

    def ask(self, source: Any) -> Any:
        """Return the recording as it is."""
        return source

    def labels(self, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return none: which characters are spelt is the backbone's to say."""
        normalise = get_normalisation(self.normalisation)
        silent = sum(not normalise(target.text) for target in targets)
        if silent == len(targets):
            raise DataError(
                f"The transcripts of all {silent:,} recordings hold no word.",
                "Name the column that holds what is said (--text COLUMN).",
            )
        return ()

    def spoken(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return none: characters are no labels to a person."""
        return ()

    def encode(self, targets: Sequence[Any], labels: tuple[str, ...]) -> np.ndarray:
        """Return the transcripts as they are compared."""
        normalise = get_normalisation(self.normalisation)
        return np.array([normalise(target.text) for target in targets], object)

    def mix(self, encoded: np.ndarray) -> np.ndarray:
        """Return one class: there is nothing to share out evenly."""
        return np.zeros(len(encoded), np.int64)

    def shares(self, encoded: np.ndarray, n_labels: int) -> np.ndarray:
        """Return nothing: no character is what a guess would say."""
        return np.zeros(n_labels)

    def score_logits(
        self, logits: np.ndarray, encoded: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Refuse: heads that write are trained, not solved."""
        raise NotImplementedError

    def loss(self, logits: torch.Tensor, encoded: Any, smoothing: float) -> torch.Tensor:
        """Refuse: what is lost is a lesson's to say (`writing/lessons.py`)."""
        raise NotImplementedError

    def probabilities(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Refuse: what is written are texts."""
        raise NotImplementedError

    def score(self, probabilities: Any, encoded: np.ndarray) -> float:
        """Return the word accuracy of texts."""
        return metrics.word_accuracy(list(encoded), list(probabilities))

    def say(
        self,
        names: Sequence[str],
        located: Sequence[Located | None],
        rows: Sequence[np.ndarray],
        known: Sequence[bool],
        labels: tuple[str, ...],
    ) -> list[Prediction]:
        """Refuse: a model that writes says itself what it wrote."""
        raise NotImplementedError

    def evaluate(
        self,
        probabilities: Any,
        encoded: np.ndarray,
        labels: tuple[str, ...],
        names: Sequence[str],
        groups: Sequence[str | None],
        seed: int,
    ) -> Evaluation:
        """Return the error rates of texts with their intervals, and those with the most errors."""
        normalise = get_normalisation(self.normalisation)
        said, written = list(encoded), [normalise(text) for text in probabilities]
        resamples = metrics.draw(groups, len(said), seed=seed)
        words = sum(len(text.split()) for text in said)
        notes = [
            f"Texts were compared after the normalisation '{self.normalisation}': capitals, "
            "punctuation and kinds of blanks do not count, numbers are left as written."
        ]
        if words < FEW_WORDS:
            notes.append(f"The test holds {words:,} words: the figures are rough.")
        return Evaluation(
            task=self.name,
            labels=(),
            headline=self.headline,
            n=len(said),
            figures=metrics.measure_transcripts(said, written, resamples),
            mistakes=worst_transcripts(said, written, names),
            notes=tuple(notes),
        )


def worst_transcripts(
    said: Sequence[str], written: Sequence[str], names: Sequence[str]
) -> tuple[dict[str, Any], ...]:
    """Return the transcripts with the most wrong words first, aligned with what was said."""
    counts = metrics.count_words(said, written)
    order = sorted(np.flatnonzero(counts.errors).tolist(), key=lambda row: -counts.errors[row])
    return tuple(
        {
            "name": names[row],
            "truth": said[row],
            "said": written[row],
            "errors": int(counts.errors[row]),
            "words": int(counts.lengths[row]),
            "runs": [
                {"fate": run.fate, "said": run.said, "written": run.written}
                for run in metrics.align_words(said[row], written[row])
            ],
        }
        for row in order[:SHOWN_MISTAKES]
    )
