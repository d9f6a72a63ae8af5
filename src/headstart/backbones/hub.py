"""The one door to the Hugging Face hub: cache first, safetensors only, checked, and plain errors.

What is in the hub's cache on this machine is used without asking the network, so a model does not
change under a person's feet and a train journey changes nothing. A missing file is downloaded by
huggingface_hub (which resumes a broken transfer, and puts a file in place only when it is
complete), and then compared with its checksum.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from headstart.backbones.weights_file import (
    INDEX,
    PICKLED,
    SINGLE,
    is_whole,
    refuse_pickles,
    verify_checksum,
    verify_header,
    weight_files,
)
from headstart.errors import BackboneError, HubError, StorageError, closest

CARD = "README.md"
"""Where a repository keeps its model card, the licence among its first lines."""

TIMEOUT = 10.0
"""Seconds to wait for the hub's answer about a model before calling it out of reach."""


def _hub() -> Any:
    import huggingface_hub
    from huggingface_hub import constants

    # headstart sends no telemetry, and neither does what it calls.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def is_offline() -> bool:
    """Tell whether the environment forbids the network (`HF_HUB_OFFLINE`)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def cache_folder() -> Path:
    """Return the folder where the hub's downloads are kept on this machine."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def split_revision(repo: str) -> tuple[str, str | None]:
    """Split `org/name@revision`."""
    name, _, revision = repo.partition("@")
    return name, revision or None


def cached_file(repo: str, name: str) -> Path | None:
    """Return where a file of a repository lies on this machine, or None; never asks the network."""
    repo_id, revision = split_revision(repo)
    # Most are not here, and the hub's client takes its time to load only to say so.
    if not (cache_folder() / f"models--{repo_id.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub.errors import HFValidationError

    with suppress(HFValidationError, OSError):
        found = _hub().try_to_load_from_cache(repo_id, name, revision=revision)
        if isinstance(found, str):
            return Path(found)
    return None


def cached(repo: str, needs: Sequence[str] = ()) -> Path | None:
    """Return the folder of a repository that is whole on this machine, or None."""
    found = cached_file(repo, SINGLE) or cached_file(repo, INDEX)
    if found is None or not is_whole(found.parent):
        return None
    return found.parent if all((found.parent / name).is_file() for name in needs) else None


def cached_repos() -> list[str]:
    """Return the models of which the hub's cache on this machine holds usable weights."""
    try:
        folders = sorted(cache_folder().glob("models--*--*"))
    except OSError:
        return []
    names = [folder.name.removeprefix("models--").replace("--", "/") for folder in folders]
    return [name for name in names if cached(name) is not None]


def fetch(
    repo: str,
    reference: str,
    *,
    offline: bool,
    needs: Sequence[str] = (),
    wishes: Sequence[str] = (),
    near: Callable[[], Iterable[str]] = list,
) -> Path:
    """Return a folder with a repository's safetensors weights and the other files it `needs`.

    `wishes` are taken along where the repository has them. `reference` is what the person typed,
    and `near` lists what they may have meant, should there be no such repository.
    """
    folder = cached(repo, needs)
    if folder is None:
        if offline or is_offline():
            raise _absent(repo, reference)

        def choose(names: set[str]) -> list[str]:
            weights = [name for name in (SINGLE, INDEX) if name in names][:1]
            if not weights:
                raise refuse_pickles(reference, [name for name in names if PICKLED.match(name)])
            return [*weights, *_present(names, reference, needs, wishes)]

        folder = _download(repo, reference, choose, near)
    broken = f"Delete it with `hf cache rm model/{split_revision(repo)[0]}` and run this again."
    for file in weight_files(folder):
        verify_checksum(file, broken)
        verify_header(file, broken)
    return folder


def glance(
    repo: str,
    reference: str,
    *,
    offline: bool,
    needs: Sequence[str],
    wishes: Sequence[str] = (),
    near: Callable[[], Iterable[str]] = list,
) -> Path:
    """Return a folder with a repository's small files that say what it is; no weights are taken."""
    found = cached_file(repo, needs[0])
    if found is not None and all((found.parent / name).is_file() for name in needs):
        return found.parent
    if offline or is_offline():
        raise _absent(repo, reference)

    def choose(names: set[str]) -> list[str]:
        return _present(names, reference, needs, wishes)

    return _download(repo, reference, choose, near)


def licence_of(folder: Path) -> str:
    """Return the licence that a repository's model card states, where the card was taken along."""
    from huggingface_hub import ModelCard

    try:
        card = ModelCard.load(folder / CARD, ignore_metadata_errors=True)
        stated = card.data.license_name if card.data.license == "other" else card.data.license
    except (OSError, ValueError, AttributeError):
        return "not stated"
    return str(stated) if isinstance(stated, str) and stated else "not stated"


def _absent(repo: str, reference: str) -> BackboneError:
    for name in ("pytorch_model.bin", "model.bin", "pytorch_model.bin.index.json"):
        if cached_file(repo, name) is not None:
            return refuse_pickles(reference, [name])
    return BackboneError(
        f"'{reference}' is not on this machine, and headstart was told to stay offline.",
        "Run once without --offline (and without HF_HUB_OFFLINE) to download it, copy its folder "
        "here and give the path, or use a bundled backbone (`headstart backbones`).",
    )


def _present(
    names: set[str], reference: str, needs: Sequence[str], wishes: Sequence[str]
) -> list[str]:
    for name in needs:
        if name not in names:
            raise BackboneError(
                f"'{reference}' has no {name}, without which it cannot be used.",
                "Choose a repository that timm or transformers saved whole.",
            )
    return [*needs, *(name for name in wishes if name in names)]


def _download(
    repo: str,
    reference: str,
    choose: Callable[[set[str]], list[str]],
    near: Callable[[], Iterable[str]],
) -> Path:
    """Download the files that `choose` picks from a repository's, and the parts of an index."""
    from huggingface_hub.errors import HFValidationError, HTTPError  # type: ignore[attr-defined]

    repo_id, revision = split_revision(repo)
    try:
        info = (
            _hub()
            .HfApi()
            .model_info(repo_id, revision=revision, files_metadata=True, timeout=TIMEOUT)
        )
        checksums = {
            file.rfilename: file.lfs.sha256 if file.lfs else None for file in info.siblings or ()
        }
        folder = Path()
        chosen = choose(set(checksums))
        for name in chosen:
            folder = _take(repo_id, revision, name, checksums[name]).parent
        if INDEX in chosen:
            for part in weight_files(folder):
                _take(repo_id, revision, part.name, checksums.get(part.name))
    except (HTTPError, HFValidationError, OSError, ValueError) as error:
        _explain(error, repo_id, reference, near)
    return folder


def _silent_bar() -> type:
    """Return the hub's own progress bar, switched off: it has every method that it is asked for."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Silent(tqdm):
        def __init__(self, *given: Any, **options: Any) -> None:
            options["disable"] = True
            super().__init__(*given, **options)  # type: ignore[no-untyped-call]

    return Silent


def _take(repo_id: str, revision: str | None, name: str, checksum: str | None) -> Path:
    """Download one file, quietly; a file that differs from the hub's checksum does not stay."""
    path = Path(
        _hub().hf_hub_download(
            repo_id, name, revision=revision, library_name="headstart", tqdm_class=_silent_bar()
        )
    )
    try:
        verify_checksum(path, "It was thrown away; run this again to download it anew.", checksum)
    except HubError:
        link = [path.parent / path.readlink()] if path.is_symlink() else []
        for bad in (path.resolve(), *link, path):
            bad.unlink(missing_ok=True)
        raise
    return path


def _explain(
    error: Exception, repo_id: str, reference: str, near: Callable[[], Iterable[str]]
) -> NoReturn:
    """Turn whatever the hub's client raised into one line of cause and one of cure."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    cause: Exception
    if isinstance(error, errors.GatedRepoError):
        cause = HubError(
            f"'{reference}' is gated: its owner asks people to accept a licence first.",
            f"Accept it on the page of {repo_id} on the hub, then run `hf auth login` here.",
        )
    elif isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
        private = " (or it is private)" if status in (401, 403) else ""
        cause = BackboneError(
            f"There is no model '{repo_id}' on the hub{private}.{closest(reference, near())}",
            "Check the name; a private model needs `hf auth login` first.",
        )
    elif isinstance(error, errors.RevisionNotFoundError | errors.EntryNotFoundError):
        if isinstance(error, errors.LocalEntryNotFoundError):
            cause = _unreachable(reference)
        else:
            cause = BackboneError(
                f"'{reference}' is on the hub, but not the revision or file that was asked for.",
                "Check what follows the @, or leave it out for the current revision.",
            )
    elif status in (401, 403):
        cause = HubError(
            f"The hub does not let this machine read '{reference}' (HTTP {status}).",
            "Run `hf auth login` with a token that may read it, or correct HF_TOKEN.",
        )
    elif status is not None:
        cause = HubError(
            f"The hub answered HTTP {status} when asked for '{reference}'.",
            "Wait a little and run this again; nothing half downloaded was kept.",
        )
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EROFS, errno.EACCES):
        cause = StorageError(
            f"'{reference}' could not be written to {cache_folder()} ({error.strerror}).",
            "Free some space there, or point HF_HOME at a folder that can be written to.",
        )
    elif isinstance(error, ValueError):
        cause = HubError(
            f"What answered when the hub was asked for '{reference}' is not a hub.",
            "Check HF_ENDPOINT, and whether a proxy or a log-in page stands in between.",
        )
    elif type(error).__name__ in ("ConnectError", "ConnectTimeout", "OfflineModeIsEnabled"):
        cause = _unreachable(reference)
    else:
        cause = HubError(
            f"The download of '{reference}' broke off ({type(error).__name__}).",
            "Run this again; nothing half downloaded was kept, so no damaged file is used.",
        )
    raise cause from None


def _unreachable(reference: str) -> HubError:
    return HubError(
        f"'{reference}' is not on this machine, and the hub cannot be reached.",
        "Check the connection (and HF_ENDPOINT, if set), or use a bundled backbone: they need "
        "no network (`headstart backbones`).",
    )
