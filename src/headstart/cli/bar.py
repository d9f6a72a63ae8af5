"""Progress on stderr: a bar with an estimate on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from headstart.cli.quantities import say_time
from headstart.cli.terminal import margin, one_line, say

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

QUIET_SECONDS = 10.0
"""Where there is no bar (a log file), this much time passes before the next line is written."""


class Bar:
    """A `headstart.progress.Progress` for a person at a terminal; use it as a context manager."""

    def __init__(self) -> None:
        self._console = margin()
        self._drawn: RichProgress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._total = 0
        self._done = 0
        self._began = 0.0
        self._spoke = 0.0

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wipe()

    def say(self, text: str) -> None:
        """Show one line, such as what is about to happen."""
        say(self._console, text)

    def start(self, what: str, total: int) -> None:
        """Begin a stretch of `total` steps."""
        self._wipe()
        self._what, self._total, self._done = one_line(what), total, 0
        self._began = self._spoke = time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"{self._what}: {total:,} to do", soft_wrap=True)
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._drawn = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self._console,
            transient=True,
        )
        self._task = self._drawn.add_task(self._what, total=total or None)
        self._drawn.start()

    def advance(self, steps: int = 1) -> None:
        """Count steps of the current stretch as done."""
        self._done += steps
        if self._drawn is not None and self._task is not None:
            self._drawn.advance(self._task, steps)
            return
        now = time.monotonic()
        if now - self._spoke >= QUIET_SECONDS and 0 < self._done < self._total:
            self._spoke = now
            left = (now - self._began) / self._done * (self._total - self._done)
            share = self._done / self._total
            self._console.print(
                f"{self._what}: {self._done:,} of {self._total:,} ({share:.0%}), "
                f"about {say_time(left)} left",
                soft_wrap=True,
            )

    def finish(self) -> None:
        """End the current stretch, and say how long it took."""
        self._wipe()
        if self._what:
            took = say_time(time.monotonic() - self._began)
            self._console.print(f"{self._what}: {self._done:,} in {took}", soft_wrap=True)
            self._what = ""

    def _wipe(self) -> None:
        if self._drawn is not None:
            self._drawn.stop()
            self._drawn = None
            self._task = None
