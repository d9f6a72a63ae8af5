"""Metrics agree with scikit-learn's; their intervals cover, and never collapse to a point."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from headstart import metrics
from headstart.metrics.calibration import calibration_error


def answers(seed: int, n: int = 300, labels: int = 4, ties: bool = False):
    random = np.random.default_rng(seed)
    truth = np.sort(
        random.choice(labels, n, p=np.arange(1, labels + 1) / (labels * (labels + 1) / 2))
    )
    logits = random.normal(size=(n, labels))
    logits[np.arange(n), truth] += 1.2
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if ties:
        chances = np.round(chances, 1) + 0.01
        chances /= chances.sum(1, keepdims=True)
    return truth, chances


@pytest.mark.parametrize("ties", [False, True])
def test_single_figures_agree_with_scikit_learn(ties):
    truth, chances = answers(0, ties=ties)
    said = chances.argmax(1)
    figures, by_class = metrics.measure_single(chances, truth, metrics.draw(None, len(truth)))
    value = {name: figure.value for name, figure in figures.items()}
    binary = np.eye(4)[truth]
    expected = {
        "accuracy": reference.accuracy_score(truth, said),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, said),
        "macro_f1": reference.f1_score(truth, said, average="macro"),
        "macro_precision": reference.precision_score(truth, said, average="macro", zero_division=0),
        "macro_recall": reference.recall_score(truth, said, average="macro"),
        "roc_auc": reference.roc_auc_score(truth, chances, multi_class="ovr"),
        "macro_average_precision": reference.average_precision_score(binary, chances),
        "log_loss": reference.log_loss(truth, chances),
        "brier": ((chances - binary) ** 2).sum(1).mean(),
    }
    assert {name: value[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    precision, recall, f1, support = reference.precision_recall_fscore_support(truth, said)
    for label, row in enumerate(by_class):
        assert row["support"] == support[label]
        got = [row[name].value for name in ("precision", "recall", "f1", "roc_auc")]
        area = reference.roc_auc_score(truth == label, chances[:, label])
        assert got == pytest.approx([precision[label], recall[label], f1[label], area], abs=1e-6)
        average = reference.average_precision_score(truth == label, chances[:, label])
        assert row["average_precision"].value == pytest.approx(average, abs=1e-6)
    assert (metrics.confusion(truth, said, 4) == reference.confusion_matrix(truth, said)).all()


def test_resampled_ranks_agree_with_scikit_learn_on_the_repeated_samples():
    truth, chances = answers(1, n=60, labels=2, ties=True)
    resamples = metrics.draw(None, len(truth))
    area, average = metrics.rank_measures(chances[:, 1], truth == 1, resamples.weights)
    for column in (1, 2, 3):
        rows = np.repeat(np.arange(len(truth)), resamples.weights[:, column].astype(int))
        assert area[column] == pytest.approx(
            reference.roc_auc_score(truth[rows], chances[rows, 1]), abs=1e-6
        )
        assert average[column] == pytest.approx(
            reference.average_precision_score(truth[rows], chances[rows, 1]), abs=1e-6
        )


def test_multi_figures_agree_with_scikit_learn():
    random = np.random.default_rng(2)
    truth = (random.random((200, 5)) < [0.5, 0.3, 0.2, 0.1, 0.05]).astype(int)
    chances = 1 / (1 + np.exp(-(random.normal(size=truth.shape) + 2 * truth - 1)))
    said = chances > 0.5
    figures, by_label = metrics.measure_multi(chances, said, truth, metrics.draw(None, 200))
    expected = {
        "micro_f1": reference.f1_score(truth, said, average="micro"),
        "macro_f1": reference.f1_score(truth, said, average="macro"),
        "subset_accuracy": reference.accuracy_score(truth, said),
        "hamming_loss": reference.hamming_loss(truth, said),
        "roc_auc": reference.roc_auc_score(truth, chances),
        "macro_average_precision": reference.average_precision_score(truth, chances),
        "log_loss": np.mean([reference.log_loss(t, c) for t, c in zip(truth.T, chances.T)]),
        "brier": ((chances - truth) ** 2).mean(),
    }
    got = {name: figures[name].value for name in expected}
    assert got == pytest.approx(expected, abs=1e-6)
    assert [row["support"] for row in by_label] == truth.sum(0).tolist()


def test_calibration_error_is_the_gap_that_was_put_in():
    random = np.random.default_rng(3)
    confidence = random.uniform(0.5, 1.0, 20_000)
    right = random.random(20_000) < confidence - 0.1
    once = np.ones((20_000, 1))
    assert calibration_error(confidence, right, once)[0][0] == pytest.approx(0.1, abs=0.01)
    honest = random.random(20_000) < confidence
    assert calibration_error(confidence, honest, once)[0][0] < 0.02


@pytest.mark.parametrize("n", [8, 30, 300])
def test_a_perfect_score_is_not_taken_for_certainty(n):
    truth = np.arange(n) % 2
    chances = np.where(np.eye(2)[truth] > 0, 0.99, 0.01)
    figures, by_class = metrics.measure_single(chances, truth, metrics.draw(None, n))
    low = n / (n + 1.96**2)
    assert figures["accuracy"].value == 1
    assert figures["accuracy"].low == pytest.approx(low, abs=1e-3)
    for name in ("macro_f1", "balanced_accuracy", "roc_auc", "macro_average_precision"):
        assert figures[name].value == pytest.approx(1)
        assert figures[name].low < 1 - 1 / (2 * n)
    assert all(row["f1"].low < by_class[0]["f1"].value for row in by_class)
    assert figures["log_loss"].high > figures["log_loss"].value


def test_accuracy_has_wilsons_interval():
    truth = np.zeros(50, int)
    truth[25:] = 1
    said = truth.copy()
    said[:7] = 1 - said[:7]
    chances = np.where(np.eye(2)[said] > 0, 0.8, 0.2)
    figure = metrics.measure_single(chances, truth, metrics.draw(None, 50))[0]["accuracy"]
    exact = metrics.wilson(43 / 50, 50)
    assert (figure.low, figure.high) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_repeating_every_sample_in_its_group_adds_no_certainty():
    truth, chances = answers(4, n=60, labels=2)
    plain = metrics.measure_single(chances, truth, metrics.draw(None, 60))[0]
    groups = [str(row) for row in range(60)] * 5
    resamples = metrics.draw(groups, 300)
    grouped = metrics.measure_single(np.tile(chances, (5, 1)), np.tile(truth, 5), resamples)[0]
    for name in ("accuracy", "macro_f1", "roc_auc", "log_loss"):
        wide, same = (f[name].high - f[name].low for f in (plain, grouped))
        assert same == pytest.approx(wide, rel=0.15), name


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(5)
    shift, shares = 1.5, (0.7, 0.3)

    def sample(n):
        truth = (random.random(n) < shares[1]).astype(int)
        score = random.normal(size=n) + shift * truth
        chance = 1 / (1 + np.exp(-(shift * score - shift**2 / 2 + math.log(shares[1] / shares[0]))))
        return truth, np.column_stack((1 - chance, chance))

    truth, chances = sample(400_000)
    once = metrics.Resamples(np.ones((len(truth), 2), np.float32), np.arange(len(truth)))
    names = ("accuracy", "macro_f1", "balanced_accuracy", "roc_auc", "log_loss", "brier")
    real = {k: f.value for k, f in metrics.measure_single(chances, truth, once)[0].items()}
    runs = 150
    covered = dict.fromkeys(names, 0)
    for run in range(runs):
        truth, chances = sample(80)
        resamples = metrics.Resamples(
            metrics.draw(None, 80, seed=run).weights[:, :201], np.arange(80)
        )
        figures = metrics.measure_single(chances, truth, resamples)[0]
        for name in names:
            covered[name] += figures[name].low <= real[name] <= figures[name].high
    for name, count in covered.items():
        assert 0.90 <= count / runs <= 0.99, (name, count / runs)


def test_no_figure_is_ever_undefined():
    truth = np.array([0, 0, 1, 1, 1, 2])
    chances = np.tile([0.1, 0.6, 0.2, 0.1], (6, 1))
    figures, by_class = metrics.measure_single(chances, truth, metrics.draw(None, 6))
    for row in (figures, *by_class):
        for name, figure in row.items():
            if name != "support":
                assert figure.low <= figure.value <= figure.high, name
                assert all(math.isfinite(v) for v in (figure.value, figure.low, figure.high))
    assert by_class[3] == {"support": 0}, "a class without a test sample has no figures"


def test_one_class_in_the_test_leaves_ranks_out():
    figures, _ = metrics.measure_single(
        np.full((5, 2), 0.5), np.zeros(5, int), metrics.draw(None, 5)
    )
    assert "roc_auc" not in figures
    assert figures["accuracy"].value == 1


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others():
    truth, chances = answers(6)
    one, two, other = (
        metrics.measure_single(chances, truth, metrics.draw(None, 300, seed=seed))[0]
        for seed in (1, 1, 2)
    )
    assert one == two
    assert one["macro_f1"].low != other["macro_f1"].low


def test_paired_answers_see_a_gain_that_separate_intervals_hide():
    random = np.random.default_rng(7)
    first = random.random(400) < 0.7
    second = first | (random.random(400) < 0.1)
    gain = metrics.paired(first, second)
    assert gain.low > 0
    assert gain.value == pytest.approx(second.mean() - first.mean())
    assert metrics.wilson(second.mean(), 400).low < metrics.wilson(first.mean(), 400).high


def test_paired_answers_in_groups_count_once_and_no_difference_is_no_certainty():
    random = np.random.default_rng(8)
    first, second = random.random((2, 40)) < 0.6
    alone = metrics.paired(first, second)
    groups = [str(row) for row in range(40)] * 3
    repeated = metrics.paired(np.tile(first, 3), np.tile(second, 3), groups)
    assert repeated.low == pytest.approx(alone.low)
    same = metrics.paired(first, first)
    assert same.low < 0 < same.high
