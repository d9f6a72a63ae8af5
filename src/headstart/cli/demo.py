"""`headstart demo`: an example from end to end, offline, by commands that a person would type."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.bar import Bar
from headstart.cli.terminal import one_line, paper
from headstart.errors import StorageError, UserError

PER_KIND = 60
PICTURES, MODEL, RACE = "leaves", "model", "race"


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
    for words in (
        ["check", pictures],
        ["fit", pictures, "--out", model, "--strategy", "probe", "--offline"],
        ["race", pictures, "--out", race, "--offline"],
    ):
        paper().print(f"\n$ headstart {one_line(shlex.join(words))}", style="bold", soft_wrap=True)
        command = context.find_root().command
        with command.make_context("headstart", words) as ready:
            command.invoke(ready)
    console = paper()
    console.print("\nOpen these in a browser", style="bold")
    for page in (Path(model) / "report.html", Path(race) / "race.html"):
        console.print(f"  {one_line(page)}", soft_wrap=True)


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
