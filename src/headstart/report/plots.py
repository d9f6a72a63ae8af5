"""Small drawings as inline SVG: numbers in, markup out; every one also says itself in words.

Only numbers and escaped text reach the markup. Places are percentages, so a drawing takes the width
it is given and its dots and lettering keep their size. Shapes, not colours, carry the meaning: the
dot is the figure, the band its interval, the open diamond what guessing would get.
"""

from __future__ import annotations

from markupsafe import Markup

from headstart.report.words import decimals, in_hundred
from headstart.schema import Figure

MARGIN = 3.0
"""What is left free at both ends of a line, so that a dot at 0 or 1 is drawn whole."""


def interval(
    known: Figure, *, start: float = 0.0, end: float = 1.0, mark: float | None = None
) -> Markup:
    """Draw a figure with its interval on a line from `start` to `end`, and perhaps a mark."""

    def at(value: float) -> float:
        share = (value - start) / (end - start) if end > start else 0.5
        return round(MARGIN + (100 - 2 * MARGIN) * min(max(share, 0.0), 1.0), 2)

    low, high = at(known.low), at(known.high)
    said = f"{decimals(known.value)}, 95 % interval {decimals(known.low)} to {decimals(known.high)}"
    diamond = Markup("")
    if mark is not None:
        said += f"; guessing would get {decimals(mark)}"
        diamond = Markup(
            '<svg x="{}%" y="9" overflow="visible">'
            '<path class="mark" d="M0 -4l4 4l-4 4l-4-4z"/></svg>'
        ).format(at(mark))
    ticks = Markup("").join(
        Markup('<line class="tick" x1="{0}%" x2="{0}%" y1="6" y2="12"/>').format(
            at(start + (end - start) * step / 4)
        )
        for step in range(5)
    )
    return Markup(
        '<svg class="interval" width="100%" height="18" role="img" aria-label="{said}">'
        '<line class="axis" x1="{left}%" x2="{right}%" y1="9" y2="9"/>{ticks}'
        '<rect class="band" x="{low}%" y="5" width="{span}%" height="8" rx="2"/>{diamond}'
        '<circle class="dot" cx="{value}%" cy="9" r="3.6"/></svg>'
    ).format(
        said=said,
        left=MARGIN,
        right=100 - MARGIN,
        ticks=ticks,
        low=low,
        span=round(max(high - low, 0.4), 2),
        diamond=diamond,
        value=at(known.value),
    )


def hundred(known: Figure, guess: float | None) -> Markup:
    """Draw a share as a hundred cells: surely right, perhaps right, and what guessing would get."""
    low, value, high = (round(100 * share) for share in (known.low, known.value, known.high))
    cells = Markup("").join(
        Markup('<rect class="{}" x="{}%" y="20" width="0.76%" height="22"/>').format(
            _certainty(cell, low, value, high), round(cell + 0.12, 2)
        )
        for cell in range(100)
    )
    marks = _label(value, 13, f"{in_hundred(known.value)} in 100", "said")
    words = f"{in_hundred(known.value)} in 100 right"
    if guess is not None:
        marks += Markup('<line class="guess" x1="{0}%" x2="{0}%" y1="17" y2="47"/>').format(
            round(100 * guess, 1)
        ) + _label(100 * guess, 60, f"guessing {in_hundred(guess)}", "aside")
        words += f", guessing {in_hundred(guess)}"
    return Markup(
        '<svg class="hundred" width="100%" height="64" role="img" aria-label="{}">{}{}</svg>'
    ).format(words, cells, marks)


def _certainty(cell: int, low: int, value: int, high: int) -> str:
    if cell < low:
        return "surely"
    if cell < value:
        return "likely"
    return "perhaps" if cell < high else "track"


def _label(at: float, y: int, text: str, style: str) -> Markup:
    """Write a word at a place, leaning inwards near the ends so that it is never cut."""
    anchor = "start" if at < 12 else "end" if at > 88 else "middle"
    return Markup('<text class="{}" x="{}%" y="{}" text-anchor="{}">{}</text>').format(
        style, round(min(max(at, 0.0), 100.0), 1), y, anchor, text
    )


def bar(known: Figure) -> Markup:
    """Draw a figure between 0 and 1 as a bar with a whisker for its interval, for a table cell."""
    low, value, high = (
        round(100 * min(max(share, 0.0), 1.0), 1) for share in (known.low, known.value, known.high)
    )
    return Markup(
        '<svg class="bar" width="100%" height="8" aria-hidden="true">'
        '<rect class="track" width="100%" height="8"/>'
        '<rect class="fill" width="{value}%" height="8"/>'
        '<line class="whisker" x1="{low}%" x2="{high}%" y1="4" y2="4"/></svg>'
    ).format(value=value, low=low, high=high)


def count_bar(count: float, largest: float) -> Markup:
    """Draw a count, or a share, as a bar beside the largest one."""
    share = round(100 * count / largest, 1) if largest else 0
    return Markup(
        '<svg class="bar" width="100%" height="8" aria-hidden="true">'
        '<rect class="track" width="100%" height="8"/>'
        '<rect class="fill" width="{}%" height="8"/></svg>'
    ).format(share)
