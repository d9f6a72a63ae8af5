"""`race`: seal the test, run every strategy on the same draws, and say what came of it."""

from __future__ import annotations

import hashlib
import json
import shlex
import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart import __version__, cost, executor, places
from headstart.choose import check_strategy
from headstart.errors import UserError
from headstart.evaluate import name_of
from headstart.job import Job
from headstart.journal import Journal, Nowhere
from headstart.opening import Opened, Sealed, open_data, seal_test
from headstart.plain import plain_of
from headstart.progress import Progress, Silent
from headstart.race.baselines import Plainly, always_same, baselines_of
from headstart.race.budget import Budget
from headstart.race.draws import Draws
from headstart.race.figures import compare, summarise
from headstart.race.plan import (
    ALL,
    SEEDS,
    STRATEGIES,
    Count,
    Run,
    check_counts,
    check_runnable,
    check_seeds,
    check_sizes,
    check_strategies,
    frozen,
    phases_of,
    runs_of,
    settle_counts,
)
from headstart.race.record import FIGURES, FORMAT, RUNS, Race, check_folder
from headstart.race.runs import Judge, Track
from headstart.race.says import say
from headstart.race.shelf import Kept
from headstart.race.worth import SCRATCH
from headstart.registry import TASKS
from headstart.schema import SPEECH
from headstart.tasks.base import OneRow

LONG = 1800.0
"""Seconds from which on a race says how it could be shorter."""

KEPT_ONLY = ("draws", "took")
"""What is kept of a run for figures over all of them, and not written to the record."""


def race(
    data: Any,
    *,
    out: str | Path | None = None,
    strategies: Sequence[str] = STRATEGIES,
    labels: Sequence[Count] | None = None,
    seeds: int = SEEDS,
    time: float | None = None,
    backbone: str | None = None,
    task: str | None = None,
    test: Any = None,
    image: str | None = None,
    audio: str | None = None,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    separator: str | None = None,
    offline: bool = False,
    device: str | None = None,
    strict: bool = False,
    restart: bool = False,
    figures: bool = False,
    progress: Progress | None = None,
) -> Race:
    """Race strategies against each other by number of labels, on one test that no choice sees.

    `data`, its columns, `test`, `backbone` and `device` are as in `fit`. `strategies` begin with
    `scratch`, the same net from fresh weights. `labels` are numbers of labels a class to learn
    from, `"all"` among them; of each, `seeds` draws are made, nested and the same for every
    strategy. `time` is a budget in seconds for the whole race, divided equally among the runs that
    train. With `out` the record, the page and every run are written there; started again it runs
    only what is missing, and `restart` throws away what was run. `figures` draws both pictures as
    PNG and SVG beside it.

    >>> import headstart as hs                                          # doctest: +SKIP
    >>> hs.race("photos/", out="race/").show()                          # doctest: +SKIP
    """
    begun = clock.perf_counter()
    progress = progress or Silent()
    names, asked, seeded = check_strategies(strategies), check_counts(labels), check_seeds(seeds)
    if time is not None and not (isinstance(time, int | float) and time > 0):
        raise UserError(
            f"The time {time!r} cannot be used.",
            "Give seconds, more than 0 (600 is ten minutes), or None.",
        )
    if task is not None:
        TASKS.get(task)
    if out is not None:
        check_folder(Path(out))
    if figures:
        from headstart.report.race_figures import require_matplotlib

        require_matplotlib()
    opened = open_data(
        data,
        backbone=backbone,
        test=test,
        image=image,
        audio=audio,
        text=text,
        label=label,
        group=group,
        separator=separator,
        offline=offline,
        device=device,
        progress=progress,
    )
    if opened.task == SPEECH:
        raise UserError(
            "A race is between models that tell labels apart, and these data are transcripts.",
            "Give data with labels, or use `headstart fit` with --strategy scratch and --strategy "
            "probe, and compare the two.",
        )
    check_runnable(Job(opened.found.samples, (), backbone=opened.source), opened.backbone, names)
    sealed = seal_test(opened, task=task, seed=0, strict=strict, progress=progress)
    draws = Draws(sealed)
    check_sizes(draws.groups_of_labels())
    counts, notes = settle_counts(asked, draws.sizes())
    for note in notes:
        progress.say(note)
    contest = _Contest(opened, sealed, draws, names, counts, seeded, progress)
    kept = contest.open_runs(out, time, restart)
    contest.settle_time(time, begun, kept)
    runs, baselines = contest.run(kept)
    columns = {
        "--image": image,
        "--audio": audio,
        "--text": text,
        "--label": label,
        "--group": group,
        "--separator": separator,
        "--test": None if test is None else name_of(test),
    }
    typed = contest.command(name_of(data), columns, time)
    found = Race(contest.record(runs, baselines, typed, begun))
    if out is not None:
        found.save(out)
        if figures:
            from headstart.report.race_figures import draw_figures

            draw_figures(found.record, Path(out) / FIGURES)
    else:
        kept.forget()
    return found


class _Contest:
    """One race under way."""

    def __init__(
        self,
        opened: Opened,
        sealed: Sealed,
        draws: Draws,
        names: tuple[str, ...],
        counts: tuple[Count, ...],
        seeds: tuple[int, ...],
        progress: Progress,
    ) -> None:
        self.opened, self.sealed, self.draws = opened, sealed, draws
        self.names, self.counts, self.seeds, self.progress = names, counts, seeds, progress
        self.net = opened.backbone
        self.job = Job(
            (),
            sealed.labels,
            task=sealed.task.name,
            modality=opened.modality.name,
            backbone=self.opened.source,
        )
        self.runs = runs_of(names, counts, seeds)
        self.sizes = {
            (count, seed): len(draws.rows(count, seed)) for count in counts for seed in seeds
        }
        self.budget = Budget(cost.measure(self.net, opened.modality), self.phases)

    def phases(self, run: Run) -> tuple[list[Any], int]:
        """Return the phases of a run and how many examples it learns from."""
        samples = self.sizes[run.labels_per_class, run.seed]
        job = self.job
        return phases_of(job, self.net, run.strategy, samples), samples

    def open_runs(self, out: str | Path | None, time: float | None, restart: bool) -> Kept:
        """Open what was run before, if it stood on the same data, weights and time."""
        sides = self.sealed.sides
        about: dict[str, Any] = {
            "data": _hash(
                [
                    [[each.key, str(each.target), str(each.group)] for each in side]
                    for side in (sides.train, sides.test)
                ]
            ),
            "weights": self.net.fingerprint(),
            "backbone": self.net.name,
            "task": self.sealed.task.name,
            "headstart": __version__,
            "time": time,
            "device": self.net.device.type,
        }
        if time is not None:  # what a run may take depends on how many there are
            about["runs"] = [list(self.names), list(self.counts), len(self.seeds)]
        folder = (
            Path(out) / RUNS if out is not None else places.runs() / f"race-{_hash(about)[:32]}"
        )
        return Kept.open(folder, about, restart)

    def settle_time(self, time: float | None, begun: float, kept: Kept) -> None:
        """Divide the time among the runs, as it was divided before if the race goes on."""
        missing = [run for run in self.runs if kept.read(run.name) is None]
        if time is not None:
            before = kept.read("time")
            if before is not None:
                self.budget.seconds_a_run = before["seconds_a_run"]
            else:
                left = time - (clock.perf_counter() - begun)
                self.budget.divide(self.runs, left, time)
                kept.write("time", {"seconds_a_run": self.budget.seconds_a_run})
        ready = len(self.runs) - len(missing)
        taken = f", {ready} of them run already" if ready else ""
        expected = self.budget.left(missing)
        self.progress.say(
            f"A race of {len(self.runs)} runs on {self.net.name}{taken}: "
            f"{', '.join(self.names)}; {', '.join(map(str, self.counts))} labels a class; "
            f"{_draws(len(self.seeds))}. About {_told(expected)}."
        )
        if time is None and expected > LONG:
            self.progress.say(
                "For less: --time 20m divides that time among the runs, or give fewer --labels or "
                "--seeds. Stopped and started again, it goes on where it was."
            )

    def run(self, kept: Kept) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Run what is missing, and return all runs and all baselines."""
        judge = Judge(self.sealed)
        self.judge = judge
        self.shared_pass = kept.once("shared-pass", {"seconds": self.sealed.seconds})["seconds"]
        finished = [each for each in map(kept.read, (run.name for run in self.runs)) if each]
        self.before = sum(each["took"] for each in finished)
        track = Track(self.job, self.net, self.draws, judge)
        missing = [run for run in self.runs if kept.read(run.name) is None]
        left = list(missing)
        first = {_kind(run): run for run in reversed(missing)}

        def work(run: Run) -> None:
            if first[_kind(run)] == run:
                self.announce(run, left)
            trains = self.budget.trains(run)
            journal: Journal | Nowhere = kept.journal(run.name) if trains else Nowhere()
            seconds = self.budget.seconds_a_run if trains else None
            started = clock.perf_counter()
            answer = track.run(run, seconds, journal)
            kept.write(run.name, answer | {"took": clock.perf_counter() - started})
            journal.done()

        last = clock.perf_counter()
        for run, _ in executor.map(work, missing):
            now = clock.perf_counter()
            left.remove(run)
            self.budget.note(run, now - last)
            last = now
        baselines = [always_same(self.sealed, self.draws, judge)]
        model = plain_of(self.opened.modality.name)
        if model is not None and isinstance(self.sealed.task, OneRow):
            plainly = Plainly(model, self.opened.modality, self.draws, judge, self.progress)
            wanted = baselines_of(self.counts, self.seeds)
            for asked, answer in executor.map(
                plainly.run, [each for each in wanted if kept.read(each.name) is None]
            ):
                kept.write(asked.name, answer)
            baselines += [_there(kept, each.name) for each in wanted]
        return [_there(kept, run.name) for run in self.runs], baselines

    def announce(self, run: Run, left: Sequence[Run]) -> None:
        """Say which run of how many comes, once for all the draws of as many labels."""
        alike = [each for each in left if _kind(each) == _kind(run)]
        number = self.runs.index(run) + 1
        many = "all labels" if run.labels_per_class == ALL else f"{run.labels_per_class} a class"
        self.progress.say(
            f"Run {number} of {len(self.runs)}: {run.strategy}, {many}, {_draws(len(alike))}. "
            f"About {_told(self.budget.left(left))} to go."
        )

    def record(
        self,
        runs: list[dict[str, Any]],
        baselines: list[dict[str, Any]],
        command: str,
        begun: float,
    ) -> dict[str, Any]:
        """Return all that came of it, as `race.json` holds it."""
        sealed, sides = self.sealed, self.sealed.sides
        largest = {name: self.phases(Run(name, self.counts[-1], 0))[0] for name in self.names}
        groups = self.judge.resamples.groups
        split = f"{sides.sentence} Every run answers it."
        if sides.across:
            split += f" {len(sides.across)} groups of near-duplicates stand on both sides of it."
        record: dict[str, Any] = {
            "format": FORMAT,
            "headstart": __version__,
            "data": {
                "source": self.opened.name,
                "modality": self.opened.modality.name,
                "labels": list(self.draws.labels),
                "n_pool": len(sides.train),
                "n_test": len(sides.test),
                "split": split,
            },
            "backbone": self.net.name,
            "task": sealed.task.name,
            "headline": sealed.task.headline,
            "budget": {
                "sentence": self.budget.sentence(largest),
                "seconds_a_run": self.budget.seconds_a_run,
            },
            "labels_per_class": list(self.counts),
            "seeds": list(self.seeds),
            "command": command,
            "strategies": [
                {"name": name, "about": check_strategy(name), "frozen": frozen(phases)}
                for name, phases in largest.items()
            ],
            "runs": runs,
            "baselines": baselines,
        }
        record["summary"] = summarise(record)
        fixed = [each["name"] for each in record["strategies"] if each["frozen"] == "all"][:1]
        rivals = [*([SCRATCH] if SCRATCH in self.names else []), *fixed]
        record["paired"] = [
            row
            for rival in rivals
            for name in self.names
            if name not in (rival, SCRATCH)
            for row in compare(record, name, rival, groups)
        ]
        record["says"] = say(record)
        record["runs"] = [{k: v for k, v in run.items() if k not in KEPT_ONLY} for run in runs]
        record["seconds"] = {
            "total": self.before + clock.perf_counter() - begun,
            "shared_pass": self.shared_pass,
        }
        return record

    def command(self, source: str, columns: Mapping[str, Any], time: float | None) -> str:
        """Return the command that runs this race; places on this machine are left out of it."""
        words = ["headstart", "race", source]
        for option, given in columns.items():
            if given is not None:
                words += [option, given if isinstance(given, str) else ",".join(given)]
        words += ["--strategies", ",".join(self.names)]
        words += ["--labels", ",".join(map(str, self.counts)), "--seeds", str(len(self.seeds))]
        words += ["--backbone", self.net.name]
        words += [] if time is None else ["--time", f"{time:g}s"]
        return shlex.join(words)


def _kind(run: Run) -> tuple[str, Count]:
    return run.strategy, run.labels_per_class


def _draws(count: int) -> str:
    return f"{count} draws" if count > 1 else "1 draw"


def _there(kept: Kept, name: str) -> dict[str, Any]:
    found = kept.read(name)
    if found is None:
        raise ValueError(f"run {name} was neither run nor kept")
    return found


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _told(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
