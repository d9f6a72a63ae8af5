"""Small jobs on tiny backbones, for everything that trains deeper than the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart import defaults, features
from headstart.job import Job
from headstart.registry import MODALITIES
from headstart.schema import Sample
from tests.pictures import draw

LABELS = ("blue", "red")


def samples(per_class: int = 12, labels=LABELS, start: int = 0) -> tuple[Sample, ...]:
    """Draw pictures and give them their keys, as a survey would."""
    modality = MODALITIES.get("image")()
    drawn = [
        Sample(np.asarray(draw(label, number)), label, f"{label}/{number}.png")
        for label in labels
        for number in range(start, start + per_class)
    ]
    known, _ = features.identify(drawn, modality)
    return tuple(known)


def job(folder, strategy: str, **changes) -> Job:
    """Return a job on a tiny backbone saved in a folder."""
    usual = Job(samples(), LABELS, backbone=str(folder), strategy=strategy)
    return replace(usual, **changes)


def hurry(monkeypatch, epochs: int = 3, views: int = 2, rate: float = 1e-3) -> None:
    """Make training short."""
    monkeypatch.setattr(defaults, "tuning_epochs", lambda samples: epochs)
    monkeypatch.setattr(defaults, "tuning_patience", lambda samples: epochs)
    monkeypatch.setattr(defaults, "kept_views", lambda samples: views)
    monkeypatch.setattr(defaults, "views", lambda samples: views)
    monkeypatch.setattr(defaults, "backbone_rate", lambda *_: rate)
    monkeypatch.setattr(defaults, "scratch_epochs", lambda samples: epochs)
