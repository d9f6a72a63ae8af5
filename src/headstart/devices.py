"""Where nets are run: the best device of this machine, or the one that was named.

The backbone lives there. States follow it when they enter a stage, and readings come back to the
processor, where heads, losses and everything that is not a net stay. Which device there is, is
accelerate's answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from headstart.errors import UserError

CPU = torch.device("cpu")
BEST = "auto"

APART = ("cuda", "mps")
"""Devices that work while the processor goes on, and draw from generators of their own."""


def choose(named: str | None = None) -> torch.device:
    """Return the device that was named, or the best there is."""
    if named not in (None, BEST):
        return _require(str(named))
    if not torch.accelerator.is_available():
        return CPU
    from accelerate import PartialState

    found: torch.device = PartialState().device
    return found


def _require(named: str) -> torch.device:
    """Return the device of a name after it has shown that it works."""
    try:
        device = torch.device(named)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).strip().splitlines()[0].split(". ")[0].rstrip(".")
        raise UserError(
            f"There is no device '{named}' to compute on here ({why[:120]}).",
            "Use --device cpu, or leave it away: the best device there is is then taken. For an "
            "NVIDIA card torch has to be a build with CUDA, and the card's driver installed.",
        ) from error
    return device


def describe(device: torch.device) -> str:
    """Return a sentence that says where nets are run; nothing of the processor."""
    if device.type == CPU.type:
        return ""
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"Computing on {device}{name}; --device cpu computes on the processor."


def named(device: torch.device) -> dict[str, str]:
    """Return the part of a store's name that tells devices apart, as their last digits differ."""
    return {} if device.type == CPU.type else {"device": device.type}


def wait(device: torch.device) -> None:
    """Let a device finish what it was given: time taken now is that of the work."""
    if device.type in APART:
        torch.get_device_module(device).synchronize()


def chance(device: torch.device) -> dict[str, torch.Tensor]:
    """Return where the generators stand that are drawn from in training on a device."""
    found = {CPU.type: torch.random.get_rng_state()}
    if device.type in APART:
        found[device.type] = torch.get_device_module(device).get_rng_state(*_which(device))
    return found


def set_chance(device: torch.device, states: Mapping[str, torch.Tensor]) -> None:
    """Put the generators back to where they stood, those that a device has of its own too."""
    torch.random.set_rng_state(states[CPU.type])
    if device.type in APART and device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type], *_which(device))


def _which(device: torch.device) -> tuple[Any, ...]:
    return (device,) if device.type == "cuda" else ()  # there is one MPS, and it is not named


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Draw from a seed inside the block; what is drawn elsewhere goes on as if it had not been."""
    before = chance(device)
    try:
        torch.manual_seed(seed)
        yield
    finally:
        set_chance(device, before)
