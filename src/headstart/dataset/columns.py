"""Which columns are meant when the person has not said: by what is in them and by their names."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from headstart.dataset.table import Table, is_missing
from headstart.errors import DataError

INPUT_NAMES = (
    "path", "file", "filepath", "file_path", "filename", "file_name", "image", "image_path", "img",
    "img_path", "picture", "photo", "audio", "audio_path", "image_id", "id",
)  # fmt: skip
TEXT_NAMES = (
    "text", "review", "sentence", "content", "comment", "message", "tweet", "body", "question",
    "document", "utterance", "query", "post", "description", "title", "headline", "abstract",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "class", "class_name", "classname", "classes", "target", "category",
    "categories", "tag", "tags", "species", "diagnosis", "y", "stars", "rating", "sentiment",
    "intent", "topic",
)  # fmt: skip
NEVER_LABELS = frozenset(
    {"split", "fold", "folds", "set", "subset", "id", "index", "idx", "group", "column 1", "width",
     "height", "patient", "patient_id"}
)  # fmt: skip


def find_input_column(table: Table, suffixes: Collection[str], taken: Collection[str]) -> str:
    """Return the column whose cells are files (or the inputs themselves), or ask for its name."""
    fitting = [
        name
        for name in table.columns
        if name not in taken and _holds_inputs(table.peek(name), table.folder, suffixes)
    ]
    if fitting:
        return min(fitting, key=lambda name: _rank(name, INPUT_NAMES))
    raise DataError(
        f"No column of {table.name} holds files that are there or end in "
        f"{', '.join(sorted(suffixes))}.",
        f"Name the column of paths (--image COLUMN) or of texts (--text COLUMN), one of: "
        f"{', '.join(table.columns)}.",
    )


def find_text_column(table: Table, taken: Collection[str]) -> str:
    """Return the column whose cells are texts: by its name, else the one with the longest cells."""
    fitting = {
        name: cells
        for name in table.columns
        if name not in taken and looks_like_text(name, cells := table.peek(name))
    }
    if not fitting:
        raise DataError(
            f"No column of {table.name} holds texts.",
            f"Name the column of texts (--text COLUMN), one of: {', '.join(table.columns)}.",
        )
    return min(
        fitting,
        key=lambda name: (_rank(name, TEXT_NAMES), -sum(len(str(c or "")) for c in fitting[name])),
    )


def looks_like_text(name: str, cells: Sequence[Any]) -> bool:
    """Tell whether most cells are texts: of several words, unless the column's name says so."""
    there = [cell for cell in cells if not is_missing(cell)]
    texts = [cell for cell in there if isinstance(cell, str) and not is_number(cell)]
    if _rank(name, TEXT_NAMES) == len(TEXT_NAMES):
        texts = [cell for cell in texts if len(cell.split()) > 1]
    return 2 * len(texts) > len(there)


def is_number(cell: Any) -> bool:
    """Tell whether a cell is a number, or the writing of one."""
    if not isinstance(cell, str):
        return isinstance(cell, int | float)
    try:
        float(cell)
    except ValueError:
        return False
    return True


def find_label_column(table: Table, taken: Collection[str]) -> str:
    """Return the column that looks most like classes, or ask for its name."""
    rest = [name for name in table.columns if name not in taken]
    named = [name for name in rest if _rank(name, LABEL_NAMES) < len(LABEL_NAMES)]
    if named:
        return min(named, key=lambda name: _rank(name, LABEL_NAMES))
    fitting = [
        name for name in rest if name.lower() not in NEVER_LABELS and _holds_classes(table, name)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if len(rest) == 1:
        return rest[0]
    found = (
        f"several columns that could be the label: {', '.join(fitting)}"
        if fitting
        else f"no column that looks like the label, among: {', '.join(rest) or 'no others'}"
    )
    raise DataError(
        f"Nothing says which column of {table.name} is the label: it has {found}.",
        "Name the label's column (--label COLUMN; several 0/1 columns as a,b,c).",
    )


def _rank(name: str, names: Sequence[str]) -> int:
    low = name.strip().lower().replace(" ", "_")
    return names.index(low) if low in names else len(names)


def _holds_inputs(cells: list[Any], folder: Path, suffixes: Collection[str]) -> bool:
    sampled = [cell for cell in cells if not is_missing(cell)]
    return bool(sampled) and 2 * sum(_is_input(c, folder, suffixes) for c in sampled) > len(sampled)


def _is_input(cell: Any, folder: Path, suffixes: Collection[str]) -> bool:
    if isinstance(cell, (str, os.PathLike)):
        text = os.fspath(cell).strip()
        return os.path.splitext(text)[1].lower() in suffixes or (folder / text).is_file()
    return isinstance(cell, (bytes, dict)) or hasattr(cell, "shape") or hasattr(cell, "size")


def _holds_classes(table: Table, name: str) -> bool:
    """Tell whether values repeat as classes do: two at least, and each a few times."""
    if any(isinstance(cell, (bytes, dict)) or hasattr(cell, "shape") for cell in table.peek(name)):
        return False
    present = [cell for cell in table.read(name) if not is_missing(cell)]
    if any(isinstance(cell, float) and not cell.is_integer() for cell in present):
        return False
    distinct = len({str(cell) for cell in present})
    return 2 <= distinct <= max(2, len(present) // 2)
