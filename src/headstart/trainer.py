"""The only optimiser loop: runs one phase of training and leaves the best state it saw.

It knows tensors, a phase and a task's loss; it knows no strategy, no data set and no file. Batches
come from `fetch([(position, view), ...])`, whatever that reads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from headstart.backbones.base import Backbone
from headstart.errors import Failure
from headstart.freezing import freeze, seal, verify
from headstart.modalities.base import State
from headstart.precision import native_bfloat16
from headstart.progress import Progress
from headstart.schema import Phase
from headstart.tasks.base import Task

Fetch = Callable[[Sequence[tuple[int, int]]], State]
Snapshot = tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]

CLIP = 1.0


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training side came to, judged on the validation side."""

    number: int
    loss: float
    score: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a phase came to: its epochs, which of them was kept, and why it ended."""

    epochs: tuple[Epoch, ...]
    kept: int
    validation_logits: np.ndarray
    stopped: str


def _rate_share(step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak rate: a linear rise, then half a cosine down to zero."""
    rising = max(1, int(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))


class _Run:
    """The moving parts of one phase."""

    def __init__(
        self, phase: Phase, backbone: Backbone, head: nn.Linear, reading: str, fetch: Fetch
    ) -> None:
        self.phase, self.backbone, self.head = phase, backbone, head
        self.reading, self.fetch = reading, fetch
        named = [*freeze(backbone, phase.boundary), *head.named_parameters("head")]
        self.parameters = [parameter for _, parameter in named]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.parameters if p.dim() > 1]},
            # Norms and biases have one dimension; pulling them to zero helps nothing.
            {"params": [p for p in self.parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=phase.rate, weight_decay=phase.weight_decay)

    def logits(self, pairs: Sequence[tuple[int, int]]) -> torch.Tensor:
        state = self.fetch(pairs)
        with torch.autocast("cpu", torch.bfloat16, enabled=native_bfloat16()):
            output = self.backbone(state, self.phase.boundary)
            vectors = self.backbone.read(output, self.backbone.depth)[self.reading]
        logits: torch.Tensor = self.head(vectors.float())
        return logits

    def step(self, pairs: Sequence[tuple[int, int]], targets: torch.Tensor, task: Task) -> float:
        loss = task.loss(self.logits(pairs), targets, self.phase.smoothing)
        value = float(loss.detach())
        if math.isfinite(value):
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            slope = float(nn.utils.clip_grad_norm_(self.parameters, CLIP))
            if not math.isfinite(slope):
                return slope  # a step along it would leave no weight a number
            self.optimiser.step()
        return value

    def set_rate(self, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def predict(self, positions: np.ndarray) -> np.ndarray:
        """Return logits of the plain views, in eval mode."""
        self.backbone.module.eval()
        size = self.phase.batch_size * 2
        with torch.no_grad():
            parts = [
                self.logits([(int(p), 0) for p in positions[at : at + size]])
                for at in range(0, len(positions), size)
            ]
        freeze(self.backbone, self.phase.boundary)
        return torch.cat(parts).numpy()

    def snapshot(self) -> Snapshot:
        body, head = self.backbone.module.state_dict(), self.head.state_dict()
        return {n: t.clone() for n, t in body.items()}, {n: t.clone() for n, t in head.items()}

    def restore(self, state: Snapshot) -> None:
        self.backbone.module.load_state_dict(state[0])
        self.head.load_state_dict(state[1])


def train(
    phase: Phase,
    backbone: Backbone,
    head: nn.Linear,
    reading: str,
    fetch: Fetch,
    encoded: np.ndarray,
    learning: np.ndarray,
    validating: np.ndarray,
    task: Task,
    *,
    seed: int,
    deadline: float | None,
    progress: Progress,
) -> Outcome:
    """Run one phase on the `learning` positions; leave the state that did best on `validating`."""
    sealed = seal(backbone, phase.boundary)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            outcome = _loop(
                _Run(phase, backbone, head, reading, fetch),
                phase,
                torch.from_numpy(encoded),
                learning,
                validating,
                task,
                np.random.default_rng(seed),
                deadline,
                progress,
            )
        finally:
            backbone.module.eval()
            backbone.module.requires_grad_(False)
            backbone.changed()
            progress.finish()
    verify(backbone, phase.boundary, sealed)
    return outcome


def _loop(
    run: _Run,
    phase: Phase,
    targets: torch.Tensor,
    learning: np.ndarray,
    validating: np.ndarray,
    task: Task,
    generator: np.random.Generator,
    deadline: float | None,
    progress: Progress,
) -> Outcome:
    truth = targets[torch.from_numpy(validating)].numpy()
    # A last batch of one example has no batch statistics: it joins no step.
    starts = [at for at in range(0, len(learning), phase.batch_size) if at < len(learning) - 1]
    planned, step = phase.epochs, 0
    best, best_rank, kept, stopped = run.snapshot(), (-1.0, -math.inf), 0, "all epochs done"
    best_logits = np.zeros(0)
    epochs: list[Epoch] = []
    progress.start(f"Training: {phase.name}", planned)
    for number in range(1, phase.epochs + 1):
        begun, losses = time.perf_counter(), []
        order = generator.permutation(learning)
        chosen = generator.integers(0, max(1, phase.views), len(order))
        for at in starts:
            run.set_rate(phase.rate * _rate_share(step, planned * len(starts), phase.warmup))
            positions = order[at : at + phase.batch_size]
            pairs = [(int(p), int(v)) for p, v in zip(positions, chosen[at:], strict=False)]
            value = run.step(pairs, targets[torch.from_numpy(positions)], task)
            if not math.isfinite(value):
                raise _diverged(run, best, number)
            losses.append(value)
            step += 1
        logits = run.predict(validating)
        if not np.isfinite(logits).all():
            raise _diverged(run, best, number)
        score = task.score(task.probabilities(logits, 1.0), truth)
        gap = float(task.loss(torch.from_numpy(logits), torch.from_numpy(truth), 0.0))
        seconds = time.perf_counter() - begun
        epochs.append(Epoch(number, float(np.mean(losses)), score, seconds))
        if (score, -gap) > best_rank:
            best, best_rank, kept, best_logits = run.snapshot(), (score, -gap), number, logits
        progress.advance()
        if deadline is not None:
            # The cosine must reach its end within the budget, so the plan follows the clock.
            left = int((deadline - time.perf_counter()) / seconds)
            planned = min(planned, number + max(0, left))
        if number >= planned:
            stopped = stopped if planned == phase.epochs else "the time budget was used up"
            break
        if phase.patience and number - kept >= phase.patience:
            stopped = f"no better validation score for {phase.patience} epochs"
            break
    run.restore(best)
    return Outcome(tuple(epochs), kept, best_logits, stopped)


def _diverged(run: _Run, best: Snapshot, epoch: int) -> Failure:
    """Go back to the last good state and return the error that says why training ended."""
    run.restore(best)
    return Failure(
        f"Training diverged in epoch {epoch}: the loss is no longer a number.",
        "Look for broken inputs with `headstart check`, or use --strategy probe.",
    )
