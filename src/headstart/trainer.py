"""The only optimiser loop: runs one phase of training and leaves the best state it saw.

It knows tensors, a phase and a task's loss; it knows no strategy, no data set and no file. Batches
come from `fetch([(position, view), ...])`, whatever that reads. After each epoch all that the rest
of the phase depends on goes to a page; a phase that finds a written page goes on from it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from headstart import devices
from headstart.alongside import part
from headstart.backbones.base import Backbone
from headstart.errors import Failure
from headstart.freezing import freeze, moving, seal_frozen, verify
from headstart.heads import Reading
from headstart.heads.layer import HeadLayer
from headstart.journal import Nowhere, Page
from headstart.modalities.base import State
from headstart.precision import mixed
from headstart.progress import Progress
from headstart.ragged import Rows
from headstart.schedule import chance, rate_share, watched
from headstart.schema import Phase
from headstart.tasks.base import Task
from headstart.teaching import Epoch as Epoch
from headstart.teaching import Judged, Teaching
from headstart.teaching import Outcome as Outcome

Fetch = Callable[[Sequence[tuple[int, int]]], State]
Tensors = dict[str, torch.Tensor]

CLIP = 1.0

CALM = 64
"""Examples in a batch where nothing is learnt."""

PAGE_SECONDS = 20.0
"""A page is written at most so often: what a killed run has to do again."""


@dataclass(frozen=True)
class Lesson:
    """What is learnt from: encoded targets, which positions to learn from and which to judge by.

    `fetch` returns the rows of samples in the samples' order. `watch` says how well others are
    answered now, by which nothing is decided; the time that it takes does not count.
    """

    fetch: Fetch
    encoded: Rows
    learning: np.ndarray
    validating: np.ndarray
    task: Task
    watch: Callable[[], float] | None = None

    def loss(
        self, backbone: Backbone, head: HeadLayer, pairs: Sequence[tuple[int, int]], phase: Phase
    ) -> torch.Tensor:
        """Return the loss of some samples' views, with a gradient."""
        logits = _logits(backbone, head, self.fetch(pairs), phase.boundary)
        truth = self.encoded[np.array([position for position, _ in pairs])]
        return self.task.loss(logits, truth, phase.smoothing)

    def judge(self, backbone: Backbone, head: HeadLayer, boundary: int) -> Judged | None:
        """Return what the validation side says of the present state; None if it is no number."""
        task, truth = self.task, self.encoded[self.validating]
        logits = predict(backbone, head, self.fetch, boundary, self.validating)
        if not np.isfinite(logits).all():
            return None
        return Judged(task.score(task.probabilities(logits, 1.0), truth), logits)


def train(
    phase: Phase,
    backbone: Backbone,
    head: HeadLayer,
    lesson: Teaching,
    *,
    seed: int,
    deadline: float | None,
    progress: Progress,
    page: Page | None = None,
) -> Outcome:
    """Run one phase on the learning positions; leave the state that validated best."""
    sealed = seal_frozen(backbone, phase.boundary)
    with devices.seeded(backbone.device, seed):
        try:
            run = _Run(phase, backbone, head, lesson, np.random.default_rng(seed))
            outcome = _loop(run, deadline, progress, page or Nowhere())
        finally:
            backbone.module.eval()
            backbone.module.requires_grad_(False)
            backbone.changed()
            progress.finish()
    verify(backbone, phase.boundary, sealed)
    return outcome


def predict(
    backbone: Backbone, head: HeadLayer, fetch: Fetch, boundary: int, positions: np.ndarray
) -> np.ndarray:
    """Return logits of plain views, from the state at a boundary; the backbone is in eval mode."""
    with torch.no_grad():
        parts = [
            _logits(backbone, head, fetch(_plain(positions[at : at + CALM])), boundary).numpy()
            for at in range(0, len(positions), CALM)
        ]
    return np.concatenate([np.zeros((0, len(head.bias)), np.float32), *parts])


def read(
    backbone: Backbone, readings: Sequence[Reading], fetch: Fetch, boundary: int, count: int
) -> np.ndarray:
    """Return readings of the plain views of the first `count` positions, side by side, by rows."""
    parts = []
    with torch.no_grad():
        for at in range(0, count, CALM):
            state = fetch(_plain(np.arange(at, min(at + CALM, count))))
            found = _read(backbone, readings, state, boundary)
            parts.append(torch.cat([found[each].float() for each in readings], 1).numpy())
    return np.concatenate(parts)


def _plain(positions: np.ndarray) -> list[tuple[int, int]]:
    return [(int(position), 0) for position in positions]


def _logits(backbone: Backbone, head: HeadLayer, state: State, boundary: int) -> torch.Tensor:
    logits: torch.Tensor = head(_read(backbone, head.readings, state, boundary))
    return logits


def _read(
    backbone: Backbone, readings: Sequence[Reading], state: State, boundary: int
) -> dict[Reading, torch.Tensor]:
    """Run the stages from a boundary on and return the wanted readings along the way."""
    wanted = {at for at, _ in readings}
    state, found = part(state)
    with mixed(backbone.device):
        for at in range(boundary, backbone.depth + 1):
            if at > boundary:
                state = backbone(state, at - 1, at)
            if at in wanted:
                found |= {(at, name): vectors for name, vectors in backbone.read(state, at).items()}
    return found


@dataclass
class _Progress:
    """Where a phase stands: everything but tensors that its rest depends on."""

    number: int = 0
    step: int = 0
    planned: int = 0
    best: float = -math.inf
    best_at: int = 0
    epochs: list[Epoch] = field(default_factory=list)


class _Run:
    """The moving parts of one phase."""

    def __init__(
        self,
        phase: Phase,
        backbone: Backbone,
        head: HeadLayer,
        lesson: Teaching,
        generator: np.random.Generator,
    ) -> None:
        self.phase, self.backbone, self.head, self.lesson = phase, backbone, head, lesson
        self.generator = generator
        opened = freeze(backbone, phase.boundary)
        self.named = [*opened, *((f"head.{n}", each) for n, each in head.named_parameters())]
        self.optimiser = torch.optim.AdamW(self._groups(opened), lr=phase.rate)
        self.at = _Progress(planned=phase.epochs)
        self.best: Tensors = self.snapshot()
        self.logits = self.best_logits = np.zeros((0, len(head.bias)), np.float32)
        self.left: float | None = None

    def _groups(self, opened: Sequence[tuple[str, nn.Parameter]]) -> list[dict[str, Any]]:
        """Return parameter groups: a rate for each stage, and no decay for norms and biases.

        Those have one dimension; pulling them to zero helps nothing.
        """
        phase, depth = self.phase, self.backbone.depth
        stage = {name: at for at, each in enumerate(self.backbone.stages) for name in each.owns}
        by_kind: dict[tuple[float, float], list[nn.Parameter]] = {}
        peaks = [(each, phase.rate) for each in self.head.parameters()] + [
            (each, phase.backbone_rate * phase.decay ** (depth - 1 - stage[name]))
            for name, each in opened
        ]
        for parameter, peak in peaks:
            decay = phase.weight_decay if parameter.dim() > 1 else 0.0
            by_kind.setdefault((peak, decay), []).append(parameter)
        return [
            {"params": parameters, "peak": peak, "lr": peak, "weight_decay": decay}
            for (peak, decay), parameters in by_kind.items()
        ]

    def step(self, pairs: Sequence[tuple[int, int]]) -> float:
        loss = self.lesson.loss(self.backbone, self.head, pairs, self.phase)
        value = float(loss.detach())
        if math.isfinite(value):
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            slope = float(nn.utils.clip_grad_norm_([each for _, each in self.named], CLIP))
            if not math.isfinite(slope):
                return slope  # a step along it would leave no weight a number
            self.optimiser.step()
        return value

    def epoch(self) -> float:
        """Make one pass over the learning positions; return the mean loss."""
        phase, learning, losses = self.phase, self.lesson.learning, []
        # A last batch of one example has no batch statistics: it joins no step.
        starts = [at for at in range(0, len(learning), phase.batch_size) if at < len(learning) - 1]
        order = self.generator.permutation(learning)
        chosen = self.generator.choice(phase.numbers, len(order))
        for at in starts:
            share = rate_share(self.at.step, self.at.planned * len(starts), phase.warmup)
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * share
            positions = order[at : at + phase.batch_size]
            pairs = [(int(p), int(v)) for p, v in zip(positions, chosen[at:], strict=False)]
            losses.append(self.step(pairs))
            if not math.isfinite(losses[-1]):
                raise self.diverged()
            self.at.step += 1
        return float(np.mean(losses))

    def judge(self) -> float | None:
        """Judge the present state, and remember it if it is the best; None: nothing to judge by."""
        if not len(self.lesson.validating):
            self.best = self.snapshot()
            return None
        self.backbone.module.eval()
        judged = self.lesson.judge(self.backbone, self.head, self.phase.boundary)
        freeze(self.backbone, self.phase.boundary)
        if judged is None:
            raise self.diverged()
        self.logits = judged.answers
        if judged.score > self.at.best:
            self.at.best, self.at.best_at = judged.score, self.at.number
            self.best, self.best_logits = self.snapshot(), judged.answers
        return judged.score

    def settle(self, finished: bool) -> int:
        """Leave the last state, or an earlier one that was surely better; return its number.

        The last of a plan that was finished has seen the rate fall to nothing and has no luck in
        it, which the best of twenty looks at fifty examples mostly is. So an earlier one has to be
        better by more than chance. On a plateau the best is what there is.
        """
        last = self.at.epochs[-1].score if self.at.epochs else None
        if last is None:
            return self.at.number
        if finished and self.at.best - last <= chance(self.at.best, len(self.lesson.validating)):
            return self.at.number
        self.restore(self.best)
        self.logits = self.best_logits
        return self.at.best_at

    def diverged(self) -> Failure:
        """Go back to the last good state and return the error that says why training ended."""
        self.restore(self.best)
        return Failure(
            f"Training diverged in epoch {self.at.number}: the loss is no longer a number.",
            "Train fewer stages (--strategy partial --unfreeze 1, or probe, which trains none), or "
            "look for broken inputs with `headstart check`.",
        )

    def watch(self) -> float | None:
        """Look at the present state from outside, in some epochs: the first few, then ever fewer.

        A curve is drawn by ratios of its epochs, and each look is a pass over what is watched.
        """
        if self.lesson.watch is None or not watched(self.at.number, self.at.planned):
            return None
        self.backbone.module.eval()
        value = self.lesson.watch()
        freeze(self.backbone, self.phase.boundary)
        return value

    def moving(self) -> Tensors:
        """Return every tensor that the phase may change, by name."""
        names = moving(self.backbone, self.phase.boundary)
        state = self.backbone.module.state_dict()
        body = {name: tensor for name, tensor in state.items() if name in names}
        return body | {f"head.{name}": each for name, each in self.head.named_parameters()}

    def snapshot(self) -> Tensors:
        return {name: tensor.detach().clone() for name, tensor in self.moving().items()}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in self.moving().items():
                tensor.copy_(state[name])

    def note(self, page: Page, left: float | None) -> None:
        """Write down all that the rest of the phase depends on."""
        tensors = {f"now.{name}": each for name, each in self.snapshot().items()}
        tensors |= {f"best.{name}": each for name, each in self.best.items()}
        tensors["best_logits"] = torch.from_numpy(self.best_logits)
        for kind, state in devices.chance(self.backbone.device).items():
            tensors[f"chance.{kind}"] = state
        # torch numbers parameters in the order of the groups; the page names them.
        for name, parameter in self.named:
            for kind, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"{kind}.{name}"] = torch.as_tensor(value)
        notes = asdict(self.at) | {"generator": self.generator.bit_generator.state, "left": left}
        page.write(tensors, notes)

    def take_up(self, page: Page) -> bool:
        """Go back to where the page was written, if it was."""
        found = page.read()
        if found is None:
            return False
        tensors, notes = found
        self.restore(
            {n.removeprefix("now."): t for n, t in tensors.items() if n.startswith("now.")}
        )
        self.best = {
            n.removeprefix("best."): t for n, t in tensors.items() if n.startswith("best.")
        }
        self.best_logits = tensors["best_logits"].numpy()
        drawn = {n.removeprefix("chance."): t for n, t in tensors.items() if n[:7] == "chance."}
        devices.set_chance(self.backbone.device, drawn)
        for name, parameter in self.named:
            kept = {k: tensors[f"{k}.{name}"] for k in ADAM if f"{k}.{name}" in tensors}
            if kept:
                where = {k: "cpu" if k == "step" else parameter.device for k in kept}
                self.optimiser.state[parameter] = {k: kept[k].to(where[k]) for k in kept}
        self.left = notes.pop("left")
        self.generator.bit_generator.state = notes.pop("generator")
        epochs = [Epoch(**each) for each in notes.pop("epochs")]
        self.at = _Progress(**notes | {"epochs": epochs})
        return True


ADAM = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of each parameter."""


def _loop(run: _Run, deadline: float | None, progress: Progress, page: Page) -> Outcome:
    phase, stopped = run.phase, "all epochs done"
    if not run.take_up(page):
        if not phase.fresh:
            run.judge()
    elif deadline is not None and run.left is not None:
        deadline = time.perf_counter() + run.left
    at = run.at
    progress.start(f"Training: {phase.name}", at.planned)
    progress.advance(at.number)
    noted = time.perf_counter()
    while at.number < at.planned:
        begun = time.perf_counter()
        at.number += 1
        loss, score = run.epoch(), run.judge()
        seconds = time.perf_counter() - begun
        looked = time.perf_counter()
        at.epochs.append(Epoch(at.number, loss, score, seconds, run.watch()))
        deadline = deadline and deadline + time.perf_counter() - looked
        progress.advance()
        if deadline is not None:
            # The cosine must reach its end within the budget, so the plan follows the clock.
            room = int((deadline - time.perf_counter()) / seconds)
            at.planned = min(at.planned, at.number + max(0, room))
        if at.number >= at.planned:
            if at.planned < phase.epochs:
                stopped = "the time budget was used up"
            break
        if phase.patience and at.number - at.best_at >= phase.patience:
            stopped = f"no better validation score for {phase.patience} epochs"
            break
        if time.perf_counter() - noted >= PAGE_SECONDS:
            noted = time.perf_counter()
            run.note(page, None if deadline is None else deadline - noted)
    kept = run.settle(at.number >= at.planned)
    return Outcome(tuple(at.epochs), kept, run.logits, stopped)
