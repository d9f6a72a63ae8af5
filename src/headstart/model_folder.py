"""Save and load a model folder: safetensors and JSON, a format number, and a self-test.

    model.json            what the model is made of, with the hashes of the rest (but the report)
    head.safetensors      the head, and what it takes to tell an unknown input
    adapter_model.safetensors, adapter_config.json
                          low-rank adapters, where they were trained, as peft itself writes them
    backbone.safetensors  only when the weights are not those the backbone's name stands for,
                          or with `self_contained`; beside it what its input is made with
                          (tokenizer.json)
    evaluation.json       the evidence
    report.html           the same for people

Nothing in the folder is executed, and no path in it is followed: files are found by the names above
alone. `load` verifies the hashes, then runs golden samples (generated from a seed, so no user data
travels) and compares with what they gave when the model was made.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart import __version__, adapters, devices
from headstart.backbones.base import Backbone
from headstart.backbones.source import build_backbone, open_backbone, open_writer, split_name
from headstart.errors import ModelFolderError, StorageError
from headstart.heads import Head
from headstart.model import Model
from headstart.novelty import Novelty
from headstart.precision import fitting
from headstart.registry import MODALITIES, TASKS
from headstart.schema import SPEECH, SpeechSpec
from headstart.speech.model import Scribe
from headstart.tokenized import TOKENIZER

FORMAT = 1
GOLDEN_SEED = 20260101
GOLDEN_COUNT = 2
GOLDEN_TOLERANCE = 0.01
MANIFEST, HEAD, WEIGHTS = "model.json", "head.safetensors", "backbone.safetensors"
EVALUATION, REPORT = "evaluation.json", "report.html"
ADAPTERS = (adapters.CONFIG, adapters.WEIGHTS)
VOUCHED = (HEAD, WEIGHTS, TOKENIZER, *ADAPTERS, EVALUATION)
OURS = (*VOUCHED, REPORT)


def save(model: Model, folder: Path, *, self_contained: bool = False) -> Path:
    """Write a model folder; a model that is there stays whole until all of the new one is written.

    Files are drafted under temporary names and renamed together, the manifest last.
    """
    from headstart.report import render

    check_folder(folder)
    local = split_name(model.backbone.name)[0] == "folder"
    contained = self_contained or model.trained or local
    drafts: dict[str, Path] = {}

    def draft(name: str, content: bytes) -> None:
        drafts[name] = folder / f".{name}.{secrets.token_hex(4)}.tmp"
        drafts[name].write_bytes(content)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in filter(_is_draft, folder.iterdir()):  # by a run that was killed
            left.unlink(missing_ok=True)
        draft(HEAD, _to_bytes(_head_tensors(model)))
        draft(EVALUATION, json.dumps(model.evaluation, indent=1).encode())
        if contained:
            draft(WEIGHTS, _to_bytes(_weights(model)))
            for name, text in model.backbone.spec.files().items():
                draft(name, text.encode())
        for name, content in (model.adapters.files() if model.adapters else {}).items():
            draft(name, content)
        manifest = _manifest(model, contained)
        manifest["files"] = {name: _hash(path) for name, path in drafts.items()}
        manifest["seal"] = _seal(manifest)
        draft(REPORT, render(model.evaluation, model.pictures, folder=str(folder)).encode())
        draft(MANIFEST, json.dumps(manifest, indent=1).encode())
        for name, path in drafts.items():
            path.replace(folder / name)
        for name in set(OURS) - set(drafts):  # of the model that was there
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        with suppress(OSError):
            for path in drafts.values():
                path.unlink(missing_ok=True)
    return folder


def check_folder(folder: Path) -> None:
    """Make sure a model can be written to a folder, and write nothing; asked before long work."""
    if folder.exists() and not folder.is_dir():
        raise ModelFolderError(f"{folder} is a file, not a folder.", "Give --out another name.")
    if folder.is_dir() and not _is_free(folder):
        raise ModelFolderError(
            f"{folder} is not empty and holds no headstart model.",
            "Give --out a new folder, so that nothing of yours is overwritten.",
        )
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not nearest.is_dir():
        raise _cannot_write(folder, NotADirectoryError(errno.ENOTDIR, f"{nearest} is a file"))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _cannot_write(folder, PermissionError(errno.EACCES, f"{nearest} is read-only"))


def holds_model(folder: Path) -> bool:
    """Tell whether a model of headstart's is in a folder: one that a new model would replace."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and {"format", "headstart"} <= manifest.keys()


def _is_free(folder: Path) -> bool:
    """Tell whether a folder is empty or a model's, one whose writing was cut off included."""
    names = {path.name for path in folder.iterdir() if not _is_draft(path)}
    return not names or holds_model(folder) or (HEAD in names and names <= {*OURS, MANIFEST})


def _is_draft(path: Path) -> bool:
    return path.suffix == ".tmp" and path.name.startswith(
        tuple(f".{n}." for n in (*OURS, MANIFEST))
    )


def load(folder: str | Path, *, offline: bool = False, device: str | None = None) -> Model:
    """Return the model in a folder, after it has shown that it still works as it did.

    It computes on `device`, the best there is unless named, wherever it was made.
    """
    folder, where = Path(folder), devices.choose(device)
    manifest = read_manifest(folder)
    try:
        return _load(folder, manifest, offline, where)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        # Whole files that do not fit together: a seal can be made again by whoever edits them.
        what = f"its parts do not fit ({type(error).__name__}: {error})".replace("\n", " ")
        raise _damaged(folder, what[:200]) from error


def _load(folder: Path, manifest: Mapping[str, Any], offline: bool, device: torch.device) -> Model:
    if missing := {HEAD, EVALUATION} - set(manifest["files"]):
        raise _damaged(folder, f"{MANIFEST} does not vouch for {min(missing)}")
    for name, expected in manifest["files"].items():
        if name not in VOUCHED:
            raise _damaged(folder, f"{MANIFEST} names a file that no model has: {name!r}")
        if not (folder / name).is_file():
            raise _damaged(folder, f"{name} is missing")
        if _hash(folder / name) != expected:
            raise _damaged(folder, f"{name} is not as it was written")
    tensors = _read_tensors(folder / HEAD)
    writes = manifest["task"] == SPEECH
    backbone = _open(folder, manifest["backbone"], offline, writes)
    inserted = _take_adapters(folder, manifest, backbone.to(device))
    head = Head.from_arrays(manifest["head"]["readings"], _part(tensors, "head."))
    novelty = _part(tensors, "novelty.")
    model = (Scribe if writes else Model)(
        MODALITIES.get(manifest["modality"])(),
        backbone,
        TASKS.get(manifest["task"])(),
        head,
        tuple(manifest["labels"]),
        manifest["strategy"],
        fitting(manifest["precision"], device),
        trained=bool(manifest["backbone"]["trained"]),
        adapters=inserted,
        novelty=Novelty.from_arrays(novelty) if novelty else None,
        evaluation=read_evaluation(folder),
    )
    _verify(model, np.asarray(manifest["golden"]["logits"], np.float64), folder)
    return model


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a folder's `model.json` after checking its format and that it was not edited."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelFolderError(
            f"{folder} is not a model folder: it has no {MANIFEST}.",
            "Make one with `headstart fit DATA --out FOLDER`.",
        )
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{MANIFEST} cannot be read ({error})") from error
    if version != FORMAT:
        raise ModelFolderError(
            f"{folder} has format {version}, this headstart ({__version__}) reads {FORMAT}.",
            f"Install the headstart that wrote it ({manifest.get('headstart', 'unknown')}), or "
            "fit again.",
        )
    if manifest.pop("seal", None) != _seal(manifest):
        raise _damaged(folder, f"{MANIFEST} is not as it was written")
    return manifest


def read_evaluation(folder: Path) -> dict[str, Any]:
    """Return a folder's `evaluation.json`."""
    try:
        found: dict[str, Any] = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"{EVALUATION} cannot be read ({error})") from error
    return found


def _manifest(model: Model, contained: bool) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "headstart": __version__,
        "task": model.task.name,
        "modality": model.modality.name,
        "labels": list(model.labels),
        "strategy": model.strategy,
        "precision": model.precision,
        "backbone": {
            "name": model.backbone.name,
            "fingerprint": (
                model.adapters.reference if model.adapters else model.backbone.fingerprint()
            ),
            "recipe": dict(model.backbone.recipe),
            "contained": contained,
            "trained": model.trained,
        },
        "head": {"readings": [list(reading) for reading in model.head.readings]},
        "golden": {"seed": GOLDEN_SEED, "logits": _golden_logits(model).tolist()},
    }


def _golden_logits(model: Model) -> np.ndarray:
    # In float32, so that a machine without bfloat16 gives the same.
    spec, modality = model.backbone.spec, model.modality
    raws = map(model.task.ask, modality.golden(spec, seed=GOLDEN_SEED, count=GOLDEN_COUNT))
    state = modality.collate([modality.prepare(raw, spec) for raw in raws], spec)
    return model.proof(state)


def _verify(model: Model, expected: np.ndarray, folder: Path) -> None:
    logits = _golden_logits(model)
    if len(model.labels) != len(model.head.bias):
        raise ValueError(f"{len(model.labels)} labels, {len(model.head.bias)} outputs")
    scale = max(1.0, float(np.abs(expected).max()))
    if logits.shape != expected.shape or not np.allclose(
        logits, expected, rtol=0, atol=GOLDEN_TOLERANCE * scale
    ):
        raise ModelFolderError(
            f"The model in {folder} no longer gives what it gave when it was made.",
            "The libraries under it may have changed: install the versions of constraints.txt, "
            "or fit again.",
        )


def _open(folder: Path, about: Mapping[str, Any], offline: bool, writes: bool) -> Backbone:
    if about["contained"]:
        backbone = build_backbone(about["recipe"])
        weights = _read_tensors(folder / WEIGHTS)
        backbone.module.load_state_dict(
            {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in weights.items()}
        )
        beside = {n: (folder / n).read_text(encoding="utf-8") for n in backbone.spec.files()}
        backbone.spec = backbone.spec.with_files(beside)
        backbone.changed()
    else:
        backbone = (open_writer if writes else open_backbone)(str(about["name"]), offline=offline)
        if isinstance(backbone.spec, SpeechSpec):
            told = about["recipe"]["spec"]  # which language was found to be spoken
            backbone.spec = replace(
                backbone.spec, opening=tuple(told["opening"]), languages=tuple(told["languages"])
            )
            backbone.changed()
    if backbone.fingerprint() != about["fingerprint"]:
        raise ModelFolderError(
            f"The backbone {about['name']} has other weights here than the model in {folder} "
            "was made with.",
            "Get the same weights, or fit again; `--self-contained` keeps weights with the model.",
        )
    return backbone


def _take_adapters(
    folder: Path, manifest: Mapping[str, Any], backbone: Backbone
) -> adapters.Adapters | None:
    if not any(name in manifest["files"] for name in ADAPTERS):
        return None
    if not all(name in manifest["files"] for name in ADAPTERS):
        raise ValueError(f"of {' and '.join(ADAPTERS)}, only one is there")
    about = json.loads((folder / adapters.CONFIG).read_text(encoding="utf-8"))
    return adapters.take_up(backbone, about, _read_tensors(folder / adapters.WEIGHTS))


def _head_tensors(model: Model) -> dict[str, np.ndarray]:
    tensors = {f"head.{name}": array for name, array in model.head.arrays().items()}
    if model.novelty is not None:
        arrays = model.novelty.arrays()
        tensors |= {f"novelty.{name}": array for name, array in arrays.items()}
    return tensors


def _part(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {n.removeprefix(prefix): array for n, array in tensors.items() if n.startswith(prefix)}


def _weights(model: Model) -> dict[str, np.ndarray]:
    beside = model.adapters.weights_beside() if model.adapters else None
    tensors = beside or model.backbone.module.state_dict()
    # Tied weights appear once under each name; safetensors wants copies, not shared memory.
    return {n: t.detach().cpu().numpy().copy() for n, t in tensors.items()}


def _to_bytes(tensors: Mapping[str, np.ndarray]) -> bytes:
    from safetensors.numpy import save as to_bytes

    content: bytes = to_bytes({n: np.ascontiguousarray(a) for n, a in tensors.items()})
    return content


def _read_tensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    found: dict[str, np.ndarray] = load_file(path)
    return found


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _damaged(folder: Path, what: str) -> ModelFolderError:
    return ModelFolderError(
        f"The model in {folder} is damaged: {what}.",
        "Copy the whole folder again from where it was made, or fit again.",
    )


def _cannot_write(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"A model cannot be written to {folder} ({error.strerror or error}).",
        "Give --out a folder that you may write to, on a disk with free space.",
    )
