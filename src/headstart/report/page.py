"""From evaluation to page: `render` fills the template with what `view` prepared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from headstart.report.view import view

if TYPE_CHECKING:
    from jinja2 import Template

UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no page can hold: controls, and the half characters that odd file names decode to."""

Shown = Mapping[str, str]
"""How one input is shown on the page: `{"kind": "picture", "mime": ..., "data": base64}`."""


def render(
    evaluation: Mapping[str, Any],
    pictures: Mapping[str, Shown] | None = None,
    *,
    folder: str = ".",
) -> str:
    """Return the report as one HTML page that asks the network for nothing.

    `pictures` shows the worst mistakes by their names; leave it out and no data of the user is on
    the page beyond names. `folder` is how a person would type the model's folder; unless told, they
    type from within it.
    """
    page = _template().render(view(evaluation, pictures or {}, folder))
    return UNPRINTABLE.sub("\ufffd", page)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("headstart.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
