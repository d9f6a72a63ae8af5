"""The unknown is told from the known, at about the price that was stated."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.novelty import FALSE_ALARMS, Novelty, fit_novelty, threshold_of
from tests.data import data_folder
from tests.numbers.problems import in_turn, vectors


def test_strange_vectors_are_unknown_and_familiar_ones_known():
    points, truth = vectors(0, 400, 80, 4, pull=2.0)
    novelty = fit_novelty(points[:300], truth[:300], in_turn(300, 5, 4))
    assert novelty.known(points[300:]).mean() > 0.92
    stranger, _ = vectors(1, 100, 80, 4, pull=2.0)
    assert novelty.known(stranger * 3 + 5).mean() < 0.05


def test_between_the_classes_is_farther_than_at_them():
    random = np.random.default_rng(2)
    truth = np.arange(400) % 2
    points = (random.normal(size=(400, 6)) + np.where(truth, 8, -8)[:, None]).astype(np.float32)
    novelty = fit_novelty(points, truth, in_turn(400, 5, 2))
    assert not novelty.known(np.zeros((1, 6), np.float32))[0]
    assert novelty.known(np.full((1, 6), 8, np.float32))[0]


@pytest.mark.parametrize(("n", "width"), [(60, 300), (300, 300), (1500, 40)])
def test_false_alarms_come_about_as_often_as_stated(n, width):
    rates = []
    for seed in range(5):
        points, truth = vectors(seed, n + 600, width, 3)
        novelty = fit_novelty(points[:n], truth[:n], in_turn(n, 5, 3))
        rates.append(1 - novelty.known(points[n:]).mean())
    assert 0.2 * FALSE_ALARMS < np.mean(rates) < 2.5 * FALSE_ALARMS


def test_the_threshold_of_few_samples_lies_beyond_them_all():
    random = np.random.default_rng(3)
    for _ in range(5):
        distances = np.exp(random.normal(size=20) * 0.1)
        assert threshold_of(distances) >= distances.max()
    many = random.random(10_000)
    assert threshold_of(many) == pytest.approx(1 - FALSE_ALARMS, abs=0.005)


def test_tiny_sets_and_constant_features_do_no_harm():
    points, truth = vectors(4, 6, 50, 2)
    points[:, :10] = 1.0
    novelty = fit_novelty(points, truth, np.arange(6) % 2)
    assert np.isfinite(novelty.distance(points)).all()
    assert novelty.known(points).all()
    assert not novelty.known(points * 1000).any()


def test_several_labels_and_arrays():
    points, truth = vectors(5, 200, 30, 4)
    encoded = np.stack((truth > 1, truth % 2), 1).astype(np.int64)
    novelty = fit_novelty(points, encoded, in_turn(200, 5, 4))
    arrays = novelty.arrays()
    assert sum(array.nbytes for array in arrays.values()) < 100_000
    assert all(array.dtype == np.float32 for array in arrays.values())
    again = Novelty.from_arrays(arrays)
    assert (again.distance(points) == novelty.distance(points)).all()


def colours(folder) -> np.ndarray:
    """Return a coarse thumbnail and a colour histogram of each picture: features without a net."""
    rows = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png"} or path.name.startswith("."):
            continue
        with Image.open(path) as picture:
            small = np.asarray(picture.convert("RGB").resize((32, 32)), np.float32) / 255
        coarse = small.reshape(8, 4, 8, 4, 3).mean((1, 3)).ravel()
        histogram = np.concatenate([np.histogram(c, 16, (0, 1))[0] / 1024 for c in small.T])
        rows.append(np.concatenate((coarse, np.sqrt(histogram))))
    return np.array(rows, np.float32)


@pytest.mark.data
def test_flowers_are_unknown_to_who_has_seen_blood_cells():
    cells = colours(data_folder("images", "blood_cells", "train"))[:450]
    flowers = colours(data_folder("images", "flowers5", "test"))[:100]
    cells = cells[np.random.default_rng(0).permutation(len(cells))]
    novelty = fit_novelty(cells[:300], np.zeros(300, np.int64), np.arange(300) % 5)
    assert 1 - novelty.known(cells[300:]).mean() < 0.06
    assert novelty.known(flowers).mean() < 0.05
