"""Opening a page in a browser, where somebody could see it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def has_display() -> bool:
    """Tell whether a browser could be seen; opening one blindly would block a server's shell."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_page(page: Path) -> None:
    """Open a page in the browser."""
    import webbrowser

    webbrowser.open(page.resolve().as_uri())
