"""What can be said without any net: always the same, or a plain model on pixels, words or MFCC.

Whoever asks whether a pretrained net is worth it asks first what the simplest things do that
people did before. They are judged by the same task on the same test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.modalities.audio_prepare import at_rate, whisper_log_mel
from headstart.ragged import Rows, flat
from headstart.tasks.base import Task

LIKELY = 0.51
"""A probability at which a label is said."""

SIDE = 16
RATE, BANDS, CEPSTRA = 16_000, 40, 20
TREES = 300


@dataclass(frozen=True)
class Plain:
    """A kind of input without a net: how one is looked at, and the model that learns from it.

    `look` turns a decoded input into a vector, or into words where the model counts those itself.
    """

    name: str
    look: Callable[[Any], Any]
    model: Callable[[int], Any]

    def probabilities(
        self,
        looks: Sequence[Any],
        encoded: np.ndarray,
        labels: int,
        asked: Sequence[Any],
        seed: int,
    ) -> np.ndarray:
        """Learn from looks and their encoded targets; return what it says of others."""
        if encoded.ndim == 1:
            return self._columns(looks, encoded, labels, asked, seed)
        each = [self._columns(looks, column, 2, asked, seed)[:, 1] for column in encoded.T]
        return np.stack(each, axis=1)

    def _columns(
        self,
        looks: Sequence[Any],
        encoded: np.ndarray,
        labels: int,
        asked: Sequence[Any],
        seed: int,
    ) -> np.ndarray:
        said = np.zeros((len(asked), labels))
        there = np.unique(encoded)
        if len(there) == 1:  # nothing to tell apart
            said[:, there] = 1.0
            return said
        model = self.model(seed).fit(looks, encoded)
        said[:, model.classes_] = model.predict_proba(asked)
        return said


def plain_of(modality: str) -> Plain | None:
    """Return what serves a kind of input without a net; None for a kind that has nothing such."""
    return PLAIN.get(modality)


def always(task: Task, encoded: Rows, labels: int) -> tuple[str, np.ndarray]:
    """Return what is said of every row by who never looks, in words and as probabilities."""
    shares = task.shares(encoded, labels)
    if flat(encoded).ndim == 2:
        # Of a set of labels, naming them all is what F1 pays most for without looking.
        shares = np.maximum(shares, LIKELY)
    return task.guess, shares


def _pixels(picture: Any) -> np.ndarray:
    small = picture.resize((SIDE, SIDE))
    return np.asarray(small, np.float32).ravel() / 255


def _words(parts: Sequence[str]) -> str:
    return " ".join(parts)


def _cepstra(sound: Any) -> np.ndarray:
    """Return mean and deviation of 20 MFCC and of their changes."""
    import torch

    wave = np.pad(at_rate(sound, RATE), (0, 3 * 160))  # the shortest still has two frames
    mel = whisper_log_mel(torch.from_numpy(wave)[None], BANDS, RATE)[0].numpy()
    at = np.arange(BANDS)
    cosines = np.cos(np.pi * np.outer(np.arange(CEPSTRA), at + 0.5) / BANDS)
    frames = mel @ cosines.T
    both = (frames, np.diff(frames, axis=0))
    return np.concatenate([part for each in both for part in (each.mean(0), each.std(0))])


def _linear(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))


def _counting(seed: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    # Any run of letters is a word, so that texts of one-letter words have some.
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"(?u)\w+|[^\w\s]")
    return make_pipeline(words, LogisticRegression(C=10.0, max_iter=2000))


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, random_state=seed)


PLAIN = {
    "image": Plain("pixels + logistic regression", _pixels, _linear),
    "text": Plain("TF-IDF + logistic regression", _words, _counting),
    "audio": Plain("MFCC + random forest", _cepstra, _forest),
}
