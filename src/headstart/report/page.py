"""From evaluation to page: `render` fills the template with what `view` prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.template import fill
from headstart.report.view import view

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
    return fill("page.html", view(evaluation, pictures or {}, folder))
