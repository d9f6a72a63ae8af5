"""Help that teaches: plain text, options under headings, examples to copy.

typer's own help with panels takes a tenth of a second more to draw; this one is read by people and
screen readers alike.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

Sections = dict[str, list[tuple[str, str]]]


class TeachingCommand(TyperCommand):
    """A command whose help groups options by their `rich_help_panel` and ends with examples."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the usage with arguments named as their help names them: DATA, not {DATA}."""
        arguments = [
            str(parameter.metavar)
            for parameter in self.get_params(ctx)
            if parameter.param_type_name == "argument"
        ]
        return ["[OPTIONS]", *arguments]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments first, then each group of options under its heading."""
        sections: Sections = {"Arguments": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            is_argument = parameter.param_type_name == "argument"
            if is_argument:
                record = (str(parameter.metavar), record[1])
            heading = getattr(parameter, "rich_help_panel", None) or (
                "Arguments" if is_argument else "Other options"
            )
            sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples line by line, as they would be typed."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")
