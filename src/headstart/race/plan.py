"""What a race runs: which strategies, at which numbers of labels, with which seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from headstart.backbones.base import Backbone
from headstart.choose import AUTO, check_stages, check_strategy
from headstart.errors import DataError, UserError
from headstart.job import Job, plan
from headstart.schema import Phase, Sample

ALL: Literal["all"] = "all"
Count = int | Literal["all"]
"""How many labels a class are learnt from."""

STRATEGIES = ("scratch", "probe", "partial")
SEEDS = 3
LEAST = 2
"""Labels a class: with one there is none to choose by."""

FIRST = (5, 10, 20)
MOST_COUNTS = 6
NEARLY_ALL = 0.7
"""From this share of the middle class on, a number of labels is too near all of them to be told
apart from that."""


@dataclass(frozen=True)
class Run:
    """One run of a race, as plain data."""

    strategy: str
    labels_per_class: Count
    seed: int

    @property
    def name(self) -> str:
        """Return what the run is called: `probe-10-2`."""
        return f"{self.strategy}-{self.labels_per_class}-{self.seed}"


def check_strategies(names: Sequence[str]) -> tuple[str, ...]:
    """Refuse strategies that cannot be raced; return each once, in the order given."""
    if not names:
        raise UserError("A race needs strategies.", f"Name some, such as {','.join(STRATEGIES)}.")
    for name in names:
        check_strategy(name)
        if name == AUTO:
            raise UserError(
                "'auto' is no strategy but a choice among them, so it has no curve of its own.",
                f"Name what should race, such as {','.join(STRATEGIES)}.",
            )
    return tuple(dict.fromkeys(names))


def check_seeds(seeds: Any) -> tuple[int, ...]:
    """Refuse a number of seeds that is none; return the seeds."""
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= 100:
        raise UserError(
            f"{seeds!r} is not a number of seeds.",
            "Say with how many draws of the labels to run, 1 to 100; 3 give bands, 1 gives points.",
        )
    return tuple(range(seeds))


def check_counts(counts: Sequence[Any] | None) -> tuple[Count, ...] | None:
    """Refuse numbers of labels that are none; return each once, rising, `all` last."""
    if counts is None:
        return None
    numbers: set[int] = set()
    for count in counts:
        if count == ALL:
            continue
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < LEAST:
            raise UserError(
                f"{count!r} is not a number of labels a class.",
                f"Give numbers from {LEAST} up, or 'all': --labels 5,10,20,all.",
            )
        numbers.add(int(count))
    found: tuple[Count, ...] = (*sorted(numbers), *([ALL] if ALL in counts else []))
    if not found:
        raise UserError("No number of labels was given.", "Write --labels 5,10,20,all.")
    return found


def default_counts(sizes: Sequence[int]) -> tuple[Count, ...]:
    """Return the numbers of labels a class to run with, from how many each label has."""
    middle = NEARLY_ALL * float(np.median(sizes))
    series = [n * 10**power for power in range(6) for n in FIRST if n * 10**power <= middle]
    series = sorted({n for n in series if n >= FIRST[0]})
    if not series and middle >= LEAST:
        series = [max(LEAST, int(np.median(sizes)) // 2)]
    if len(series) >= MOST_COUNTS:
        spread = np.linspace(0, len(series) - 1, MOST_COUNTS - 1).round().astype(int)
        series = [series[at] for at in spread]
    return (*series, ALL)


def settle_counts(
    asked: tuple[Count, ...] | None, sizes: dict[str, int]
) -> tuple[tuple[Count, ...], list[str]]:
    """Return the numbers of labels that will be run, and what has to be said of them.

    `sizes` says how many examples of each label there are to draw from.
    """
    counts = default_counts(list(sizes.values())) if asked is None else asked
    most, notes = max(sizes.values()), []
    beyond = [n for n in counts if n != ALL and n >= most]
    if beyond:
        counts = (*(n for n in counts if n not in beyond and n != ALL), ALL)
        listed = ", ".join(f"{n:,}" for n in beyond)
        notes.append(
            f"{listed} labels a class are asked for, and no class has more than {most:,} to learn "
            "from: that is 'all'."
        )
    numbers = [n for n in counts if n != ALL]
    short = {label: size for label, size in sizes.items() if numbers and size < max(numbers)}
    if short:
        label, size = min(short.items(), key=lambda each: each[1])
        others = f" and {len(short) - 1} more classes have" if len(short) > 1 else " has"
        notes.append(
            f"'{label}'{others} too few for every draw ({size} at least): of such a class a draw "
            "takes all there are."
        )
    return counts, notes


def check_sizes(sizes: dict[str, int]) -> None:
    """Refuse labels of which there are too few to draw from."""
    few = [label for label, size in sizes.items() if size < LEAST]
    if few:
        listed = ", ".join(f"'{label}'" for label in few[:5])
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        raise DataError(
            f"Beside the sealed test too few examples are left of {listed}{more} to race with: "
            f"{LEAST} of each are needed, in different groups.",
            "Add examples of them, or take those labels out of the data.",
        )


def phases_of(job: Job, backbone: Backbone, strategy: str, samples: int) -> list[Phase]:
    """Return what a strategy does with so many samples of a job."""
    some = (Sample(None),) * samples  # how many they are is all that a plan asks
    return plan(replace(job, strategy=strategy, samples=some), backbone)


def check_runnable(job: Job, backbone: Backbone, strategies: Sequence[str]) -> None:
    """Refuse strategies that the stages of a backbone cannot do, before anything long begins."""
    for name in strategies:
        check_stages(replace(job, strategy=name), backbone)


def frozen(phases: Sequence[Phase]) -> str:
    """Return how much of the backbone some phases leave as it came: none, some or all of it."""
    trained = [phase for phase in phases if phase.objective == "train"]
    if not trained:
        return "all"
    return "none" if min(phase.boundary for phase in trained) == 0 else "some"


def runs_of(strategies: Sequence[str], counts: Sequence[Count], seeds: Sequence[int]) -> list[Run]:
    """Return every run of a race in the order they are run: few labels first."""
    return [Run(name, count, seed) for name in strategies for count in counts for seed in seeds]
