"""Pretrain the bundled audio net on sound that this project makes itself.

    python pretraining/audio/train.py --out runs/audio --minutes 12 --speech runs/speech

Needs espeak-ng's library for the speech (or `--pack`, a file of clips made before). May be killed
at any time: run again with the same `--out`, it goes on where the last checkpoint stood. Writes,
about once a minute, `checkpoint.*`, and `audio.safetensors` (float16, averaged weights) whenever
those do better than before on held-out synthetic voices and sounds; `log.jsonl` tells the story.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from augment import RATE
from corpus import Batch, Corpus, Sounds
from families import FAMILIES, NAMES
from safetensors.torch import load_file, save_file
from speech import VARIANTS, generate, load, shards
from torch import nn
from torch.nn import functional as F

from headstart.backbones.nets.audio import AudioConfig, AudioNet, read

# Seconds, how often, and the share of speech. Few windows, so that the GPU plans each shape once;
# short ones more often, because words are short, long ones for textures.
Windows = tuple[tuple[float, float, float], ...]
WINDOWS: Windows = (
    *((0.4, 1.2, 0.55), (0.5, 1.5, 0.55), (0.6, 1.5, 0.55), (0.7, 1.5, 0.55)),
    *((0.8, 1.2, 0.55), (0.9, 1.0, 0.55), (1.0, 1.0, 0.55), (1.2, 0.8, 0.55)),
    *((1.5, 0.7, 0.55), (2.0, 0.7, 0.55), (2.8, 0.5, 0.55), (3.6, 0.4, 0.55)),
)


class Pretrainer(nn.Module):
    """The net with the heads that teach it; the heads are thrown away."""

    def __init__(self, words: int, phonemes: int, config: AudioConfig) -> None:
        super().__init__()
        self.net = AudioNet(config)
        tail, middle = 2 * self.net.config.tail, 2 * self.net.config.widths[2]
        self.word = nn.Linear(tail, words)
        self.phoneme = nn.Conv1d(self.net.config.tail, phonemes, 1)
        self.variant = nn.Linear(middle, len(VARIANTS))
        self.manner = nn.Linear(middle, 2)
        self.family = nn.Linear(tail, len(FAMILIES))
        self.numbers = nn.Sequential(nn.Linear(tail, 256), nn.ReLU(), nn.Linear(256, len(NAMES)))
        self.project = nn.Sequential(nn.Linear(tail, 256), nn.ReLU(), nn.Linear(256, 128))
        self.order = list(self.net.stages)

    def stop(self, stage: str) -> int:
        return self.order.index(stage) + 1

    def losses(self, batch: Batch, mel: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the loss of each lesson on a batch whose log-mel maps are `mel`."""
        n = batch.speech
        third = self.net({"x": mel}, 1, self.stop("stage3"))
        fourth = self.net(third, self.stop("stage3"), self.stop("stage4"))
        fifth = self.net(fourth, self.stop("stage4"))
        middle, last = vector(third), vector(fifth)
        phoneme = self.phoneme(fourth["x"][:n]).float()
        off = F.smooth_l1_loss(
            self.numbers(last[n:]).float(), batch.numbers, reduction="none", beta=0.2
        )
        return {
            "word": self.name_words(last[:n], batch.word),
            "phoneme": F.cross_entropy(phoneme, batch.phonemes),
            "variant": F.cross_entropy(self.variant(middle[:n]).float(), batch.variant),
            "manner": F.smooth_l1_loss(self.manner(middle[:n]).float(), batch.manner),
            "family": F.cross_entropy(
                self.family(last[n:]).float(), batch.family, label_smoothing=0.1
            ),
            "numbers": (off * batch.heard).sum() / batch.heard.sum().clamp_min(1),
            "contrast": contrast(self.project(last).float(), batch.key),
        }

    def name_words(self, last: torch.Tensor, word: torch.Tensor) -> torch.Tensor:
        """Return the loss of naming English words; a batch may hold none of them."""
        said = self.word(last).float()
        total = F.cross_entropy(said, word, reduction="sum", label_smoothing=0.1)
        return total / (word >= 0).sum().clamp_min(1)


SHARES = {"word": 1.0, "phoneme": 0.7, "variant": 0.1, "manner": 0.1, "family": 0.6}
SHARES |= {"numbers": 2.0, "contrast": 0.4}


def vector(state: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the reading that users' heads stand on: mean and deviation over time."""
    vectors = read(state)
    return torch.cat([vectors["mean"], vectors["std"]], 1)


def contrast(projected: torch.Tensor, key: torch.Tensor, heat: float = 0.15) -> torch.Tensor:
    """Return InfoNCE over pairs (rows 2i, 2i + 1); what shows the same thing is no rival."""
    with torch.autocast(projected.device.type, enabled=False):
        unit = F.normalize(projected.float(), dim=1)
        likeness = unit @ unit.T / heat
    row = torch.arange(len(key), device=key.device)
    partner = row ^ 1
    rival = key[:, None] != key[None]
    rival[row, partner] = True
    return F.cross_entropy(likeness.masked_fill(~rival, -1e4), partner)


class Run:
    """One pretraining run: corpus, model, its running average, and the files they leave."""

    def __init__(self, asked: argparse.Namespace, windows: Windows = WINDOWS) -> None:
        self.asked, self.out, self.windows = asked, asked.out, windows
        self.out.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cudnn.benchmark = self.device.type == "cuda"
        torch.set_float32_matmul_precision("high")
        data = only_first(find_speech(asked, self.log), asked.words)
        seed = asked.seed + (state := self.last())["step"]  # a resumed run hears new batches
        torch.manual_seed(seed)
        self.log(clips=len(data["facts"]), hours=round(len(data["audio"]) / data["rate"] / 3600, 2))
        begun = time.monotonic()
        self.corpus = Corpus(data, self.device, asked.bank, seed)
        config = AudioConfig(widths=tuple(asked.widths))
        self.phonemes = state.get("phonemes") or len(data["names"])
        self.model = Pretrainer(asked.words, self.phonemes, config).to(self.device)
        self.mean = Pretrainer(asked.words, self.phonemes, config).to(self.device)
        self.mean.eval().requires_grad_(False)
        self.model.net.to(memory_format=torch.channels_last)
        self.mean.net.to(memory_format=torch.channels_last)
        self.mean.load_state_dict(self.model.state_dict())
        plain = [p for p in self.model.parameters() if p.dim() < 2]
        heavy = [p for p in self.model.parameters() if p.dim() >= 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": heavy, "weight_decay": 0.03}, {"params": plain, "weight_decay": 0.0}],
            lr=asked.rate,
        )
        self.step, self.spent, self.best = state["step"], state["spent"], state["best"]
        if self.step:
            self.restore()
        fixed = Sounds(self.device, 512 if self.device.type == "cuda" else 128, 12_345)
        self.held_sounds = (fixed.wave[:, : 3 * RATE].float(), fixed.family)
        self.log(
            device=str(self.device),
            step=self.step,
            phonemes=self.phonemes,
            parameters=sum(p.numel() for p in self.model.net.parameters()),
            prepared=round(time.monotonic() - begun, 1),
        )

    def log(self, **facts: object) -> None:
        line = json.dumps(facts)
        print(line, flush=True)
        with (self.out / "log.jsonl").open("a") as file:
            file.write(line + "\n")

    def last(self) -> dict:
        """Return what the last checkpoint says of itself."""
        path = self.out / "checkpoint.json"
        if path.exists():
            return json.loads(path.read_text())
        return {"step": 0, "spent": 0.0, "best": -1.0}

    def precision(self) -> contextlib.AbstractContextManager:
        if self.device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return contextlib.nullcontext()

    def train(self) -> None:
        """Train until the budget is spent; the learning rate follows the clock."""
        budget, last_save, begun = 60.0 * self.asked.minutes, time.monotonic(), time.monotonic()
        already, sums, count = self.spent, {}, 0
        chooser = torch.Generator().manual_seed(self.asked.seed + self.step)
        self.model.train()
        while self.spent < budget:
            share = self.spent / budget
            rate = self.asked.rate * min(1.0, self.step / 300 + 0.01)
            rate *= 0.5 + 0.5 * math.cos(math.pi * share)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            batch, mel = self.draw(chooser)
            with self.precision():
                losses = self.model.losses(batch, mel)
            loss = sum(SHARES[name] * value for name, value in losses.items())
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            self.average()
            self.step += 1
            self.corpus.sounds.renew(self.asked.renew)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.detach()
            count += 1
            if count == self.asked.every:
                means = {name: round(float(value) / count, 4) for name, value in sums.items()}
                self.spent = already + time.monotonic() - begun
                self.log(step=self.step, minutes=round(self.spent / 60, 2), rate=rate, **means)
                if not all(map(math.isfinite, means.values())):
                    self.recover()
                sums, count = {}, 0
            self.spent = already + time.monotonic() - begun
            if time.monotonic() - last_save > self.asked.save_seconds:
                self.save()
                last_save = time.monotonic()
        self.save()

    def draw(self, chooser: torch.Generator) -> tuple[Batch, torch.Tensor]:
        """Return a batch and its log-mel maps, partly hidden."""
        often = torch.tensor([window[1] for window in self.windows])
        length, _, spoken = self.windows[int(torch.multinomial(often, 1, generator=chooser))]
        batch = self.corpus.batch(self.asked.seconds, length, spoken)
        with torch.no_grad():
            mel = self.model.net({"x": batch.wave}, 0, 1)["x"]
        return batch, self.corpus.augment.hide(mel)

    def average(self) -> None:
        """Move the averaged weights a little towards the present ones."""
        keep = min(self.asked.average, (1 + self.step) / (10 + self.step))
        mean, now = list(self.mean.parameters()), list(self.model.parameters())
        torch._foreach_lerp_(mean, [p.detach() for p in now], 1.0 - keep)

    def recover(self) -> None:
        """Go back to the averaged weights, or the last checkpoint, after a loss was not finite."""
        if not all(bool(p.isfinite().all()) for p in self.mean.parameters()):
            if not (self.out / "checkpoint.safetensors").exists():
                raise RuntimeError("the loss was not finite before the first checkpoint")
            self.restore()
        else:
            self.model.load_state_dict(self.mean.state_dict())
            self.optimizer.state.clear()
        self.log(event="loss was not finite; went back")

    @torch.no_grad()
    def settle(self) -> None:
        """Re-estimate BatchNorm for the averaged weights: theirs never ran."""
        norms = [m for m in self.mean.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain average over the batches below
        self.mean.net.train()
        chooser = torch.Generator().manual_seed(7)
        for _ in range(self.asked.settle):
            _, mel = self.draw(chooser)
            with self.precision():
                self.mean.net({"x": mel}, 1)
        self.mean.eval()

    @torch.no_grad()
    def judge(self) -> dict[str, float]:
        """Return how well the averaged model does on voices and sounds that it did not hear."""
        words, right = self.corpus.words, []
        clips = words.validation[: 2048 if self.device.type == "cuda" else 512]
        for part in clips.split(256) if len(clips) else ():
            length = words.length[part]
            time_ = torch.arange(int(length.max()), device=self.device)
            inside = time_[None] < length[:, None]
            index = (words.start[part][:, None] + time_[None]).clamp_max(len(words.bank) - 1)
            wave = (words.bank[index].float() - 128.0) * inside  # compressed still, as bytes are
            wave = wave.sign() * (256.0 ** (wave.abs() / 127.0) - 1.0) / 255.0
            last = vector(self.mean.net({"x": wave, "lengths": length}))
            right.append(self.mean.word(last).argmax(1) == words.label[part])
        wave, family = self.held_sounds
        guess = [
            self.mean.family(vector(self.mean.net({"x": w}))).argmax(1) for w in wave.split(64)
        ]
        spoken = float(torch.cat(right).float().mean()) if right else 0.0
        return {
            "held_voices": round(spoken, 4),
            "held_sounds": round(float((torch.cat(guess) == family).float().mean()), 4),
        }

    def save(self) -> None:
        """Write the checkpoint; write the weights too if they are the best so far."""
        self.settle()
        found = self.judge()
        score = sum(found.values())
        self.log(
            step=self.step, minutes=round(self.spent / 60, 2), **found, best=score >= self.best
        )
        if score >= self.best:
            self.best = score
            self.export(found)
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"mean.{k}": v for k, v in self.mean.state_dict().items()}
        for index, p in enumerate(self.model.parameters()):
            for name, value in self.optimizer.state.get(p, {}).items():
                tensors[f"adam.{index}.{name}"] = value.reshape(-1) if value.dim() == 0 else value
        write(self.out / "checkpoint.safetensors", tensors)
        about = {"step": self.step, "spent": self.spent, "best": self.best}
        text = json.dumps({**about, "phonemes": self.phonemes})
        part = self.out / "checkpoint.json.part"
        part.write_text(text)
        part.rename(self.out / "checkpoint.json")

    def restore(self) -> None:
        """Take up model, average and optimiser from the checkpoint."""
        tensors = load_file(self.out / "checkpoint.safetensors", device=str(self.device))
        for name, module in (("model.", self.model), ("mean.", self.mean)):
            module.load_state_dict(
                {k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)}
            )
        for index, p in enumerate(self.model.parameters()):
            prefix = f"adam.{index}."
            found = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
            if found:
                found["step"] = found["step"].reshape(()).cpu()
                self.optimizer.state[p] = {
                    k: v.clone(memory_format=torch.preserve_format) for k, v in found.items()
                }

    def export(self, found: dict[str, float]) -> None:
        """Write the averaged net as float16, with a JSON that says what it is."""
        path = self.out / "audio.safetensors"
        write(path, {k: half(v) for k, v in self.mean.net.state_dict().items()})
        about = {
            "config": self.mean.net.config.to_json(),
            "sample_rate": RATE,
            "steps": self.step,
            "minutes": round(self.spent / 60, 2),
            "device": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
            "validation": found,
            "arguments": {k: str(v) for k, v in vars(self.asked).items() if k not in PLACES},
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        (self.out / "audio.json").write_text(json.dumps(about, indent=1) + "\n")


PLACES = ("out", "speech", "pack", "suite")


def half(tensor: torch.Tensor) -> torch.Tensor:
    """Return floating point numbers as float16."""
    return tensor.half() if tensor.is_floating_point() else tensor


def write(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write a file that is whole or not there."""
    part = path.with_suffix(".part")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part)
    part.rename(path)


def find_speech(asked: argparse.Namespace, log: Callable[..., None]) -> dict:
    """Return the spoken clips: from the folder, else made now, else from the pack."""
    if not shards(asked.speech):
        begun = time.monotonic()
        made = generate(asked.speech, asked.clips, asked.speech_minutes, asked.workers, asked.seed)
        log(event="spoke", clips=made, seconds=round(time.monotonic() - begun, 1))
    paths = shards(asked.speech)
    data = load(paths) if paths else None
    if data is None or (asked.pack and len(data["facts"]) < 5000):
        log(event="espeak-ng gave too little; the pack is used", pack=str(asked.pack))
        data = load([asked.pack])
    return data


def only_first(data: dict, words: int) -> dict:
    """Return the clips of the most frequent words alone: less to learn, where time is short."""
    if data["facts"][:, 1].max() < words:
        return data
    rows = data["facts"][:, 1] < words
    begin, length = data["start"][rows], data["facts"][rows, 0]
    audio = np.concatenate([data["audio"][b : b + n] for b, n in zip(begin, length, strict=True)])
    start = np.concatenate([[0], np.cumsum(length[:-1], dtype=np.int64)])
    kept = {name: data[name][rows] for name in ("facts", "times", "ids")}
    return {**data, **kept, "audio": audio, "start": start}


def arguments(**defaults: object) -> argparse.Namespace:
    """Return what was asked for; `defaults` take the place of those of the GPU."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12.0, help="of training alone")
    parser.add_argument("--speech", type=Path, default=Path("runs/speech"), help="folder of clips")
    parser.add_argument("--pack", type=Path, help="clips made before, if espeak-ng is not there")
    parser.add_argument("--clips", type=int, default=480_000)
    parser.add_argument("--speech-minutes", type=float, default=2.5)
    parser.add_argument("--workers", type=int, default=12)
    parser.add_argument("--suite", type=Path, help="evaluate at the end on this data folder")
    parser.add_argument("--words", type=int, default=2000, help="the most frequent of words.txt")
    parser.add_argument("--widths", type=int, nargs=3, default=(32, 64, 128))
    parser.add_argument("--seconds", type=float, default=640.0, help="of sound in a batch")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--average", type=float, default=0.999)
    parser.add_argument("--bank", type=int, default=6144, help="sounds kept at a time")
    parser.add_argument("--renew", type=int, default=32, help="sounds made anew each step")
    parser.add_argument("--settle", type=int, default=40, help="batches for BatchNorm")
    parser.add_argument("--every", type=int, default=50, help="steps from log line to log line")
    parser.add_argument("--save-seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(**defaults)
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    Run(asked).train()
    if asked.suite:
        judge = [sys.executable, str(Path(__file__).with_name("evaluate.py"))]
        judge += ["--weights", str(asked.out / "audio.safetensors"), "--data", str(asked.suite)]
        subprocess.run([*judge, "--out", str(asked.out / "evaluation.json")], check=False)


if __name__ == "__main__":
    main()
