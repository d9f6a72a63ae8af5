"""Put trained weights into the package: the file itself, and a card that says what it is.

    PYTHONPATH=src python pretraining/audio/bundle.py --from OUT --speech SPEECH
    PYTHONPATH=src python pretraining/reference.py audio --data OUT/sounds

OUT holds what the training wrote (`audio.safetensors`, `audio.json`, `log.jsonl`) and what
`evaluate.py` and `scan.py` wrote beside it (`evaluation.json`, `scan.json`). Log, evaluation and
scan are copied next to this script, so that every figure on the card can be looked up. The second
command writes what the readings are like on sounds of the pretraining kind, which the first leaves
in OUT.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import soundfile
import torch
from augment import RATE, Augment
from corpus import Words
from sounds import Synth
from speech import load, shards

from headstart.backbones.nets.audio import AudioConfig, AudioNet

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "src" / "headstart" / "backbones" / "weights" / "audio"
SOUNDS = 256


def probe_figures(evaluation: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the mean accuracy of the probe, by reading, then by set and protocol."""
    found: dict[str, dict[str, float]] = {}
    for name, protocols in evaluation["results"].items():
        for protocol, methods in protocols.items():
            for method, values in methods.items():
                if method.startswith("probe "):
                    row = found.setdefault(method.removeprefix("probe "), {})
                    row[f"{name}, {protocol}"] = round(sum(values) / len(values), 4)
    return found


def write_sounds(speech: Path, out: Path) -> None:
    """Write sounds of the pretraining kind as files, for `pretraining/reference.py` to hear."""
    out.mkdir(parents=True, exist_ok=True)
    augment = Augment("cpu", 4_322)
    words = Words(load(shards(speech)[:1]), torch.device("cpu"), 4_323)
    for length in (0.5, 0.8, 1.2):
        count = int(length * RATE)
        spoken, _ = words.read(words.sample(SOUNDS // 4, count), count)
        write_waves(augment.record(spoken), out / f"words_{count}")
    synth = Synth("cpu", 3.0, 4_321)
    for number in range(SOUNDS // 32):
        made = synth.render(synth.draw(32)[1])
        write_waves(augment.record(made), out / f"sounds_{number}")


def write_waves(waves: torch.Tensor, stem: Path) -> None:
    for number, wave in enumerate(waves):
        level = wave / wave.abs().max().clamp_min(1e-4)
        path = stem.with_name(f"{stem.name}_{number}.wav")
        soundfile.write(path, level.numpy(), RATE, subtype="PCM_16")


def without_places(text: str) -> str:
    """Return text without the folders of the machine that it was written on."""
    return re.sub(r"(?<![\w.])(?:/[\w.-]+)+/", "", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--speech", type=Path, help="the spoken words, for sounds to refer to")
    parser.add_argument("--target", type=Path, default=TARGET, help="for a trial: another folder")
    parser.add_argument("--trial", action="store_true", help="without figures, for a look")
    asked = parser.parse_args()
    source: Path = asked.source
    weights = source / "audio.safetensors"
    trained = json.loads((source / "audio.json").read_text())
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    evaluation: dict[str, Any] = {"weights_sha256": sha256, "results": {}}
    if not asked.trial:
        evaluation = json.loads((source / "evaluation.json").read_text())
    if not sha256 == trained["sha256"] == evaluation["weights_sha256"]:
        raise SystemExit("The evaluation is of other weights than these.")
    net = AudioNet(AudioConfig.from_json(trained["config"]))
    asked.target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(weights, asked.target / "model.safetensors")
    arguments = " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in trained["arguments"].items()
    )
    log = [json.loads(line) for line in (source / "log.jsonl").read_text().splitlines()]
    card = {
        "architecture": "AudioNet",
        "config": trained["config"],
        "parameters": sum(p.numel() for p in net.parameters()),
        "modality": "audio",
        "input": {"rate": RATE, "window": 12_000, "blocks_of": 160},
        "licence": "weights: Apache-2.0, learnt from sound that this project synthesised alone "
        "(speech by espeak-ng, GPL-3.0, whose output is not covered by its licence)",
        "origin": "trained by this project, see pretraining/audio",
        "about": "small convolutional net on log-mel frames of 16 kHz sound, any length",
        "data": f"{next(row['clips'] for row in log if 'clips' in row):,} words spoken by "
        f"espeak-ng ({trained['arguments']['words']} different ones, the ten digits left out) and "
        "synthesised everyday sounds of 28 families; no recording",
        "command": "pretraining/audio/train_on_cpu.py --out out --speech speech --minutes "
        + trained["arguments"]["minutes"],
        "arguments": arguments,
        "steps": trained["steps"],
        "minutes": trained["minutes"],
        "device": trained["device"],
        "log": "pretraining/audio/log.jsonl",
        "evaluation": "pretraining/audio/evaluation.json",
        "scan": "pretraining/audio/scan.json",
        "held_back_accuracy": trained["validation"],
        "probe_accuracy": probe_figures(evaluation),
        "limits": [
            "learnt from synthetic speech and sounds alone: no person, animal, music or crowd was "
            "heard",
            "hears 40 to 7,800 Hz, and each clip's own loudness is divided out",
            f"trained on one core in {trained['minutes']:.0f} minutes: a large pretrained backbone "
            "(hf/) is stronger wherever one can be had",
        ],
        "sha256": sha256,
    }
    (asked.target / "card.json").write_text(without_places(json.dumps(card, indent=1)) + "\n")
    if asked.trial:
        return
    if asked.speech:
        write_sounds(asked.speech, source / "sounds")
    for name in ("log.jsonl", "evaluation.json", "scan.json"):
        (HERE / name).write_text(without_places((source / name).read_text()))


if __name__ == "__main__":
    main()
