"""Where heads are compared: some samples, and what sets of readings make of them out of fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headstart.calibrate import fit_temperature, log_losses
from headstart.heads.candidates import describe
from headstart.heads.fitter import Fitter
from headstart.heads.head import Kind, Reading, Trial
from headstart.heads.ridge import Ridge
from headstart.metrics import draw, paired, share_interval
from headstart.metrics.intervals import Z
from headstart.ragged import Ragged, Rows, flat, rows_of, spread

Headline = Callable[[np.ndarray, Any, np.ndarray], np.ndarray]
"""Logits, encoded targets and weightings of samples to the headline metric under each weighting."""

RIDGE_WORK = 1e10
"""Samples x features x labels beyond which heads are solved in closed form."""


@dataclass
class Problem:
    """What a search is given: readings of all rows, and of all samples targets, folds and groups.

    A head is fitted on rows and judged by rows; a sample's rows stay together.
    """

    readings: Mapping[Reading, np.ndarray]
    encoded: Rows
    folds: np.ndarray
    groups: np.ndarray
    labels: int
    kind: Kind
    headline: Headline
    seed: int

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return len(flat(self.encoded))

    def width(self, names: Sequence[Reading]) -> int:
        """Return how many features a set of readings has."""
        return sum(self.readings[name].shape[1] for name in names)


@dataclass
class Tried:
    """A set of readings at its best penalty, out of fold on the samples of a bench."""

    trial: Trial
    logits: np.ndarray
    losses: np.ndarray
    draws: np.ndarray


def closed_form(samples: int, width: int, labels: int) -> bool:
    """Tell whether heads of this size are solved by ridge regression instead of iterated."""
    return samples * width * labels > RIDGE_WORK


class Bench:
    """Cross-validation of heads on some samples of a problem, always the same."""

    def __init__(self, problem: Problem, samples: np.ndarray) -> None:
        self.problem = problem
        self.samples = samples
        self.whole = len(samples) == len(problem.folds)
        rows = rows_of(problem.encoded, samples)
        some = {
            name: values if self.whole else np.asarray(values[rows])
            for name, values in problem.readings.items()
        }
        self.encoded = problem.encoded[samples]
        self.truth = flat(self.encoded)
        widest = max(values.shape[1] for values in some.values())
        self.ridge = closed_form(problem.size, widest, problem.labels)
        solver = Ridge if self.ridge else Fitter
        folds = spread(problem.folds[samples], self.encoded)
        self.fitter = solver(some, self.truth, folds, problem.kind, problem.labels)
        self.resamples = draw(
            problem.groups[samples].tolist(),
            len(samples),
            columns=problem.labels,
            seed=problem.seed,
        )

    def attempt(
        self,
        names: tuple[Reading, ...],
        priors: Sequence[float],
        *,
        balanced: bool = False,
        after_fold: Callable[[], None] = lambda: None,
    ) -> Tried:
        """Cross-validate a set of readings over a path of penalties and keep the best."""
        begun = time.perf_counter()
        paths = self.fitter.out_of_fold(names, priors, balanced=balanced, after_fold=after_fold)
        share = self.shares() if balanced else np.ones(len(self.truth))
        losses = [calibrated(logits, self.truth) for logits in paths]
        best = int(np.argmin([float((each * share).mean()) for each in losses]))
        draws = self.problem.headline(paths[best], self.encoded, self.resamples.weights)
        figure = share_interval(draws, self.resamples.groups)
        way = "ridge regression" if self.ridge else "logistic regression"
        trial = Trial(
            what=f"{way} on {describe(names)}" + (", class weights" if balanced else ""),
            readings=names,
            penalty=priors[best],
            class_weights=balanced,
            score=figure.value,
            low=figure.low,
            high=figure.high,
            loss=float(losses[best].mean()),
            seconds=time.perf_counter() - begun,
            kept=False,
            why="",
        )
        return Tried(trial, paths[best], losses[best], draws)

    def shares(self) -> np.ndarray:
        """Return row weights of mean 1 that give every class the same say."""
        counts = np.bincount(self.truth, minlength=self.problem.labels)
        share = 1 / counts[self.truth]
        return np.asarray(share / share.mean())

    def gaps(self, best: Tried, tried: Sequence[Tried]) -> list[tuple[float, float]]:
        """Return how far each is above the best's log-loss, and the standard error of that."""
        groups = spread(self.resamples.group, self.encoded).tolist()
        pairs = [paired(best.losses, each.losses, groups) for each in tried]
        return [(pair.value, (pair.high - pair.value) / Z) for pair in pairs]

    def evenness(self) -> float:
        """Return how many times the smallest class's samples the largest has."""
        counts = np.bincount(self.truth, minlength=self.problem.labels)
        return float(counts.max() / max(1, counts[counts > 0].min()))


def calibrated(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return each row's log-loss at the temperature that suits them all best."""
    return log_losses(logits, truth, fit_temperature(logits, truth))


def samples_for_choosing(problem: Problem, most: int) -> np.ndarray:
    """Return samples with about so many rows at most, seeded, spread as the whole is.

    Samples of one row are spread over classes and folds, others over folds.
    """
    if problem.size <= most:
        return np.arange(len(problem.folds))
    encoded, n = problem.encoded, len(problem.folds)
    most = max(1, round(most * n / problem.size))
    if isinstance(encoded, Ragged):
        mix = np.zeros(n, np.int64)
    else:
        mix = encoded if encoded.ndim == 1 else encoded @ (1 << np.arange(encoded.shape[1]) % 40)
    turn = np.random.default_rng(problem.seed).permutation(n)
    order = np.lexsort((turn, problem.folds, mix))
    return np.sort(order[(np.arange(most) * (n / most)).astype(np.int64)])


def pick(bench: Bench, tried: Sequence[Tried]) -> Tried:
    """Return the narrowest set that the best does not clearly beat; every trial says why or not.

    `tried` comes narrowest first. Clearly is by more than one standard error of the difference on
    the same samples.
    """
    best = min(tried, key=lambda each: each.trial.loss)
    gaps = bench.gaps(best, tried)
    at = next(at for at, (gap, error) in enumerate(gaps) if tried[at] is best or gap <= error)
    for each, (gap, error) in zip(tried, gaps, strict=True):
        loss = f"log-loss {each.trial.loss:.3f}"
        if each is tried[at]:
            alone = "the lowest out of fold" if each is best else "the narrowest within noise of it"
            why = f"{loss}, {alone}"
        elif each is best:
            why = f"{loss}, the lowest, but not by more than noise"
        else:
            why = f"{loss}, {gap:.3f} ± {error:.3f} above the lowest"
        each.trial = replace(each.trial, kept=each is tried[at], why=why)
    return tried[at]
