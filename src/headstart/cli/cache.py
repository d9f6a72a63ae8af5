"""`headstart cache`: what the store holds, and how to make room."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from headstart.cli.options import Json
from headstart.cli.quantities import parse_size, say_size, say_time
from headstart.cli.terminal import one_line, paper, write_json
from headstart.errors import UnknownName, UserError, closest

ACTIONS = ("show", "empty", "limit")


def cache(
    action: Annotated[
        str, typer.Argument(metavar="[show|empty|limit]", help="What to do; show unless told.")
    ] = "show",
    size: Annotated[
        str | None, typer.Argument(metavar="[SIZE]", help="For limit: such as 500M or 20G.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show, empty or limit what makes a second run fast."""
    if action not in ACTIONS:
        raise UnknownName(
            f"There is no cache action '{action}'.{closest(action, ACTIONS)}",
            f"Use one of: {', '.join(ACTIONS)}.",
        )
    if size is not None and action != "limit":
        raise UserError(f"`cache {action}` takes no size.", "Leave the size out.")
    from headstart import places, store

    if action == "limit":
        if size is None:
            raise UserError(
                "`cache limit` needs a size.", "Write it after: headstart cache limit 20G."
            )
        store.set_limit(parse_size(size))
    freed = store.empty() if action == "empty" else None
    shelves = store.usage()
    total = sum(shelf["bytes"] for shelf in shelves)
    if as_json:
        document = {
            "folder": str(places.store()),
            "bytes": total,
            "limit": store.limit(),
            "shelves": shelves,
        }
        write_json(document if freed is None else {**document, "freed": freed})
        return
    console = paper()
    if freed is not None:
        console.print(f"Freed {say_size(freed)}.")
    console.print(
        f"{say_size(total)} of at most {say_size(store.limit())} in {one_line(places.store())}",
        soft_wrap=True,
    )
    if shelves:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for heading in ("size", "last used", "what"):
            table.add_column(heading, justify="right" if heading == "size" else "left")
        for shelf in sorted(shelves, key=lambda shelf: -shelf["bytes"]):
            about = shelf["about"]
            said = [about.get("kind"), about.get("backbone") or about.get("modality")]
            what = ", ".join(str(each) for each in said if each) or shelf["shelf"]
            ago = say_time(max(time.time() - shelf["used"], 0))
            table.add_row(say_size(shelf["bytes"]), f"{ago} ago", Text(one_line(what)))
        console.print(table)
