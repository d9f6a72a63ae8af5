"""`headstart demo`: an example from end to end, offline, by commands that a person would type."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.bar import Bar
from headstart.cli.terminal import one_line, paper, say
from headstart.errors import StorageError, UserError

PER_KIND = 30
PICTURES, MODEL, RACE = "leaves", "model", "race"

LABELS, SEEDS = "3,6,12", "2"
TIMES = ("2m", "8m", "30m")
"""How long the race may take: the next where a machine is too slow for one."""


def demo(
    context: typer.Context,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar="DIR",
            rich_help_panel=options.OUTPUT,
            help="Where everything goes.",
        ),
    ] = "headstart-demo",
) -> None:
    """Check, fit and race on pictures drawn on the spot: two minutes or so, and no network."""
    folder = Path(out)
    _require_own(folder)
    pictures, model, race = (str(folder / name) for name in (PICTURES, MODEL, RACE))
    _draw(Path(pictures))
    _type(context, "check", pictures)
    _type(context, "fit", pictures, "--out", model, "--strategy", "probe", "--offline")
    racing = ("race", pictures, "--out", race, "--labels", LABELS, "--seeds", SEEDS, "--offline")
    for time in TIMES:
        try:
            _type(context, *racing, "--time", time, "--restart")
            break
        except UserError as error:
            # How quick the machine is, is known before the race begins.
            if time == TIMES[-1]:
                raise
            say(paper(), error.message)
    console = paper()
    console.print("\nOpen these in a browser", style="bold")
    for page in (Path(model) / "report.html", Path(race) / "race.html"):
        console.print(f"  {one_line(page)}", soft_wrap=True)


def _type(context: typer.Context, *words: str) -> None:
    """Show a command as a person would type it, and run it."""
    paper().print(f"\n$ headstart {one_line(shlex.join(words))}", style="bold", soft_wrap=True)
    command = context.find_root().command
    with command.make_context("headstart", list(words)) as ready:
        command.invoke(ready)


def _require_own(folder: Path) -> None:
    """Refuse a folder that holds what no demo wrote, before anything is drawn into it."""
    cure = "Name a folder that is new: headstart demo --out my-demo"
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, and the demo needs a folder.", cure)
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    # What begins with a dot is what a run that was interrupted goes on from.
    seen = {name for name in names if not name.startswith(".")}
    if foreign := sorted(seen - {PICTURES, MODEL, RACE}):
        raise UserError(f"{folder} holds '{foreign[0]}', which no demo wrote.", cure)


def _draw(folder: Path) -> None:
    from headstart.examples.leaves import KINDS, draw_leaves

    with Bar() as progress:
        progress.start(f"Drawing leaves into {folder}", len(KINDS) * PER_KIND)
        try:
            draw_leaves(folder, PER_KIND, progress.advance)
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be written: {error.strerror}.",
                "Free some space, or name a folder where you may write: --out",
            ) from error
        progress.finish()
