"""What the store saves: an epoch from cached activations beside the same epoch done the plain way.

    HEADSTART_DATA=... python benchmarks/epoch.py

On the same pictures of flowers5, in the same batches, by the same loop, the top stages are trained
from the store, and the plain way: every picture is decoded and prepared, the frozen stages are run,
and then the top is trained. Epochs of the two take turns, and the quickest of each counts, in
CPU seconds. With f = the share of the forward pass that is frozen, and a step forward and back for
three times the forward alone, the possible gain is (f + 3(1 - f) + decoding) / 3(1 - f); an epoch
from the store is to reach at least 0.8 of it. `step` says what a step of the top really costs, in
forward passes of the top: more than 3 makes the gain smaller without the store's doing. `kept` is
the share where the measured step stands for the three, which is what the store and its reading
alone leave of the gain. Results go to benchmarks/results/epoch.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from depth import BACKBONE, read_set
from headstart import defaults
from headstart.activations import PLAIN, Pairs, at_boundary
from headstart.backbones.base import Backbone
from headstart.backbones.source import open_backbone
from headstart.heads.candidates import leading
from headstart.heads.layer import HeadLayer
from headstart.modalities.base import Modality, State
from headstart.precision import cast, choose, native_bfloat16
from headstart.progress import Silent
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Phase, Sample
from headstart.trainer import Lesson, train

RESULTS = Path(__file__).resolve().parent / "results" / "epoch.json"
SIZE = 128
Fetch = Callable[[Pairs], State]


@dataclass(frozen=True)
class Gain:
    """What came of one boundary; seconds are CPU seconds of one epoch."""

    net: str
    boundary: int
    pictures: int
    batch: int
    precision: str
    decoding: float
    frozen: float
    top: float
    stored: float
    plain: float

    @property
    def share(self) -> float:
        """Return f: how much of the forward pass is frozen."""
        return self.frozen / (self.frozen + self.top)

    @property
    def possible(self) -> float:
        """Return what an epoch from the store could gain."""
        return (self.frozen + 3 * self.top + self.decoding) / (3 * self.top)

    @property
    def reached(self) -> float:
        """Return what it does gain."""
        return self.plain / self.stored

    @property
    def step(self) -> float:
        """Return what a step of the top costs in the plain epoch, in forward passes of the top."""
        return (self.plain - self.decoding - self.frozen) / self.top

    @property
    def kept(self) -> float:
        """Return the share of the gain that is reached, by what a step really costs."""
        return self.reached / (self.plain / (self.step * self.top))


class Ticks(Silent):
    """Notes the CPU time at which every epoch ends."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def advance(self, steps: int = 1) -> None:
        """Note that so many epochs have ended."""
        self.at.append(time.process_time())


class Bench:
    """One backbone and boundary, and the pictures it is measured on."""

    def __init__(self, name: str, backbone: Backbone, boundary: int, samples: list[Sample]) -> None:
        self.name, self.backbone, self.boundary, self.samples = name, backbone, boundary, samples
        self.modality: Modality = MODALITIES.get("image")()
        self.task = TASKS.get("classify")()
        self.precision = choose(backbone, self.modality)
        targets = [sample.target for sample in samples]
        self.labels = self.task.labels(targets)
        self.encoded = self.task.encode(targets, self.labels)
        self.batch = defaults.batch_size(len(samples))

    def prepared(self, pairs: Pairs) -> State:
        """Decode and prepare the pictures of a batch."""
        spec = self.backbone.spec
        raws = [self.modality.read(self.samples[at].input) for at, _ in pairs]
        examples = [self.modality.prepare(raw, spec) for raw in raws]
        return cast(self.modality.collate(examples, spec), "float32")

    def run(self, state: State, start: int, stop: int) -> State:
        """Run stages forward, in the number format in which the loop trains the top."""
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=native_bfloat16()):
            return self.backbone(state, start, stop)

    def plain(self, pairs: Pairs) -> State:
        """Do again what the store would have kept."""
        return cast(self.run(self.prepared(pairs), 0, self.boundary), "float32")

    def forward(self) -> tuple[float, float, float]:
        """Return the quickest seconds of decoding, and of the stages below and above, per epoch."""
        found = []
        for start in range(0, len(self.samples), self.batch):
            pairs = [(at, 0) for at in range(start, min(start + self.batch, len(self.samples)))]
            parts = []
            for _ in range(3):
                marks = [time.process_time()]
                state = self.prepared(pairs)
                marks.append(time.process_time())
                state = self.run(state, 0, self.boundary)
                marks.append(time.process_time())
                self.run(state, self.boundary, self.backbone.depth)
                marks.append(time.process_time())
                parts.append(np.diff(marks))
            found.append(np.min(parts, axis=0))
        decoding, frozen, top = np.sum(found, axis=0).tolist()
        return decoding, frozen, top

    def epochs(self, fetch: Fetch, count: int) -> list[float]:
        """Train the top for some epochs and return the CPU seconds of each."""
        depth = self.backbone.depth
        found = self.backbone.read(self.run(self.plain([(0, 0)]), self.boundary, depth), depth)
        name = leading(found)
        layer = HeadLayer([(depth, name)], found[name].shape[1], len(self.labels))
        everyone = np.arange(len(self.samples))
        phase = Phase(
            "top",
            self.boundary,
            objective="train",
            epochs=count,
            batch_size=self.batch,
            rate=1e-4,
            backbone_rate=1e-4,
            views=1,
        )
        ticks = Ticks()
        lesson = Lesson(fetch, self.encoded, everyone, everyone[:0], self.task)
        train(phase, self.backbone, layer, lesson, seed=0, deadline=None, progress=ticks)
        return np.diff(ticks.at).tolist()

    def measure(self, rounds: int) -> Gain:
        """Let epochs of the two take turns, and keep the quickest of each."""
        decoding, frozen, top = self.forward()
        fetch = at_boundary(
            self.samples, self.modality, self.backbone, self.boundary, PLAIN, self.precision
        )
        stored, plain = [], []
        for _ in range(rounds):
            stored += self.epochs(fetch, 2)
            plain += self.epochs(self.plain, 1)
        return Gain(
            self.name,
            self.boundary,
            len(self.samples),
            self.batch,
            self.precision,
            decoding,
            frozen,
            top,
            min(stored),
            min(plain),
        )


def save_timm(name: str, folder: Path) -> Path:
    """Save a timm net with random weights that reads pictures of 128 px."""
    import timm

    torch.manual_seed(0)
    net = timm.create_model(name, pretrained=False)
    net.pretrained_cfg |= {"input_size": (3, SIZE, SIZE), "crop_pct": 1.0}
    timm.models.save_for_hf(net, folder / name, safe_serialization=True)
    return folder / name


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timm", default="resnet18")
    args = parser.parse_args()
    torch.set_num_threads(1)
    learning, _ = read_set(Path(args.data) / "images" / "flowers5")
    samples = learning[:: max(1, len(learning) // args.pictures)][: args.pictures]
    gains = []
    print("| net | boundary | f | decoding / forward | possible | reached | share | step | kept |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        os.environ["HEADSTART_HOME"] = str(Path(place) / "home")
        nets = {BACKBONE: BACKBONE, f"timm {args.timm}": str(save_timm(args.timm, Path(place)))}
        for name, reference in nets.items():
            depth = open_backbone(reference).depth
            for boundary in (depth - 1, depth - 2):
                gain = Bench(name, open_backbone(reference), boundary, samples).measure(args.rounds)
                gains.append(gain)
                print(
                    f"| {name} | {boundary} of {depth} | {gain.share:.2f} "
                    f"| {gain.decoding / (gain.frozen + gain.top):.2f} | {gain.possible:.2f} "
                    f"| {gain.reached:.2f} | {gain.reached / gain.possible:.2f} "
                    f"| {gain.step:.1f} | {gain.kept:.2f} |",
                    flush=True,
                )
    machine = {
        "processor": platform.processor() or platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": native_bfloat16(),
        "torch": torch.__version__,
    }
    record = {"machine": machine, "gains": [asdict(gain) for gain in gains]}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
