"""How near feature extraction of sounds is to the machine's limit; ratios from interleaved rounds.

    HEADSTART_DATA=... python benchmarks/speed_audio.py --rounds 3

Over the clips of esc10 (Ogg at 44.1 kHz, five seconds each) and over the test of spoken_digits (WAV
at 8 kHz, half a second each), on the bundled net and on a wav2vec2 of the size of wav2vec2-base
with random weights, each round measures in turn:

    decode      all clips through soundfile and soxr, on every core
    forward     one bare forward pass over the same batches as headstart's, in its number format
    fit         `headstart fit` with a probe in a fresh store: its feature seconds

and the results go to benchmarks/results/speed_audio.json. Expected is features / (decode + forward)
of 1.25 at most. Run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
import transformers

from headstart.backbones.base import Backbone, State
from headstart.backbones.source import open_backbone
from headstart.features import BATCH
from headstart.modalities.audio_prepare import audio_spec, collate, in_blocks
from headstart.modalities.lengths import batched
from headstart.precision import at_precision, cast
from speed import fit, precision_of

OUT = Path(__file__).resolve().parent / "results" / "speed_audio.json"
SETS = {"esc10": "audio/esc10", "spoken_digits": "audio/spoken_digits/test"}
BUNDLED, LARGE = "bundled/audio", "wav2vec2-base"


def make_large(folder: Path) -> Path:
    """Write a wav2vec2 of the usual size with random weights; layer norms, so lengths may mix."""
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(feat_extract_norm="layer")
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return folder


def decode(clips: list[Path], rate: int) -> tuple[float, list[np.ndarray]]:
    """Read every clip as mono at a rate; return the seconds and the waves."""

    def one(path: Path) -> np.ndarray:
        wave, own = soundfile.read(path, dtype="float32", always_2d=True)
        return soxr.resample(wave.mean(1), own, rate, quality="HQ").astype(np.float32)

    begun = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waves = list(pool.map(one, clips))
    return time.perf_counter() - begun, waves


def batches(waves: list[np.ndarray], backbone: Backbone) -> list[State]:
    """Return the batches that headstart makes of the clips: those of like length together."""
    spec = audio_spec(backbone.spec)
    examples = [(at, in_blocks(wave, spec)) for at, wave in enumerate(waves)]
    turns = (examples[at : at + BATCH] for at in range(0, len(examples), BATCH))
    return [
        collate([arrays for _, arrays in batch], spec)
        for together in batched(turns)
        for batch in together
    ]


def forward(states: list[State], net: Callable[[State], object], precision: str) -> float:
    """Run the batches through a net and nothing else."""
    with torch.inference_mode():
        net(cast(dict(states[0]), precision))
        begun = time.perf_counter()
        for state in states:
            net(cast(dict(state), precision))
        return time.perf_counter() - begun


def measure(source: str, data: Path, rounds: int, work: Path) -> dict:
    """Measure one backbone on one set; the rounds and the median ratio."""
    clips = sorted(path for path in data.glob("*/*") if path.suffix in (".wav", ".ogg"))
    backbone, rows = open_backbone(source), []
    for number in range(rounds):
        home = work / f"{data.parent.name}-{data.name}-{Path(source).name}-{number}"
        home.mkdir()
        row = {"fit": fit(data, source, home), "precision": precision_of(home)}
        row["decode"], waves = decode(clips, audio_spec(backbone.spec).rate)
        states = batches(waves, backbone)
        with at_precision(backbone, row["precision"]):
            row["forward"] = forward(states, backbone, row["precision"])
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    ratios = [row["fit"]["features"] / (row["decode"] + row["forward"]) for row in rows]
    return {
        "clips": len(clips),
        "rounds": rows,
        "features / (decode + forward)": statistics.median(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--backbones", nargs="+", choices=(BUNDLED, LARGE), default=[BUNDLED])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as place:
        for name in args.backbones:
            source = name if name == BUNDLED else str(make_large(Path(place) / LARGE))
            for part in args.sets:
                found = measure(source, Path(args.data) / SETS[part], args.rounds, Path(place))
                results[f"{name}, {part}"] = found
    record = {
        "command": f"python benchmarks/speed_audio.py --rounds {args.rounds}",
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "results": results,
    }
    args.out.write_text(json.dumps(record, indent=1) + "\n")
    for name, found in results.items():
        print(f"{name:30} {found['features / (decode + forward)']:8.3f}")


if __name__ == "__main__":
    main()
