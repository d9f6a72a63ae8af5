"""`headstart race`: from scratch against transfer, by number of labels, as a page and as JSON."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from headstart.cli import options
from headstart.cli.bar import Bar
from headstart.cli.quantities import parse_time
from headstart.cli.terminal import one_line, paper, say, write_json
from headstart.errors import UserError


def race(
    data: options.Data,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="DIR",
            rich_help_panel=options.OUTPUT,
            help="Where the race goes; named after the data unless told (photos-race/).",
        ),
    ] = None,
    strategies: Annotated[
        str,
        typer.Option(
            "--strategies",
            metavar="NAMES",
            rich_help_panel=options.MODEL,
            help="What races: scratch, probe, partial, gradual, full, lora, adapt.",
        ),
    ] = "scratch,probe,partial",
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="NUMBERS",
            rich_help_panel=options.MODEL,
            help="How many labels a class to learn from, such as 5,10,20,all; by the data's size "
            "unless told.",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            rich_help_panel=options.MODEL,
            help="How many draws of the labels: 3 give bands, 1 gives points.",
        ),
    ] = 3,
    time: Annotated[
        str | None,
        typer.Option(
            "--time",
            metavar="TIME",
            rich_help_panel=options.MODEL,
            help="About how long the whole race may take, divided equally among the runs that "
            "train: 90s, 10m, 1h30m.",
        ),
    ] = None,
    backbone: options.Backbone = None,
    task: options.Task = None,
    test: options.Test = None,
    image: options.Image = None,
    audio: options.Audio = None,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    separator: options.Separator = None,
    strict: options.Strict = False,
    offline: options.Offline = False,
    device: options.Device = None,
    figures: Annotated[
        bool,
        typer.Option(
            "--figures",
            rich_help_panel=options.OUTPUT,
            help="Draw both pictures as PNG and SVG too, for a paper or a slide.",
        ),
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            rich_help_panel=options.OUTPUT,
            help="Throw away what was run before, and begin anew.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Race training from scratch against transfer, by number of labels."""
    seconds = None if time is None else parse_time(time)
    counts = None if labels is None else parse_counts(labels)
    folder = out or folder_for(data)
    with Bar() as progress:
        progress.say(f"The race goes to {folder}")
        from headstart.race.engine import race as run_race

        found = run_race(
            data,
            out=folder,
            strategies=[name.strip() for name in strategies.split(",") if name.strip()],
            labels=counts,
            seeds=seeds,
            time=seconds,
            backbone=backbone,
            task=task,
            test=test,
            image=image,
            audio=audio,
            text=text,
            label=label,
            group=group,
            separator=separator,
            offline=offline,
            device=device,
            strict=strict,
            restart=restart,
            figures=figures,
            progress=progress,
        )
    if as_json:
        write_json(found.record)
        return
    show_race(found.record)
    console = paper()
    console.print(f"\nPage    {one_line(Path(folder) / 'race.html')}", soft_wrap=True)
    console.print(f"Record  {one_line(Path(folder) / 'race.json')}", soft_wrap=True)
    typed = one_line(shlex.quote(folder))
    console.print(f"\nNext\n  headstart report {typed}", soft_wrap=True)


def parse_counts(text: str) -> list[Any]:
    """Return numbers of labels from `5,10,20,all`."""
    found: list[Any] = []
    for word in text.split(","):
        written = word.strip().lower()
        if written == "all":
            found.append(written)
        elif written.isdecimal():
            found.append(int(written))
        elif written:
            raise UserError(
                f"'{word.strip()}' is not a number of labels a class.",
                "Write numbers, and 'all': --labels 5,10,20,all.",
            )
    return found


def folder_for(data: str) -> str:
    """Return the folder that a race of some data goes to unless told, beside the data."""
    path = Path(data).expanduser().resolve()
    stem = path.stem if path.suffix and not path.is_dir() else path.name
    name = f"{stem or 'my'}-race"
    if path.is_dir() and path.name and Path.cwd().resolve().is_relative_to(path):
        return os.path.relpath(path.parent / name)
    return name


def show_race(record: dict[str, Any]) -> None:
    """Write what a race came to on a terminal: a table, then the words."""
    from headstart.report.words import title

    console, says = paper(), record["says"]
    say(console, says["verdict"])
    console.print(f"\n{title(record['headline'])} on {record['data']['n_test']:,} tests")
    counts = record["labels_per_class"]
    wide = max(12, *(len(each["name"]) for each in record["strategies"]))
    console.print(" " * wide + "".join(f"{count!s:>10}" for count in counts))
    for strategy in record["strategies"]:
        means = {
            row["labels_per_class"]: row["value"]
            for row in record["summary"]
            if row["strategy"] == strategy["name"]
        }
        cells = "".join(f"{means[count]:>10.3f}" for count in counts)
        console.print(f"{one_line(strategy['name']):<{wide}}{cells}", soft_wrap=True)
    console.print("")
    for sentence in (
        *(row["sentence"] for row in says["worth"]),
        says["deeper"]["sentence"],
        says["next"]["sentence"],
        says["next"]["checked"]["sentence"],
    ):
        say(console, sentence)
