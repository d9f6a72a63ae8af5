"""The options that several commands share, said once so that they mean the same everywhere."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

DATA = "What is in the data"
MODEL = "How the model is made"
OUTPUT = "What comes out"

Data = Annotated[
    str,
    Argument(
        metavar="DATA",
        help="A folder with one folder per class (or train/ val/ test/), a table (CSV, "
        "JSON Lines, Parquet), tagged words (CoNLL) or questions (SQuAD).",
    ),
]
ModelFolder = Annotated[str, Argument(metavar="MODEL", help="A folder that `headstart fit` wrote.")]
Image = Annotated[
    str | None,
    Option("--image", metavar="COLUMN", rich_help_panel=DATA, help="The column with the pictures."),
]
Audio = Annotated[
    str | None,
    Option("--audio", metavar="COLUMN", rich_help_panel=DATA, help="The column with the sounds."),
]
Text = Annotated[
    str | None,
    Option(
        "--text",
        metavar="COLUMN",
        rich_help_panel=DATA,
        help="The column with the texts; pairs are written first,second. Beside --audio: what is "
        "said in the sounds.",
    ),
]
Label = Annotated[
    str | None,
    Option(
        "--label",
        metavar="COLUMN",
        rich_help_panel=DATA,
        help="The column with the label; several 0/1 columns are written a,b,c.",
    ),
]
Group = Annotated[
    str | None,
    Option(
        "--group",
        metavar="COLUMN",
        rich_help_panel=DATA,
        help="The column that names what belongs together (a patient, say): never split.",
    ),
]
Separator = Annotated[
    str | None,
    Option(
        "--separator",
        metavar="TEXT",
        rich_help_panel=DATA,
        help="What stands between several labels of one example, such as ';'.",
    ),
]
Task = Annotated[
    str | None,
    Option(
        "--task",
        metavar="NAME",
        rich_help_panel=DATA,
        help="classify, multilabel, tag, answer, transcribe; read off the data unless told.",
    ),
]
Backbone = Annotated[
    str | None,
    Option(
        "--backbone",
        metavar="NAME",
        rich_help_panel=MODEL,
        help="What to stand on: the bundled one unless told; see `headstart backbones`.",
    ),
]
Test = Annotated[
    str | None,
    Option(
        "--test",
        metavar="DATA",
        rich_help_panel=DATA,
        help="Your own test data, in the same form.",
    ),
]
Strict = Annotated[
    bool,
    Option(
        "--strict",
        rich_help_panel=DATA,
        help="Stop at the first unreadable file instead of setting it aside.",
    ),
]
Device = Annotated[
    str | None,
    Option(
        "--device",
        metavar="NAME",
        help="Where to compute: cpu, cuda, mps; the best there is unless told.",
    ),
]
Offline = Annotated[bool, Option("--offline", help="Use only what is on this machine.")]
Json = Annotated[
    bool,
    Option("--json", rich_help_panel=OUTPUT, help="Write one JSON document to stdout."),
]
