"""The temperature makes probabilities mean what they say, and does not run off on little data."""

from __future__ import annotations

import numpy as np
import pytest

from headstart import metrics
from headstart.calibrate import COLDEST, HOTTEST, fit_temperature, log_losses
from headstart.tasks.classify import Classify
from headstart.tasks.multilabel import Multilabel


def honest_logits(seed: int, n: int, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, labels)) * 2
    noise = -np.log(-np.log(random.random((n, labels))))
    return logits.astype(np.float32), (logits + noise).argmax(1)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_a_known_factor_is_found_again(factor):
    logits, truth = honest_logits(0, 4000)
    assert fit_temperature(logits * factor, truth) == pytest.approx(factor, rel=0.08)


def test_overconfident_logits_become_calibrated():
    logits, truth = honest_logits(1, 1000)
    fit, test = slice(0, 500), slice(500, None)
    loud = logits * 4
    temperature = fit_temperature(loud[fit], truth[fit])
    task = Classify()
    error = []
    for heat in (1.0, temperature):
        chances = task.probabilities(loud[test], heat)
        figures, _ = metrics.measure_single(chances, truth[test], metrics.draw(None, 500))
        error.append(figures["calibration_error"].value)
    assert error[1] < 0.5 * error[0]
    assert error[1] < 0.08


def test_twenty_right_answers_are_not_taken_for_certainty():
    truth = np.arange(20) % 2
    logits = np.where(np.eye(2)[truth] > 0, 1.0, -1.0).astype(np.float32)
    temperature = fit_temperature(logits, truth)
    assert 0.2 < temperature < 1
    assert COLDEST <= fit_temperature(logits, truth, doubt=0.0) < temperature


def test_useless_logits_are_cooled_to_a_guess_and_stay_in_bounds():
    random = np.random.default_rng(2)
    truth = random.integers(0, 3, 300)
    logits = random.normal(size=(300, 3)).astype(np.float32) * 10
    temperature = fit_temperature(logits, truth)
    assert temperature <= HOTTEST
    assert log_losses(logits, truth, temperature).mean() < 1.25
    assert fit_temperature(np.empty((0, 3), np.float32), np.empty(0, int)) == 1.0


def test_several_labels_are_calibrated_too():
    random = np.random.default_rng(3)
    logits = random.normal(size=(3000, 4)) * 2
    truth = (random.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    temperature = fit_temperature(logits * 3, truth)
    assert temperature == pytest.approx(3, rel=0.1)
    chances = Multilabel().probabilities(logits * 3, temperature)
    losses = -np.log(np.where(truth > 0, chances, 1 - chances)).mean(1)
    assert log_losses(logits * 3, truth, temperature) == pytest.approx(losses, abs=1e-5)
