"""Linear probes: multinomial logistic regression by L-BFGS in torch, its penalty by inner folds."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

GRID = (0.003, 0.012, 0.05, 0.2, 0.8)


def fit(
    x: Tensor,
    y: Tensor,
    classes: int,
    strength: float,
    start: Tensor | None = None,
    most: int = 200,
) -> Tensor:
    """Weights (features + 1 by classes) minimising summed log loss + |w|^2 / (2 strength)."""
    ones = torch.ones(len(x), 1, device=x.device)
    design = torch.cat([x, ones], 1)
    w = torch.zeros(design.shape[1], classes, device=x.device) if start is None else start.clone()
    w.requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [w],
        max_iter=most,
        tolerance_grad=1e-5,
        tolerance_change=1e-7,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        # Averages, not sums, so that the tolerance means the same at every size.
        loss = F.cross_entropy(design @ w, y)
        loss = loss + w[:-1].square().sum() / (2 * strength * len(x))
        loss.backward()
        return loss

    optimiser.step(closure)  # type: ignore[arg-type]
    return w.detach()


def scores(x: Tensor, w: Tensor) -> Tensor:
    return x @ w[:-1] + w[-1]


def scale(train: Tensor, *others: Tensor) -> list[Tensor]:
    """Centred, and divided by one number for all features: the space keeps its shape."""
    mean = train.mean(0)
    size = (train - mean).square().mean().sqrt().clamp_min(1e-8)
    return [(x - mean) / size for x in (train, *others)]


def folds(y: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A fold number for every row, each class spread evenly."""
    rng = np.random.default_rng(seed)
    number = np.zeros(len(y), dtype=int)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        number[rows] = (np.arange(len(rows)) + rng.integers(count)) % count
    return number


def choose(x: Tensor, y: Tensor, classes: int, seed: int, count: int = 3) -> float:
    """The strength with the lowest log loss over the inner folds."""
    number = torch.from_numpy(folds(y.cpu().numpy(), count, seed)).to(x.device)
    losses = np.zeros(len(GRID))
    for k in range(count):
        train, test = number != k, number == k
        w = None
        for i, strength in enumerate(GRID):
            w = fit(x[train], y[train], classes, strength, w, most=50)
            losses[i] += float(F.cross_entropy(scores(x[test], w), y[test], reduction="sum"))
    return GRID[int(losses.argmin())]


def probe(
    train: Tensor, y: Tensor, test: Tensor, classes: int, seed: int = 0
) -> tuple[Tensor, float]:
    """Predicted classes of the test rows, and the strength that the inner folds chose."""
    train, test = scale(train, test)
    strength = choose(train, y, classes, seed)
    return scores(test, fit(train, y, classes, strength)).argmax(1), strength
