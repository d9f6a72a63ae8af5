"""A second device on a machine that has none: torch's lazy one, which computes on the processor.

To torch it is a device like any other: weights are taken there, tensors of the processor are
refused beside its own, and what is wanted as an array has to be brought back. So whatever would
stay behind on a real accelerator is found here too. One thing it does wrongly: BatchNorm layers in
training leave their running statistics as they were (torch 2.12).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
import torch._lazy
from torch._lazy import ts_backend
from torch.optim.optimizer import register_optimizer_step_post_hook

NAME = "lazy"

started: list[str] = []


@contextmanager
def second_device(monkeypatch) -> Iterator[str]:
    """Yield the name of the device, ready to be computed on."""
    if not started:
        ts_backend.init()
        started.append(NAME)
    # It has no views in inference mode; without gradients it has them.
    monkeypatch.setattr(
        torch, "inference_mode", lambda mode=True: torch.no_grad() if mode else nullcontext()
    )
    # It puts work off until a number is asked for; the work of many steps would pile up.
    hook = register_optimizer_step_post_hook(lambda *_: torch._lazy.mark_step())
    try:
        yield NAME
    finally:
        hook.remove()
