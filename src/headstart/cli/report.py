"""`headstart report`: write the report of a model or the page of a race again, and show it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from headstart.cli import options
from headstart.cli.terminal import one_line, paper
from headstart.errors import ModelFolderError, StorageError
from headstart.report.showing import has_display, open_page


def report(
    model: options.ModelFolder,
    show: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            rich_help_panel=options.OUTPUT,
            show_default=False,
            help="Open it in the browser, or not; opened at a desktop unless told.",
        ),
    ] = None,
) -> None:
    """Write a model's report or a race's page again, and show it."""
    from headstart.race.record import PAGE, RECORD, load_race
    from headstart.report import render
    from headstart.report.pictures import kept_pictures
    from headstart.report.words import pictured

    folder = Path(model)
    if (folder / RECORD).is_file():
        page = folder / PAGE
        _write(page, load_race(folder).html())
    else:
        evaluation = _evaluation(folder)
        page = folder / "report.html"
        _write(page, render(evaluation, kept_pictures(page, pictured(evaluation)), folder=model))
    paper().print(one_line(page), soft_wrap=True)
    if show or (show is None and sys.stdout.isatty() and has_display()):
        open_page(page)


def _evaluation(folder: Path) -> dict[str, Any]:
    cure = "Give a folder that `headstart fit DATA --out FOLDER` wrote."
    if not folder.is_dir():
        raise ModelFolderError(f"There is no model folder {folder}.", cure)
    path = folder / "evaluation.json"
    try:
        evaluation = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFolderError(f"{folder} has no evaluation.json.", cure) from None
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"{path} cannot be read: {error}.", cure) from error
    if not isinstance(evaluation, dict) or "test" not in evaluation:
        raise ModelFolderError(f"{path} is not an evaluation that headstart wrote.", cure)
    return evaluation


def _write(page: Path, text: str) -> None:
    draft = page.with_name(f".{page.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(page)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(
            f"{page} cannot be written: {error.strerror}.",
            "Free some space, or copy the model folder to where you may write.",
        ) from error
