"""Train the bundled image net: first a teacher, then the small net, distilled patiently.

    PYTHONPATH=src python pretraining/image/train.py --data photos64.parquet --out OUT --minutes 20

Both phases follow the clock, so the schedule always ends in time. Killed and started again with
the same arguments, it goes on from the last checkpoint. README.md tells the why.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from augment import CLEAN, STRONG, draw_mixture, normalise, resize, views
from data import Photos, load_photos
from distil import StudentInTraining, distance
from procedural import make_pictures
from running import (
    Average,
    Clock,
    Log,
    compile_checked,
    half,
    load_checkpoint,
    load_shards,
    rate,
    refresh_statistics,
    save_checkpoint,
    save_in_shards,
    weight_groups,
    write_atomically,
)
from safetensors import safe_open
from safetensors.torch import load_file
from teacher import Teacher, TeacherInTraining, tell_apart
from torch import Tensor, nn

from headstart.backbones.nets.image import MEAN, STD, SmallResNet
from headstart.precision import native_bfloat16

SIZES = {48: 0.2, 64: 0.3, 96: 0.5}  # views of the small net, in pixels
MIXES = {"none": 0.3, "blend": 0.3, "paste": 0.4}


def arguments(**defaults: Any) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="photos64.parquet")
    parser.add_argument("--out", type=Path, required=True, help="log, weights, card")
    parser.add_argument("--checkpoint", type=Path, help="folder of checkpoints (OUT/checkpoint)")
    parser.add_argument("--minutes", type=float, default=20.0, help="all in all, loading included")
    parser.add_argument("--teacher-share", type=float, default=0.42, help="of the minutes")
    parser.add_argument("--teacher-from", type=Path, help="folder with teacher-*.safetensors")
    parser.add_argument("--student-from", type=Path, help="weights to go on from")
    parser.add_argument("--teacher-width", type=int, default=64)
    parser.add_argument("--teacher-batch", type=int, default=640, help="views, two a picture")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--procedural", type=int, default=14000, help="pictures to make")
    parser.add_argument("--limit", type=int, help="photos, for a smoke test")
    parser.add_argument("--every", type=float, default=55.0, help="seconds between checkpoints")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of the CPU, where there is no GPU")
    parser.set_defaults(**defaults)
    return parser.parse_args()


class Training:
    """The pictures, the clock and the log, and the loop that both phases share."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.folder: Path = args.checkpoint or args.out / "checkpoint"
        self.folder.mkdir(parents=True, exist_ok=True)
        args.out.mkdir(parents=True, exist_ok=True)
        self.saved = self.read_state()
        self.clock = Clock(self.saved.get("seconds", 0.0))
        self.log = Log(args.out / "log.jsonl", self.clock)
        # Photos are decoded before CUDA starts: worker processes must not inherit it.
        photos = load_photos(args.data, args.limit)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(args.seed + round(self.clock.now()))
        random.seed(args.seed + round(self.clock.now()))
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        self.photos: Photos = photos.to(self.device)
        self.made = make_pictures(args.procedural, self.device)
        self.log.write(event="start", command=" ".join(sys.argv), device=self.device_name(),
                       torch=torch.__version__, train=len(photos.train), held=len(photos.held),
                       procedural=len(self.made), resumed=bool(self.saved))  # fmt: skip

    def device_name(self) -> str:
        return torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"

    def read_state(self) -> dict[str, Any]:
        """Where an interrupted run stood: the newest phase that has a checkpoint."""
        for phase in ("student", "teacher"):
            path = self.folder / f"{phase}.safetensors"
            if path.exists():
                with safe_open(path, "pt") as file:
                    return json.loads(file.metadata()["about"])
        return {}

    def pictures(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless photos with labels, every photo once before any comes again."""
        pool = self.photos.train
        order = pool[:0]
        while True:
            while len(order) < count:
                order = torch.cat([order, pool[torch.randperm(len(pool), device=self.device)]])
            rows, order = order[:count], order[count:]
            yield self.photos.images[rows], self.photos.labels[rows]

    def some_made(self, count: int) -> Tensor:
        return self.made[torch.randint(len(self.made), (count,), device=self.device)]

    def calm_batches(self, sizes: tuple[int, ...], strength: Any) -> Iterator[Tensor]:
        """Unmixed views to measure BatchNorm's statistics on."""
        feed = self.pictures(min(1024, len(self.photos.train)))
        for size in sizes:
            yield self.ready(views(next(feed)[0], size, strength))

    def ready(self, x: Tensor) -> Tensor:
        return normalise(x, MEAN, STD)

    @torch.no_grad()
    def held_back(self, net: nn.Module, size: int) -> float:
        """Accuracy on the photos held back, whole, at `size` pixels."""
        right = 0
        for rows in self.photos.held.split(1024):
            x = self.ready(resize(self.photos.images[rows].float() / 255, size))
            scores = net(x)
            scores = scores[0] if isinstance(scores, tuple) else scores
            right += int((scores.argmax(1) == self.photos.labels[rows]).sum())
        return round(right / max(len(self.photos.held), 1), 4)

    def autocast(self) -> torch.autocast:
        # A processor that only imitates bfloat16 takes ten times as long over it as over float32.
        enabled = self.device.type != "cpu" or native_bfloat16()
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def loop(
        self,
        phase: str,
        until: float,
        nets: dict[str, nn.Module],
        average: Average,
        optimizer: torch.optim.Optimizer,
        step: Callable[[], Tensor],
        judge: Callable[[], dict[str, Any]],
    ) -> dict[str, Any]:
        """Steps until the clock says `until`; every minute a checkpoint and a judgement."""
        path = self.folder / f"{phase}.safetensors"
        about = {"phase": phase, "start": self.clock.now(), "steps": 0}
        if self.saved.get("phase") == phase:
            load_checkpoint(path, nets, optimizer)
            about = self.saved
            average.steps = about["steps"]
        peaks = [group.setdefault("peak", group["lr"]) for group in optimizer.param_groups]
        told = kept = self.clock.now()
        while (now := self.clock.now()) < until:
            progress = (now - about["start"]) / max(until - about["start"], 1e-6)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * rate(progress)
            optimizer.zero_grad(set_to_none=True)
            loss = step()
            loss.backward()
            trained = [p for group in optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(trained, 10.0)
            optimizer.step()
            average.update()
            about["steps"] += 1
            if now - told < 10 and now - kept < self.args.every:
                continue
            value = loss.item()
            if not math.isfinite(value):
                self.log.write(event="loss is not finite, going back", phase=phase)
                load_checkpoint(path, nets, optimizer)
                told = kept = self.clock.now()
                continue
            self.log.write(phase=phase, step=about["steps"], progress=round(progress, 3),
                           loss=round(value, 4))  # fmt: skip
            told = self.clock.now()
            if now - kept >= self.args.every:
                about["seconds"] = self.clock.now()
                save_checkpoint(path, nets, optimizer, about)
                self.log.write(phase=phase, step=about["steps"], **judge())
                kept = told = self.clock.now()
        about["seconds"] = self.clock.now()
        self.log.write(phase=phase, step=about["steps"], event="done", **judge())
        return about

    def mix_kind(self) -> str:
        return random.choices(list(MIXES), list(MIXES.values()))[0]


def train_teacher(run: Training, until: float) -> Teacher:
    """Labels (mixed pictures, smoothed) and telling pictures apart, on two views of each."""
    args = run.args
    teacher = Teacher(args.teacher_width, len(run.photos.classes))
    net = TeacherInTraining(teacher).to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Average(net)
    optimizer = torch.optim.SGD(weight_groups(net, 5e-4), lr=0.2, momentum=0.9, nesterov=True)
    made = args.teacher_batch // 20
    count = args.teacher_batch // 2 - made
    feed = run.pictures(count)

    def loss_of(out: tuple[Tensor, Tensor]) -> Tensor:
        return out[0].float().square().mean() + out[1].float().square().mean()

    net.train()
    forward: Callable[[Tensor], Any] = net
    if not args.no_compile:
        sample = run.ready(torch.rand(2 * (count + made), 3, 64, 64, device=run.device))
        forward = compile_checked(net, [sample], loss_of, run.log)

    def step() -> Tensor:
        images, labels = next(feed)
        first, second = views(images, 64), views(images, 64)
        mixture = draw_mixture(first, run.mix_kind())
        extra = run.some_made(made)
        pair = [mixture.apply(first), views(extra, 64), mixture.apply(second), views(extra, 64)]
        with run.autocast():
            scores, codes = forward(run.ready(torch.cat(pair)))
        one, two = scores.float().chunk(2)
        scores = torch.cat([one[:count], two[:count]])
        share, partner = mixture.share.repeat(2), labels[mixture.partner].repeat(2)
        own = F.cross_entropy(scores, labels.repeat(2), label_smoothing=0.1, reduction="none")
        other = F.cross_entropy(scores, partner, label_smoothing=0.1, reduction="none")
        label_loss = (own * share + other * (1 - share)).mean()
        return label_loss + 0.25 * tell_apart(*codes.chunk(2))

    def judge() -> dict[str, Any]:
        with run.autocast():
            refresh_statistics(average.net.teacher, run.calm_batches((64,) * 16, STRONG))
            return {"held_back": run.held_back(average.net.teacher, 64)}

    nets = {"net": net, "average": average.net}
    run.loop("teacher", until, nets, average, optimizer, step, judge)
    save_in_shards(half(average.net.teacher), args.out, "teacher")
    return average.net.teacher


def find_teacher(run: Training, until: float) -> Teacher:
    """Trained now, or read from shards: a finished phase is never done again."""
    folder = run.args.teacher_from
    if folder is None and run.saved.get("phase") == "student":
        folder = run.args.out
    if folder is None:
        return train_teacher(run, until)
    teacher = Teacher(run.args.teacher_width, len(run.photos.classes))
    teacher.load_state_dict(load_shards(folder, "teacher"))
    return teacher.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def export(run: Training, net: SmallResNet, about: dict[str, Any]) -> None:
    """Weights and the facts about them."""
    path = run.args.out / "image.safetensors"
    note = {"architecture": "SmallResNet", "config": json.dumps(net.config)}
    write_atomically(half(net), path, note)
    card = {
        "architecture": "headstart.backbones.nets.image.SmallResNet",
        "config": net.config,
        "parameters": sum(p.numel() for p in net.parameters()),
        "input": {"size": 96, "mean": MEAN, "std": STD, "resize": "shorter side, centre crop"},
        "classes": run.photos.classes,
        "data_sha256": hashlib.sha256(run.args.data.read_bytes()).hexdigest(),
        "command": " ".join(sys.argv),
        "device": run.device_name(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        **about,
    }
    (run.args.out / "image.json").write_text(json.dumps(card, indent=1))


def train_student(run: Training, teacher: Teacher, until: float) -> None:
    """The same mixed views to both; the teacher sees them at 64 px, the small net at any size."""
    args = run.args
    teacher.eval().requires_grad_(False)
    run.log.write(phase="student", teacher_held_back=run.held_back(teacher, 64))
    small = SmallResNet(classes=len(run.photos.classes))
    if args.student_from:
        small.load_state_dict(load_file(args.student_from))
    net = StudentInTraining(small, teacher.features)
    net = net.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Average(net)
    optimizer = torch.optim.AdamW(weight_groups(net, 0.05), lr=3e-3, betas=(0.9, 0.99))
    made = args.batch // 8
    feed = run.pictures(args.batch - made)
    net.train()
    ask: Callable[[Tensor], Any] = teacher
    forward: Callable[[Tensor], Any] = net
    if not args.no_compile:
        samples = {
            s: run.ready(torch.rand(args.batch, 3, s, s, device=run.device))
            for s in sorted(SIZES, reverse=True)
        }
        ask = compile_checked(teacher, [samples[64]], None, run.log)
        forward = compile_checked(
            net, list(samples.values()), lambda out: sum(t.float().square().mean() for t in out),
            run.log,
        )  # fmt: skip
        del samples
    best = 0.0
    seen = 0

    def step() -> Tensor:
        nonlocal seen
        size = random.choices(list(SIZES), list(SIZES.values()))[0]
        x = views(torch.cat([next(feed)[0], run.some_made(made)]), max(size, 64))
        x = draw_mixture(x, run.mix_kind()).apply(x)
        seen += len(x)
        with torch.no_grad(), run.autocast():
            goal = ask(run.ready(resize(x, 64)))
        with run.autocast():
            answer = forward(run.ready(resize(x, size)))
        return distance(answer, goal)

    def judge() -> dict[str, Any]:
        nonlocal best
        shipped: SmallResNet = average.net.net
        with run.autocast():
            refresh_statistics(shipped, run.calm_batches((96, 64, 96, 80) * 6, CLEAN))
        figures = {f"held_back_{size}": run.held_back(shipped, size) for size in (64, 96)}
        mean = sum(figures.values()) / len(figures)
        if mean >= best or not (args.out / "image.safetensors").exists():
            best = mean
            export(run, shipped, {**figures, "views_seen": seen, "seconds": run.clock.now()})
        return {**figures, "views": seen}

    nets = {"net": net, "average": average.net}
    run.loop("student", until, nets, average, optimizer, step, judge)


def main() -> None:
    args = arguments()
    run = Training(args)
    total = args.minutes * 60
    teacher = find_teacher(run, total * args.teacher_share)
    train_student(run, teacher, total - min(10.0, 0.05 * total))
    run.log.write(event="finished")


if __name__ == "__main__":
    main()
