"""Transcripts beside what was said: each word that was left out, added or replaced is marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.names import clean, name
from headstart.report.pictures import address, mark, sound_address
from headstart.report.words import mapping, sequence, whole

MANY = 24
"""Transcripts that are shown; they come with the most errors first."""

LONGEST_RUN = 4000
FATES = ("equal", "replace", "delete", "insert")


def transcripts(
    evaluation: Mapping[str, Any], pictures: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return the aligned transcripts that an evaluation lists among its mistakes."""
    shown = []
    for entry in sequence(evaluation.get("mistakes")):
        record = mapping(entry)
        runs = [known for each in sequence(record.get("runs")) if (known := _run(each))]
        if not runs:
            continue
        file = str(record.get("name") or "")
        shown.append(
            {
                "file": name(file),
                "mark": mark(file),
                "runs": runs,
                "errors": _errors(record),
                "picture": address(pictures.get(file)),
                "sound": sound_address(pictures.get(file)),
                "alt": clean(f"{file}, as it sounds"),
            }
        )
    return shown[:MANY]


def _run(entry: Any) -> dict[str, str] | None:
    record = mapping(entry)
    fate = record.get("fate")
    if fate not in FATES:
        return None
    said, written = (clean(record.get(key) or "", LONGEST_RUN) for key in ("said", "written"))
    return {"fate": str(fate), "said": said, "written": written}


def _errors(record: Mapping[str, Any]) -> str:
    wrong, count = whole(record.get("errors")), whole(record.get("words"))
    if wrong is None or count is None:
        return ""
    return f"{wrong:,} wrong for {count:,} word{'' if count == 1 else 's'}"
