"""Weight files that can be trusted: safetensors only, whole, and what their name says they are."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from headstart.errors import BackboneError, HubError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLED = re.compile(r".*\.(bin|pth|pt|pkl|ckpt|tar|h5|msgpack|npz)$")
SHA256 = re.compile(r"[0-9a-f]{64}")
GIT_SHA1 = re.compile(r"[0-9a-f]{40}")


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files that a folder's model consists of; empty when it has none."""
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        names = sorted(set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError):
        return []
    # A part outside the folder is not one of ours, whatever the index says.
    if any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
        return []
    return [folder / name for name in names]


def is_whole(folder: Path) -> bool:
    """Tell whether a folder has every part of its weights."""
    files = weight_files(folder)
    return bool(files) and all(file.is_file() for file in files)


def refuse_pickles(reference: str, names: list[str]) -> BackboneError:
    """Return the refusal of weights that only exist in a format that can run code."""
    listed = ", ".join(sorted(names)[:3]) or "nothing that headstart can read"
    return BackboneError(
        f"'{reference}' has no safetensors weights, only {listed}; "
        "such files can run code when they are opened, so headstart does not open them.",
        "Where you trust them, convert them once: load the model with timm or transformers there "
        "and save it with `timm.models.save_for_hf(model, 'folder', safe_serialization=True)` or "
        "`model.save_pretrained('folder')`; then give the folder as the backbone.",
    )


def _digest(path: Path, name: str) -> str:
    size = path.stat().st_size
    digest = hashlib.sha256() if SHA256.fullmatch(name) else hashlib.sha1(b"blob %d\0" % size)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def verify_checksum(path: Path, cure: str, expected: str | None = None) -> None:
    """Refuse a file of the hub's cache whose bytes are not those that its checksum names.

    The cache stores each file under its checksum (SHA-256 for large files, git's SHA-1 for small
    ones) and links to it, so the link itself says what to expect.
    """
    name = expected or (Path(os.readlink(path)).name if path.is_symlink() else "")
    if not (SHA256.fullmatch(name) or GIT_SHA1.fullmatch(name)):
        return
    found = _digest(path, name)
    if found != name:
        raise HubError(
            f"'{path.name}' is corrupt: its checksum is {found[:12]}…, the hub's {name[:12]}….",
            cure,
        )


def verify_header(path: Path, cure: str) -> None:
    """Refuse a safetensors file that is cut short or is not one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            opened.keys()
    except (SafetensorError, OSError) as error:
        raise BackboneError(
            f"'{path.name}' is not a whole safetensors file ({error}).", cure
        ) from None
