"""The one door through which many jobs go: one after another here, in this process.

Whoever has many jobs to do (the runs of a race) hands them over as plain data with the function
that does one, and takes results as they come. More cores, or other machines, would come in here
and nowhere else: nobody who calls `map` may rely on jobs sharing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def map(work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[tuple[Job, Result]]:
    """Yield each job with its result as soon as it is done, in the order given."""
    for job in jobs:
        yield job, work(job)
