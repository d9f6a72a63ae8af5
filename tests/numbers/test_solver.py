"""The solver finds the optimum that scikit-learn finds, in whichever coordinates it works."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from headstart.heads import fitter as head_fitter
from headstart.heads.fitter import Fitter
from headstart.heads.ridge import Ridge
from headstart.heads.space import decompose, on_threads
from tests.numbers.problems import in_turn, vectors

NAME = (5, "mean")
PRIORS = (0.5, 5.0, 50.0)


@pytest.fixture(autouse=True)
def one_thread():
    """As `search` does for problems as small as these."""
    with on_threads(1):
        yield


def penalised(points, weight, bias, truth, penalty, shares):
    logits = points @ weight + bias
    logits -= logits.max(1, keepdims=True)
    of_truth = logits[np.arange(len(truth)), truth]
    losses = np.log(np.exp(logits).sum(1)) - of_truth
    return float((losses * shares).sum() + penalty / 2 * (weight**2).sum())


def reference(points, truth, penalty, weights=None):
    labels = truth.max() + 1
    # Two classes: scikit-learn has one weight vector w where softmax has -w/2 and w/2.
    inverse = (2 if labels == 2 else 1) / (len(truth) * penalty)
    model = LogisticRegression(C=inverse, max_iter=5000, tol=1e-9, class_weight=weights)
    model.fit(points.astype(np.float64), truth)
    if labels == 2:
        half = model.coef_[0] / 2
        return np.stack((-half, half), 1), np.array([-1, 1]) * model.intercept_[0] / 2
    return model.coef_.T, model.intercept_


@pytest.mark.parametrize(
    ("n", "width", "labels"),
    [(60, 200, 2), (60, 200, 3), (300, 40, 3), (900, 700, 3)],
    ids=["two classes", "fewer samples than features", "few features", "many of both"],
)
def test_the_head_is_the_optimum_that_scikit_learn_finds(n, width, labels):
    points, truth = vectors(0, n, width, labels, pull=0.3)
    head = Fitter({NAME: points}, truth, in_turn(n, 5, labels), "softmax", labels).final(
        [NAME], 5.0
    )
    standard = (points.astype(np.float64) - head.center) / head.scale
    assert np.allclose(standard.std(0), 1, atol=1e-4)
    penalty = width / (n * 5.0)
    weight, bias = reference(standard, truth, penalty)
    shares = np.full(n, 1 / n)
    best = penalised(standard, weight, bias, truth, penalty, shares)
    ours = penalised(standard, head.weight, head.bias, truth, penalty, shares)
    assert ours == pytest.approx(best, abs=1e-5)
    expected = standard @ weight + bias
    expected -= expected.mean(1, keepdims=True)
    got = head.logits(points)
    assert got - got.mean(1, keepdims=True) == pytest.approx(expected, abs=0.03)


def test_class_weights_are_balanced_as_in_scikit_learn():
    points, truth = vectors(1, 300, 30, 3, pull=0.3)
    kept = np.flatnonzero((truth > 0) | (np.arange(300) % 4 == 0))
    points, truth = points[kept], truth[kept]
    head = Fitter({NAME: points}, truth, kept % 5, "softmax", 3).final([NAME], 5.0, balanced=True)
    standard = (points.astype(np.float64) - head.center) / head.scale
    penalty = 30 / (len(kept) * 5.0)
    weight, bias = reference(standard, truth, penalty, "balanced")
    shares = (1 / np.bincount(truth) / 3)[truth]
    assert penalised(standard, head.weight, head.bias, truth, penalty, shares) == pytest.approx(
        penalised(standard, weight, bias, truth, penalty, shares), abs=1e-5
    )


def test_sigmoids_are_each_labels_own_logistic_regression():
    points, truth = vectors(2, 200, 20, 4, pull=0.5)
    encoded = np.stack((truth == 0, truth >= 2), 1).astype(np.int64)
    head = Fitter({NAME: points}, encoded, in_turn(200, 5, 4), "sigmoid", 2).final([NAME], 5.0)
    standard = (points.astype(np.float64) - head.center) / head.scale
    for label in (0, 1):
        model = LogisticRegression(C=5.0 / 20, tol=1e-9, max_iter=2000)
        model.fit(standard, encoded[:, label])
        assert head.weight[:, label] == pytest.approx(model.coef_[0], abs=5e-3)
        assert head.bias[label] == pytest.approx(model.intercept_[0], abs=5e-3)


@pytest.mark.parametrize(("n", "width"), [(90, 200), (90, 40)], ids=["samples", "features"])
def test_turned_coordinates_give_the_same_answers_as_plain_ones(monkeypatch, n, width):
    points, truth = vectors(3, n, width, 3, pull=0.4)
    folds = in_turn(n, 5, 3)
    monkeypatch.setattr(head_fitter, "SEARCH_TOLERANCE", 1e-8)
    turned = Fitter({NAME: points}, truth, folds, "softmax", 3).out_of_fold([NAME], PRIORS)
    monkeypatch.setattr(head_fitter, "TURN_LIMIT", 0)
    plain = Fitter({NAME: points}, truth, folds, "softmax", 3).out_of_fold([NAME], PRIORS)
    assert turned == pytest.approx(plain, abs=0.02)


def test_rows_in_blocks_give_the_same_answers_as_rows_at_once(monkeypatch):
    points, truth = vectors(4, 300, 30, 3, pull=0.4)
    folds = in_turn(300, 3, 3)
    monkeypatch.setattr(head_fitter, "SEARCH_TOLERANCE", 1e-8)
    whole = Fitter({NAME: points}, truth, folds, "softmax", 3).out_of_fold([NAME], PRIORS[:2])
    monkeypatch.setattr(head_fitter, "IN_MEMORY", 0)
    monkeypatch.setattr(head_fitter, "LOGITS", 600)
    blocks = Fitter({NAME: points}, truth, folds, "softmax", 3).out_of_fold([NAME], PRIORS[:2])
    assert blocks == pytest.approx(whole, abs=0.03)


@pytest.mark.parametrize(("n", "width"), [(90, 200), (90, 40)], ids=["samples", "features"])
def test_each_fold_is_judged_by_a_head_fitted_without_it(monkeypatch, n, width):
    """The standardisation too: a fold of outliers must not move the scale it is judged by."""
    points, truth = vectors(5, n, width, 3, pull=0.4)
    folds = in_turn(n, 5, 3)
    points[folds == 2] *= 40
    monkeypatch.setattr(head_fitter, "SEARCH_TOLERANCE", 1e-8)
    got = Fitter({NAME: points}, truth, folds, "softmax", 3).out_of_fold([NAME], [5.0])[0]
    rest = folds != 2
    prior = 5.0
    alone = Fitter({NAME: points[rest]}, truth[rest], folds[rest], "softmax", 3)
    expected = alone.final([NAME], prior).logits(points[~rest])
    tolerance = 0.01 * float(np.abs(expected).max())
    assert got[folds == 2] == pytest.approx(expected, abs=tolerance)


def test_readings_side_by_side_are_one_wide_reading():
    points, truth = vectors(6, 90, 200, 3, pull=0.4)
    folds = in_turn(90, 5, 3)
    parts = {(1, "mean"): points[:, :70], (2, "mean"): points[:, 70:]}
    apart = Fitter(parts, truth, folds, "softmax", 3)
    whole = Fitter({NAME: points}, truth, folds, "softmax", 3)
    names = [(1, "mean"), (2, "mean")]
    one, other = apart.out_of_fold(names, PRIORS), whole.out_of_fold([NAME], PRIORS)
    assert one == pytest.approx(other, abs=0.05)
    head = apart.final(names, 5.0)
    assert head.logits(head.read(parts)) == pytest.approx(
        whole.final([NAME], 5.0).logits(points), abs=0.01
    )


@pytest.mark.parametrize(("n", "width"), [(60, 150), (150, 60)], ids=["wide", "tall"])
def test_ridge_is_least_squares_on_one_hot_targets(n, width):
    points, truth = vectors(7, n, width, 3)
    head = Ridge({NAME: points}, truth, in_turn(n, 5, 3), "softmax", 3).final([NAME], 5.0)
    standard = (points.astype(np.float64) - head.center) / head.scale
    one_hot = np.eye(3)[truth]
    square = standard.T @ standard / n + width / (n * 5.0) * np.eye(width)
    weight = np.linalg.solve(square, standard.T @ (one_hot - one_hot.mean(0)) / n)
    assert head.weight == pytest.approx(weight, abs=1e-3 * np.abs(weight).max())
    assert head.bias == pytest.approx(one_hot.mean(0), abs=1e-6)


def test_axes_are_found_where_lapack_gives_up_in_single_precision(monkeypatch):
    def give_up(matrix):
        raise torch.linalg.LinAlgError("linalg.eigh: The algorithm failed to converge")

    points = torch.from_numpy(vectors(0, 60, 12, 3)[0])
    matrix = points.T @ points
    expected = decompose(matrix)
    monkeypatch.setattr(torch.linalg, "eigh", give_up)
    values, axes = decompose(matrix)
    assert values.dtype == axes.dtype == torch.float32
    assert values.numpy() == pytest.approx(expected[0].numpy(), rel=1e-4)
    assert (axes @ torch.diag(values) @ axes.T).numpy() == pytest.approx(matrix.numpy(), rel=1e-3)
