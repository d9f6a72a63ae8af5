"""How strategies are told apart in a race's pictures: by dash and mark, and by colour besides.

Printed in black and white, or seen by eyes that tell few colours apart, dash and mark are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """One way to draw a strategy: dashes, the letter of a mark, and colours by theme."""

    dashes: tuple[float, ...]
    shape: str
    solid: bool
    light: str
    dark: str

    @property
    def mark(self) -> str:
        """Return the mark as an SVG path about (0, 0)."""
        return MARKS[self.shape]


MARKS = {
    "o": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "s": "M-3.6-3.6h7.2v7.2h-7.2z",
    "^": "M0-4.9L4.5 3.4h-9z",
    "v": "M0 4.9L4.5-3.4h-9z",
    "D": "M0-5L4.6 0L0 5L-4.6 0z",
    "x": "M-3.8-3.8L3.8 3.8M-3.8 3.8L3.8-3.8",
    "+": "M0-4.6V4.6M-4.6 0H4.6",
}
"""SVG paths about (0, 0), by the letters that matplotlib knows marks by."""

KNOWN = {
    "scratch": Look((2, 4), "o", False, "#9c3d12", "#f2a272"),
    "probe": Look((), "o", True, "#0d5c63", "#79c7c5"),
    "partial": Look((10, 4), "^", True, "#3a4fb0", "#a3b4ff"),
    "full": Look((12, 3, 2, 3), "s", True, "#8a2f7d", "#ea9ee0"),
    "gradual": Look((6, 3), "D", False, "#4f6409", "#bfd36c"),
    "lora": Look((14, 3, 2, 3, 2, 3), "v", False, "#7a4a00", "#e3bd6b"),
    "adapt": Look((3, 2), "x", False, "#3c5a6e", "#a5c3d6"),
}
SPARE = (
    Look((8, 2), "+", False, "#5a5248", "#cfc6b8"),
    Look((4, 4), "s", False, "#7b1f3a", "#ff9db4"),
    Look((1, 2), "D", True, "#20603a", "#8fd6a8"),
)
"""For strategies of somebody else's package, in turn."""


def looks(strategies: Sequence[str]) -> list[Look]:
    """Return how each strategy is drawn; the known ones look the same in every race."""
    others = [name for name in strategies if name not in KNOWN]
    return [KNOWN.get(name) or SPARE[others.index(name) % len(SPARE)] for name in strategies]
