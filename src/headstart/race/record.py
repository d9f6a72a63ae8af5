"""The record of a race: `race.json`, the page beside it, and a race that was read again."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from headstart.errors import StorageError, UserError
from headstart.report.showing import has_display, open_page

FORMAT = 1
RECORD, PAGE, RUNS = "race.json", "race.html", "runs"
FIGURES = "figures"


@dataclass(repr=False)
class Race:
    """What `race` hands over: `record` is the content of `race.json`, `folder` where it lies."""

    record: dict[str, Any]
    folder: Path | None = field(default=None)

    def __repr__(self) -> str:
        """Return the verdict: a notebook that draws nothing shows this."""
        return f"<Race: {self.record['says']['verdict']}>"

    def html(self) -> str:
        """Return the page: one file, readable offline."""
        from headstart.report.race_page import render

        return str(render(self.record))

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, as notebooks show things."""
        return (
            f'<iframe srcdoc="{escape(self.html(), quote=True)}" title="A race" '
            'style="width: 100%; height: 48rem; border: 0"></iframe>'
        )

    def show(self) -> Path:
        """Write the page, and open it where there is a display; say where it is elsewhere.

        >>> import headstart as hs                                      # doctest: +SKIP
        >>> hs.race("photos/").show()                                   # doctest: +SKIP
        """
        folder = self.folder or Path.cwd()
        path = folder / PAGE
        write_text(path, self.html())
        if has_display():
            open_page(path)
        else:
            print(path)
        return path

    def save(self, folder: str | Path) -> Path:
        """Write the record and the page to a folder."""
        self.folder = Path(folder)
        text = json.dumps(_ready(self.record), indent=1, ensure_ascii=False, allow_nan=False)
        write_text(self.folder / RECORD, text + "\n")
        write_text(self.folder / PAGE, self.html())
        return self.folder


def holds_race(folder: Path) -> bool:
    """Tell whether a race was run into a folder, be it finished or not."""
    return (folder / RECORD).is_file() or (folder / RUNS / "about.json").is_file()


def check_folder(folder: Path) -> None:
    """Make sure that a race can be written to a folder, before anything long."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, not a folder.", "Give --out another name.")
    if folder.is_dir() and any(folder.iterdir()) and not holds_race(folder):
        raise UserError(
            f"{folder} is not empty and holds no race of headstart's.",
            "Give --out a new folder, so that nothing of yours is overwritten.",
        )


def load_race(folder: str | Path) -> Race:
    """Return the race that was written to a folder."""
    folder = Path(folder)
    path = folder / RECORD if folder.is_dir() else folder
    cure = "Give a folder that `headstart race DATA --out FOLDER` wrote."
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"There is no {RECORD} in {folder}.", cure) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.", cure) from error
    if not isinstance(record, dict) or "format" not in record or "runs" not in record:
        raise UserError(f"{path} is not a race that headstart wrote.", cure)
    if record["format"] != FORMAT:
        wrote = record.get("headstart", "another version")
        raise UserError(
            f"{path} has format {record['format']!r}, written by headstart {wrote}; this one reads "
            f"format {FORMAT}.",
            "Read it with that version, or run the race again into a new folder.",
        )
    return Race(record, path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StorageError(
            f"{path} cannot be written ({error.strerror or error}).",
            "Free some space, or give --out a folder that you may write to.",
        ) from error


def _ready(value: Any) -> Any:
    """Return a value as JSON has it: numbers that it lacks become null."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _ready(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_ready(each) for each in value]
    return value
