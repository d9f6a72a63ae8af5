"""Made-up readings with a known answer, for the tests of heads."""

import numpy as np

Reading = tuple[int, str]


def vectors(
    seed: int, n: int, width: int, labels: int, pull: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return correlated features of unlike scale, and classes that take turns over the rows."""
    random = np.random.default_rng(seed)
    truth = np.arange(n) % labels
    sizes = np.arange(1, width + 1) ** -0.5
    middles = random.normal(size=(labels, width)) * sizes * pull
    rows = middles[truth] + random.normal(size=(n, width)) * sizes
    for _ in range(3):
        mirror = random.normal(size=width)
        rows -= np.outer(rows @ mirror, mirror) * (2 / (mirror @ mirror))
    scale = np.exp(random.normal(size=width))
    return (rows * scale + random.normal(size=width)).astype(np.float32), truth


def in_turn(n: int, count: int, labels: int) -> np.ndarray:
    """Return fold numbers for rows whose classes take turns, every fold with every class."""
    return (np.arange(n) // labels) % count
