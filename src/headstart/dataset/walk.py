"""Going through folders: sorted, links followed once, hidden files left out, nothing read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from headstart.errors import DataError, closest
from headstart.schema import Unreadable

SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"})


@dataclass
class Harvest:
    """What a walk brings home: files to read with their printed names, and what it left behind."""

    files: list[tuple[Path, str]] = field(default_factory=list)
    set_aside: list[Unreadable] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is the system's own rather than the person's."""
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def printable(text: str) -> str:
    """Return a file name as text that can be printed and written, whatever bytes it is made of."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def join_name(name: str, last: str) -> str:
    """Return the printed name of something inside `name` (the data's own folder when empty)."""
    return f"{name}/{printable(last)}" if name else printable(last)


def gather(folder: Path, name: str, suffixes: Collection[str], harvest: Harvest) -> int:
    """Add every file below `folder` that ends in one of `suffixes`; return how many those were.

    Links are followed, since a folder of links is a usual way to make a subset, but no folder is
    entered twice, so a loop of links ends. Names begin with `name`.
    """
    before = len(harvest.files)
    _gather(folder, name, suffixes, harvest, set())
    return len(harvest.files) - before


def some_files(folder: Path, count: int) -> list[Path]:
    """Return up to so many files below a folder, hidden ones left out, whatever they end in."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        found += [Path(place, name) for name in sorted(names) if not is_hidden(name)]
        if len(found) >= count:
            break
    return found[:count]


def _gather(
    folder: Path,
    name: str,
    suffixes: Collection[str],
    harvest: Harvest,
    entered: set[tuple[int, int]],
) -> None:
    try:
        status = folder.stat()
        entries = list_entries(folder)
    except OSError as error:
        harvest.set_aside.append(
            Unreadable(name or folder.name, f"cannot be opened ({error.strerror})")
        )
        return
    identity = (status.st_dev, status.st_ino)
    if identity in entered:
        harvest.set_aside.append(Unreadable(name, "a link to a folder that was read already"))
        return
    entered.add(identity)
    for entry in entries:
        inner = join_name(name, entry.name)
        if is_hidden(entry.name):
            harvest.hidden.append(inner)
        elif _is_folder(entry):
            _gather(Path(entry.path), inner, suffixes, harvest, entered)
        else:
            take_file(entry, inner, suffixes, harvest)


def list_entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what stands in a folder, sorted by name."""
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def take_file(
    entry: os.DirEntry[str], name: str, suffixes: Collection[str], harvest: Harvest
) -> None:
    """Add one entry that is no folder, or set it aside with the reason."""
    reason = _why_not(entry, suffixes)
    if reason:
        harvest.set_aside.append(Unreadable(name, reason))
    else:
        harvest.files.append((Path(entry.path), name))


def _why_not(entry: os.DirEntry[str], suffixes: Collection[str]) -> str:
    try:
        plain = entry.is_file()
    except OSError:
        plain = False
    if not plain:
        return "a link that leads nowhere" if entry.is_symlink() else "not a plain file"
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix in suffixes:
        return ""
    return f"{suffix} files are not read" if suffix else "a file without a suffix is not read"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def split_entries(
    folder: Path, name: str, harvest: Harvest
) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
    """Return the sub-folders and the files directly in a folder; hidden ones are noted."""
    try:
        entries = list_entries(folder)
    except OSError as error:
        raise DataError(
            f"The folder '{folder}' cannot be opened: {error.strerror or error}.",
            "Check who may read it (ls -ld).",
        ) from error
    folders: list[os.DirEntry[str]] = []
    files: list[os.DirEntry[str]] = []
    for entry in entries:
        if is_hidden(entry.name):
            harvest.hidden.append(join_name(name, entry.name))
        else:
            (folders if _is_folder(entry) else files).append(entry)
    return folders, files


def list_suffixes(suffixes: Iterable[str]) -> str:
    """Return suffixes as one readable list."""
    return ", ".join(sorted(suffixes))


def describe_set_aside(set_aside: Iterable[Unreadable]) -> str:
    """Return in a few words what kinds of files were found instead."""
    kinds = Counter(os.path.splitext(item.name)[1].lower() or "no suffix" for item in set_aside)
    return ", ".join(f"{count:,} with {kind}" for kind, count in kinds.most_common(3))


def refuse_missing(path: Path) -> DataError:
    """Return the error for a path that is not there, naming the nearest thing that is."""
    parent = path.parent
    if path.parts and path.parts[0] in ("http:", "https:"):
        return DataError(f"'{path}' is an address, not a file.", "Download it first.")
    if os.path.lexists(path):
        what = "a link that leads nowhere" if path.is_symlink() else "neither a file nor a folder"
        return DataError(f"'{path}' is {what}.", "Give a file or a folder.")
    if parent.is_dir():
        try:
            near = closest(path.name, [entry.name for entry in list_entries(parent)])
        except OSError:
            near = ""
        return DataError(
            f"There is no file or folder '{path}'.{near}",
            f"Check the name; '{parent}' is there.",
        )
    while not parent.is_dir():
        parent = parent.parent
    return DataError(
        f"There is no file or folder '{path}'.",
        f"The path ends at '{parent}': what follows it is not there.",
    )
