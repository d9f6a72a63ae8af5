"""95 % intervals that stay honest when there is little data, many ties, or not a single error.

A plain percentile bootstrap fails exactly where people need it: a perfect score on 30 samples has
no spread at all among resamples, and the interval collapses to a point. So the resamples give only
a standard error, and with it the *effective sample size* `v (1 - v) / se²`: how many independent
yes/no answers would leave a share `v` as uncertain as this figure is. Wilson's score interval for
that many answers is then never outside 0..1, leans the right way near the ends, equals Wilson's own
for plain accuracy, and with no spread falls back on the number of independent groups, so that 30
right out of 30 has a lower end of 0.886.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.schema import Figure

Z = 1.959963984540054
"""Two-sided 95 % of a normal distribution."""

FULL = 1000
LEAST = 50
CELLS = 1.5e8


@dataclass(frozen=True)
class Resamples:
    """Bootstrap weightings of samples, drawn by group.

    `weights` is [samples, 1 + resamples]: the first column counts each sample once, the others
    say how often each came up. `group` numbers the samples' groups from 0.
    """

    weights: np.ndarray
    group: np.ndarray

    @property
    def groups(self) -> int:
        """Return how many independent groups there are."""
        return int(self.group.max()) + 1 if len(self.group) else 0

    def count(self, members: np.ndarray) -> int:
        """Return how many groups have a sample among `members` (a mask)."""
        return len(np.unique(self.group[members]))


def number_groups(groups: Sequence[object] | None, n: int) -> np.ndarray:
    """Number the groups from 0; a sample without a group is a group of its own."""
    if groups is None or all(name is None for name in groups):
        return np.arange(n)
    numbers: dict[object, int] = {}
    keys = [(row,) if name is None else name for row, name in enumerate(groups)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])


def draw(groups: Sequence[object] | None, n: int, *, columns: int = 1, seed: int = 0) -> Resamples:
    """Draw bootstrap weightings of `n` samples in which whole groups come up or stay out.

    `columns` is how many labels will be measured: 1,000 resamples for small tests, fewer (never
    under 50) for large ones. Only a standard error is taken from them, and 200 give that to 5 %.
    """
    group = number_groups(groups, n)
    count = int(group.max()) + 1 if n else 0
    times = int(np.clip(CELLS / max(n * (columns + 4), 1), LEAST, FULL))
    random = np.random.default_rng(seed)
    weights = np.ones((n, 1 + times), np.float32)
    for column in range(1, 1 + times):
        picked = np.bincount(random.integers(0, count, count), minlength=count)
        weights[:, column] = picked[group]
    return Resamples(weights, group)


def wilson(value: float, n: float) -> Figure:
    """Return Wilson's 95 % score interval of a share `value` seen in `n` independent answers."""
    if n <= 0:
        return Figure(value, 0.0, 1.0)
    middle = (value + Z * Z / (2 * n)) / (1 + Z * Z / n)
    reach = Z / (1 + Z * Z / n) * np.sqrt(value * (1 - value) / n + Z * Z / (4 * n * n))
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Figure(float(value), float(min(low, value)), float(max(high, value)))


def unseen_variance(value: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the variance to assume for shares whose resamples cannot vary (all or none right).

    Two cases without an error say little about a rate, so half a z² of each outcome is added, as
    in Agresti and Coull's interval.
    """
    n = support + Z * Z
    centre = (value * support + Z * Z / 2) / n
    return np.asarray(centre * (1 - centre) / n)


def spread(draws: np.ndarray) -> np.ndarray:
    """Return the standard deviation over resamples (first axis), leaving undefined ones out."""
    defined = np.isfinite(draws)
    count = np.maximum(defined.sum(0), 1)
    filled = np.where(defined, draws, 0.0)
    mean = filled.sum(0) / count
    squares = (np.where(defined, draws - mean, 0.0) ** 2).sum(0)
    return np.asarray(np.sqrt(squares / np.maximum(count - 1, 1)))


def share_interval(draws: np.ndarray, support: float, unseen: float = 0.0) -> Figure:
    """Return the interval of a figure between 0 and 1.

    `draws` holds the value and then its resamples. `support` is the number of independent groups
    that the figure rests on, used when the resamples do not vary. `unseen` is variance that the
    resamples could not show (see `mean_interval`).
    """
    value = float(np.clip(draws[0], 0.0, 1.0))
    variance = float(spread(draws[1:])) ** 2 + unseen
    inner = value * (1 - value)
    if variance < 1e-12 or inner < 1e-12:
        return wilson(value, support)
    return wilson(value, inner / variance)


def mean_interval(draws: np.ndarray, support: np.ndarray) -> Figure:
    """Return the interval of a mean over labels (a macro figure); undefined labels are left out.

    `draws` is [1 + resamples, labels]. A label that was all right or all wrong does not vary among
    resamples, so its share of the variance is put in from its support.
    """
    defined = np.isfinite(draws)
    count = np.maximum(defined.sum(1), 1)
    means = np.where(defined, draws, 0.0).sum(1) / count
    present = defined[0]
    values, supports = draws[0, present], np.maximum(support[present], 1)
    still = spread(draws[1:, present]) < 1e-9
    labels = max(int(present.sum()), 1)
    hidden = unseen_variance(values[still], supports[still]).sum() / labels**2
    evenness = labels**2 / float((1 / supports).sum()) if len(supports) else 0.0
    return share_interval(means, evenness, float(hidden))


def positive_interval(draws: np.ndarray, support: float, chance: float) -> Figure:
    """Return the interval of a figure from 0 up (log-loss), symmetric on a logarithmic scale.

    A figure near 0 with room for error would reach absurdly high that way, so the upper end goes no
    further than twice what a symmetric interval would.

    `chance` is what a guess would score. A few samples seldom hold one of the rare confident misses
    that such a mean is made of, so the spread allows for two answers no better than a guess.
    Simulated, 93 to 98 % of such intervals then hold the truth.
    """
    value = float(draws[0])
    error = float(np.hypot(spread(draws[1:]), 2 * chance / (support + 2)))
    if value <= 0:
        return Figure(value, 0.0, chance * Z * Z / (support + Z * Z))
    factor = float(np.exp(min(Z * error / value, 50.0)))
    return Figure(value, value / factor, min(value * factor, value + 2 * Z * error))


def paired(
    first: np.ndarray,
    second: np.ndarray,
    groups: Sequence[object] | None = None,
) -> Figure:
    """Return how much higher the mean of `second` is than that of `first`, on the same samples.

    Both hold a score a sample (right or wrong, or a gain in log-loss). The samples' differences are
    summed by group, so groups count once. No spread is not taken for certainty: as Agresti and Min
    do for paired answers, half a sample is put into each of the four cells.
    """
    difference = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    n = len(difference)
    if n == 0:
        return Figure(0.0, -1.0, 1.0)
    group = number_groups(groups, n)
    count = int(group.max()) + 1
    mean = float(difference.mean())
    sums = np.bincount(group, difference - mean, minlength=count)
    variance = float((sums**2).sum()) / n**2 * count / max(count - 1, 1)
    reach = Z * max(float(np.sqrt(variance)), 1 / (count + 2))
    return Figure(mean, mean - reach, mean + reach)


def paired_difference(first: np.ndarray, second: np.ndarray, support: int) -> Figure:
    """Return how much higher `second` is than `first` when both were drawn on the same resamples.

    Each holds a figure's value and then its resamples (see `single_scores`). `support` is the
    number of groups, and bounds the interval's width from below.
    """
    difference = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    reach = Z * max(float(spread(difference[1:])), 1 / (support + 2))
    value = float(difference[0])
    return Figure(value, value - reach, value + reach)
