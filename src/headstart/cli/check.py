"""`headstart check`: what is wrong with the data, before any training."""

from __future__ import annotations

from headstart.cli import options
from headstart.cli.bar import Bar
from headstart.cli.terminal import one_line, paper, say, write_json
from headstart.schema import Finding

MARKS = {"problem": "Problem", "warning": "Warning", "info": "Note"}
FEW_FILES = 5


def check(
    data: options.Data,
    test: options.Test = None,
    image: options.Image = None,
    audio: options.Audio = None,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    separator: options.Separator = None,
    as_json: options.Json = False,
) -> None:
    """Find what is wrong with the data, before any training."""
    with Bar() as progress:
        from headstart.check import check as inspect

        result = inspect(
            data,
            test=test,
            image=image,
            audio=audio,
            text=text,
            label=label,
            group=group,
            separator=separator,
            progress=progress,
        )
    if as_json:
        write_json(result.to_json())
        return
    ranks = list(MARKS)
    findings = sorted(result.findings, key=lambda finding: ranks.index(finding.severity))
    console = paper()
    for finding in findings:
        _show(finding)
    grave = sum(finding.severity != "info" for finding in findings)
    console.print(
        "Nothing found that would spoil training or the test."
        if not grave
        else f"{grave} to look at. Then: headstart fit {one_line(data)}",
        style="bold",
    )


def _show(finding: Finding) -> None:
    console = paper()
    console.print(f"{MARKS[finding.severity]}: {one_line(finding.message)}", style="bold")
    if finding.advice:
        say(console, finding.advice, indent=2)
    for file in finding.files[:FEW_FILES]:
        console.print(f"    {one_line(file)}", soft_wrap=True)
    more = max(finding.count, len(finding.files)) - FEW_FILES
    if finding.files and more > 0:
        console.print(f"    … and {more:,} more (--json names all that are kept)")
    console.print()
