"""What both phases of training share: clock, averaged weights, compiling, checkpoints, log."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


class Clock:
    """Seconds of work so far, those before an interruption included."""

    def __init__(self, before: float = 0.0) -> None:
        self.before, self.start = before, time.monotonic()

    def now(self) -> float:
        return self.before + time.monotonic() - self.start


class Log:
    """JSON lines, on file and on the screen."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self.clock = path, clock

    def write(self, **entry: Any) -> None:
        line = json.dumps({"seconds": round(self.clock.now(), 1), **entry})
        with self.path.open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)


class Average:
    """An exponential moving average of a net's weights; buffers are copied."""

    def __init__(self, net: nn.Module, decay: float = 0.998) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.source, self.decay, self.steps = net, decay, 0

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        mine, theirs = list(self.net.parameters()), list(self.source.parameters())
        torch._foreach_lerp_(mine, theirs, 1 - keep)
        for a, b in zip(self.net.buffers(), self.source.buffers(), strict=True):
            a.copy_(b)


def rate(progress: float, warm: float = 0.04) -> float:
    """One cycle: a short climb, then a cosine down to almost nothing."""
    if progress < warm:
        return max(progress / warm, 0.02)
    part = min((progress - warm) / (1 - warm), 1.0)
    return 0.5 * (1 + math.cos(math.pi * part)) + 1e-4


def weight_groups(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Decay matrices and kernels only: shrinking a BatchNorm's gain serves nothing."""
    heavy = [p for p in net.parameters() if p.ndim > 1]
    light = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": heavy, "weight_decay": decay}, {"params": light, "weight_decay": 0.0}]


@torch.no_grad()
def refresh_statistics(net: nn.Module, batches: Iterable[Tensor]) -> None:
    """Measure BatchNorm's means and variances anew: averaged weights never saw their own."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    kept = [m.momentum for m in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    net.train()
    for batch in batches:
        net(batch)
    net.eval()
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum


def compile_checked(
    net: nn.Module,
    samples: list[Tensor],
    loss: Callable[[Any], Tensor] | None,
    log: Log,
    patience: float = 100.0,
) -> Callable[[Tensor], Any]:
    """`torch.compile` tried once on every input shape; the plain net where that fails.

    Tried backwards too (when `loss` is given), on a copy of the state that is put back, so that a
    failure costs seconds here instead of the run later. Once `patience` seconds are spent, the
    shapes left go to the plain net.
    """
    state = copy.deepcopy(net.state_dict())
    ready: set[torch.Size] = set()
    compiled: Any = torch.compile(net, dynamic=False)
    begun = time.monotonic()
    for sample in samples:
        if time.monotonic() - begun > patience:
            break
        start = time.monotonic()
        try:
            with (
                torch.set_grad_enabled(loss is not None),
                torch.autocast(sample.device.type, torch.bfloat16),
            ):
                out = compiled(sample)
            if loss is not None:
                loss(out).backward()
        except Exception as error:  # whatever a compiler may throw: the plain net always works
            log.write(event="not compiled", error=f"{type(error).__name__}: {error}"[:300])
            break
        ready.add(sample.shape)
        took = round(time.monotonic() - start, 1)
        log.write(event="compiled", shape=list(sample.shape), took=took)
    for p in net.parameters():
        p.grad = None
    with torch.no_grad():
        for name, value in net.state_dict().items():
            value.copy_(state[name])
    return lambda x: compiled(x) if x.shape in ready else net(x)


def write_atomically(tensors: dict[str, Tensor], path: Path, about: dict[str, str]) -> None:
    """A reader, or a kill, never meets half a file."""
    part = path.with_suffix(".part")
    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    save_file(plain, part, metadata=about)
    os.replace(part, path)


def save_checkpoint(
    path: Path, nets: dict[str, nn.Module], optimizer: torch.optim.Optimizer, about: dict[str, Any]
) -> None:
    tensors = {f"{key}|{k}": v for key, net in nets.items() for k, v in net.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer|{number}|{key}"] = value
    write_atomically(tensors, path, {"about": json.dumps(about)})


def load_checkpoint(
    path: Path, nets: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> None:
    tensors = load_file(path)
    for key, net in nets.items():
        own = {k.split("|", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{key}|")}
        net.load_state_dict(own)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer|"):
            _, number, key = name.split("|")
            state.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def half(net: nn.Module) -> dict[str, Tensor]:
    """Kernels and matrices as float16; vectors (BatchNorm, biases) stay float32: they are tiny,
    and a variance may leave float16's range."""
    state = net.state_dict()
    return {k: v.half() if v.ndim > 1 else v for k, v in state.items()}


def save_in_shards(
    tensors: dict[str, Tensor], folder: Path, stem: str, limit: int = 15 << 20
) -> None:
    """Several files of at most 15 MiB each (plus one tensor, if that alone is larger)."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in tensors.items():
        cost = value.numel() * value.element_size()
        if size + cost > limit and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += cost
    for number, shard in enumerate(shards, start=1):
        write_atomically(shard, folder / f"{stem}-{number}.safetensors", {})


def load_shards(folder: Path, stem: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path in sorted(folder.glob(f"{stem}-*.safetensors")):
        tensors.update(load_file(path))
    return tensors
