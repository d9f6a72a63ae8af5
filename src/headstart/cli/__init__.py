"""The command line: the verbs, said in a shell. `main` is what the `headstart` script calls."""

from headstart.cli.run import main

__all__ = ["main"]
