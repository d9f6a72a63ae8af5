"""What a run has done so far, so that a run killed at any moment goes on from there.

A journal is a folder of pages. A page is one safetensors file, tensors with JSON beside them in its
header, written under a temporary name and renamed when whole: there is never half a page. What the
run stands on (data, weights, strategy, seed) is its `about`; another run does not take it up.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from headstart.errors import StorageError, UserError

ABOUT = "about.json"
FORMAT = 1


class Page(Protocol):
    """One place in a journal: what was last written there, and the next."""

    def read(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the tensors and notes last written, or None."""

    def write(self, tensors: Mapping[str, torch.Tensor], notes: Mapping[str, Any]) -> None:
        """Put something in place of what was there."""


class Nowhere:
    """A journal and a page that keep nothing."""

    def page(self, name: str) -> Nowhere:
        """Return a page that keeps nothing."""
        return self

    def within(self, name: str) -> Nowhere:
        """Return a journal that keeps nothing."""
        return self

    def read(self) -> None:
        """Return None: nothing was written."""

    def write(self, tensors: Mapping[str, torch.Tensor], notes: Mapping[str, Any]) -> None:
        """Drop it."""

    def done(self) -> None:
        """Drop nothing."""


@dataclass(frozen=True)
class Journal:
    """The pages of one run; `prefix` sets parts of a run apart."""

    folder: Path
    prefix: str = ""

    @classmethod
    def open(cls, folder: Path, about: Mapping[str, Any]) -> Journal:
        """Take up the journal in a folder, or begin it; refuse one that is about something else."""
        path = folder / ABOUT
        try:
            if path.is_file():
                _compare(json.loads(path.read_text(encoding="utf-8")), dict(about), folder)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                draft = folder / f".{secrets.token_hex(4)}.tmp"
                draft.write_text(json.dumps({"format": FORMAT, **about}, indent=1), "utf-8")
                draft.replace(path)
            for stale in folder.glob(".*.tmp"):
                stale.unlink(missing_ok=True)
        except OSError as error:
            raise _cannot_write(folder, error) from error
        return cls(folder)

    def within(self, name: str) -> Journal:
        """Return the part of the journal for one part of the run."""
        return Journal(self.folder, f"{self.prefix}{name}.")

    def page(self, name: str) -> FilePage:
        """Return a page by name."""
        return FilePage(self.folder / f"{self.prefix}{name}.safetensors")

    def done(self) -> None:
        """Throw the journal away: the run has come to its end."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class FilePage:
    """A page on disk."""

    path: Path

    def read(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return what stands on the page; a damaged one counts as empty."""
        from safetensors import SafetensorError, safe_open

        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, "pt") as file:
                notes = json.loads(file.metadata()["notes"])
                return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            return None

    def write(self, tensors: Mapping[str, torch.Tensor], notes: Mapping[str, Any]) -> None:
        """Write the page anew; killed in between, the old one still stands."""
        from safetensors.torch import save

        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.tmp")
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        try:
            draft.write_bytes(save(whole, {"notes": json.dumps(dict(notes))}))
            draft.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            raise _cannot_write(self.path.parent, error) from error


def _compare(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    now = {"format": FORMAT, **now}
    if differs := [name for name in now if before.get(name) != json.loads(json.dumps(now[name]))]:
        raise UserError(
            "An unfinished run was going to write here, and it stood on something else: "
            + "; ".join(_difference(name, before.get(name), now[name]) for name in differs)
            + ".",
            "Run the same command as before to finish it, give --out another name, or add "
            "--restart to throw away what was done.",
        )


def _difference(name: str, before: Any, now: Any) -> str:
    shown = [str(each) for each in (before, now)]
    if max(map(len, shown)) > 60:
        return f"other {name}"
    return f"{name} was {shown[0]}, now is {shown[1]}"


def _cannot_write(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"What a run has done cannot be kept in {folder} ({error.strerror or error}).",
        "Free some space, or set HEADSTART_HOME to a folder that you may write to.",
    )
