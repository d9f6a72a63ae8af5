"""An evaluation on a terminal: the verdict, the figures, what to mind, what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.cli.terminal import one_line, paper, say
from headstart.registry import STRATEGIES
from headstart.report.verdict import caveats, verdict
from headstart.report.words import decimals, figures, mapping, sequence, title, whole

FEW_FIGURES = 8
FEW_FINDINGS = 3
WEIGHTS = {"problem": 0, "warning": 1}
"""Which findings are worth a line after `fit`, the worst first; notes are left to the report."""


def show_evaluation(evaluation: Mapping[str, Any]) -> None:
    """Write the verdict, its caveats and the main figures with their intervals to stdout."""
    from rich.table import Table

    console = paper()
    console.print(one_line(verdict(evaluation)), style="bold")
    for caveat in caveats(evaluation):
        say(console, caveat)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("95 % interval")
    known = figures(evaluation.get("test"))
    headline = evaluation.get("headline")
    ordered = sorted(known, key=lambda key: key != headline)
    for key in ordered[:FEW_FIGURES]:
        each = known[key]
        table.add_row(
            title(key), decimals(each.value), f"{decimals(each.low)} to {decimals(each.high)}"
        )
    if known:
        console.print()
        console.print(table)


def show_choices(evaluation: Mapping[str, Any]) -> None:
    """Write what was chosen, and why, to stdout."""
    tried = [mapping(each) for each in sequence(evaluation.get("choices"))]
    kept = [each for each in tried if each.get("kept")]
    # Of what was not kept, a person asks about whole strategies; the rest is in the report.
    lost = [
        each for each in tried if not each.get("kept") and each.get("what") in STRATEGIES.names()
    ]
    for heading, choices in (("Chosen", kept), ("Not chosen", lost)):
        if choices:
            console = paper()
            console.print(f"\n{heading}")
            for each in choices:
                why = f": {each.get('why')}" if each.get("why") else ""
                say(console, f"{each.get('what')}{why}", indent=2)


def show_meters(evaluation: Mapping[str, Any]) -> None:
    """Write how far the data is from what the backbone knew, and what it forgot, a line each."""
    console = paper()
    for title_, key, what in (("Domain", "domain", "advice"), ("Memory", "forgetting", "says")):
        if said := mapping(evaluation.get(key)).get(what):
            console.print(f"\n{title_}")
            say(console, said, indent=2)


def show_findings(findings: Sequence[Any], *, most: int = FEW_FINDINGS) -> None:
    """Write the gravest findings about the data to stdout."""
    grave = [mapping(each) for each in findings]
    grave = [each for each in grave if each.get("severity") in WEIGHTS]
    grave.sort(key=lambda each: WEIGHTS[each["severity"]])
    if not grave:
        return
    console = paper()
    console.print("\nMind")
    for each in grave[:most]:
        say(console, each.get("message"), indent=2)
        say(console, each.get("advice"), indent=4)
    if len(grave) > most:
        console.print(f"  … and {len(grave) - most} more: see the report.")


def show_set_aside(evaluation: Mapping[str, Any]) -> None:
    """Write how many inputs could not be used, and the first of them, to stdout."""
    aside = sequence(mapping(evaluation.get("data")).get("set_aside"))
    if aside:
        first = mapping(aside[0])
        count = whole(len(aside))
        paper().print(
            f"\nSet aside: {count} that could not be used, such as "
            f"{one_line(first.get('name'))} ({one_line(first.get('why'))})",
            soft_wrap=True,
        )
