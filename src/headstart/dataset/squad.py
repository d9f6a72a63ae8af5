"""Questions on texts, as SQuAD writes them: a JSON file of paragraphs with what is asked of each.

Version 2 also has questions that the paragraph does not answer. The questions of one paragraph stay
together in every split: who has learnt from some has read what the others are about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headstart.asked import Answers, Passage
from headstart.dataset.encodings import decode
from headstart.dataset.trainable import Dataset
from headstart.errors import DataError
from headstart.schema import Sample

SHOWN = 3


def holds_questions(path: Path) -> bool:
    """Tell whether a file is one of questions on texts: JSON, which no table here is written in."""
    return path.suffix.lower() == ".json"


def read_squad(path: Path) -> Dataset:
    """Return a file's questions as samples; refuse answers that do not stand where they should."""
    notes: list[str] = []
    articles = _articles(path, notes)
    samples: list[Sample] = []
    strange: list[str] = []
    unanswered = paragraphs = 0
    for number, paragraph in enumerate(_paragraphs(path, articles)):
        context, paragraphs = _text(path, paragraph, "context"), number + 1
        for asked in _list(path, paragraph, "qas"):
            question = _text(path, asked, "question")
            name = f"{question} [{asked.get('id', len(samples))}]"
            answers = [] if asked.get("is_impossible") else _list(path, asked, "answers")
            found = [_stated(path, each) for each in answers]
            if any(context[at : at + len(said)] != said for said, at in found):
                strange.append(name)
            unanswered += not found
            samples.append(
                Sample(
                    Passage(question, context),
                    Answers(tuple(said for said, _ in found), tuple(at for _, at in found)),
                    name,
                    group=f"paragraph {number}",
                )
            )
    if strange:
        shown = "; ".join(strange[:SHOWN])
        raise DataError(
            f"{len(strange):,} questions of '{path}' have an answer that does not stand where the "
            f"file says: {shown}{' …' if len(strange) > SHOWN else ''}.",
            "Mend `answer_start` (it counts characters, not bytes), or take these questions out.",
        )
    if not samples:
        raise DataError(f"'{path}' holds no question.", "Give a file with questions and answers.")
    notes.append(
        f"'{path.name}' holds {len(samples):,} questions on {paragraphs:,} texts; "
        f"{unanswered:,} have no answer. The questions on one text stay together."
    )
    return Dataset(tuple(samples), notes=tuple(notes), kind="table")


def _articles(path: Path, notes: list[str]) -> list[Any]:
    try:
        content = json.loads(decode(path, path.read_bytes(), notes))
    except OSError as error:
        raise DataError(
            f"The file '{path}' cannot be opened: {error.strerror or error}.",
            "Check who may read it (ls -l), and the disk it is on.",
        ) from error
    except ValueError as error:
        raise DataError(
            f"'{path}' is not whole JSON ({error}).", "Get it again from where it came."
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise DataError(
            f"'{path}' is JSON, but none of questions on texts (there is no list 'data' in it).",
            "Give SQuAD's form, or save a table as CSV, JSON Lines or Parquet.",
        )
    return list(content["data"])


def _paragraphs(path: Path, articles: list[Any]) -> Iterator[Mapping[str, Any]]:
    for article in articles:
        yield from _list(path, article, "paragraphs")


def _list(path: Path, record: Any, name: str) -> list[Any]:
    found = record.get(name) if isinstance(record, Mapping) else None
    if not isinstance(found, list):
        raise _misses(path, name, "list")
    return found


def _text(path: Path, record: Any, name: str) -> str:
    found = record.get(name) if isinstance(record, Mapping) else None
    if not isinstance(found, str) or not found.strip():
        raise _misses(path, name, "text")
    return found


def _stated(path: Path, answer: Any) -> tuple[str, int]:
    at = answer.get("answer_start") if isinstance(answer, Mapping) else None
    if not isinstance(at, int):
        raise _misses(path, "answer_start", "number")
    return _text(path, answer, "text"), at


def _misses(path: Path, name: str, what: str) -> DataError:
    return DataError(
        f"'{path}' has a record without '{name}', or one that is no {what}.",
        "Give SQuAD's form: data > paragraphs > context and qas > question and answers.",
    )
