"""Many penalised logistic regressions at once: a batched, preconditioned L-BFGS.

A problem minimises, over weights W and unpenalised biases, the weighted mean of the samples'
log-losses plus `penalty / 2 * |W|²`. Problems that share samples (the penalties of a path) share
one matrix product, and folds are batched beside them. The curvature along a direction of variance
v is close to `h v + penalty`, with h the mean of p (1 - p), so dividing by that, in a basis where
the variance is diagonal, does most of what Newton's method would, for the price of a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from headstart.heads.head import Kind

MEMORY = 8
CURVATURE_ROWS = 512


@dataclass
class Block:
    """Some samples of a batch of problems.

    `vectors` are coordinates [F, n, d + 1], the last of them 1; `targets` [F, n] class numbers or
    [F, n, L] of 0/1; `weights` [F, n] sum to 1 over all blocks.
    """

    vectors: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


@dataclass
class Problems:
    """A batch of problems: F sets of samples by P penalties.

    `blocks` yields the samples anew at each call. `variance` [F, d + 1] is the variance of each
    coordinate (1 for the bias), and `penalties` [F, P]. `spread`, where coordinates are correlated,
    replaces division by the diagonal: it maps a gradient and the curvature to a direction.
    """

    kind: Kind
    labels: int
    samples: int
    blocks: Callable[[], Iterator[Block]]
    variance: torch.Tensor
    penalties: torch.Tensor
    spread: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor] | None = None


@dataclass
class Point:
    """Where a batch of problems stands: W [F, d + 1, P, L], its loss, gradient and curvature."""

    at: torch.Tensor
    loss: torch.Tensor
    gradient: torch.Tensor
    curvature: torch.Tensor


def residuals(kind: Kind, logits: torch.Tensor, block: Block) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the samples' losses [F, n, P] and probabilities, written over the logits."""
    if kind == "softmax":
        index = block.targets[:, :, None, None].expand(-1, -1, logits.shape[2], 1)
        top = logits.amax(-1, keepdim=True)
        logits -= top
        of_truth = logits.gather(3, index).squeeze(3)
        logits.exp_()
        total = logits.sum(-1, keepdim=True)
        logits /= total
        return total.squeeze(-1).log() - of_truth, logits
    targets = block.targets[:, :, None, :]
    losses = torch.nn.functional.softplus(logits).sub_(logits * targets).sum(-1)
    return losses, logits.sigmoid_()


def look(problems: Problems, at: torch.Tensor, penalties: torch.Tensor) -> Point:
    """Evaluate all problems of a batch at W: one pass over the samples."""
    folds, width, paths, labels = at.shape
    # Laid out so that both products run along the rows of the samples: with few labels the
    # gradient would otherwise take fifteen times as long.
    turned = at.reshape(folds, width, paths * labels).transpose(1, 2).contiguous()
    loss = at.new_zeros(folds, paths)
    slope = torch.zeros_like(turned)
    curvature = at.new_zeros(folds, paths, labels)
    seen = at.new_zeros(folds)
    stride = max(1, problems.samples // CURVATURE_ROWS)
    for block in problems.blocks():
        n = block.vectors.shape[1]
        logits = torch.bmm(block.vectors, turned.transpose(1, 2)).reshape(folds, n, paths, labels)
        losses, chance = residuals(problems.kind, logits, block)
        loss += torch.einsum("fn,fnp->fp", block.weights, losses)
        some, share = chance[:, ::stride], block.weights[:, ::stride]
        curvature += torch.einsum("fn,fnpk->fpk", share, some * (1 - some))
        seen += share.sum(1)
        if problems.kind == "softmax":
            index = block.targets[:, :, None, None].expand(-1, -1, paths, 1)
            chance.scatter_add_(3, index, chance.new_full((1,), -1.0).expand(index.shape))
        else:
            chance -= block.targets[:, :, None, :]
        chance *= block.weights[:, :, None, None]
        slope.baddbmm_(chance.reshape(folds, n, -1).transpose(1, 2), block.vectors)
    gradient = slope.transpose(1, 2).reshape(at.shape)
    pulled = at[:, :-1] * penalties[:, None, :, None]
    gradient[:, :-1] += pulled
    loss += 0.5 * (pulled * at[:, :-1]).sum((1, 3))
    curvature /= seen[:, None, None].clamp_min(1e-12)
    return Point(at, loss, gradient, curvature.clamp_min_(1e-4))


def dot(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the inner product of each problem: [F, P]."""
    return (first * second).sum((1, 3))


@dataclass
class Step:
    """A remembered step: how W moved, how the gradient answered, 1 over their product."""

    moved: torch.Tensor
    answered: torch.Tensor
    inverse: torch.Tensor


def direct(problems: Problems, point: Point, steps: list[Step], pens: torch.Tensor) -> torch.Tensor:
    """Return the L-BFGS direction (towards higher loss) from the remembered steps."""
    towards = point.gradient.clone()
    scales = []
    for step in reversed(steps):
        scale = step.inverse * dot(step.moved, towards)
        towards -= scale[:, None, :, None] * step.answered
        scales.append(scale)
    towards = precondition(problems, towards, point.curvature, pens)
    if steps:
        last = steps[-1]
        reply = precondition(problems, last.answered, point.curvature, pens)
        size = dot(last.answered, reply)
        gain = torch.where(
            (last.inverse > 0) & (size > 0), 1 / (last.inverse * size).clamp_min(1e-30), 1.0
        )
        towards *= gain.clamp(1e-2, 1e2)[:, None, :, None]
    for step, scale in zip(steps, reversed(scales), strict=True):
        back = step.inverse * dot(step.answered, towards)
        towards += (scale - back)[:, None, :, None] * step.moved
    return towards


def precondition(
    problems: Problems, gradient: torch.Tensor, curvature: torch.Tensor, penalties: torch.Tensor
) -> torch.Tensor:
    """Divide a gradient by the approximate curvature of the penalised loss."""
    if problems.spread is not None:
        return problems.spread(gradient, curvature, penalties)
    bent = problems.variance[:, :, None, None] * curvature[:, None]
    bent[:, :-1] += penalties[:, None, :, None]
    return gradient / bent


def minimise(problems: Problems, *, tolerance: float, iterations: int) -> torch.Tensor:
    """Solve every problem of a batch and return W [F, d + 1, P, L].

    Stops a problem when a step is expected to lower its loss by less than `tolerance`. Solved
    penalties leave the batch, so the easy ones do not pay for the hard.
    """
    folds, paths = problems.penalties.shape
    width = problems.variance.shape[1]
    solution = torch.zeros(folds, width, paths, problems.labels)
    open_paths = torch.arange(paths)
    penalties = problems.penalties
    point = look(problems, solution.clone(), penalties)
    steps: list[Step] = []
    for _ in range(iterations):
        towards = direct(problems, point, steps, penalties)
        slope = dot(point.gradient, towards)
        bad = slope <= 0
        if bool(bad.any()):
            plain = precondition(problems, point.gradient, point.curvature, penalties)
            towards = torch.where(bad[:, None, :, None], plain, towards)
            slope = dot(point.gradient, towards)
        done = slope < 2 * tolerance
        undone = (~done).any(0)
        if int(undone.sum()) <= 0.75 * len(open_paths):
            solution[:, :, open_paths] = point.at
            open_paths = open_paths[undone]
            if len(open_paths) == 0:
                break
            penalties = penalties[:, undone]
            point = Point(
                point.at[:, :, undone],
                point.loss[:, undone],
                point.gradient[:, :, undone],
                point.curvature[:, undone],
            )
            steps = [
                Step(s.moved[:, :, undone], s.answered[:, :, undone], s.inverse[:, undone])
                for s in steps
            ]
            towards, slope = towards[:, :, undone], slope[:, undone]
        before = point
        point = descend(problems, before, towards, slope, penalties)
        moved, answered = point.at - before.at, point.gradient - before.gradient
        product = dot(moved, answered)
        inverse = torch.where(product > 1e-12, 1 / product.clamp_min(1e-12), 0.0)
        steps = [*steps[-(MEMORY - 1) :], Step(moved, answered, inverse)]
    if len(open_paths):
        solution[:, :, open_paths] = point.at
    return solution


def descend(
    problems: Problems,
    point: Point,
    towards: torch.Tensor,
    slope: torch.Tensor,
    penalties: torch.Tensor,
) -> Point:
    """Step down, halving the step of each problem whose loss does not fall enough."""
    length = torch.ones_like(slope)
    for _ in range(12):
        reached = look(problems, point.at - length[:, None, :, None] * towards, penalties)
        slack = 1e-6 * point.loss.abs() + 1e-9
        short = ~(reached.loss <= point.loss - 1e-4 * length * slope + slack)
        if not bool(short.any()):
            return reached
        length = torch.where(short, length * 0.4, length)
    still = short[:, None, :, None]
    return look(problems, torch.where(still, point.at, reached.at), penalties)
