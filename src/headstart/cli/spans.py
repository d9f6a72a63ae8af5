"""What a model marks in texts, written under each text, or a line of a table each."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from headstart.cli.terminal import one_line
from headstart.schema import Marked

NOTHING = "(nothing)"


def span_lines(prediction: Marked, width: int) -> Iterator[str]:
    """Yield the text, then a line for each thing that is marked in it."""
    note = "" if prediction.known else "  (unlike anything seen: do not trust this)"
    yield f"{one_line(prediction.input)}{note}"
    for span in prediction.spans:
        label = one_line(span.label)
        yield f"    {label:<{width}}  {span.probability:6.1%}  {one_line(span.text)}"
    if not prediction.spans:  # of a text nothing is named, of a question there is no answer
        yield f"    {NOTHING:<{width}}  {prediction.probability:6.1%}"


def write_span_text(prediction: Marked, labels: Sequence[str], widest: int) -> None:
    """Write a prediction for people."""
    width = min(max(map(len, map(one_line, (*labels, NOTHING)))), widest)
    sys.stdout.writelines(f"{line}\n" for line in span_lines(prediction, width))
    sys.stdout.flush()


SPAN_COLUMNS = ("input", "start", "end", "text", "label", "probability", "known")


def span_rows(prediction: Marked) -> Iterator[list[object]]:
    """Yield a table's row for each thing that is marked; a text without any has no row."""
    for span in prediction.spans:
        yield [
            prediction.input,
            span.start,
            span.end,
            span.text,
            span.label,
            f"{span.probability:.6f}",
            "true" if prediction.known else "false",
        ]
