"""What goes wrong with transfer learning, shown by doing it wrong: the figures of docs/recipe.md.

    HEADSTART_DATA=... python benchmarks/breaking.py

Three mistakes on real data, each beside the right way, on the bundled nets:

- a rate too high: the picture net trained at up to 100 times its rate on flowers5 (its top stage
  with 50 a class, all of it with 20), with headstart's guards (an earlier state that is better, old
  weights mixed back in) and without, as a plain training loop has none; what it comes to on the
  set's test, and what the forgetting meter says;
- preprocessing that does not match: a head solved on right pictures (flowers5, 20 a class), asked
  about the same test prepared wrongly, as happens where somebody writes the preprocessing again;
- a leaking split: esc10 split at random, where clips of one recording land on both sides, and by
  its own folds; brain_mri at random, and with copies of a picture kept together.

Written to benchmarks/results/breaking.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from audio import read_esc10, with_keys
from depth import BACKBONE, find_set, read_set
from headstart import defaults, forgetting, trainer
from headstart import learn as learning
from headstart.backbones.source import open_backbone
from headstart.choose import make
from headstart.dataset.splits import draw, folds, join_groups
from headstart.job import Job
from headstart.metrics import wilson
from headstart.model import Model
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Sample

RESULTS = Path(__file__).resolve().parent / "results" / "breaking.json"
TIMES = {"partial": (1, 3, 30, 100), "full": (1, 100)}
DRAWS = 3


def learn(samples: list[Sample], strategy: str, seed: int, backbone: str = BACKBONE) -> Model:
    opened = open_backbone(backbone)
    labels = TASKS.get("classify")().labels([sample.target for sample in samples])
    kind = opened.spec.modality
    job = Job(tuple(samples), labels, "classify", kind, backbone, strategy, seed)
    return make(job, backbone=opened)


def right(model: Model, test: list[Sample]) -> np.ndarray:
    """Return which of the test's examples are answered rightly."""
    probabilities, _ = model.judge(model.features([sample.input for sample in test]))
    said = [model.labels[at] for at in probabilities.argmax(1)]
    return np.array([each == sample.target for each, sample in zip(said, test, strict=True)])


def share(answers: np.ndarray) -> dict[str, Any]:
    """Return the share of right answers (of several draws, a row each) with its interval.

    The same test asked again by another draw is no more evidence of other examples.
    """
    asked = answers.shape[-1]
    found = wilson(float(answers.mean()), asked)
    return {"accuracy": found.value, "low": found.low, "high": found.high, "asked": asked}


@contextmanager
def rate(times: float, guarded: bool) -> Iterator[None]:
    """Train the backbone at so many times its rate; unguarded, keep whatever comes of it."""
    usual = defaults.backbone_rate

    def higher(*facts: Any) -> float:
        return times * usual(*facts)

    def as_it_is(modules: Any, before: Any, predict: Any, *rest: Any) -> tuple[float, np.ndarray]:
        return 0.0, predict()

    with ExitStack() as changed:
        changed.enter_context(mock.patch.object(defaults, "backbone_rate", higher))
        if not guarded:
            changed.enter_context(mock.patch.object(trainer, "chance", return_value=float("inf")))
            changed.enter_context(mock.patch.object(learning, "choose_share", as_it_is))
        yield


def rates(root: Path) -> Iterator[dict[str, Any]]:
    """Train at rates that are ever higher."""
    train, test = read_set(root / "images" / "flowers5")
    before = open_backbone(BACKBONE)
    reference = forgetting.generated(MODALITIES.get("image")(), before.spec)
    for strategy, count in (("partial", 50), ("full", 20)):
        rows = pick(train, count, 0)
        about = {"what": "rate", "strategy": strategy, "labels_per_class": count}
        yield about | {"times": 0, "guarded": True, **share(right(learn(rows, "probe", 0), test))}
        for times, guarded in itertools.product(TIMES[strategy], (True, False)):
            with rate(times, guarded):
                model = learn(rows, strategy, 0)
            seen = forgetting.compare(before, model.backbone, model.modality, reference)
            told = {"times": times, "guarded": guarded, "lost": seen["lost"]}
            yield about | told | share(right(model, test))


def pick(samples: list[Sample], count: int, seed: int) -> list[Sample]:
    task = TASKS.get("classify")()
    targets = [sample.target for sample in samples]
    encoded = task.encode(targets, task.labels(targets))
    return [samples[at] for at in draw(encoded, np.arange(len(samples)), count, seed)]


def preprocessing(root: Path) -> Iterator[dict[str, Any]]:
    """Ask a model about pictures that were prepared in another way than it learnt."""
    train, test = read_set(root / "images" / "flowers5")
    spec = open_backbone(BACKBONE).spec
    wrong = {
        "as learnt": spec,
        "not normalised": replace(spec, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        "left at 0 to 255": replace(spec, scale=1.0),
        "half the size": replace(
            spec,
            size=tuple(side // 2 for side in spec.size),
            resize=("exact", *(side // 2 for side in spec.size)),
            crop=None,
        ),
    }
    models = [learn(pick(train, 20, seed), "probe", seed) for seed in range(DRAWS)]
    for how, other in wrong.items():
        answers = []
        for model in models:
            model.backbone.spec = other
            answers.append(right(model, test))
            model.backbone.spec = spec
        yield {"what": "preprocessing", "how": how, **share(np.stack(answers))}


def leaks(root: Path) -> Iterator[dict[str, Any]]:
    """Judge by a split that keeps what belongs together on one side, and by one that does not."""
    clips = read_esc10(root)
    sounds = with_keys([clip for _, clip in clips])
    own = np.array([int(fold) for fold, _ in clips])
    yield from by_folds("esc10", "bundled/audio", sounds, own)
    modality = MODALITIES.get("image")()
    train, test = read_set(find_set(root, "brain_mri"))
    scans = [*train, *test]
    sketches = np.stack([modality.sketch(modality.read(each.input)) for each in scans])
    groups = join_groups(scans, modality.twins(sketches))
    yield from by_folds("brain_mri", BACKBONE, scans, fold_numbers(scans, groups))


def by_folds(name: str, backbone: str, samples: list[Sample], own: np.ndarray) -> Iterator[Any]:
    loose = fold_numbers(samples, np.arange(len(samples)))
    for how, numbers in (("kept together", own), ("at random", loose)):
        answers = np.zeros(len(samples), bool)
        for number in np.unique(numbers):
            asked = np.flatnonzero(numbers == number)
            rest = [samples[at] for at in np.flatnonzero(numbers != number)]
            answers[asked] = right(learn(rest, "probe", 0, backbone), [samples[at] for at in asked])
        yield {"what": "split", "set": name, "how": how, **share(answers)}


def fold_numbers(samples: list[Sample], groups: np.ndarray) -> np.ndarray:
    task = TASKS.get("classify")()
    targets = [sample.target for sample in samples]
    return folds(task.encode(targets, task.labels(targets)), groups, 5, seed=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    root = Path(parser.parse_args().data)
    torch.set_num_threads(1)
    found: list[dict[str, Any]] = []
    for mistake in (preprocessing, leaks, rates):
        for record in mistake(root):
            found.append(record)
            print(json.dumps(record), flush=True)
            RESULTS.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
