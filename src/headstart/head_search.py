"""Choosing the head: which readings, how strong a penalty, with class weights or without.

Everything is judged out of fold. The penalty is chosen by log-loss after calibration, because it is
smooth where a handful of right and wrong answers is not, and because the temperature is fitted
afterwards anyway. Between sets of readings a wider one has to be better by more than the standard
error of the difference on the same samples: the best of several noisy scores is always flattering.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from headstart.calibrate import fit_temperature, log_losses
from headstart.head_candidates import candidates, describe
from headstart.head_fitter import Fitter
from headstart.head_ridge import Ridge
from headstart.heads import HeadSearch, Kind, Reading, Trial
from headstart.metrics import draw, paired, paired_difference, share_interval
from headstart.metrics.intervals import Z
from headstart.progress import Progress

PRIORS = tuple(float(value) for value in np.logspace(-1.3, 3.3, 10))
"""The penalty path, as the variance that a logit is expected to have beforehand (see `Fitter`)."""

RIDGE_WORK = 1e10
"""Samples x features x labels beyond which heads are solved in closed form."""

SEARCH_WORK = 2.5e8
"""The same product, summed over all sets of readings, that choosing may spend; it takes seconds."""

SEARCH_NUMBERS = 100_000_000
"""Numbers of all readings that choosing holds in memory."""

SEARCH_LOGITS = 5_000_000
"""Logits of one penalty that choosing holds in memory, in very many labels."""

SMALL_WORK = 1e8
"""Below this, one thread is as quick as several and leaves the other cores alone."""

IMBALANCED = 1.5
"""Class weights are tried where the largest class has this many times the smallest's samples."""

Headline = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Logits, encoded targets and weightings to the headline metric under each weighting."""


@dataclass
class Tried:
    """A set of readings at its best penalty, out of fold."""

    trial: Trial
    logits: np.ndarray
    losses: np.ndarray
    draws: np.ndarray


def closed_form(samples: int, width: int, labels: int) -> bool:
    """Tell whether a head of this size is solved by ridge regression instead of iterated."""
    return samples * width * labels > RIDGE_WORK


def rows_for_choosing(
    encoded: np.ndarray, folds: np.ndarray, width: int, labels: int, seed: int
) -> np.ndarray:
    """Return the rows that choices are made on: all, or a seeded sample that keeps the mix.

    `width` is that of all sets of readings together. At least 1,000 rows are kept, and 10 a label
    unless their logits would crowd the memory; they spread over classes and folds as the whole.
    """
    n = len(folds)
    most = min(SEARCH_WORK / (width * labels), SEARCH_NUMBERS / width)
    most = int(max(most, 1000, min(10 * labels, SEARCH_LOGITS / labels)))
    if n <= most:
        return np.arange(n)
    mix = encoded if encoded.ndim == 1 else encoded @ (1 << np.arange(encoded.shape[1]) % 40)
    order = np.lexsort((np.random.default_rng(seed).permutation(n), folds, mix))
    return np.sort(order[(np.arange(most) * (n / most)).astype(np.int64)])


@contextmanager
def threads_for(work: float) -> Iterator[None]:
    """Solve small problems on one thread: waiting for each other costs more than it gains."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if work < SMALL_WORK else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def search(
    readings: Mapping[Reading, np.ndarray],
    encoded: np.ndarray,
    folds: np.ndarray,
    n_labels: int,
    *,
    kind: Kind,
    headline: Headline,
    seed: int,
    seconds: float | None,
    progress: Progress,
) -> HeadSearch:
    """Choose readings, penalty and class weights by cross-validation, and fit the head on all.

    `headline` is what the trials report. With a budget of `seconds`, sets of readings that come
    too late are left out, and the winner's trial says which.
    """
    widths = {name: values.shape[1] for name, values in readings.items()}
    sets = candidates(widths)
    total = sum(widths[name] for names in sets for name in names)
    with threads_for(len(folds) * total * n_labels):
        chooser = Chooser(readings, encoded, folds, n_labels, kind, headline, seed, total)
        return chooser.run(sets, seconds, progress)


class Chooser:
    """One search under way."""

    def __init__(
        self,
        readings: Mapping[Reading, np.ndarray],
        encoded: np.ndarray,
        folds: np.ndarray,
        labels: int,
        kind: Kind,
        headline: Headline,
        seed: int,
        width: int,
    ) -> None:
        self.readings, self.encoded, self.folds = readings, encoded, folds
        self.labels, self.kind, self.headline = labels, kind, headline
        widest = max(values.shape[1] for values in readings.values())
        self.solver = Ridge if closed_form(len(folds), widest, labels) else Fitter
        self.rows = rows_for_choosing(encoded, folds, width, labels, seed)
        self.sampled = len(self.rows) < len(folds)
        some = {
            name: np.asarray(values[self.rows] if self.sampled else values)
            for name, values in readings.items()
        }
        self.truth = encoded[self.rows]
        self.fitter = self.solver(some, self.truth, folds[self.rows], kind, labels)
        self.resamples = draw(None, len(self.rows), columns=labels, seed=seed)

    def run(
        self, sets: Sequence[tuple[Reading, ...]], seconds: float | None, progress: Progress
    ) -> HeadSearch:
        """Try the sets in turn, pick one, try class weights on it, and fit it on everything."""
        begun = time.perf_counter()
        progress.start("choosing the head", len(sets) + 1)
        tried: list[Tried] = []
        late: list[str] = []
        for names in sets:
            spent = time.perf_counter() - begun
            if tried and seconds is not None and spent > 0.5 * seconds:
                late.append(describe(names))
            else:
                tried.append(self.attempt(names))
            progress.advance()
        chosen, trials = pick(tried)
        weighted = self.weigh(chosen) if self.imbalanced() and not late else None
        if weighted is not None:
            trials.append(weighted.trial)
            if weighted.trial.kept:
                trials[trials.index(chosen.trial)] = replace(
                    chosen.trial, kept=False, why=f"{chosen.trial.why}, but class weights help"
                )
                chosen = weighted
        if late:
            at = trials.index(chosen.trial)
            note = f"; not tried, as the time was up: {', '.join(late)}"
            trials[at] = replace(trials[at], why=trials[at].why + note)
        result = self.finish(chosen, trials)
        progress.advance()
        progress.finish()
        return result

    def attempt(self, names: tuple[Reading, ...], *, balanced: bool = False) -> Tried:
        """Cross-validate a set of readings over the penalty path and keep its best penalty."""
        begun = time.perf_counter()
        paths = self.fitter.out_of_fold(names, PRIORS, balanced=balanced)
        share = self.shares() if balanced else np.ones(len(self.rows))
        losses = [
            log_losses(logits, self.truth, fit_temperature(logits, self.truth)) for logits in paths
        ]
        best = int(np.argmin([float((each * share).mean()) for each in losses]))
        draws = self.headline(paths[best], self.truth, self.resamples.weights)
        figure = share_interval(draws, self.resamples.groups)
        way = "ridge" if self.solver is Ridge else "logistic regression"
        trial = Trial(
            what=f"{way} on {describe(names)}" + (", class weights" if balanced else ""),
            readings=names,
            penalty=PRIORS[best],
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

    def imbalanced(self) -> bool:
        """Tell whether class weights are worth trying."""
        if self.kind != "softmax" or self.solver is Ridge:
            return False
        counts = np.bincount(self.truth, minlength=self.labels)
        return bool(counts.max() >= IMBALANCED * max(1, counts[counts > 0].min()))

    def shares(self) -> np.ndarray:
        """Return sample weights of mean 1 that give every class the same say."""
        counts = np.bincount(self.truth, minlength=self.labels)
        share = 1 / counts[self.truth]
        return np.asarray(share / share.mean())

    def weigh(self, chosen: Tried) -> Tried:
        """Try class weights on the chosen readings; kept only if the headline gains for certain."""
        tried = self.attempt(chosen.trial.readings, balanced=True)
        gain = paired_difference(chosen.draws, tried.draws, self.resamples.groups)
        kept = gain.low > 0
        verdict = "beyond doubt" if kept else "not beyond doubt"
        why = f"class weights change it by {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
        tried.trial = replace(tried.trial, kept=kept, why=f"{why}, {verdict}")
        return tried

    def finish(self, chosen: Tried, trials: list[Trial]) -> HeadSearch:
        """Fit the chosen head on every sample, and its temperature on what no sample's head saw."""
        trial, logits, fitter = chosen.trial, chosen.logits, self.fitter
        names, prior, balanced = trial.readings, trial.penalty, trial.class_weights
        if self.sampled:
            fitter = self.solver(self.readings, self.encoded, self.folds, self.kind, self.labels)
            logits = fitter.out_of_fold(names, [prior], balanced=balanced)[0]
        head = fitter.final(names, prior, balanced=balanced)
        if self.solver is Ridge:
            factor = 1.0
            for _ in range(4):
                factor /= fit_temperature(logits * factor, self.encoded, doubt=0.0)
            logits = logits * np.float32(factor)
            head.weight, head.bias = (
                head.weight * np.float32(factor),
                head.bias * np.float32(factor),
            )
        head.temperature = fit_temperature(logits, self.encoded)
        return HeadSearch(head, trials, logits)


def pick(tried: Sequence[Tried]) -> tuple[Tried, list[Trial]]:
    """Return the narrowest set of readings that the best one does not clearly beat, and say why."""
    best = min(tried, key=lambda each: each.trial.loss)
    gaps = [paired(best.losses, each.losses) for each in tried]
    chosen = next(
        each
        for each, gap in zip(tried, gaps, strict=True)
        if each is best or gap.value <= (gap.high - gap.value) / Z
    )
    trials = []
    for each, gap in zip(tried, gaps, strict=True):
        error = (gap.high - gap.value) / Z
        if each is chosen and each is best:
            why = f"lowest log-loss out of fold ({each.trial.loss:.3f})"
        elif each is chosen:
            why = f"log-loss {each.trial.loss:.3f}; the narrowest as good as the best, within noise"
        elif each is best:
            why = f"log-loss {each.trial.loss:.3f}, the lowest, but not by more than noise"
        else:
            why = f"log-loss {each.trial.loss:.3f}, {gap.value:+.3f} ± {error:.3f} from the lowest"
        each.trial = replace(each.trial, kept=each is chosen, why=why)
        trials.append(each.trial)
    return chosen, trials
