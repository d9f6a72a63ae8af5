"""Of which kind data are: pictures, texts, sounds; told by the person, or by how they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart import dataset
from headstart.backbones.base import Backbone
from headstart.errors import UserError
from headstart.modalities.base import Modality
from headstart.registry import MODALITIES

Columns = str | Sequence[str] | None

USUAL = "image"
"""What data are taken for that look like nothing: the complaint is then about pictures."""

LOOKED_AT = 200


def recognise(data: Any, columns: Mapping[str, Columns]) -> tuple[Modality, Columns]:
    """Return the modality of some data, and the column of inputs where the person named one.

    `columns` holds the column that each modality's own option names (`--image`, `--text`); texts
    beside sounds are what is said in them, no inputs (see `transcript_column`). Where
    none is named, files are known by their endings and things in memory by their type; a table of
    neither, with a column of words, is one of texts.
    """
    named = {name: column for name, column in columns.items() if column}
    if transcript_column(columns):
        named.pop("text")
    if len(named) > 1:
        raise UserError(
            f"The inputs are said to be of two kinds: {' and '.join(sorted(named))}.",
            "Name the column of one kind.",
        )
    for name, column in named.items():
        return MODALITIES.get(name)(), column
    glanced, known = dataset.glance(data), _known()
    best = max(known, key=lambda modality: _share(modality, glanced))
    in_folder = "" in glanced
    if _share(best, glanced) > (0.0 if in_folder else 0.5):
        return best, None
    words = any(dataset.looks_like_text(name, cells) for name, cells in glanced.items() if name)
    return next((each for each in known if words and each.inline), known[0]), None


def transcript_column(columns: Mapping[str, Columns]) -> str | None:
    """Return the column of what is said in recordings, where both of sounds and texts are named."""
    named = {name for name, column in columns.items() if column}
    text = columns.get("text")
    if named != {"audio", "text"} or text is None:
        return None
    if not isinstance(text, str) or "," in text:
        raise UserError(
            f"Beside a column of sounds, {text!r} names more than one column of transcripts.",
            "Name the one that holds what is said (--audio COLUMN --text COLUMN).",
        )
    return text


def recognise_list(items: Sequence[Any]) -> Modality:
    """Return the modality of a list of inputs; strings that end in no known way are texts."""
    known, some = _known(), {"": items[:LOOKED_AT]}
    best = max(known, key=lambda modality: _share(modality, some))
    if _share(best, some) > 0.5:
        return best
    written = all(isinstance(item, str) for item in items[:LOOKED_AT])
    return next((each for each in known if written and each.inline), known[0])


def _known() -> list[Modality]:
    known: list[Modality] = [MODALITIES.get(name)() for name in MODALITIES.names()]
    return sorted(known, key=lambda modality: modality.name != USUAL)


def require_fitting(backbone: Backbone, modality: Modality, data: str) -> None:
    """Refuse a backbone that takes another kind of input than the data are."""
    if backbone.spec.modality != modality.name:
        raise UserError(
            f"{backbone.name} takes inputs of the kind '{backbone.spec.modality}', and {data} was "
            f"read as '{modality.name}'.",
            f"Leave --backbone away, name another (`headstart backbones`), or name the column of "
            f"inputs (--{backbone.spec.modality} COLUMN).",
        )


def _share(modality: Modality, glanced: Mapping[str, Sequence[Any]]) -> float:
    """Return how much of a column (the best of them) a modality takes for inputs of its own."""
    shares = [0.0]
    for cells in glanced.values():
        there = [_inside(cell) for cell in cells if cell is not None]
        # Any string is a text, so none is a sign of texts.
        taken = [
            not (modality.inline and isinstance(c, str)) and modality.accepts(c) for c in there
        ]
        shares.append(sum(taken) / max(1, len(taken)))
    return max(shares)


def _inside(cell: Any) -> Any:
    """Return what tables of pictures or sounds keep in a cell: bytes beside the name of a file."""
    if isinstance(cell, dict):
        return cell.get("path") or cell.get("bytes")
    return cell
