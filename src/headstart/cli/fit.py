"""`headstart fit`: from a folder of examples to a model, its evidence and a report."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.bar import Bar
from headstart.cli.quantities import parse_time
from headstart.cli.terminal import one_line, paper, write_json


def fit(
    data: options.Data,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="DIR",
            rich_help_panel=options.OUTPUT,
            help="Where the model goes; named after the data unless told (photos-model/).",
        ),
    ] = None,
    backbone: options.Backbone = None,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            metavar="NAME",
            rich_help_panel=options.MODEL,
            help="How deep to go: auto (deeper only where that surely helps), probe (a new head "
            "on the frozen backbone), partial (the top stages too), gradual (stage after stage), "
            "full (every stage), lora (small adapters beside the upper stages), scratch (fresh "
            "weights).",
        ),
    ] = "auto",
    unfreeze: Annotated[
        int | None,
        typer.Option(
            "--unfreeze",
            metavar="N",
            rich_help_panel=options.MODEL,
            help="How many of the top stages partial, gradual and lora train.",
        ),
    ] = None,
    keep: Annotated[
        float | None,
        typer.Option(
            "--keep",
            metavar="SHARE",
            rich_help_panel=options.MODEL,
            help="How much of the old weights to keep after training, 0 to 1; chosen on held-back "
            "examples unless told.",
        ),
    ] = None,
    remember: Annotated[
        str | None,
        typer.Option(
            "--remember",
            metavar="DATA",
            rich_help_panel=options.MODEL,
            help="Inputs, labelled or not, on which to see what the backbone forgot; generated "
            "unless given.",
        ),
    ] = None,
    task: options.Task = None,
    test: options.Test = None,
    image: options.Image = None,
    audio: options.Audio = None,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    separator: options.Separator = None,
    strict: options.Strict = False,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="N",
            rich_help_panel=options.MODEL,
            help="Same seed, same data, same machine: same model.",
        ),
    ] = 0,
    time: Annotated[
        str | None,
        typer.Option(
            "--time",
            metavar="TIME",
            rich_help_panel=options.MODEL,
            help="About how long it may take: 90s, 10m, 1h30m.",
        ),
    ] = None,
    offline: options.Offline = False,
    device: options.Device = None,
    self_contained: Annotated[
        bool,
        typer.Option(
            "--self-contained",
            rich_help_panel=options.OUTPUT,
            help="Put the backbone's weights into the model folder too.",
        ),
    ] = False,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge",
            rich_help_panel=options.OUTPUT,
            help="Add lora's adapters to the backbone's weights, which then go into the folder.",
        ),
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            rich_help_panel=options.OUTPUT,
            help="Throw away what an interrupted run has done, and begin anew.",
        ),
    ] = False,
    no_pictures: Annotated[
        bool,
        typer.Option(
            "--no-pictures",
            rich_help_panel=options.OUTPUT,
            help="Leave your pictures out of the report.",
        ),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            rich_help_panel=options.OUTPUT,
            help="Say what would be done, how long it takes and why; do nothing.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Train a model, test it honestly, write it with a report."""
    seconds = None if time is None else parse_time(time)
    if explain:
        from headstart.cli.plan import show_plan
        from headstart.explain import explain as explain_fit

        plan = explain_fit(
            data,
            backbone=backbone,
            strategy=strategy,
            unfreeze=unfreeze,
            keep=keep,
            task=task,
            test=test,
            image=image,
            audio=audio,
            text=text,
            label=label,
            group=group,
            separator=separator,
            time=seconds,
            offline=offline,
            device=device,
        )
        write_json(plan) if as_json else show_plan(plan)
        return
    folder = out or folder_for(data)
    with Bar() as progress:
        progress.say(f"The model goes to {folder}")
        from headstart.fit import fit as fit_model

        model = fit_model(
            data,
            out=folder,
            backbone=backbone,
            strategy=strategy,
            unfreeze=unfreeze,
            keep=keep,
            remember=remember,
            task=task,
            test=test,
            image=image,
            audio=audio,
            text=text,
            label=label,
            group=group,
            separator=separator,
            seed=seed,
            time=seconds,
            offline=offline,
            device=device,
            strict=strict,
            self_contained=self_contained,
            merge=merge,
            restart=restart,
            pictures=not no_pictures,
            progress=progress,
        )
    if as_json:
        write_json(model.evaluation)
        return
    from headstart.cli.summary import (
        show_choices,
        show_evaluation,
        show_findings,
        show_meters,
        show_set_aside,
    )

    show_evaluation(model.evaluation)
    show_choices(model.evaluation)
    show_meters(model.evaluation)
    show_set_aside(model.evaluation)
    show_findings(model.evaluation.get("findings", ()))
    _show_next(folder, model.evaluation.get("modality", ""))


def folder_for(data: str) -> str:
    """Return the model folder that data gets unless told: `photos/` gives `photos-model`.

    It lies where the person is, but never inside the data, where it would be taken for a class.
    """
    path = Path(data).expanduser().resolve()
    stem = path.stem if path.suffix and not path.is_dir() else path.name
    name = f"{stem or 'my'}-model"
    if path.is_dir() and path.name and Path.cwd().resolve().is_relative_to(path):
        return os.path.relpath(path.parent / name)
    return name


def _show_next(folder: str, modality: str) -> None:
    typed = one_line(shlex.quote(folder))
    console = paper()
    console.print(f"\nModel   {one_line(folder)}", soft_wrap=True)
    console.print(f"Report  {one_line(Path(folder) / 'report.html')}", soft_wrap=True)
    console.print("\nNext")
    for command in (
        f"headstart report {typed}",
        f"headstart predict {typed} {'NEW_TEXTS' if modality == 'text' else 'NEW_FILES'}",
        f"headstart evaluate {typed} MORE_LABELLED_DATA",
    ):
        console.print(f"  {command}", soft_wrap=True)
