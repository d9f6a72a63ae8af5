"""A plan on a terminal: what `fit` would do, how long it takes and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.cli.quantities import say_time
from headstart.cli.terminal import one_line, paper, say


def show_plan(plan: Mapping[str, Any]) -> None:
    """Write a plan, as `headstart.explain` returns it, to stdout."""
    console = paper()
    console.print(
        f"{plan['strategy']} on {one_line(plan['backbone'])}: {plan['about']}", soft_wrap=True
    )
    console.print(
        f"Data    {plan['n']:,} examples, about {plan['n_train']:,} of them to learn from; "
        f"one pass takes {say_time(plan['features_seconds'])}",
        soft_wrap=True,
    )
    if plan["budget_seconds"] is not None:
        console.print(
            f"Budget  {say_time(plan['budget_seconds'])}: what does not fit is not tried",
            soft_wrap=True,
        )
    for number, step in enumerate(plan["steps"], 1):
        took = say_time(step["seconds"]) if step["seconds"] else "seconds"
        console.print(f"\n{number}. {step['strategy']} ({step['about']}), about {took}")
        for phase, why in zip(step["phases"], step["why"], strict=True):
            say(console, f"{phase['name']}: {why}", indent=3)
    if len(plan["steps"]) > 1:
        console.print(
            "\nA later step is tried on held-back folds, and kept only if it surely helps. Times "
            "are of one training; a trial takes several.",
            soft_wrap=True,
        )
