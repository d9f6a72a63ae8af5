"""`learn(job) -> Model`: samples and choices in, model out. No test set, no printing.

`fit`, folds, races and the estimator all call this. With a journal, a job goes on where it ended.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import torch

from headstart import defaults, features, mirrors, norms
from headstart.activations import PLAIN, at_boundary
from headstart.adapters import Adapters, insert, straightened
from headstart.alongside import travels
from headstart.backbones.base import Backbone
from headstart.backbones.source import fresh_weights, open_backbone
from headstart.calibrate import fit_temperature
from headstart.dataset.splits import folds as cut_folds
from headstart.dataset.splits import seal
from headstart.errors import DataError
from headstart.features import Survey
from headstart.heads import Head
from headstart.heads.candidates import leading
from headstart.heads.layer import HeadLayer
from headstart.heads.search import search
from headstart.job import Job, group_numbers, plan, require_stages
from headstart.journal import Journal, Nowhere
from headstart.keep import blend, choose_share, state_of
from headstart.modalities.base import Modality
from headstart.model import Model
from headstart.novelty import fit_novelty
from headstart.precision import choose
from headstart.progress import Progress, Silent
from headstart.registry import MODALITIES, TASKS
from headstart.schedule import held_back, rehearsed
from headstart.schema import Choice, Phase, Sample
from headstart.tasks.base import Task
from headstart.trainer import Epoch, Fetch, Lesson, predict, read, train
from headstart.validation import Validation, tell
from headstart.watch import Watch

REHEARSAL = 0.45
"""The share of a budget that a rehearsal may take: what it finds best is then done once more."""


class _Learning:
    """One job under way: what its phases share."""

    def __init__(
        self,
        job: Job,
        backbone: Backbone | None,
        progress: Progress,
        journal: Journal | Nowhere,
        watch: Sequence[Sample] = (),
    ) -> None:
        self.job, self.progress, self.journal = job, progress, journal
        self.begun = time.perf_counter()
        self.deadline = None if job.seconds is None else self.begun + job.seconds
        self.modality: Modality = MODALITIES.get(job.modality)()
        self.task: Task = TASKS.get(job.task)()
        self.watch = Watch(watch, self.task, job.labels)
        self.backbone = backbone or open_backbone(job.backbone, offline=job.offline)
        self.reference = self.backbone.fingerprint()
        self.phases = plan(job, self.backbone)
        require_stages(self.phases, self.backbone)
        self.encoded = self.task.encode([sample.target for sample in job.samples], job.labels)
        self.mix = self.task.mix(self.encoded)
        self.groups = group_numbers(job.samples)
        if self.groups.max(initial=0) == 0:
            raise DataError(
                f"The {len(job.samples)} examples to learn from all belong together (one group, or "
                "near-duplicates of each other), so none can be held back to choose by.",
                "Add examples that differ, or group them more finely.",
            )
        everything = np.arange(len(job.samples))
        self.learning, self.validating = everything, everything[:0]
        if share := held_back(self.phases, len(job.samples)):
            self.learning, self.validating = seal(self.mix, self.groups, share=share, seed=job.seed)
        self.validation = Validation(
            self.task, job.samples, job.labels, self.encoded, self.groups, job.seed
        )
        self.choices: list[Choice] = []
        self.out_of_fold: np.ndarray | None = None
        self.head: Head | None = None
        self.boundary: int | None = None
        self.adapters: Adapters | None = None
        self.precision = "float32"
        self.kept: dict[str, int] = {}
        self.noted: tuple[Choice, ...] = ()
        self.share = job.keep

    def until(self) -> float | None:
        """Return when the budget ends: looking on has no part in it."""
        return None if self.deadline is None else self.deadline + self.watch.looking

    def left(self) -> float | None:
        return None if (end := self.until()) is None else max(0.0, end - time.perf_counter())

    def run(self) -> Head:
        """Run the phases and return the head; the backbone is left as it was trained.

        Where some samples were held back to choose by and all are few, that was a rehearsal that
        nobody watches: as many epochs as it took are then learnt from all of them.
        """
        self.look_into_mirrors()
        if not len(self.validating) or not rehearsed(self.phases, len(self.job.samples)):
            return self.go_through(self.journal)
        before, deadline = state_of({"body": self.backbone.module}), self.deadline
        if self.job.seconds is not None:
            self.deadline = self.begun + self.job.seconds * REHEARSAL
        with self.watch.closed():
            tried_out = self.go_through(self.journal)
        if self.adapters is not None:
            self.adapters.remove()
        blend({"body": self.backbone.module}, before, before, 0.0)
        self.backbone.changed()
        tried = [choice for choice in self.choices if choice.what in self.kept]
        self.phases = [
            replace(phase, epochs=self.kept.get(phase.name, 0), patience=0)
            for phase in self.phases
            if phase.objective != "train" or self.kept[phase.name]
        ]
        self.learn_from_all()
        self.choices, self.boundary, self.head = [], None, None
        self.adapters, self.deadline = None, deadline
        head = self.go_through(self.journal.within("again"))
        self.choices += tried
        return replace(head, temperature=tried_out.temperature)

    def look_into_mirrors(self) -> None:
        """Leave mirror images out of the views where they surely mean something else."""
        if not any(phase.views > 1 for phase in self.phases):
            return
        self.survey()  # settles the number format
        net = self.modality, self.backbone, self.precision
        if told := mirrors.tell(self.job.samples, self.encoded, self.groups, *net):
            self.phases = [replace(phase, mirrored=False) for phase in self.phases]
            self.noted = (told,)

    def hold_nothing_back(self) -> None:
        """Learn from everything at once, unless a phase has to know when a plateau is reached."""
        if not any(phase.patience for phase in self.phases):
            self.learn_from_all()

    def learn_from_all(self) -> None:
        self.learning, self.validating = np.arange(len(self.job.samples)), self.validating[:0]

    def go_through(self, journal: Journal | Nowhere) -> Head:
        """Run the phases in order, with what there is to learn from and to validate by."""
        for at, phase in enumerate(self.phases):
            pages = journal.within(f"phase-{at}")
            if phase.objective == "solve":
                begun = time.perf_counter()
                self.head = self.solve(phase, pages)
                self.watch.solved(phase, time.perf_counter() - begun, self.head, self.vectors)
            elif phase.objective == "estimate":
                self.estimate(phase)
            else:
                self.head = self.train(phase, at, pages)
        if self.head is None:
            raise ValueError(f"strategy {self.job.strategy} has no phases")
        return self.head

    def survey(self) -> Survey:
        found = features.survey(self.job.samples, self.modality, self.backbone, self.progress)
        if found.set_aside:
            first = found.set_aside[0]
            raise DataError(
                f"{len(found.set_aside)} samples cannot be read; the first is {first.name}: "
                f"{first.why}",
                "Leave them out, or let `fit` set them aside.",
            )
        self.precision = found.precision
        return found

    def solve(self, phase: Phase, journal: Journal | Nowhere) -> Head:
        """Solve the head on cached readings; everything it chose is kept as choices.

        It learns from what the stages will: samples that they are watched on must be new to it too.
        """
        found, rows, page = self.survey(), self.learning, journal.page("head")
        if written := page.read():
            tensors, notes = written
            arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
            self.choices += [Choice(**choice) for choice in notes["choices"]]
            self.out_of_fold = arrays.pop("out_of_fold")
            return Head.from_arrays([tuple(each) for each in notes["readings"]], arrays)
        samples = [found.samples[at] for at in rows]
        readings = features.readings(found.shelf, samples)
        chosen = search(
            {name: each for name, each in readings.items() if travels(name, phase.reads_from)},
            self.encoded[rows],
            cut_folds(
                self.mix[rows],
                np.unique(self.groups[rows], return_inverse=True)[1],
                defaults.fold_count(len(rows)),
                self.job.seed,
            ),
            self.groups[rows],
            len(self.job.labels),
            kind=self.task.kind,
            headline=self.task.score_logits,
            seed=self.job.seed,
            seconds=self.left(),
            progress=self.progress,
        )
        choices = [trial.choice() for trial in chosen.trials]
        self.choices += choices
        self.out_of_fold = chosen.out_of_fold
        tensors = {n: torch.from_numpy(np.array(a)) for n, a in chosen.head.arrays().items()}
        tensors["out_of_fold"] = torch.from_numpy(np.array(chosen.out_of_fold))
        notes = {"choices": [asdict(each) for each in choices], "readings": chosen.head.readings}
        page.write(tensors, notes)
        return chosen.head

    def estimate(self, phase: Phase) -> None:
        """Take BatchNorm statistics anew from what is learnt from, in mixed batches of one size."""
        fetch = self.fetch_at(phase)
        mixed = np.random.default_rng(self.job.seed).permutation(self.learning)
        batches = np.array_split(mixed, max(1, len(mixed) // phase.batch_size))
        states = (fetch([(int(position), 0) for position in batch]) for batch in batches)
        norms.estimate(self.backbone, phase.boundary, states)

    def train(self, phase: Phase, number: int, journal: Journal | Nowhere) -> Head:
        """Run the optimiser loop on one phase, from the boundary up, and read off its head."""
        job, backbone, begun = self.job, self.backbone, time.perf_counter()
        self.out_of_fold = None
        if phase.fresh:
            fresh_weights(backbone, phase.boundary, job.seed)
        self.fetch, self.boundary = self.fetch_at(phase), phase.boundary
        if phase.adapters and self.adapters is None:
            state = self.fetch([(0, 0)])
            self.adapters = insert(backbone, phase.boundary, phase.adapters, state, job.seed)
        layer = self.layer(phase)
        modules = {"body": backbone.module, "head": layer}
        if all(each.objective != "train" for each in self.phases[:number]):
            self.before = state_of(modules)
        ended = journal.page("end")
        if written := ended.read():
            tensors, notes = written
            logits = tensors.pop("logits").numpy()
            blend(modules, tensors, tensors, 0.0)
        else:
            ready = time.perf_counter() - begun
            outcome = train(
                phase,
                backbone,
                layer,
                Lesson(
                    self.fetch,
                    self.encoded,
                    self.learning,
                    self.validating,
                    self.task,
                    self.watch.during(phase, layer, self.modality, backbone, self.precision),
                ),
                seed=job.seed,
                deadline=self.until(),
                progress=self.progress,
                page=journal.page("epochs"),
            )
            logits, share = outcome.validation_logits, self.share
            if phase is self.phases[-1] and not phase.fresh:
                share, logits = choose_share(
                    modules,
                    straightened(self.before, state_of(modules)),
                    lambda: self.ask(layer, self.validating),
                    lambda said: self.validation.headline(said, self.validating),
                    share,
                    len(self.validating),
                )
            notes = {
                "kept": outcome.kept,
                "share": share,
                "why": tell(outcome, share),
                "ready": ready,
                "seconds": time.perf_counter() - begun,
                "epochs": [asdict(each) for each in outcome.epochs],
            }
            ended.write(state_of(modules) | {"logits": torch.from_numpy(logits)}, notes)
        backbone.changed()
        self.kept[phase.name], self.share = notes["kept"], notes["share"]
        self.watch.trained(phase, [Epoch(**each) for each in notes["epochs"]], notes["ready"])
        if len(logits) or phase.fresh:  # what was rehearsed is told of the rehearsal
            what = phase.name, notes["seconds"], notes["why"]
            self.choices.append(self.validation.choice(*what, logits, self.validating))
        return layer.head(fit_temperature(logits, self.encoded[self.validating]))

    def fetch_at(self, phase: Phase) -> Fetch:
        return at_boundary(
            self.job.samples,
            self.modality,
            self.backbone,
            phase.boundary,
            phase.numbers,
            self.precision,
            self.progress,
        )

    def layer(self, phase: Phase) -> HeadLayer:
        """Return the head so far as a layer, or a fresh one on what the last stage gives."""
        if self.head is not None and not phase.fresh:
            return HeadLayer.of(self.head)
        depth = self.backbone.depth
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(self.job.seed)
            state = self.backbone(self.fetch([(0, 0)]), phase.boundary)
            found = self.backbone.read(state, depth)
            name = leading(found)
            return HeadLayer([(depth, name)], found[name].shape[1], len(self.job.labels))

    def vectors(self, head: Head, samples: Sequence[Sample] | None = None) -> np.ndarray:
        """Return what the head stands on for samples (those learnt from), plain and as trained."""
        samples = self.job.samples if samples is None else samples
        if self.boundary is None:
            found = features.survey(samples, self.modality, self.backbone, self.progress)
            return features.vectors(found.shelf, found.samples, head.readings)
        fetch = at_boundary(
            samples,
            self.modality,
            self.backbone,
            self.boundary,
            PLAIN,
            self.precision,
            self.progress,
        )
        return read(self.backbone, head.readings, fetch, self.boundary, len(samples))

    def ask(self, layer: HeadLayer, positions: np.ndarray) -> np.ndarray:
        return predict(self.backbone, layer, self.fetch, self.boundary or 0, positions)


def learn(
    job: Job,
    *,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
    journal: Journal | Nowhere | None = None,
    watch: Sequence[Sample] = (),
    temperature: float | None = None,
) -> Model:
    """Run a job's strategy and return the model. An opened backbone saves opening it again.

    The model's `curve` is of samples to `watch`; nothing is chosen by them. A `temperature` comes
    from folds on which the strategy was tried already; nothing is then held back to judge it again.
    """
    work = _Learning(job, backbone, progress or Silent(), journal or Nowhere(), watch)
    if temperature is not None:
        work.hold_nothing_back()
    head = work.run()
    head = replace(head, temperature=temperature or head.temperature)
    model = Model(
        work.modality,
        work.backbone,
        work.task,
        head,
        job.labels,
        job.strategy,
        choose(work.backbone, work.modality),
        trained=not work.adapters and work.backbone.fingerprint() != work.reference,
        adapters=work.adapters,
        choices=(*work.choices, *work.noted),
        out_of_fold=work.out_of_fold,
        curve=tuple(work.watch.points),
        seconds=work.watch.took,
    )
    folds = cut_folds(work.mix, work.groups, defaults.fold_count(len(job.samples)), job.seed)
    model.novelty = fit_novelty(work.vectors(head), work.encoded, folds)
    return model


def try_out(
    job: Job,
    others: Sequence[Sample],
    *,
    backbone: Backbone,
    progress: Progress | None = None,
    journal: Journal | Nowhere | None = None,
) -> np.ndarray:
    """Learn a job and return its logits of other samples' rows; keep no model.

    Nothing is held back where every phase runs to its end anyway: the others are what to judge by.
    """
    work = _Learning(job, backbone, progress or Silent(), journal or Nowhere())
    work.hold_nothing_back()
    try:
        head = work.run()
        return head.logits(work.vectors(head, others))
    finally:
        if work.adapters is not None:
            work.adapters.remove()
