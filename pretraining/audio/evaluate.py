"""Judge any candidate audio net on real sounds that it never heard: spoken_digits and esc10.

    python pretraining/audio/evaluate.py --weights audio.safetensors --out evaluation.json

Data: `--data`, or $HEADSTART_DATA, laid out as the benchmarks have it (audio/...), or
a folder written by `--pack` (lossless). Methods: `probe` (logistic regression on frozen readings),
`random` (the same on fresh weights), `forest` (MFCC statistics and a random forest), `scratch` (the
same net trained on the labels alone, with augmentation). The probe's one choice, C, is made by
cross-validation inside the training side, by speaker or recording where the split is.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from augment import Augment
from safetensors.torch import load_file
from scipy.fft import dct
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from headstart.backbones.nets.audio import AudioConfig, AudioNet, collate, mel_filters, read

RATE = 16_000
SIZES = (5, 10, 20, 50)
STAGES = ("mel", "stem", "stage1", "stage2", "stage3", "stage4", "stage5")
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass
class Clips:
    """A set in memory: waves at 16 kHz, labels, what must not stand on two sides, and the split."""

    waves: list[np.ndarray]
    labels: np.ndarray
    groups: np.ndarray
    test: np.ndarray


def to_16k(wave: np.ndarray, rate: int) -> np.ndarray:
    wave = wave if wave.ndim == 1 else wave.mean(1)
    return soxr.resample(wave.astype(np.float32), rate, RATE, quality="HQ").astype(np.float32)


def load_digits(data: Path) -> Clips:
    """Read spoken_digits; the group is the speaker, who is named in the file name."""
    flac = data / "audio" / "spoken_digits.flac"
    rows: list[tuple[str, np.ndarray, int]] = []
    if flac.exists():
        wave, rate = soundfile.read(flac, dtype="float32")
        begin = 0
        for name, count in json.loads(flac.with_suffix(".json").read_text()):
            rows.append((name, wave[begin : begin + count], rate))
            begin += count
    else:
        folder = data / "audio" / "spoken_digits"
        for path in sorted(folder.glob("*/*/*.wav")):
            wave, rate = soundfile.read(path, dtype="float32")
            rows.append((str(path.relative_to(folder)), wave, rate))
    names = [name for name, _, _ in rows]
    return Clips(
        [to_16k(wave, rate) for _, wave, rate in rows],
        np.array([int(name.split("/")[1]) for name in names]),
        np.array([name.split("_")[1] for name in names]),
        np.array([name.startswith("test") for name in names]),
    )


def load_esc10(data: Path) -> Clips:
    """Read esc10; the group is its fold: clips of one recording stand in one fold."""
    folder = data / "audio" / "esc10"
    rows = list(csv.DictReader((folder / "folds.csv").open()))
    waves = [to_16k(*soundfile.read(folder / row["file"], dtype="float32")) for row in rows]
    kinds = sorted({row["label"] for row in rows})
    labels = np.array([kinds.index(row["label"]) for row in rows])
    folds = np.array([row["fold"] for row in rows])
    return Clips(waves, labels, folds, np.zeros(len(rows), bool))


def pack(data: Path, out: Path) -> None:
    """Copy the suite losslessly into few files: 3000 small wav files become one FLAC file."""
    (out / "audio").mkdir(parents=True, exist_ok=True)
    folder, waves, index, rates = data / "audio" / "spoken_digits", [], [], set()
    for path in sorted(folder.glob("*/*/*.wav")):
        wave, rate = soundfile.read(path, dtype="int16")
        if wave.ndim != 1 or soundfile.info(path).subtype != "PCM_16":
            raise ValueError(f"{path.name} is not 16-bit mono: packing it would lose something")
        waves.append(wave)
        index.append((str(path.relative_to(folder)), len(wave)))
        rates.add(rate)
    if len(rates) != 1:
        raise ValueError(f"spoken_digits has sample rates {rates}; one FLAC file can hold one")
    soundfile.write(out / "audio" / "spoken_digits.flac", np.concatenate(waves), rates.pop())
    (out / "audio" / "spoken_digits.json").write_text(json.dumps(index))
    shutil.copytree(data / "audio" / "esc10", out / "audio" / "esc10", dirs_exist_ok=True)


@torch.inference_mode()
def features(net: AudioNet, waves: list[np.ndarray], device: str) -> dict[str, np.ndarray]:
    """Return each stage's reading of each clip; batches of similar length, padding masked."""
    net = net.to(device).eval()
    order = np.argsort([len(wave) for wave in waves], kind="stable")
    rows: dict[str, list[torch.Tensor]] = {stage: [] for stage in STAGES}
    for begin in range(0, len(order), 32):
        part = [torch.from_numpy(waves[i]) for i in order[begin : begin + 32]]
        state = {k: v.to(device) for k, v in collate(part).items()}
        for index, stage in enumerate(STAGES):
            state = net(state, index, index + 1)
            vectors = read(state)
            rows[stage].append(torch.cat([vectors["mean"], vectors["std"]], 1).cpu())
    back = np.argsort(order, kind="stable")
    found = {stage: torch.cat(parts).numpy()[back] for stage, parts in rows.items()}
    return found | {
        "stage4+5": np.concatenate([found["stage4"], found["stage5"]], 1),
        "stage3+4+5": np.concatenate([found[s] for s in ("stage3", "stage4", "stage5")], 1),
        "all": np.concatenate([found[s] for s in STAGES], 1),
    }


def mfcc(waves: list[np.ndarray]) -> np.ndarray:
    """Return mean and deviation of 20 MFCCs and of their differences, for each clip."""
    filters = mel_filters(40).numpy()
    window, rows = np.hanning(400), []
    for wave in waves:
        wave = np.pad(wave, (200, max(200, 720 - len(wave))))
        frames = np.lib.stride_tricks.sliding_window_view(wave, 400)[::160] * window
        power = np.abs(np.fft.rfft(frames, 1024)) ** 2 @ filters.T
        cepstra = dct(np.log(power + 1e-8), norm="ortho")[:, :20]
        change = np.diff(cepstra, axis=0)
        rows.append(
            np.concatenate([f(x, axis=0) for x in (cepstra, change) for f in (np.mean, np.std)])
        )
    return np.stack(rows)


def probe(x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, seed: int) -> Pipeline:
    """Fit standardised logistic regression; C by cross-validation inside this training side."""
    if groups is not None:
        folds = list(GroupKFold(len(set(groups))).split(x, y, groups))
    else:
        count = min(5 if len(y) <= 500 else 3, np.bincount(y)[np.unique(y)].min())
        folds = list(StratifiedKFold(count, shuffle=True, random_state=seed).split(x, y))
    scores = np.zeros(len(PENALTIES))
    for inside, outside in folds:
        scaler = StandardScaler().fit(x[inside])
        # From the strongest penalty on, each solution is where the next begins: much faster.
        model = LogisticRegression(max_iter=300, warm_start=True)
        for index, penalty in enumerate(PENALTIES):
            model.set_params(C=penalty).fit(scaler.transform(x[inside]), y[inside])
            scores[index] += model.score(scaler.transform(x[outside]), y[outside])
    best = PENALTIES[int(np.argmax(scores))]  # among equals the strongest penalty wins
    return make_pipeline(StandardScaler(), LogisticRegression(C=best, max_iter=500)).fit(x, y)


class Whole(nn.Module):
    """The net with a linear head on its reading, to be trained from scratch."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.net = AudioNet()
        self.head = nn.Linear(2 * self.net.config.tail, classes)

    def forward(self, state: dict[str, torch.Tensor], start: int = 0) -> torch.Tensor:
        vectors = read(self.net(state, start))
        return self.head(torch.cat([vectors["mean"], vectors["std"]], 1))


def scratch(
    clips: Clips, train: np.ndarray, test: np.ndarray, seed: int, steps: int, device: str
) -> float:
    """Train the same net on the labels alone and return its accuracy.

    A fair recipe: one cycle of AdamW, label smoothing, and time shift, noise, gain (which the
    normalisation makes moot) and SpecAugment; crops of 2.5 s of longer ones; judged on whole clips.
    """
    torch.manual_seed(seed)
    generator, augment = np.random.default_rng(seed), Augment(device, seed)
    model = Whole(len(set(clips.labels))).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=steps, pct_start=0.2
    )
    labels = torch.from_numpy(clips.labels).to(device)
    for _ in range(steps):
        chosen = generator.choice(train, min(32, len(train)), replace=len(train) < 32)
        waves = []
        for i in chosen:
            wave = torch.from_numpy(clips.waves[i])
            if len(wave) > 2.5 * RATE:
                begin = int(generator.integers(len(wave) - int(2.5 * RATE)))
                wave = wave[begin : begin + int(2.5 * RATE)]
            else:
                front, back = generator.integers(0, int(0.1 * RATE), 2)
                wave = F.pad(wave, (int(front), int(back)))
            loud = wave.square().mean().sqrt() * 10 ** (-generator.uniform(5, 60) / 20)
            waves.append(wave + loud * torch.randn(len(wave)))
        state = {k: v.to(device) for k, v in collate(waves).items()}
        model.train()
        with torch.no_grad():
            state = model.net(state, 0, 1)
            state["x"] = augment.hide(state["x"])
        target = labels[torch.from_numpy(chosen).to(device)]
        loss = F.cross_entropy(model(state, 1), target, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
    model.eval()
    right = 0
    order = sorted(test, key=lambda i: len(clips.waves[i]))
    with torch.inference_mode():
        for begin in range(0, len(order), 32):
            part = order[begin : begin + 32]
            state = collate([torch.from_numpy(clips.waves[i]) for i in part])
            guess = model({k: v.to(device) for k, v in state.items()}).argmax(1)
            right += int((guess == labels[torch.tensor(part, device=device)]).sum())
    return right / len(order)


def splits(name: str, clips: Clips, draws: int):
    """Yield (protocol, draw, train, test, inner groups or None) for every fit that is asked."""
    generator = np.random.default_rng(0)
    if name == "spoken_digits":
        train, test = np.nonzero(~clips.test)[0], np.nonzero(clips.test)[0]
        for size in SIZES:
            for draw in range(draws):
                chosen = [
                    generator.choice(train[clips.labels[train] == k], size, replace=False)
                    for k in range(10)
                ]
                yield f"{size} a class", draw, np.concatenate(chosen), test, None
        for draw in range(draws):
            yield "whole", draw, train, test, None
        for draw, speaker in enumerate(sorted(set(clips.groups))):
            inside = np.nonzero(clips.groups != speaker)[0]
            outside = np.nonzero(clips.groups == speaker)[0]
            yield "sixth speaker", draw, inside, outside, clips.groups[inside]
    else:
        for fold in sorted(set(clips.groups)):
            inside = np.nonzero(clips.groups != fold)[0]
            outside = np.nonzero(clips.groups == fold)[0]
            yield "folds", int(fold), inside, outside, clips.groups[inside]


def judge(
    name: str, clips: Clips, net: AudioNet | None, asked: argparse.Namespace
) -> dict[str, dict[str, list[float]]]:
    """Return accuracies: protocol -> method -> one value per draw, speaker or fold."""
    results: dict[str, dict[str, list[float]]] = {}
    y, methods = clips.labels, asked.methods
    tables: dict[str, np.ndarray] = {}
    if net is not None and "probe" in methods:
        found = features(net, clips.waves, asked.device)
        tables |= {f"probe {stage}": found[stage] for stage in asked.readings}
    if "random" in methods:
        torch.manual_seed(0)
        fresh = AudioNet(net.config if net is not None else None)
        found = features(fresh, clips.waves, asked.device)
        tables["random"] = found[asked.readings[0]]
    spectra = mfcc(clips.waves) if "forest" in methods else None

    def score(protocol: str, method: str, value: float) -> None:
        results.setdefault(protocol, {}).setdefault(method, []).append(round(float(value), 4))

    for protocol, draw, train, test, groups in splits(name, clips, asked.draws):
        if asked.protocols and protocol not in asked.protocols:
            continue
        begun = time.monotonic()
        for method, table in tables.items():
            # Nothing is random in a probe of the whole: one draw says it all. Stages beside the
            # headline are read at 10 a class, whole and by fold only.
            repeat = protocol == "whole" and draw > 0
            aside = method not in ("random", f"probe {asked.readings[0]}")
            if repeat or (aside and protocol not in ("10 a class", "whole", "folds")):
                continue
            fitted = probe(table[train], y[train], groups, draw)
            score(protocol, method, fitted.score(table[test], y[test]))
        if spectra is not None:
            forest = RandomForestClassifier(500, random_state=draw, n_jobs=asked.jobs)
            forest.fit(spectra[train], y[train])
            score(protocol, "forest", forest.score(spectra[test], y[test]))
        if "scratch" in methods:
            steps = int(
                np.clip(
                    asked.scratch_steps * len(train) / 500,
                    0.4 * asked.scratch_steps,
                    2 * asked.scratch_steps,
                )
            )
            value = scratch(clips, train, test, draw, steps, asked.device)
            score(protocol, "scratch", value)
        row = {m: values[-1] for m, values in results[protocol].items()}
        print(name, protocol, draw, row, f"{time.monotonic() - begun:.1f} s", flush=True)
    return results


def join(paths: list[Path], sha: str | None) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return what parts of the evaluation found; probes of other weights are refused."""
    joined: dict[str, dict[str, dict[str, list[float]]]] = {}
    for path in paths:
        part = json.loads(path.read_text())
        for name, protocols in part["results"].items():
            for protocol, methods in protocols.items():
                if part["weights_sha256"] != sha and any(m.startswith("probe") for m in methods):
                    raise SystemExit(f"{path.name} holds a probe of other weights.")
                joined.setdefault(name, {}).setdefault(protocol, {}).update(methods)
    return joined


def show(results: dict[str, dict[str, dict[str, list[float]]]]) -> None:
    """Print a table of means and spreads."""
    for name, protocols in results.items():
        for protocol, methods in protocols.items():
            for method, values in methods.items():
                spread = f"± {100 * np.std(values):.1f}" if len(values) > 1 else ""
                mean = f"{100 * np.mean(values):5.1f}"
                print(f"{name:14} {protocol:14} {method:18} {mean} {spread} (n={len(values)})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, help="safetensors; none: the baselines alone")
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pack", type=Path, help="only write the suite into this folder")
    parser.add_argument("--sets", nargs="+", default=["spoken_digits", "esc10"])
    parser.add_argument("--methods", nargs="*", default=["probe", "random", "forest", "scratch"])
    parser.add_argument(
        "--readings",
        nargs="+",
        default=["all", *STAGES[4:], "stage4+5", "stage3+4+5"],
        help="the first is the headline",
    )
    parser.add_argument("--protocols", nargs="+", help="only these, such as '10 a class'")
    parser.add_argument(
        "--beside", type=Path, nargs="+", default=[], help="what was measured before, by parts"
    )
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--scratch-steps", type=int, default=600, help="at 500 training clips")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    if asked.data is None:
        parser.error("say where the data lies: --data, or HEADSTART_DATA in the environment")
    asked.data = Path(asked.data)
    if asked.pack:
        pack(asked.data, asked.pack)
        return
    net, sha = None, None
    if asked.weights:
        about = json.loads(asked.weights.with_suffix(".json").read_text())
        net = AudioNet(AudioConfig.from_json(about["config"]))
        net.load_state_dict(
            {
                k: v.float() if v.is_floating_point() else v
                for k, v in load_file(asked.weights).items()
            }
        )
        sha = hashlib.sha256(asked.weights.read_bytes()).hexdigest()
    loaders: dict[str, Callable[[Path], Clips]] = {
        "spoken_digits": load_digits,
        "esc10": load_esc10,
    }
    command = " ".join(Path(word).name if "/" in word else word for word in sys.argv)
    facts = {
        "command": command,
        "weights_sha256": sha,
        "device": asked.device,
        "torch": torch.__version__,
        "parts": [json.loads(path.read_text())["command"] for path in asked.beside],
        "results": {},
    }
    before = join(asked.beside, sha)
    for name in asked.sets:
        found = judge(name, loaders[name](asked.data), net, asked)
        for protocol, methods in before.get(name, {}).items():
            found[protocol] = {**methods, **found.get(protocol, {})}
        facts["results"][name] = found
        if asked.out:  # after each set: a run that is cut off leaves what it has
            asked.out.write_text(json.dumps(facts, indent=1) + "\n")
    show(facts["results"])


if __name__ == "__main__":
    main()
