"""`headstart predict`: what a model says of new inputs, as lines that stream."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.asked import Passage
from headstart.cli import options
from headstart.cli.spans import SPAN_COLUMNS, span_rows, write_span_text
from headstart.cli.terminal import margin, one_line, write_json
from headstart.errors import UnknownName, UserError, closest
from headstart.schema import ANSWERING, Marked

if TYPE_CHECKING:
    from headstart.model import Model
    from headstart.schema import Prediction, Unreadable

FORMATS = ("text", "json", "csv")
WIDEST_LABEL = 32


def predict(
    model: options.ModelFolder,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUTS...",
            help="Files, folders or texts; - reads them from stdin, one a line.",
        ),
    ],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            rich_help_panel=options.OUTPUT,
            help="text, json (one object a line) or csv.",
        ),
    ] = "text",
    context: Annotated[
        Path | None,
        typer.Option(
            "--context",
            metavar="FILE",
            help="The text that INPUTS, which are then questions, are asked about.",
        ),
    ] = None,
    strict: options.Strict = False,
    offline: options.Offline = False,
    device: options.Device = None,
) -> None:
    """Say what new inputs are, and how probable that is."""
    if format_ not in FORMATS:
        raise UnknownName(
            f"There is no format '{format_}'.{closest(format_, FORMATS)}",
            f"Use one of: {', '.join(FORMATS)}.",
        )
    from headstart import devices
    from headstart.model_folder import load

    loaded = load(model, offline=offline, device=device)
    if told := devices.describe(loaded.backbone.device):
        margin().print(told, soft_wrap=True)
    set_aside: list[Unreadable] = []
    given = _paths(inputs)
    asked = given if context is None else _questions(loaded, given, context)
    predictions = loaded.stream(asked, None if strict else set_aside)
    write = {"text": _write_text, "json": _write_lines, "csv": _write_csv}[format_]
    write(predictions, loaded.task.spoken(loaded.labels))
    for unreadable in set_aside:
        margin().print(
            f"Not read: {one_line(unreadable.name)} ({one_line(unreadable.why)})", soft_wrap=True
        )


def _questions(model: Model, given: Sequence[str], context: Path) -> list[Passage]:
    """Return questions on a text; only a model that answers questions takes them."""
    if model.task.name != ANSWERING:
        raise UserError(
            f"The model's task is '{model.task.name}', which is not asked about a context.",
            "Leave --context away, or use a model that `headstart fit questions.json` made.",
        )
    if not context.is_file():
        raise UserError(f"There is no file '{context}'.", "Give --context the path of a text.")
    return [Passage(question, context) for question in given]


def _paths(inputs: Sequence[str]) -> list[str]:
    """Return the paths to read, those from stdin in place of `-`.

    They stand one a line, or with a NUL after each, as `find -print0` writes them: no file name
    holds a NUL, while some hold a line break.
    """
    paths: list[str] = []
    for path in inputs:
        if path == "-":
            # Paths are bytes: what is no text in this locale must come through whole.
            given = sys.stdin.buffer.read()
            lines = given.split(b"\0") if b"\0" in given else given.splitlines()
            paths += [os.fsdecode(line) for line in lines if line.strip()]
        else:
            paths.append(path)
    return paths


def _said(prediction: Prediction) -> str:
    if isinstance(prediction.label, str):
        return prediction.label
    return ", ".join(prediction.label)


def _write_text(predictions: Iterable[Prediction], labels: Sequence[str]) -> None:
    """Write aligned lines, the path last so that long ones push nothing out of line."""
    width = min(max(map(len, map(one_line, labels)), default=0), WIDEST_LABEL)
    for prediction in predictions:
        if isinstance(prediction, Marked):
            write_span_text(prediction, labels, WIDEST_LABEL)
            continue
        said = one_line(_said(prediction)) or "(none)"
        note = "" if prediction.known else "  (unlike anything seen: do not trust this)"
        sys.stdout.write(
            f"{said:<{width}}  {prediction.probability:6.1%}  {one_line(prediction.input)}{note}\n"
        )
        sys.stdout.flush()


def _write_lines(predictions: Iterable[Prediction], labels: Sequence[str]) -> None:
    for prediction in predictions:
        write_json(prediction, indent=None)


def _write_csv(predictions: Iterable[Prediction], labels: Sequence[str]) -> None:
    """Write the answer and a column of probability a label; several labels stand with `;`.

    Of a text in which things are marked, each of them is a line.
    """
    table = csv.writer(sys.stdout, lineterminator="\n")
    left = iter(predictions)
    first = next(left, None)
    marks = isinstance(first, Marked)
    table.writerow(SPAN_COLUMNS if marks else ["input", "label", "probability", "known", *labels])
    for prediction in left if first is None else chain([first], left):
        if isinstance(prediction, Marked):
            table.writerows(span_rows(prediction))
        else:
            table.writerow(_table_row(prediction, labels))
        sys.stdout.flush()


def _table_row(prediction: Prediction, labels: Sequence[str]) -> list[object]:
    label = prediction.label
    return [
        prediction.input,
        label if isinstance(label, str) else ";".join(label),
        f"{prediction.probability:.6f}",
        "true" if prediction.known else "false",
        *(f"{prediction.probabilities[name]:.6f}" for name in labels),
    ]
