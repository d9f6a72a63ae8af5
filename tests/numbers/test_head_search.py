"""The search chooses by evidence, says why, and never takes luck for merit."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.heads import Head
from headstart.heads import bench as head_bench
from headstart.heads import search as head_search
from headstart.heads.candidates import candidates, describe
from headstart.progress import Silent
from headstart.ragged import Ragged
from headstart.tasks.classify import Classify
from headstart.tasks.multilabel import Multilabel
from headstart.tasks.tag import Tag
from tests.numbers.problems import in_turn, vectors


def search(
    readings, truth, folds, labels, *, groups=None, task=None, seconds=None, seed=0, progress=None
):
    task = task or Classify()
    return head_search.search(
        readings,
        truth,
        folds,
        np.arange(len(folds)) if groups is None else groups,
        labels,
        kind=task.kind,
        headline=task.score_logits,
        seed=seed,
        seconds=seconds,
        progress=progress or Silent(),
    )


def two_stages(n=150, labels=3, *, upper=0.2, lower=0.2, seed=0):
    low, truth = vectors(seed, n, 40, labels, pull=lower)
    high, _ = vectors(seed + 1, n, 60, labels, pull=upper)
    return {(1, "mean"): low, (2, "mean"): high}, truth, in_turn(n, 5, labels)


def test_it_learns_what_can_be_learnt_and_says_what_it_tried():
    readings, truth, folds = two_stages(upper=2.0, lower=0.0)
    found = search(readings, truth, folds, 3)
    kept = [trial for trial in found.trials if trial.kept]
    assert len(kept) == 1
    assert kept[0].readings == found.head.readings == ((2, "mean"),)
    assert kept[0].low < kept[0].score <= kept[0].high
    assert kept[0].score > 0.9
    assert all(trial.why and trial.what for trial in found.trials)
    assert found.out_of_fold.shape == (150, 3)
    assert (found.out_of_fold.argmax(1) == truth).mean() > 0.9
    said = found.head.logits(found.head.read(readings)).argmax(1)
    assert (said == truth).mean() > 0.9


def test_examples_that_belong_together_count_once_in_the_trials_intervals():
    readings, truth, folds = two_stages(n=60, upper=1.0)
    alone = search(readings, truth, folds, 3)
    many = {name: np.repeat(rows, 4, axis=0) for name, rows in readings.items()}
    owner = np.repeat(np.arange(60), 4)
    copied = search(many, truth[owner], folds[owner], 3, groups=owner)
    blind = search(many, truth[owner], folds[owner], 3)

    def width(found):
        kept = next(trial for trial in found.trials if trial.kept)
        return kept.high - kept.low

    assert width(copied) == pytest.approx(width(alone), rel=0.25)
    assert width(blind) < 0.7 * width(copied)


def test_shuffled_labels_are_not_learnt():
    readings, truth, folds = two_stages(n=240, upper=2.0)
    shuffled = np.random.default_rng(0).permutation(truth)
    found = search(readings, shuffled, folds, 3)
    assert abs((found.out_of_fold.argmax(1) == shuffled).mean() - 1 / 3) < 0.12
    trial = next(trial for trial in found.trials if trial.kept)
    assert trial.low < 1 / 3
    sure = Classify().probabilities(found.out_of_fold, found.head.temperature).max(1).mean()
    assert sure < 0.55, "calibration knows that nothing was learnt"


def test_a_lower_stage_joins_only_when_it_adds_something():
    readings, truth, folds = two_stages(n=300, upper=0.25, lower=1.5)
    assert (1, "mean") in search(readings, truth, folds, 3).head.readings
    readings, truth, folds = two_stages(n=300, upper=1.0, lower=0.0)
    assert search(readings, truth, folds, 3).head.readings == ((2, "mean"),)


def test_the_same_seed_gives_the_same_head():
    readings, truth, folds = two_stages()
    one, two = (search(readings, truth, folds, 3) for _ in range(2))
    assert (one.head.weight == two.head.weight).all()
    assert one.head.temperature == two.head.temperature
    assert (one.out_of_fold == two.out_of_fold).all()


def uneven(pull, seed=4):
    points, truth = vectors(seed, 2400, 12, 2, pull=pull)
    rows = np.flatnonzero((truth == 0) | (np.arange(2400) % 8 == 1))
    truth = truth[rows]
    folds = np.where(truth, np.cumsum(truth), np.cumsum(1 - truth)) % 5
    return {(1, "mean"): points[rows]}, truth, folds


def test_class_weights_are_kept_where_they_help_the_headline_for_sure():
    readings, truth, folds = uneven(pull=0.2)
    found = search(readings, truth, folds, 2)
    weighted = next(trial for trial in found.trials if trial.class_weights)
    plain = next(trial for trial in found.trials if not trial.class_weights)
    assert weighted.score > plain.score
    assert weighted.kept
    assert not plain.kept


def test_class_weights_are_left_where_they_do_not_help():
    readings, truth, folds = uneven(pull=4.0)
    found = search(readings, truth, folds, 2)
    weighted = next(trial for trial in found.trials if trial.class_weights)
    assert not weighted.kept
    assert "not a sure gain" in weighted.why
    readings, truth, folds = two_stages()
    assert not any(trial.class_weights for trial in search(readings, truth, folds, 3).trials)


def test_a_spent_budget_leaves_sets_out_and_says_which():
    readings, truth, folds = two_stages()
    found = search(readings, truth, folds, 3, seconds=0.0)
    assert len(found.trials) == 1
    assert "the time was up" in found.trials[0].why
    assert "stage 1" in found.trials[0].why


def test_many_samples_are_chosen_on_a_part_and_judged_out_of_fold_on_all(monkeypatch):
    readings, truth, folds = two_stages(n=600, upper=1.0, lower=0.0)
    monkeypatch.setattr(head_search, "SCREEN_ROWS", 90)
    monkeypatch.setattr(head_search, "SEARCH_WORK", 200 * 60 * 3)
    found = search(readings, truth, folds, 3)
    assert found.head.readings == ((2, "mean"),)
    assert found.out_of_fold.shape == (600, 3)
    assert (found.out_of_fold.argmax(1) == truth).mean() > 0.7
    assert "chosen on" in next(trial for trial in found.trials if trial.kept).why


def test_progress_counts_what_is_done_and_ends_at_its_total(monkeypatch):
    class Counting(Silent):
        def __init__(self):
            self.stretches = []

        def start(self, what, total):
            self.stretches.append([what, total, 0])

        def advance(self, steps=1):
            self.stretches[-1][2] += steps

    readings, truth, folds = two_stages(n=1200, upper=1.0)
    for rows, count in ((2000, 1), (90, 2)):
        monkeypatch.setattr(head_search, "SCREEN_ROWS", rows)
        monkeypatch.setattr(head_search, "SEARCH_WORK", 200 * 60 * 3)
        progress = Counting()
        search(readings, truth, folds, 3, progress=progress)
        assert len(progress.stretches) == count
        assert all(total == done for _, total, done in progress.stretches)


def test_only_very_large_problems_are_solved_in_closed_form():
    assert head_bench.closed_form(100_000, 2_000, 1_000)
    assert not head_bench.closed_form(10_000, 400, 77)


def test_very_many_labels_are_solved_in_closed_form_with_sane_probabilities(monkeypatch):
    readings, truth, folds = two_stages(n=400, labels=8, upper=1.0)
    monkeypatch.setattr(head_bench, "RIDGE_WORK", 1.0)
    found = search(readings, truth, folds, 8)
    assert all("ridge" in trial.what for trial in found.trials)
    chances = Classify().probabilities(found.out_of_fold, found.head.temperature)
    right = (chances.argmax(1) == truth).mean()
    assert right > 0.6
    assert abs(chances.max(1).mean() - right) < 0.1


def test_a_class_missing_from_a_training_side_breaks_nothing():
    readings, truth, folds = two_stages(n=60, upper=1.0)
    truth = truth.copy()
    truth[truth == 2] = 1
    truth[0] = 2
    found = search(readings, truth, folds, 3)
    assert np.isfinite(found.out_of_fold).all()
    assert np.isfinite(found.head.weight).all()


def test_several_labels_a_sample():
    points, truth = vectors(9, 240, 50, 4, pull=1.5)
    encoded = np.stack((truth == 0, truth >= 2, truth % 2), 1).astype(np.int64)
    task = Multilabel()
    found = search({(1, "mean"): points}, encoded, in_turn(240, 5, 4), 3, task=task)
    chances = task.probabilities(found.out_of_fold, found.head.temperature)
    assert task.score(chances, encoded) > 0.85
    assert found.trials[0].score == pytest.approx(task.score(chances, encoded))


def test_a_head_survives_as_arrays():
    readings, truth, folds = two_stages()
    head = search(readings, truth, folds, 3).head
    again = Head.from_arrays([list(name) for name in head.readings], head.arrays())
    assert again.readings == head.readings
    assert again.temperature == head.temperature
    assert (again.logits(again.read(readings)) == head.logits(head.read(readings))).all()


def test_constant_features_do_no_harm():
    readings, truth, folds = two_stages(upper=1.0)
    points = readings[(2, "mean")].copy()
    points[:, :5] = 3.0
    head = search({(2, "mean"): points}, truth, folds, 3).head
    strange = points.copy()
    strange[:, :5] = 1e4
    assert head.logits(strange) == pytest.approx(head.logits(points), abs=1e-3)


def test_candidates_are_few_sensible_and_narrowest_first():
    widths = {(b, "mean"): w for b, w in enumerate((64, 128, 256, 512), 1)}
    widths |= {(b, "grid"): 4 * w for b, w in enumerate((64, 128, 256, 512), 1)}
    found = candidates(widths)
    assert found[0] == ((4, "mean"),)
    assert tuple(sorted(found[-1])) == tuple(sorted(widths))
    assert ((3, "mean"), (4, "mean")) in found
    assert 4 <= len(found) <= 8
    assert len(set(found)) == len(found)
    sizes = [sum(widths[name] for name in names) for names in found]
    assert sizes == sorted(sizes)
    transformer = {(b, name): 768 for b in range(1, 14) for name in ("mean", "token")}
    found = candidates(transformer)
    assert {((13, "mean"),), ((13, "token"),), ((13, "mean"), (13, "token"))} <= set(found)
    assert candidates({(1, "pooled"): 9}) == [((1, "pooled"),)]
    assert (
        describe(((3, "mean"), (4, "mean"), (4, "grid"))) == "stage 3 mean + stage 4 mean and grid"
    )


def sentences(pull, seed=0):
    """Words of which one in twelve is a name, in sentences of eight."""
    random = np.random.default_rng(seed)
    points, names = vectors(seed, 4800, 12, 2, pull=pull)
    rows = np.flatnonzero((names == 0) | (random.random(4800) < 1 / 11))
    rows = random.permutation(rows)[: len(rows) // 8 * 8]
    texts = Ragged(names[rows], np.full(len(rows) // 8, 8))
    return {(1, "mean"): points[rows]}, texts, np.arange(len(texts)) % 5


def test_names_are_said_sooner_where_that_finds_more_of_them():
    readings, texts, folds = sentences(pull=0.5)
    found = search(readings, texts, folds, 3, task=Tag())
    plain, sooner = found.trials[0], found.trials[-1]
    assert sooner.kept
    assert not plain.kept
    assert sooner.score > plain.score
    once = np.ones((len(texts), 1))
    assert Tag().score_logits(found.out_of_fold, texts, once)[0] == pytest.approx(sooner.score)
    said = found.head.logits(found.head.read(readings))
    assert Tag().score_logits(said, texts, once)[0] > plain.score


def test_names_that_are_plain_to_see_are_said_as_they_come():
    readings, texts, folds = sentences(pull=6.0)
    found = search(readings, texts, folds, 3, task=Tag())
    (kept,) = [trial for trial in found.trials if trial.kept]
    assert kept.score > 0.99
    assert "sooner" not in kept.what
