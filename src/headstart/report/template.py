"""Filling a template: what every page of headstart has in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no page can hold: controls, and the half characters that odd file names decode to."""


def fill(template: str, shown: Mapping[str, Any]) -> str:
    """Return a template of this package filled with what is shown; everything is escaped."""
    return UNPRINTABLE.sub("\ufffd", _environment().get_template(template).render(shown))


def source(name: str) -> str:
    """Return a file that lies beside the templates as it is, such as a script."""
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("headstart.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
