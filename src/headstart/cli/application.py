"""Every command in one list, with its examples: what `headstart --help` shows."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli.backbones import backbones
from headstart.cli.cache import cache
from headstart.cli.check import check
from headstart.cli.demo import demo
from headstart.cli.evaluate import evaluate
from headstart.cli.fit import fit
from headstart.cli.help import TeachingCommand
from headstart.cli.predict import predict
from headstart.cli.race import race
from headstart.cli.report import report
from headstart.cli.version import version

START = """\
headstart learns from a few hundred labelled examples and tells you what the result is worth.

Three commands to start with:

  headstart check photos/            what is wrong with the data, before any training
  headstart fit photos/ --out bees/  train a model, test it honestly, write it and a report
  headstart predict bees/ new.jpg    use it

photos/ holds one folder of pictures per class; a CSV or Parquet file does as well.
All commands: headstart --help. One command: headstart fit --help.
"""

application = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@application.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works anywhere.")
    ] = False,
) -> None:
    """Transfer learning that tells you the truth, in minutes, on the machine you have."""
    if context.invoked_subcommand is None:
        typer.echo(START, nl=False)


def _add(verb: object, examples: str) -> None:
    name = getattr(verb, "__name__", "")
    application.command(name, cls=TeachingCommand, epilog=examples)(verb)  # type: ignore[type-var]


_add(
    fit,
    """
    headstart fit photos/ --out bees/
    headstart fit photos.csv --image file --label kind --group patient
    headstart fit photos/ --backbone timm/resnet18.a1_in1k --test held_out/ --time 10m --json
    """,
)
_add(
    predict,
    """
    headstart predict bees/ new1.jpg new_folder/
    find . -name '*.jpg' | headstart predict bees/ - --format csv > answers.csv
    """,
)
_add(
    evaluate,
    """
    headstart evaluate bees/ more_photos/
    headstart evaluate bees/ more_photos.csv --image file --label kind --json
    """,
)
_add(
    check,
    """
    headstart check photos/
    headstart check photos/ --test held_out/
    headstart check photos.csv --image file --label kind --json
    """,
)
_add(
    race,
    """
    headstart race photos/ --out photo-race/
    headstart race reviews.csv --text review --label stars --labels 5,10,20,all --time 20m
    headstart race photos/ --strategies scratch,probe,partial,full --seeds 5 --figures
    """,
)
_add(
    demo,
    """
    headstart demo
    headstart demo --out somewhere/
    """,
)
_add(
    backbones,
    """
    headstart backbones
    headstart backbones timm/resnet18.a1_in1k
    """,
)
_add(
    report,
    """
    headstart report bees/
    headstart report bees/ --no-open
    headstart report photo-race/
    """,
)
_add(
    cache,
    """
    headstart cache
    headstart cache limit 20G
    headstart cache empty
    """,
)
_add(version, "headstart version")
