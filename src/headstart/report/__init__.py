"""One self-contained page about a model and its evidence, rendered from plain data."""

from headstart.report.page import Shown, render
from headstart.report.verdict import caveats, verdict

__all__ = ["Shown", "caveats", "render", "verdict"]
