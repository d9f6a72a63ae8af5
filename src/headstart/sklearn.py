"""headstart as a scikit-learn classifier, and as a transformer that gives features.

Both take paths, texts, pictures (PIL) or arrays, so they stand in pipelines, cross-validation and
grid searches like any other estimator. Features come from the store: a search over heads costs one
pass.

>>> from headstart.sklearn import HeadstartFeatures                     # doctest: +SKIP
>>> pipe = make_pipeline(HeadstartFeatures(), LogisticRegression())     # doctest: +SKIP
>>> cross_val_score(pipe, paths, labels)                                # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from headstart import devices, features
from headstart.backbones.base import Backbone
from headstart.backbones.source import open_backbone
from headstart.choose import make
from headstart.dataset import from_pairs, read_inputs
from headstart.errors import DataError
from headstart.heads.candidates import leading
from headstart.job import Job
from headstart.modalities.base import Modality
from headstart.recognise import recognise_list, require_fitting
from headstart.schema import Sample, Unreadable


def _open(
    backbone: str | None, inputs: Sequence[Any], offline: bool, device: str | None
) -> tuple[Modality, Backbone]:
    """Return the modality of the inputs, and the backbone named or the bundled one for it."""
    where, modality = devices.choose(device), recognise_list(inputs)
    opened = open_backbone(backbone or f"bundled/{modality.name}", offline=offline)
    require_fitting(opened, modality, "X")
    return modality, opened.to(where)


def _inputs(X: Any) -> list[Any]:
    if isinstance(X, str | bytes) or not hasattr(X, "__len__"):
        raise ValueError(
            f"Expected a sequence of paths, texts, pictures or arrays, got {type(X).__name__}."
        )
    if len(X) == 0:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    return list(X)


def _identified(samples: Sequence[Sample], modality: Modality) -> tuple[Sample, ...]:
    known, unreadable = features.identify(samples, modality)
    _refuse(unreadable)
    return tuple(known)


def _refuse(unreadable: Sequence[Unreadable]) -> None:
    """Refuse inputs that cannot be read: a row left out would shift all that follow."""
    if unreadable:
        raise DataError(
            f"{len(unreadable)} inputs cannot be read; the first is {unreadable[0].name}: "
            f"{unreadable[0].why}",
            "Leave them out of X and y.",
        )


class HeadstartClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that stands on a pretrained backbone.

    `fit(X, y, groups=None)` learns from paths, texts, pictures or arrays; `groups` keeps what
    belongs together (a patient, a scene) on one side of every inner split.
    """

    def __init__(
        self,
        backbone: str | None = None,
        strategy: str = "probe",
        seed: int = 0,
        time: float | None = None,
        offline: bool = False,
        device: str | None = None,
    ) -> None:
        self.backbone = backbone
        self.strategy = strategy
        self.seed = seed
        self.time = time
        self.offline = offline
        self.device = device

    def fit(self, X: Any, y: Any, groups: Any = None) -> HeadstartClassifier:
        """Learn from inputs and their labels."""
        inputs, y = _inputs(X), column_or_1d(y, warn=True)
        check_classification_targets(y)
        if len(inputs) != len(y):
            raise ValueError(f"X has {len(inputs)} samples, y has {len(y)}.")
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only ({self.classes_[0]!r}); it takes two.")
        modality, backbone = _open(self.backbone, inputs, self.offline, self.device)
        targets = [str(number) for number in numbers]
        found = from_pairs(inputs, targets, groups, inline=modality.inline)
        job = Job(
            samples=_identified(found.samples, modality),
            labels=tuple(str(number) for number in range(len(self.classes_))),
            modality=modality.name,
            backbone=self.backbone or backbone.name,
            strategy=self.strategy,
            seed=self.seed,
            seconds=self.time,
            offline=self.offline,
        )
        self.model_ = make(job, backbone=backbone)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return calibrated probabilities, a column a class in the order of `classes_`."""
        check_is_fitted(self)
        return self.model_.judge(self.model_.features(_inputs(X)))[0]

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each input."""
        probabilities = self.predict_proba(X)
        chosen: np.ndarray = self.classes_[probabilities.argmax(axis=1)]
        return chosen


class HeadstartFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer from inputs to a pretrained backbone's features, one row an input.

    `boundary` says after which stage to read (the last when None): 1 reads edges and textures,
    higher ones parts and things. Nothing is fitted; features are read from the store.
    """

    def __init__(
        self,
        backbone: str | None = None,
        boundary: int | None = None,
        offline: bool = False,
        device: str | None = None,
    ) -> None:
        self.backbone = backbone
        self.boundary = boundary
        self.offline = offline
        self.device = device

    def fit(self, X: Any, y: Any = None) -> HeadstartFeatures:
        """Open the backbone; there is nothing to learn."""
        opened = _open(self.backbone, _inputs(X), self.offline, self.device)
        self.modality_, self.backbone_ = opened
        read = features.boundaries_read(self.backbone_.depth)
        self.boundary_ = self.backbone_.depth if self.boundary is None else self.boundary
        if self.boundary_ not in read:
            raise ValueError(f"boundary must be one of {read}, got {self.boundary_}.")
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of each input."""
        check_is_fitted(self)
        inputs, modality = _inputs(X), self.modality_
        given = read_inputs(inputs, modality.suffixes, inline=modality.inline)
        samples = _identified(given, modality)
        found = features.survey(samples, modality, self.backbone_)
        _refuse(found.set_aside)
        readings = features.readings(found.shelf, found.samples)
        here = {name: rows for (at, name), rows in readings.items() if at == self.boundary_}
        return np.asarray(here[leading(here)])
