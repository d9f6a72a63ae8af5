"""How long a race takes and what each run may take: said before, and told as it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headstart import cost
from headstart.choose import quantity
from headstart.cost import Cost
from headstart.errors import UserError
from headstart.learn import REHEARSAL
from headstart.race.plan import Run
from headstart.schedule import rehearsed
from headstart.schema import Phase

SOLVING = 0.004
"""Seconds that a head takes by the example learnt from, roughly: only to foretell the end."""

LEAST_EPOCHS = 2
"""With fewer epochs than this nothing was trained that could be compared."""

Phases = Callable[[Run], tuple[Sequence[Phase], int]]
"""The phases of a run and the number of examples that it learns from."""


@dataclass
class Budget:
    """What runs are expected to take, and may take at most where a time was given."""

    spent: Cost
    phases: Phases
    seconds_a_run: float | None = None
    expected: float = 0.0
    took: float = 0.0

    def trains(self, run: Run) -> bool:
        """Tell whether a run trains anything by steps; a solved head takes no share of the time."""
        return any(phase.objective == "train" for phase in self.phases(run)[0])

    def guess(self, run: Run) -> float:
        """Return roughly how many seconds a run takes."""
        phases, samples = self.phases(run)
        trained = cost.seconds(phases, self.spent, samples)
        if self.seconds_a_run is not None and trained:
            trained = min(trained, self.seconds_a_run)
        return 0.1 + SOLVING * samples + trained

    def divide(self, runs: Sequence[Run], left: float, asked: float) -> None:
        """Give every run that trains the same share of what time is left; refuse too little."""
        training = [run for run in runs if self.trains(run)]
        if not training:
            return
        solved = sum(0.1 + SOLVING * self.phases(run)[1] for run in runs)
        share = (left - solved) / len(training)
        needed = max(self._least(run) for run in training)
        if share < needed:
            whole = asked - left + solved + needed * len(training)
            raise UserError(
                f"In {quantity(asked)} each of the {len(training)} runs that train would have "
                f"{max(0.0, share):.1f} s, and the largest takes about {needed:.1f} s for "
                f"{LEAST_EPOCHS} epochs.",
                f"Give --time {quantity(1.2 * whole)}, or fewer strategies, --labels or --seeds.",
            )
        self.seconds_a_run = round(share, 1)

    def _least(self, run: Run) -> float:
        """Return roughly how long the views and the fewest epochs of a run take."""
        phases, samples = self.phases(run)
        trained = [phase for phase in phases if phase.objective == "train"]
        views = sum(phase.views * self.spent.below(phase.boundary) for phase in trained[:1])
        epochs = sum(LEAST_EPOCHS * self.spent.epoch(phase.boundary) for phase in trained)
        # Of a run that is rehearsed first, the rehearsal needs as much.
        share = REHEARSAL if rehearsed(phases, samples) else 1.0
        return samples * (views + epochs) / share

    def note(self, run: Run, seconds: float) -> None:
        """Take note of what a run took: the rest is foretold by how the guesses did."""
        self.expected += self.guess(run)
        self.took += seconds

    def left(self, runs: Sequence[Run]) -> float:
        """Return roughly how many seconds these runs take."""
        pace = self.took / self.expected if self.expected else 1.0
        return pace * sum(map(self.guess, runs))

    def sentence(self, strategies: Mapping[str, Sequence[Phase]]) -> str:
        """Say what was equal for all runs."""
        solved = [name for name, phases in strategies.items() if not _epochs(phases)]
        trained = {name: _epochs(phases) for name, phases in strategies.items() if _epochs(phases)}
        told = []
        if trained and self.seconds_a_run is not None:
            told.append(f"Every run that trains had at most {self.seconds_a_run:g} s.")
        elif trained:
            listed = ", ".join(f"{name} at most {count}" for name, count in trained.items())
            told.append(
                f"No clock: every run that trains had its epochs (with all labels {listed})."
            )
        twice = [name for name, phases in strategies.items() if rehearsed(phases, samples=0)]
        if twice:
            told.append(f"What {_listed(twice)} had held back of few, it then learnt from as long.")
        if solved:
            told.append(f"{_listed(solved)}: the head is solved on frozen features, with no steps.")
        told.append("Same net, same draws, same test.")
        return " ".join(told)


def _epochs(phases: Sequence[Phase]) -> int:
    return sum(phase.epochs for phase in phases if phase.objective == "train")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
