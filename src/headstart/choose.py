"""`auto`: climb from the probe to deeper rungs, and keep a rung only if evidence says it helps.

Every rung is tried by cross-validation on the same folds as the one below it: learnt on some
folds, asked about another, compared sample by sample. It is kept where the headline is surely
higher, or where the log-loss is surely lower and the headline is no worse; of log-loss, which is
smooth, a few hundred samples can tell differences that a count of right answers cannot. Otherwise
the simpler model ships. What the budget has no room for is not tried, and that is said.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from headstart import cost, defaults
from headstart.backbones.base import Backbone
from headstart.backbones.source import open_backbone
from headstart.calibrate import fit_temperature, log_losses
from headstart.cost import Cost
from headstart.dataset.splits import folds as cut_folds
from headstart.errors import DataError, Failure, UnknownName, UserError, closest
from headstart.job import Job, group_numbers, plan, require_stages
from headstart.journal import Journal, Nowhere
from headstart.keep import blend, state_of
from headstart.learn import learn, try_out
from headstart.memory import enough_memory
from headstart.metrics import draw, paired, paired_difference, share_interval
from headstart.model import Model
from headstart.progress import Progress, Silent
from headstart.ragged import Rows, flat, laid, mean_of, rows_of
from headstart.registry import MODALITIES, STRATEGIES, TASKS
from headstart.schema import SPEECH, Choice, Figure, Sample
from headstart.tasks.base import Task
from headstart.writing.learning import learn_to_write
from headstart.writing.plan import plan_writing

AUTO = "auto"
PROBE = "probe"
TOP_STAGES = ("partial", "gradual", "lora")
WITH_ADAPTERS = ("lora",)
NOTHING_TO_KEEP = (PROBE, "adapt", "scratch")


@dataclass(frozen=True)
class Evidence:
    """Logits that rows got from models which had not seen them; NaN: none yet."""

    logits: Rows

    @property
    def covered(self) -> np.ndarray:
        """Return a mask of the samples that were asked about."""
        asked = np.isfinite(flat(self.logits)).all(1)
        return np.asarray(mean_of(asked.astype(np.float32), self.logits) == 1)


@dataclass(frozen=True)
class Verdict:
    """How a rung compares with the one below it, on the same samples."""

    headline: Figure
    loss: Figure

    @property
    def kept(self) -> bool:
        """Tell whether the rung surely helps."""
        surely_lower = self.loss.high < 0 and self.headline.value >= 0
        return self.headline.low > 0 or surely_lower

    @property
    def hopeless(self) -> bool:
        """Tell whether more folds would hardly change the answer."""
        return self.headline.high < 0 or (self.loss.low > 0 and self.headline.value <= 0)

    def words(self) -> str:
        """Say both differences with their intervals."""
        figures = zip(("headline", "log-loss"), (self.headline, self.loss), strict=True)
        return ", ".join(
            f"{name} {each.value:+.3f} ({each.low:+.3f} to {each.high:+.3f})"
            for name, each in figures
        )


@dataclass(frozen=True)
class Attempt:
    """What came of trying a rung: its evidence if there is any, what to say of it, and the time."""

    rung: str
    why: str
    kept: bool = False
    seconds: float = 0.0
    evidence: Evidence | None = None


class Ladder:
    """One climb under way."""

    def __init__(
        self,
        job: Job,
        backbone: Backbone | None,
        progress: Progress,
        journal: Journal | Nowhere,
        watch: Sequence[Sample] = (),
    ) -> None:
        self.job, self.progress, self.journal, self.watch = job, progress, journal, watch
        self.backbone = backbone or open_backbone(job.backbone, offline=job.offline)
        self.modality = MODALITIES.get(job.modality)()
        self.task: Task = TASKS.get(job.task)()
        self.before = state_of({"body": self.backbone.module})
        self.encoded = self.task.encode([each.target for each in job.samples], job.labels)
        self.groups = group_numbers(job.samples)
        self.folds = cut_folds(
            self.task.mix(self.encoded),
            self.groups,
            defaults.fold_count(len(job.samples)),
            job.seed,
        )
        names = [str(number) for number in self.groups]
        self.resamples = draw(names, len(names), columns=len(job.labels), seed=job.seed)
        self.choices: list[Choice] = []
        self.cost: Cost = cost.measure(self.backbone, self.modality)
        self.spent = 0.0

    def climb(self) -> Model:
        """Return the model of the highest rung that earned its place."""
        begun = time.perf_counter()
        probe = self.learn(PROBE)
        if probe.out_of_fold is None:
            raise ValueError("the probe has no out-of-fold answers to compare with")
        best, best_name = Evidence(laid(probe.out_of_fold, self.encoded)), PROBE
        # A pass read from the store costs nothing now; a rung is still worth what it would cost.
        passed = len(self.job.samples) * self.cost.below(self.backbone.depth)
        usual = defaults.auto_seconds(max(time.perf_counter() - begun, passed))
        self.budget = self.job.seconds or usual
        if self.job.seconds is not None:
            self.spent = time.perf_counter() - begun
        for rung in defaults.rungs(len(self.job.samples), self.backbone.depth):
            tried = self.attempt(rung, best)
            self.choices.append(self.choice(tried))
            if tried.kept and tried.evidence is not None:
                best, best_name = tried.evidence, rung
        if best_name == PROBE:
            self.rewind()  # the last trial has moved the weights that the probe stands on
            return replace(probe, strategy=PROBE, choices=(*probe.choices, *self.choices))
        asked = np.flatnonzero(best.covered)
        temperature = fit_temperature(flat(best.logits[asked]), self.encoded[asked])
        model = self.learn(best_name, temperature)
        below = [replace(each, kept=each.what == best_name) for each in self.choices]
        lost = [replace(each, kept=False) for each in probe.choices]
        return replace(model, choices=(*lost, *below, *model.choices))

    def learn(self, strategy: str, temperature: float | None = None) -> Model:
        """Run a strategy on all samples, from the weights that the backbone came with."""
        self.rewind()
        left = None if self.job.seconds is None else max(1.0, self.job.seconds - self.spent)
        job = replace(self.job, strategy=strategy, seconds=left)
        journal = self.journal.within(strategy)
        return learn(
            job,
            backbone=self.backbone,
            progress=self.progress,
            journal=journal,
            watch=self.watch,
            temperature=temperature,
        )

    def rewind(self) -> None:
        """Give the backbone the weights that it came with."""
        blend({"body": self.backbone.module}, self.before, self.before, 0.0)
        self.backbone.changed()

    def attempt(self, rung: str, best: Evidence) -> Attempt:
        """Try a rung fold by fold, as long as there is time and hope."""
        job = replace(self.job, strategy=rung, seconds=None)
        phases, count = plan(job, self.backbone), len(self.job.samples)
        folds = 1 if count > defaults.ONE_FOLD_FROM else int(self.folds.max()) + 1
        again = cost.seconds(phases, self.cost, count, views_kept=True, rehearse=False)
        once = cost.seconds(phases, self.cost, count, rehearse=False)
        least = once + again  # one fold, and the model itself
        if least > self.budget - self.spent:
            need = quantity(1.2 * (self.spent + least))
            return Attempt(rung, f"not tried: it takes about {need} in all; --time {need} lets it")
        rows = len(flat(self.encoded))
        logits = np.full((rows, len(self.job.labels)), np.nan, np.float32)
        took = 0.0
        for number in range(folds):
            # Beside the next fold, the model itself has to fit into what is left.
            if number and self.spent + 2 * took / number > self.budget:
                break
            asked = np.flatnonzero(self.folds == number)
            try:
                logits[rows_of(self.encoded, asked)], seconds = self.ask(job, number, asked)
            except (DataError, Failure) as error:
                return Attempt(rung, f"not kept: {error.message}", seconds=took)
            took, self.spent = took + seconds, self.spent + seconds
            verdict = self.compare(best, Evidence(laid(logits, self.encoded)))
            if number + 1 >= min(2, folds) and verdict.hopeless:
                break
        evidence = Evidence(laid(logits, self.encoded))
        asked_of = f"{int(evidence.covered.sum()):,} of {count:,} examples"
        words = f"{verdict.words()} over the rung below, asked of {asked_of}"
        words += "" if verdict.kept else ": not surely better"
        return Attempt(rung, words, verdict.kept, took, evidence)

    def ask(self, job: Job, number: int, asked: np.ndarray) -> tuple[np.ndarray, float]:
        """Learn on all folds but one and return logits of that one, with the time."""
        journal = self.journal.within(f"{job.strategy}-{number}")
        page = journal.page("asked")
        if written := page.read():
            tensors, notes = written
            return tensors["logits"].numpy(), float(notes["seconds"])
        begun = time.perf_counter()
        self.rewind()
        rest = np.flatnonzero(self.folds != number)
        samples = self.job.samples
        logits = try_out(
            replace(job, samples=tuple(samples[at] for at in rest)),
            [samples[at] for at in asked],
            backbone=self.backbone,
            progress=self.progress,
            journal=journal,
        )
        seconds = time.perf_counter() - begun
        page.write({"logits": torch.from_numpy(logits)}, {"seconds": seconds})
        return logits, seconds

    def compare(self, below: Evidence, above: Evidence) -> Verdict:
        """Compare two rungs on the samples that both were asked about."""
        both = np.flatnonzero(below.covered & above.covered)
        truth, weights = self.encoded[both], self.resamples.weights[both]
        logits = [flat(each.logits[both]) for each in (below, above)]
        draws = [self.task.score_logits(each, truth, weights) for each in logits]
        names = [str(number) for number in self.groups[both]]
        # Each at its best temperature: what ships is calibrated.
        losses = [
            mean_of(log_losses(each, truth, fit_temperature(each, truth)), truth) for each in logits
        ]
        return Verdict(
            paired_difference(draws[0], draws[1], len(set(names))),
            paired(losses[0], losses[1], names),
        )

    def choice(self, tried: Attempt) -> Choice:
        """Return an attempt as a line of the report."""
        if tried.evidence is None:
            return Choice(tried.rung, None, None, None, tried.seconds, False, tried.why)
        rows = np.flatnonzero(tried.evidence.covered)
        draws = self.task.score_logits(
            flat(tried.evidence.logits[rows]), self.encoded[rows], self.resamples.weights[rows]
        )
        figure = share_interval(draws, len(set(self.groups[rows].tolist())))
        return Choice(
            tried.rung,
            figure.value,
            figure.low,
            figure.high,
            tried.seconds,
            tried.kept,
            tried.why,
        )


def quantity(seconds: float) -> str:
    """Return a time as `--time` takes it."""
    return f"{max(1, round(seconds))}s" if seconds < 90 else f"{round(seconds / 60 + 0.5)}m"


def make(
    job: Job,
    *,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
    journal: Journal | Nowhere | None = None,
    watch: Sequence[Sample] = (),
) -> Model:
    """Return the model of a job: by its strategy, or for `auto` by what the evidence says.

    The model's `curve` tells how well the samples in `watch` were answered as it was trained.
    """
    with enough_memory(job.backbone):
        if job.task == SPEECH:
            asked = replace(job, strategy=settle(job.strategy, job.task))
            return learn_to_write(asked, backbone=backbone, progress=progress, journal=journal)
        if job.strategy != AUTO:
            return learn(job, backbone=backbone, progress=progress, journal=journal, watch=watch)
        return Ladder(job, backbone, progress or Silent(), journal or Nowhere(), watch).climb()


def check_depth(
    strategy: str, unfreeze: int | None, keep: float | None, merge: bool = False
) -> None:
    """Refuse what the strategy has no use for, and numbers that are none."""
    if unfreeze is not None and strategy not in TOP_STAGES:
        raise UserError(
            f"--unfreeze says how many stages to train, and {strategy} does not ask.",
            f"Use it with --strategy {', '.join(TOP_STAGES[:-1])} or {TOP_STAGES[-1]}.",
        )
    if keep is not None and not (isinstance(keep, int | float) and 0 <= keep <= 1):
        raise UserError(
            f"{keep!r} of the old model cannot be kept.",
            "Give a share from 0 (none of it) to 1 (all of it), such as 0.5.",
        )
    if keep is not None and strategy in NOTHING_TO_KEEP:
        raise UserError(
            f"--keep mixes old weights with trained ones; {strategy} leaves nothing to mix.",
            "Use it with a strategy that trains the backbone's own weights, such as partial.",
        )
    if merge and strategy not in WITH_ADAPTERS:
        raise UserError(
            f"--merge adds adapters to the weights beside them, and {strategy} makes none.",
            f"Leave it out, or use --strategy {' or '.join(WITH_ADAPTERS)}.",
        )


def check_stages(job: Job, backbone: Backbone) -> None:
    """Refuse what the stages of a backbone cannot do, before anything long begins."""
    if job.task == SPEECH:
        plan_writing(replace(job, strategy=settle(job.strategy, job.task)), backbone)
    elif job.strategy != AUTO:
        require_stages(plan(job, backbone), backbone)


def settle(strategy: str, task: str) -> str:
    """Return the strategy that is meant: of transcripts `auto` compares none, and is the cheapest.

    Learning to write takes long, and trying a rung on every fold several times as long.
    """
    return PROBE if strategy == AUTO and task == SPEECH else strategy


def check_strategy(name: str) -> str:
    """Refuse a strategy that there is not; return what the one named does, in a few words."""
    if name == AUTO:
        return "a new head, and deeper only where that surely helps"
    if name not in STRATEGIES.names() and (meant := closest(name, [AUTO, *STRATEGIES.names()])):
        raise UnknownName(
            f"There is no strategy '{name}'.{meant}",
            f"Choose one of: {', '.join([AUTO, *STRATEGIES.names()])}.",
        )
    return str(STRATEGIES.get(name)().about)
