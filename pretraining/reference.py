"""Write down what a bundled net's readings are like on what it was pretrained on.

    PYTHONPATH=src python pretraining/reference.py image --data photos64.parquet
    PYTHONPATH=src python pretraining/reference.py audio --data folder_of_recordings

For every stage the mean and the deviation of each channel of its leading reading go to
`reference.safetensors` beside the weights. By them a `fit` tells how far somebody's data is from
what the net knows (`headstart/domain.py`). Run it again whenever the weights change. DATA is a
Parquet file with a column named after the kind of input, or a folder of files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from headstart.backbones.base import Backbone
from headstart.backbones.known import read_bundled
from headstart.backbones.source import open_backbone
from headstart.errors import UnreadableInput
from headstart.features import BATCH, forward_all
from headstart.heads.candidates import leading
from headstart.modalities.base import Arrays, Modality
from headstart.registry import MODALITIES

WEIGHTS = Path(__file__).resolve().parents[1] / "src" / "headstart" / "backbones" / "weights"
COUNT = 2000


def statistics(
    backbone: Backbone, modality: Modality, inputs: Sequence[Any]
) -> dict[str, torch.Tensor]:
    """Return mean and deviation of the leading reading of every stage on some inputs."""

    def turns() -> Iterator[list[tuple[int, list[Arrays]]]]:
        for start in range(0, len(inputs), BATCH):
            turn = []
            for at, source in enumerate(inputs[start : start + BATCH], start):
                try:
                    turn.append((at, modality.windows(modality.read(source), backbone.spec)))
                except UnreadableInput as error:
                    print(f"left out: {error.message}")
            yield turn

    rows: dict[tuple[int, str], list[np.ndarray]] = {}
    wanted = set(range(1, backbone.depth + 1))
    for done in forward_all(turns(), modality, backbone, "float32", wanted):
        for _, readings in done:
            for boundary in wanted:
                name = leading(each for at, each in readings if at == boundary)
                rows.setdefault((boundary, name), []).append(readings[boundary, name])
    found = {}
    for (boundary, name), vectors in rows.items():
        matrix = torch.from_numpy(np.stack(vectors)).double()
        found[f"{boundary}.{name}.mean"] = matrix.mean(0).float()
        found[f"{boundary}.{name}.deviation"] = matrix.std(0).float()
    return found


def write_reference(backbone: Backbone, modality: Modality, inputs: Sequence[Any]) -> Path:
    """Write the statistics of a bundled backbone beside its weights; return where."""
    name = backbone.name.removeprefix("bundled/")
    path = WEIGHTS / name / "reference.safetensors"
    # It is of these weights: with others beside it, nobody reads it.
    about = {"inputs": str(len(inputs)), "weights": str(read_bundled(name)["sha256"])}
    path.write_bytes(save(statistics(backbone, modality, inputs), about))
    return path


def read_inputs(data: Path, modality: Modality, count: int) -> list[Any]:
    """Return at most so many inputs, evenly spread over a Parquet file or a folder."""
    if data.is_dir():
        files = sorted(each for each in data.rglob("*") if each.suffix.lower() in modality.suffixes)
        return [files[at] for at in _spread(len(files), count)]
    import pyarrow.parquet as parquet

    column = parquet.read_table(data, columns=[modality.name])[modality.name]
    return [column[int(at)].as_py() for at in _spread(len(column), count)]


def _spread(length: int, count: int) -> list[int]:
    return np.unique(np.linspace(0, length - 1, count).astype(int)).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="which bundled backbone: image, text, audio")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=COUNT)
    given = parser.parse_args()
    backbone = open_backbone(f"bundled/{given.name}", offline=True)
    modality = MODALITIES.get(backbone.spec.modality)()
    inputs = read_inputs(given.data, modality, given.count)
    print(f"{write_reference(backbone, modality, inputs).name}: {len(inputs)} inputs")


if __name__ == "__main__":
    main()
