"""What an image net is worth with few labels: frozen readings, a linear head, and opponents.

Everything here is a plain function of arrays, so that jobs can be spread over processes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from augment import MILD, normalise, resize, views
from scipy.optimize import minimize
from scipy.special import log_softmax
from suite import Set, draw
from torch import Tensor, nn

from headstart.backbones.nets.image import MEAN, STD, SmallResNet
from headstart.precision import native_bfloat16

PER_CLASS = (5, 10, 20, 50, None)
DRAWS = 3
STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # C of the logistic regression
Blocks = dict[str, np.ndarray]


@dataclass
class Cell:
    """Figures of one method on one set at one number of labels a class."""

    set: str
    method: str
    per_class: int | None
    accuracy: list[float]
    macro_f1: list[float]


def cells(labels: np.ndarray) -> list[tuple[int | None, list[np.ndarray]]]:
    """The draws of every number of labels; the whole has nothing to draw."""
    plan: list[tuple[int | None, list[np.ndarray]]] = []
    for per_class in PER_CLASS:
        seeds = range(DRAWS if per_class else 1)
        plan.append((per_class, [draw(labels, per_class, seed) for seed in seeds]))
    return plan


def to_tensor(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


@torch.no_grad()
def read(net: Any, images: np.ndarray, size: int, device: torch.device) -> Blocks:
    """Per stage, the global mean and the 2x2 grid of its map, in float32."""
    blocks: dict[str, list[Tensor]] = {}
    for batch in to_tensor(images).split(128):
        x = resize(batch.to(device).float() / 255, size)
        for name, full in net.forward_maps(normalise(x, MEAN, STD)).items():
            blocks.setdefault(f"{name}.mean", []).append(full.mean((2, 3)).cpu())
            grid = F.adaptive_avg_pool2d(full, 2).flatten(1)
            blocks.setdefault(f"{name}.grid", []).append(grid.cpu())
    return {name: torch.cat(parts).float().numpy() for name, parts in blocks.items()}


def readings(blocks: Blocks) -> dict[str, Blocks]:
    """The readings to judge: `all` is the headline, the others say where its worth comes from.

    `all` takes every stage's mean but the stem's, and the grids of the last two stages.
    """
    names = list(dict.fromkeys(name.split(".")[0] for name in blocks))
    chosen: dict[str, Blocks] = {}
    every = [f"{n}.mean" for n in names if n != "stem"] + [f"{n}.grid" for n in names[-2:]]
    chosen["all"] = {name: blocks[name] for name in every}
    for name in names:
        chosen[name] = {key: blocks[key] for key in (f"{name}.mean", f"{name}.grid")}
    chosen["last mean"] = {f"{names[-1]}.mean": blocks[f"{names[-1]}.mean"]}
    return chosen


def reduce(blocks: Blocks, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardise on the training rows, give every block the same total variance, and turn to
    the training rows' own axes: a ridge-like solution lies there, and it is much smaller."""
    left, right = [], []
    for values in blocks.values():
        mean, std = values[train].mean(0), values[train].std(0)
        # A feature that hardly varies in training would explode on test rows.
        scale = np.sqrt(values.shape[1]) * np.maximum(std, 0.05 * std.mean() + 1e-6)
        left.append((values[train] - mean) / scale)
        right.append((values[test] - mean) / scale)
    a, b = np.concatenate(left, 1), np.concatenate(right, 1)
    _, _, axes = np.linalg.svd(a, full_matrices=False)
    return a @ axes.T, b @ axes.T


def fit_logistic(
    x: np.ndarray, y: np.ndarray, classes: int, strength: float, start: np.ndarray | None = None
) -> np.ndarray:
    """Multinomial logistic regression, scikit-learn's objective: C times the summed loss plus half
    the squared weights. Returns weights (columns + 1, classes), the last row being the offsets."""
    n, columns = x.shape
    padded = np.concatenate([x, np.ones((n, 1))], 1)
    goal = np.eye(classes)[y]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(columns + 1, classes)
        said = log_softmax(padded @ weights, axis=1)
        slope = strength * (padded.T @ (np.exp(said) - goal))
        slope[:-1] += weights[:-1]
        value = -strength * (said * goal).sum() + 0.5 * np.square(weights[:-1]).sum()
        return float(value), slope.ravel()

    first = np.zeros((columns + 1, classes)) if start is None else start
    found = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x).reshape(columns + 1, classes)


def folds_of(y: np.ndarray, count: int) -> np.ndarray:
    """A fold number for every row, every class spread evenly."""
    fold = np.zeros(len(y), int)
    generator = np.random.default_rng(0)
    for label in np.unique(y):
        mine = generator.permutation(np.flatnonzero(y == label))
        fold[mine] = np.arange(len(mine)) % count
    return fold


def fit_head(x: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """The weights at the C that inner folds like best, by log loss."""
    x = x.astype(np.float64)
    fold = folds_of(y, max(2, min(5, int(np.bincount(y)[np.unique(y)].min()))))
    losses = np.zeros(len(STRENGTHS))
    for part in np.unique(fold):
        train, test = fold != part, fold == part
        weights = None
        for i, strength in enumerate(STRENGTHS):
            weights = fit_logistic(x[train], y[train], classes, strength, weights)
            said = log_softmax(x[test] @ weights[:-1] + weights[-1], axis=1)
            losses[i] -= said[np.arange(len(said)), y[test]].sum()
    return fit_logistic(x, y, classes, STRENGTHS[int(losses.argmin())])


def macro_f1(truth: np.ndarray, guess: np.ndarray) -> float:
    """The mean over the classes met of the harmonic mean of precision and recall."""
    values = []
    for label in np.union1d(truth, guess):
        hit = ((truth == label) & (guess == label)).sum()
        values.append(2 * hit / ((truth == label).sum() + (guess == label).sum()))
    return float(np.mean(values))


def probe(name: str, method: str, blocks: Blocks, labels: np.ndarray, test: np.ndarray,
          ) -> list[Cell]:  # fmt: skip
    """A linear head on one reading, at every number of labels."""
    warnings.simplefilter("ignore")
    pool, exam = np.flatnonzero(~test), np.flatnonzero(test)
    out = []
    for per_class, draws in cells(labels[pool]):
        cell = Cell(name, method, per_class, [], [])
        for rows in draws:
            x, z = reduce(blocks, pool[rows], exam)
            weights = fit_head(x, labels[pool[rows]], int(labels.max()) + 1)
            score(cell, labels[exam], (z @ weights[:-1] + weights[-1]).argmax(1))
        out.append(cell)
    return out


def score(cell: Cell, truth: np.ndarray, guess: np.ndarray) -> None:
    cell.accuracy.append(round(float((truth == guess).mean()), 4))
    cell.macro_f1.append(round(macro_f1(truth, guess), 4))


def random_net(images: np.ndarray, size: int, device: torch.device, seed: int = 0) -> SmallResNet:
    """Fresh weights, BatchNorm's statistics measured on training pictures: the fairest nothing."""
    torch.manual_seed(seed)
    net = SmallResNet().to(device)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    net.train()
    with torch.no_grad():
        for batch in to_tensor(images).split(64):
            if len(batch) > 1:
                net(normalise(resize(batch.to(device).float() / 255, size), MEAN, STD))
    return net.eval()


def from_scratch(one: Set, per_class: int | None, seed: int, size: int, steps: int,
                 config: dict[str, Any]) -> Cell:  # fmt: skip
    """The same net from fresh weights: augmentation, one cycle, the same steps for every size."""
    warnings.simplefilter("ignore")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(1000 + seed)
    pool = np.flatnonzero(~one.test)
    rows = pool[draw(one.labels[pool], per_class, seed)]
    images = to_tensor(one.images[rows]).to(device)
    labels = torch.from_numpy(one.labels[rows]).long().to(device)
    net = SmallResNet(**{**config, "classes": len(one.classes)}).to(device)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    batch = 64
    order = torch.empty(0, dtype=torch.long, device=device)
    for _ in range(steps):
        while len(order) < batch:
            order = torch.cat([order, torch.randperm(len(labels), device=device)])
        pick, order = order[:batch], order[batch:]
        x = normalise(views(images[pick], size, MILD), MEAN, STD)
        fast = device.type != "cpu" or native_bfloat16()
        with torch.autocast(device.type, torch.bfloat16, enabled=fast):
            scores = net(x)
        loss = F.cross_entropy(scores.float(), labels[pick], label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    net.eval()
    exam = np.flatnonzero(one.test)
    guesses = []
    with torch.no_grad():
        for part in to_tensor(one.images[exam]).split(128):
            x = normalise(resize(part.to(device).float() / 255, size), MEAN, STD)
            guesses.append(net(x).argmax(1).cpu())
    cell = Cell(one.name, "from scratch", per_class, [], [])
    score(cell, one.labels[exam], torch.cat(guesses).numpy())
    return cell
