"""`headstart backbones`: what a model can stand on, and what is known of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli.options import Json, Offline
from headstart.cli.quantities import say_size
from headstart.cli.terminal import one_line, paper, write_json

if TYPE_CHECKING:
    from headstart.schema import Card


def backbones(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One of them, such as timm/resnet18.a1_in1k."),
    ] = None,
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """List what a model can stand on, or show one."""
    from headstart.backbones import known

    if name is None:
        cards = known.list_backbones()
        if as_json:
            write_json(cards)
        else:
            _list(cards)
        return
    from headstart.backbones import source

    card = source.describe(name, offline=offline)
    if as_json:
        write_json(card)
    else:
        _show(card)


def _list(cards: list[Card]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("name", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("here", no_wrap=True)
    table.add_column("licence", overflow="fold")
    for card in cards:
        table.add_row(
            Text(one_line(card.name)),
            say_size(card.bytes) if card.bytes else "?",
            "yes" if card.local else "no",
            Text(one_line(card.licence)),
        )
    console = paper()
    console.print(table)
    console.print(
        "\nAlso: any timm model (timm/NAME), any model of transformers that sees, reads or hears "
        "(hf/OWNER/NAME), a local folder of either.\nMore about one: headstart backbones NAME"
    )


def _show(card: Card) -> None:
    rows = {
        "family": card.family,
        "kind": card.modality,
        "parameters": f"{card.parameters:,}" if card.parameters else "",
        "size": say_size(card.bytes) if card.bytes else "",
        "licence": card.licence,
        "from": card.origin,
        "here": "yes" if card.local else "no: it would be downloaded",
        "about": card.about,
    }
    console = paper()
    console.print(one_line(card.name), style="bold", soft_wrap=True)
    for title, said in rows.items():
        if said:
            console.print(f"  {title:<11}{one_line(said)}", soft_wrap=True)
    console.print("\nStand on it: headstart fit DATA --backbone " + one_line(card.name))
