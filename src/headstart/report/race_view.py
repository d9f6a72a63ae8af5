"""What the page of a race shows, prepared so that template and script only lay it out and draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.report.names import clean, name, names, sentence
from headstart.report.race_curves import (
    ALL,
    Draw,
    Line,
    Run,
    baseline_means,
    baselines_of,
    draws,
    mean_by_seconds,
    mean_by_step,
    runs_of,
    span,
    summaries,
)
from headstart.report.race_look import looks
from headstart.report.words import (
    decimals,
    mapping,
    number,
    sequence,
    several,
    things,
    title,
    whole,
)

FROZEN = {"all": "all frozen", "some": "top unfrozen", "none": "all unfrozen"}
SCRATCH = "scratch"
STAGES = 5
SHOWN_WORTH = 3


def view(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything the template needs; what the record lacks is None or empty."""
    data = mapping(record.get("data"))
    shown = _Shown(record)
    return {
        "verdict": sentence(mapping(record.get("says")).get("verdict") or "A race was run."),
        "answers": _answers(record),
        "facts": _facts(record, data, shown),
        "source": clean(data["source"]) if data.get("source") else "",
        "things": things(data),
        "headline": title(str(record.get("headline"))),
        "strategies": shown.strategies,
        "draws": [(draw.key, _said(draw), f"{draw.n:,.0f}") for draw in shown.draws],
        "first": shown.first,
        "one_seed": shown.seeds == 1,
        "seeds": shown.seeds,
        "table": shown.table(),
        "runs": [_row(run) for run in shown.runs],
        "split": sentence(data.get("split") or ""),
        "seconds": _seconds(record),
        "command": clean(record.get("command") or "", 2000),
        "version": clean(record.get("headstart") or "?"),
        "drawn": shown.drawn(),
    }


class _Shown:
    """What of a record is shown: its strategies, numbers of labels and runs, that know another."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.draws: list[Draw] = draws(record)
        known = {draw.key for draw in self.draws}
        entries = [mapping(each) for each in sequence(record.get("strategies"))]
        self.keys = list(dict.fromkeys(str(each.get("name")) for each in entries))
        every = runs_of(record)
        self.runs = [run for run in every if run.strategy in self.keys and run.draw in known]
        self.baselines = baselines_of(record)
        self.summaries = summaries(record)
        self.seeds = len({run.seed for run in self.runs})
        abouts = {str(each.get("name")): each for each in entries}
        self.strategies = [
            _strategy(abouts[key], look)
            for key, look in zip(self.keys, looks(self.keys), strict=True)
        ]
        self.first = _starting(self.draws)

    def of(self, strategy: str, draw: Draw) -> list[Run]:
        return [run for run in self.runs if (run.strategy, run.draw) == (strategy, draw.key)]

    def table(self) -> list[dict[str, Any]]:
        """Return a row a strategy and a baseline, with a cell a number of labels."""
        best = {
            draw.key: max(
                (s[0].value for key in self.keys if (s := self.summaries.get((key, draw.key)))),
                default=None,
            )
            for draw in self.draws
        }
        rows: list[dict[str, Any]] = []
        for key, strategy in zip(self.keys, self.strategies, strict=True):
            cells: list[dict[str, Any] | None] = []
            for draw in self.draws:
                found, runs = self.summaries.get((key, draw.key)), self.of(key, draw)
                if found is None:
                    cells.append(None)
                    continue
                known, band = found
                times = [run.seconds for run in runs if run.seconds is not None]
                cells.append(
                    {
                        "value": decimals(known.value),
                        "band": f"{decimals(known.low)} to {decimals(known.high)}" if band else "",
                        "seconds": f"{sum(times) / len(times):.1f} s" if times else "",
                        "best": known.value == best[draw.key],
                    }
                )
            rows.append({"strategy": strategy, "name": name(key), "cells": cells})
        for baseline, runs in self.baselines.items():
            means = {draw.key: mean for draw, mean in baseline_means(runs, self.draws)}
            rows.append(
                {
                    "strategy": None,
                    "name": name(baseline),
                    "cells": [_plain_cell(means.get(draw.key)) for draw in self.draws],
                }
            )
        return rows

    def drawn(self) -> dict[str, Any]:
        """Return what the script draws, as plain data."""
        at = {draw.key: index for index, draw in enumerate(self.draws)}
        low, high = span(self.record)
        phases = list(dict.fromkeys(each.phase for run in self.runs for each in run.moments))
        return {
            "headline": title(str(self.record.get("headline"))),
            "low": low,
            "high": high,
            "draws": [
                {"key": d.key, "says": _said(d), "place": _short(d.place), "n": round(d.n)}
                for d in self.draws
            ],
            "strategies": [
                {"name": clean(key), "mark": each["mark"], "solid": each["solid"]}
                for key, each in zip(self.keys, self.strategies, strict=True)
            ],
            "phases": phases,
            "runs": [_packed(run, self.keys, at, phases) for run in self.runs],
            "means": [
                [
                    {"epochs": _pairs(mean_by_step(runs)), "seconds": _pairs(mean_by_seconds(runs))}
                    for runs in (self.of(key, draw) for draw in self.draws)
                ]
                for key in self.keys
            ],
            "summary": [[self._mean(key, draw) for draw in self.draws] for key in self.keys],
            "baselines": [
                {
                    "name": baseline,
                    "runs": [
                        [at[run.draw], run.n, run.seed, *_ends(run)]
                        for run in runs
                        if run.draw in at
                    ],
                    "line": [
                        [at[draw.key], _short(mean)]
                        for draw, mean in baseline_means(runs, self.draws)
                    ],
                }
                for baseline, runs in self.baselines.items()
            ],
            "worth": self._worth(at),
            "first": self.first,
            "seeds": self.seeds,
        }

    def _mean(self, key: str, draw: Draw) -> list[float | None] | None:
        found = self.summaries.get((key, draw.key))
        if found is None:
            return None
        known, band = found
        ends = [_short(known.low), _short(known.high)] if band else [None, None]
        return [_short(known.value), *ends]

    def _worth(self, at: Mapping[str, int]) -> list[dict[str, Any]]:
        found = []
        for entry in map(mapping, sequence(mapping(self.record.get("says")).get("worth"))):
            strategy, draw = str(entry.get("strategy")), str(entry.get("labels_per_class"))
            if strategy in self.keys and draw in at:
                reached = number(entry.get("scratch_labels"))
                found.append(
                    {
                        "strategy": self.keys.index(strategy),
                        "draw": at[draw],
                        "reached": reached,
                        "says": sentence(entry.get("sentence") or ""),
                    }
                )
        return found


def _strategy(entry: Mapping[str, Any], look: Any) -> dict[str, Any]:
    key, frozen = str(entry.get("name")), str(entry.get("frozen"))
    fresh = key == SCRATCH
    still = {"all": STAGES, "some": STAGES - 2}.get(frozen, 0)
    return {
        "name": name(key),
        "plain": clean(key),
        "about": sentence(entry.get("about") or ""),
        "state": "fresh weights" if fresh else FROZEN.get(frozen, ""),
        "stages": ["fresh" if fresh else "still" if at < still else "free" for at in range(STAGES)],
        "mark": look.mark,
        "solid": look.solid,
        "dashes": " ".join(f"{each:g}" for each in look.dashes) or "none",
        "light": look.light,
        "dark": look.dark,
    }


def _starting(found: Sequence[Draw]) -> int:
    """Return which number of labels is shown first: few, where the difference is told best."""
    return min(1, len(found) - 1) if found else 0


def _said(draw: Draw) -> str:
    return "all labels" if draw.key == ALL else f"{draw.key} a class"


def _packed(
    run: Run, keys: Sequence[str], at: Mapping[str, int], phases: Sequence[str]
) -> dict[str, Any]:
    return {
        "id": run.name,
        "strategy": keys.index(run.strategy),
        "draw": at[run.draw],
        "n": run.n,
        "seed": run.seed,
        "test": _ends(run),
        "took": None if run.seconds is None else round(run.seconds, 2),
        "stopped": run.stopped,
        "moments": [
            [_short(m.step), round(m.seconds, 2), _short(m.value), phases.index(m.phase), m.epoch]
            for m in run.moments
        ],
    }


def _ends(run: Run) -> list[float]:
    return [_short(run.test.value), _short(run.test.low), _short(run.test.high)]


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _pairs(line: Line) -> list[list[float]]:
    return [[_short(place), _short(value)] for place, value in line]


def _plain_cell(mean: float | None) -> dict[str, Any] | None:
    if mean is None:
        return None
    return {"value": decimals(mean), "band": "", "seconds": "", "best": False}


def _row(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "strategy": name(run.strategy),
        "draw": run.draw,
        "n": f"{run.n:,}",
        "seed": run.seed,
        "value": decimals(run.test.value),
        "spread": f"{decimals(run.test.low)} to {decimals(run.test.high)}",
        "accuracy": decimals(run.other["accuracy"].value) if "accuracy" in run.other else "",
        "seconds": "" if run.seconds is None else f"{run.seconds:.1f} s",
        "stopped": run.stopped,
    }


def _answers(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the questions that a race answers, each with what it says; some may stay folded."""
    says = mapping(record.get("says"))
    coming = mapping(says.get("next"))
    asked = (
        ("How many labels does it save?", _sentences(says.get("worth"))),
        ("Is it worth training deeper?", _sentences([says.get("deeper")])),
        ("How far do few labels go?", _sentences(says.get("share"))),
        ("Should I label more?", _sentences([coming, coming.get("checked")])),
    )
    return [
        {"question": question, "said": said[:SHOWN_WORTH], "more": said[SHOWN_WORTH:]}
        for question, said in asked
        if said
    ]


def _sentences(entries: Any) -> list[str]:
    found = [mapping(entry).get("sentence") for entry in sequence(entries)]
    return [sentence(each) for each in found if each]


def _facts(
    record: Mapping[str, Any], data: Mapping[str, Any], shown: _Shown
) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = []
    labels = several(data.get("labels"))
    pool, tested = whole(data.get("n_pool")), whole(data.get("n_test"))
    if data.get("source"):
        facts.append(("Data", name(data["source"])))
    if labels:
        facts.append(("Classes", names(labels) if len(labels) <= 6 else f"{len(labels):,}"))
    if tested is not None:
        rest = "" if pool is None else f"; {pool:,} to draw from"
        facts.append(("Test", f"{tested:,} {things(data, tested)} that no run saw{rest}"))
    if record.get("backbone"):
        facts.append(("The net", name(record["backbone"])))
    budget = mapping(record.get("budget")).get("sentence")
    if budget:
        facts.append(("The same for all", sentence(budget)))
    if shown.runs:
        seeds = "1 seed" if shown.seeds == 1 else f"{shown.seeds} seeds"
        facts.append(("Runs", f"{len(shown.runs):,}, from {seeds}"))
    return facts


def _seconds(record: Mapping[str, Any]) -> str:
    known = mapping(record.get("seconds"))
    total, shared = number(known.get("total")), number(known.get("shared_pass"))
    said = "" if total is None else f"All of it took {total:,.0f} s"
    if said and shared is not None:
        said += f", {shared:,.1f} s of which for the one pass that all frozen runs read"
    return f"{said}." if said else ""
