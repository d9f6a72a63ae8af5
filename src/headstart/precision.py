"""The fastest number format that keeps features as they are, and the switch to it and back.

bfloat16 halves the bytes a layer moves and, where the processor multiplies it natively, more than
halves the time. It is used only where both hold: the device has it, and on generated inputs no
reading of the backbone moves by more than two per cent.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import torch

from headstart import devices, places
from headstart.backbones.base import Backbone
from headstart.modalities.base import Modality, State

TOLERANCE = 0.02
PROBES = 4


def native_bfloat16(device: torch.device = devices.CPU) -> bool:
    """Tell whether a device, this processor unless told, multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def mixed(device: torch.device) -> AbstractContextManager[Any]:
    """Return a block in which a device multiplies in bfloat16, where it does so in hardware."""
    fast = native_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16) if fast else nullcontext()


@contextmanager
def at_precision(backbone: Backbone, precision: str) -> Iterator[None]:
    """Run the backbone in a number format inside the block; the exact weights come back after."""
    if precision == "float32":
        yield
        return
    module = backbone.module
    tensors = [*module.named_parameters(), *module.named_buffers()]
    exact = {name: tensor.data for name, tensor in tensors}
    try:
        module.to(torch.bfloat16)
        yield
    finally:
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            tensor.data = exact[name]


def cast(state: State, precision: str) -> State:
    """Bring a batch's floating tensors to a number format, pictures channels-last."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    done = {}
    for name, tensor in state.items():
        if tensor.is_floating_point():
            tensor = tensor.to(dtype)
            if tensor.dim() == 4:
                tensor = tensor.contiguous(memory_format=torch.channels_last)
        done[name] = tensor
    return done


@dataclass(frozen=True)
class _Trial:
    """How a backbone did on generated inputs: how far bfloat16 moves it, and how long one takes."""

    drift: float
    seconds: dict[str, float]


def _try(backbone: Backbone, modality: Modality) -> _Trial:
    raws = modality.golden(backbone.spec, seed=0, count=PROBES)
    begun = time.perf_counter()
    prepared = [modality.prepare(raw, backbone.spec) for raw in raws]
    preparing = time.perf_counter() - begun
    state = modality.collate(prepared, backbone.spec)
    ends: dict[str, dict[str, torch.Tensor]] = {}
    seconds = {}
    device = backbone.device
    for precision in ("float32", "bfloat16") if native_bfloat16(device) else ("float32",):
        with at_precision(backbone, precision), torch.inference_mode():
            begun = time.perf_counter()
            try:
                output = backbone(cast(state, precision))
            except RuntimeError:  # an operation that this build of torch lacks in bfloat16
                continue
            devices.wait(device)
            seconds[precision] = (time.perf_counter() - begun + preparing) / PROBES
            ends[precision] = backbone.read(output, backbone.depth)
    if "bfloat16" not in ends:
        return _Trial(float("inf"), seconds)
    drifts = []
    for name, exact in ends["float32"].items():
        gap = (ends["bfloat16"][name].float() - exact).norm()
        drifts.append(float(gap / exact.norm().clamp_min(1e-12)))
    return _Trial(max(drifts), seconds)


def _settle(backbone: Backbone, modality: Modality) -> dict[str, Any]:
    """Return what was found of a backbone on this machine; found out once and kept."""
    name = ".".join([backbone.fingerprint()[:32], *devices.named(backbone.device).values()])
    note = places.home() / "precision" / f"{name}.json"
    with suppress(OSError, ValueError):
        found = json.loads(note.read_text())
        if {"precision", "seconds"} <= set(found):
            return dict(found)
    trial = _try(backbone, modality)
    precision = "bfloat16" if trial.drift <= TOLERANCE else "float32"
    record = {
        "backbone": backbone.name,
        "precision": precision,
        "drift": trial.drift if math.isfinite(trial.drift) else None,
        "seconds": trial.seconds[precision],
    }
    with suppress(OSError):  # only a memo: without it the question is asked again
        note.parent.mkdir(parents=True, exist_ok=True)
        draft = note.with_suffix(f".{secrets.token_hex(4)}.tmp")
        draft.write_text(json.dumps(record))
        draft.replace(note)
    return record


def choose(backbone: Backbone, modality: Modality) -> str:
    """Return the format to compute features in; the same for the same backbone and machine."""
    return str(_settle(backbone, modality)["precision"])


def fitting(precision: str, device: torch.device) -> str:
    """Return the format for a model that was made elsewhere: its own, where the device has it.

    A processor takes any; what it does not multiply in hardware is only slow there.
    """
    return precision if device.type == "cpu" or native_bfloat16(device) else "float32"


def expected_seconds(backbone: Backbone, modality: Modality) -> float:
    """Return roughly how long one input takes on this machine, for saying so before starting."""
    return float(_settle(backbone, modality)["seconds"])
