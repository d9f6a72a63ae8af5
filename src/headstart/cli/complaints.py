"""Whatever goes wrong, said the same way: one line of cause, one of cure, an exit code."""

from __future__ import annotations

import errno
import sys
from dataclasses import dataclass
from typing import Any

from typer import TyperException

from headstart.cli.terminal import one_line, write_json
from headstart.errors import HeadstartError

INTERRUPTED = 130


@dataclass(frozen=True)
class Complaint:
    """What went wrong, in the words and the exit code that a person and a script get."""

    kind: str
    message: str
    hint: str
    exit_code: int


def complaint(error: BaseException) -> Complaint:
    """Put any error into cause, cure and exit code."""
    if isinstance(error, HeadstartError):
        return Complaint(error.kind, error.message, error.hint, error.exit_code)
    if isinstance(error, TyperException):
        return _usage(error)
    if isinstance(error, KeyboardInterrupt):
        return Complaint(
            "interrupted",
            "Stopped before the end; nothing was left half-written.",
            "Run the same command again: what was computed is kept, and the next run picks up "
            "from the store.",
            INTERRUPTED,
        )
    if isinstance(error, MemoryError):
        return Complaint(
            "memory",
            "The machine ran out of memory.",
            "Close other programs, or try a smaller backbone (see `headstart backbones`).",
            1,
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS):
        where = f": {error.filename}" if error.filename else ""
        return Complaint(
            "storage",
            f"{error.strerror}{where}.",
            "Check who may read it and write to it (ls -ld)."
            if error.errno == errno.EACCES
            else "Free some space or choose a folder that you may write to.",
            1,
        )
    said = str(error).strip()
    return Complaint(
        "unexpected",
        f"{type(error).__name__}: {said}" if said else f"{type(error).__name__}.",
        "This is a fault in headstart: run again with --debug and report what it prints.",
        1,
    )


def _usage(error: TyperException) -> Complaint:
    """Say a mistake in the command itself; typer's own words are kept where they are good."""
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "headstart"
    message = error.format_message()
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "NoSuchOption" and option:
        near = getattr(error, "possibilities", None) or []
        guess = f" Did you mean '{near[0]}'?" if near else ""
        message = f"There is no option '{option}'.{guess}"
    elif message.startswith("No such command"):
        message = "There is no command" + message.removeprefix("No such command")
    return Complaint("usage", message, f"Run `{command} --help` to see what it takes.", 2)


def complain(trouble: Complaint, *, as_json: bool) -> None:
    """Write the complaint to stderr, and as JSON to stdout where JSON was asked for."""
    sys.stderr.write(f"Error: {one_line(trouble.message)}\n")
    sys.stderr.write(f"To fix it: {one_line(trouble.hint)}\n")
    if as_json:
        write_json(
            {
                "error": {
                    "kind": trouble.kind,
                    "message": trouble.message,
                    "hint": trouble.hint,
                }
            },
            indent=None,
        )
