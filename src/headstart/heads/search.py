"""Choosing the head: which readings, how strong a penalty, with class weights or without.

Everything is judged out of fold. The penalty is chosen by log-loss after calibration, because it is
smooth where a handful of right and wrong answers is not, and because the temperature is fitted
afterwards anyway. Between sets of readings a wider one has to be better by more than the standard
error of the difference on the same samples: the best of several noisy scores is always flattering.

Tags of words are weighed afterwards, by how much of their frequencies is left out of account.

Many samples make it a tournament: all sets meet on a few hundred samples, those still in the race
on many, and the winner alone is cross-validated and fitted on all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from headstart.calibrate import fit_temperature, thin
from headstart.heads.bench import (
    Bench,
    Headline,
    Problem,
    Tried,
    pick,
    samples_for_choosing,
)
from headstart.heads.candidates import candidates, describe
from headstart.heads.head import HeadSearch, Kind, Reading, Trial
from headstart.heads.space import on_threads
from headstart.metrics import paired_difference, share_interval
from headstart.progress import Progress
from headstart.ragged import Ragged, Rows, flat

PRIORS = (0.3, 3.0, 30.0, 300.0)
"""The penalty path, as the variance that a logit is expected to have beforehand (see `Fitter`)."""

FINER = 10**0.5
"""A set's penalty is then tried this factor stronger and weaker."""

SCREEN_ROWS = 700
"""Samples (or ten a label, if that is more) that all sets of readings are tried on first, with as
many rows as they have."""

STILL_IN = 3
"""How many sets go on from there."""

SEARCH_WORK = 3e8
"""Samples x features x labels that one set may spend on choosing: a few seconds."""

SEARCH_NUMBERS = 60_000_000
"""Numbers of all readings that choosing holds in memory."""

SEARCH_LOGITS = 5_000_000
"""Logits of one penalty that choosing holds in memory."""

SMALL_WORK = 3e7
"""Below this, one thread is as quick as several and leaves the other cores alone."""

IMBALANCED = 1.5
"""Class weights are tried where the largest class has this many times the smallest's samples."""

LEANINGS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
"""Shares of the labels' frequencies that are tried to be left out of account."""

BUDGET = 0.5
"""The share of the time that trying sets may use; the rest is for fitting the one chosen."""


def search(
    readings: Mapping[Reading, np.ndarray],
    encoded: Rows,
    folds: np.ndarray,
    groups: np.ndarray,
    n_labels: int,
    *,
    kind: Kind,
    headline: Headline,
    seed: int,
    seconds: float | None,
    progress: Progress,
) -> HeadSearch:
    """Choose readings, penalty and class weights by cross-validation, and fit the head on all.

    `headline` is what the trials report. `folds` and `groups` are numbers of samples, whatever
    their rows; groups stay together in folds and count once in intervals and comparisons. With a
    budget of `seconds`, sets of readings that come too late are left out, and the winner's trial
    says which.
    """
    problem = Problem(readings, encoded, folds, groups, n_labels, kind, headline, seed)
    widest = max(values.shape[1] for values in readings.values())
    small = problem.size * widest * n_labels < SMALL_WORK
    with on_threads(1 if small else torch.get_num_threads()):
        return Tournament(problem, seconds, progress).run()


class Tournament:
    """One search under way. `trials` are all that ended, in the order of the report."""

    def __init__(self, problem: Problem, seconds: float | None, progress: Progress) -> None:
        self.problem, self.progress = problem, progress
        self.by_row = isinstance(problem.encoded, Ragged)
        self.begun, self.seconds = time.perf_counter(), seconds
        self.trials: list[Trial] = []
        self.late: list[str] = []

    def run(self) -> HeadSearch:
        """Screen, compare, try class weights, and fit what is left on every sample."""
        problem = self.problem
        widths = {name: values.shape[1] for name, values in problem.readings.items()}
        sets = candidates(widths)
        few = max(SCREEN_ROWS, min(10 * problem.labels, SEARCH_LOGITS // problem.labels))
        if problem.size > len(problem.folds):  # rows of one sample are alike: samples count
            several = SCREEN_ROWS * problem.size // len(problem.folds)
            few = max(few, min(several, SEARCH_NUMBERS // sum(widths.values())))
        bench = Bench(problem, samples_for_choosing(problem, few))
        again = 0 if bench.whole else STILL_IN
        self.progress.start("Choosing the head", len(sets) + again + 1)
        tried = self.compare(bench, [(names, PRIORS) for names in sets])
        if bench.whole:
            chosen = self.refine(bench, pick(bench, tried))
        else:
            tried = self.screen(bench, tried)
            self.progress.advance(STILL_IN - len(tried))
            bench = Bench(problem, samples_for_choosing(problem, self.affordable(tried, few)))
            tried = self.compare(bench, [around(each.trial) for each in tried])
            chosen = pick(bench, tried)
        self.trials = [each.trial for each in tried] + self.trials
        if not self.by_row:
            chosen = self.weigh(bench, chosen)
        self.progress.advance()
        self.progress.finish()
        return self.finish(bench, chosen)

    def compare(
        self, bench: Bench, entries: Sequence[tuple[tuple[Reading, ...], Sequence[float]]]
    ) -> list[Tried]:
        """Try sets in turn, as long as there is time; the first is always tried."""
        tried: list[Tried] = []
        for names, priors in entries:
            spent = time.perf_counter() - self.begun
            if tried and self.seconds is not None and spent > BUDGET * self.seconds:
                self.late.append(describe(names))
            else:
                tried.append(bench.attempt(names, priors))
            self.progress.advance()
        return tried

    def screen(self, bench: Bench, tried: Sequence[Tried]) -> list[Tried]:
        """Leave the race to the few best; the others' trials say on how many samples they lost."""
        best = min(tried, key=lambda each: each.trial.loss)
        gaps = bench.gaps(best, tried)
        order = sorted(range(len(tried)), key=lambda at: tried[at].trial.loss)
        count = f"{len(bench.samples):,}"
        still = {at for at in order[:STILL_IN] if gaps[at][0] <= 2 * gaps[at][1]}
        for at, (each, (gap, error)) in enumerate(zip(tried, gaps, strict=True)):
            if at not in still:
                why = f"log-loss {gap:.3f} ± {error:.3f} above the lowest, on {count} samples"
                self.trials.append(replace(each.trial, why=why))
        return [each for at, each in enumerate(tried) if at in still]

    def affordable(self, tried: Sequence[Tried], few: int) -> int:
        """Return on how many samples the rest of the race is run."""
        problem = self.problem
        widest = max(problem.width(each.trial.readings) for each in tried)
        everything = problem.width(tuple(problem.readings))
        return int(
            max(
                few,
                min(
                    SEARCH_WORK / (widest * problem.labels),
                    SEARCH_NUMBERS / everything,
                    SEARCH_LOGITS / problem.labels,
                ),
            )
        )

    def refine(self, bench: Bench, chosen: Tried) -> Tried:
        """Try the chosen set's penalty a little stronger and weaker."""
        old = chosen.trial
        finer = bench.attempt(old.readings, (old.penalty / FINER, old.penalty * FINER))
        if finer.trial.loss < old.loss:
            chosen.logits, chosen.losses, chosen.draws = finer.logits, finer.losses, finer.draws
            chosen.trial = replace(finer.trial, kept=True, why=old.why)
        chosen.trial = replace(chosen.trial, seconds=old.seconds + finer.trial.seconds)
        return chosen

    def weigh(self, bench: Bench, chosen: Tried) -> Tried:
        """Try class weights where classes are uneven; kept only if the headline surely gains."""
        problem, plain = self.problem, chosen.trial
        if problem.kind != "softmax" or bench.ridge or self.late or bench.evenness() < IMBALANCED:
            return chosen
        tried = bench.attempt(plain.readings, (plain.penalty,), balanced=True)
        gain = paired_difference(chosen.draws, tried.draws, bench.resamples.groups)
        change = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
        kept = gain.low > 0
        verdict = "a sure gain" if kept else "not a sure gain"
        tried.trial = replace(
            tried.trial, kept=kept, why=f"class weights change it by {change}: {verdict}"
        )
        self.trials.append(tried.trial)
        if not kept:
            return chosen
        why = f"{plain.why}; class weights gain {change}"
        self.trials[self.trials.index(plain)] = replace(plain, kept=False, why=why)
        return tried

    def finish(self, bench: Bench, chosen: Tried) -> HeadSearch:
        """Fit the chosen head on every sample, and its temperature on what no sample's head saw."""
        problem, many = self.problem, not bench.whole
        if many:
            count = f"; chosen on {len(bench.samples):,} samples"
            bench, before = Bench(problem, np.arange(len(problem.folds))), chosen.trial
            names, priors = around(before)
            work = problem.size * problem.width(names) * problem.labels
            if work > SEARCH_WORK or problem.size * problem.labels > 4 * SEARCH_LOGITS:
                priors = (before.penalty,)
            numbers = np.unique(problem.folds)
            self.progress.start(f"Fitting the head on {len(problem.folds):,}", len(numbers) + 1)
            chosen = bench.attempt(
                names, priors, balanced=before.class_weights, after_fold=self.progress.advance
            )
            chosen.trial = replace(chosen.trial, kept=True, why=before.why + count)
            self.trials[self.trials.index(before)] = chosen.trial
        trial, logits = chosen.trial, chosen.logits
        if self.late:
            late = f"; not tried, as the time was up: {', '.join(self.late)}"
            at, trial = self.trials.index(trial), replace(trial, why=trial.why + late)
            self.trials[at] = trial
        head = bench.fitter.final(trial.readings, trial.penalty, balanced=trial.class_weights)
        if many:
            self.progress.advance()
            self.progress.finish()
        if bench.ridge:
            factor = log_scale(logits, flat(problem.encoded))
            logits *= factor
            head.weight, head.bias = head.weight * factor, head.bias * factor
        if self.by_row and problem.kind == "softmax":
            lean = self.lean(bench, trial, logits, chosen.draws)
            logits, head.bias = logits - lean, head.bias - lean
        head.temperature = fit_temperature(logits, problem.encoded)
        return HeadSearch(head, self.trials, logits)

    def lean(
        self, bench: Bench, plain: Trial, logits: np.ndarray, before: np.ndarray
    ) -> np.ndarray:
        """Return what to take off each label's logit: what makes the headline highest out of fold.

        Nearly every word is outside of all names, so the most probable tags name too few. A share
        of each label's log-frequency is left out of account (logit adjustment, Menon et al. 2021,
        arXiv:2007.07314); class weights would leave out all of it. The head becomes no larger by
        it, so a higher headline is enough, as it is of penalties; a sure gain is not asked for.
        """
        begun, truth = time.perf_counter(), flat(bench.encoded)
        counts = np.bincount(truth, minlength=self.problem.labels)
        often = np.log(np.maximum(counts, 1) / len(truth)) * fit_temperature(logits, truth)
        best, found = 0.0, before
        for share in LEANINGS:
            moved = (logits - share * often).astype(np.float32)
            draws = self.problem.headline(moved, bench.encoded, bench.resamples.weights)
            if draws[0] > found[0]:
                best, found = share, draws
        if not best:
            return np.zeros(self.problem.labels, np.float32)
        gain = paired_difference(before, found, bench.resamples.groups)
        figure = share_interval(found, bench.resamples.groups)
        self.trials[self.trials.index(plain)] = replace(plain, kept=False)
        sooner = replace(
            plain,
            what=f"{plain.what}, rare labels sooner",
            score=figure.value,
            low=figure.low,
            high=figure.high,
            seconds=time.perf_counter() - begun,
            why=f"{best:.0%} of the labels' frequencies left out of account changes it by "
            f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})",
        )
        self.trials.append(sooner)
        return (best * often).astype(np.float32)


def log_scale(scores: np.ndarray, encoded: np.ndarray) -> np.float32:
    """Return the factor that best makes ridge scores log-probabilities."""
    some, truth = thin(scores, encoded)
    factor = np.float32(1)
    for _ in range(4):
        factor /= np.float32(fit_temperature(some * factor, truth, doubt=0.0))
    return factor


def around(trial: Trial) -> tuple[tuple[Reading, ...], tuple[float, ...]]:
    """Return a trial's readings, and its penalty between one stronger and one weaker."""
    return trial.readings, (trial.penalty / FINER, trial.penalty, trial.penalty * FINER)
