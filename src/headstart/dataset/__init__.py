"""From what a person has (a folder, a table, two lists) to samples, and from samples to splits.

`read` is for training and refuses what cannot be learnt from; `scan` takes the same sources as they
are, for looking at data and for evaluating. `splits` seals the test, makes folds and draws.
"""

from headstart.dataset.columns import looks_like_text
from headstart.dataset.inputs import read_inputs
from headstart.dataset.pairs import from_pairs
from headstart.dataset.read import glance, read, scan
from headstart.dataset.trainable import Dataset, require_trainable

__all__ = [
    "Dataset",
    "from_pairs",
    "glance",
    "looks_like_text",
    "read",
    "read_inputs",
    "require_trainable",
    "scan",
]
