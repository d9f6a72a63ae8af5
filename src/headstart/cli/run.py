"""The way in and the ways out: arguments to a command, and every ending to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import NoReturn

from headstart.cli.terminal import prepare_streams


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that the arguments (`sys.argv` when None) name, and exit with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0, 1 (a failure), 2 (a mistake) or 130 (Ctrl-C)."""
    prepare_streams()
    words, debug = _take_debug(list(arguments))
    try:
        code = _invoke(words, debug)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`). Python flushes stdout once more at
        # its end, so give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        from headstart.cli.complaints import complain, complaint

        if debug:
            import traceback

            traceback.print_exception(error)
        trouble = complaint(error)
        with suppress(OSError):  # where nothing can be written the exit code says it alone
            complain(trouble, as_json=_wants_json(words))
        return trouble.exit_code
    return code


def _invoke(words: list[str], debug: bool) -> int:
    import warnings

    from typer import Exit
    from typer.main import get_command

    from headstart.cli.application import application

    command = get_command(application)
    with warnings.catch_warnings():
        if not debug:
            # Libraries warn their developers; a person at a shell cannot act on it.
            warnings.simplefilter("ignore")
        try:
            # A copy, because parsing empties the list that it is given.
            with command.make_context("headstart", list(words)) as context:
                command.invoke(context)
        except Exit as ending:
            return ending.exit_code
    return 0


def _take_debug(words: list[str]) -> tuple[list[str], bool]:
    """Take `--debug` out of the options: it may stand anywhere, such as after a failed command."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != "--debug"]
    return kept + words[end:], len(kept) < end


def _wants_json(words: list[str]) -> bool:
    options = words[: words.index("--")] if "--" in words else words
    pairs = list(pairwise(options))
    return "--json" in options or "--format=json" in options or ("--format", "json") in pairs
