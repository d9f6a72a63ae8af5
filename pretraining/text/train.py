"""Distils all-MiniLM-L6-v2 into the small text net. One command; may be killed and run again.

    PYTHONPATH=src python pretraining/text/train.py --data english.parquet --teacher TEACHER \
        --tokenizer tokenizer.json --out OUT --minutes 12

Writes to OUT: `checkpoint.safetensors` (everything a resumed run needs), `model.safetensors`
(averaged weights, float16) with `config.json` and `tokenizer.json`, `static.safetensors` (the
floor), `log.jsonl`. The schedule follows the minutes spent training, not a number of steps.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import corpus
import floor
import numpy as np
import objective
import pool
import teacher as teacher_
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizer import folding
from tokenizers import Tokenizer
from torch import Tensor, nn

from headstart.backbones.nets.text import TextConfig, TextNet

Run = argparse.Namespace


def log(out: Path, **fields: Any) -> None:
    line = json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in fields.items()})
    print(line, flush=True)
    with (out / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def write(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """A file is whole or not there: a run may be killed while it writes."""
    part = path.with_suffix(".part")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, metadata)
    os.replace(part, path)


def export(net: TextNet, path: Path) -> None:
    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    write(half, path)


@torch.no_grad()
def all_targets(
    net: nn.Module, side: pool.Side, lengths: np.ndarray, budget: int, keep_states: bool
) -> dict[str, Tensor]:
    """The teacher's embedding of every text, computed once and kept on the device.

    With `keep_states` also its state of every token, where asking it again at each step would
    cost more than 768 bytes a token do: on a CPU.
    """
    device = side.ids.device
    found = {"sentences": torch.zeros(len(lengths), 384, dtype=torch.float16, device=device)}
    if keep_states:
        found["states"] = torch.zeros(len(side.ids), 384, dtype=torch.float16, device=device)
    for batch in pool.plan(lengths, 2 * budget, 8192, 0, shuffle=False):
        index = torch.from_numpy(batch).to(device)
        width = pool.padded(int(lengths[batch].max()), device)
        ids, mask, _ = side.rows(index, width)
        states = teacher_.states(net, ids, mask)
        found["sentences"][index] = teacher_.sentence(states, mask).half()
        if keep_states:
            where, _ = side.places(index, width)
            found["states"][where[mask]] = states[mask].half()
    return found


class Averages:
    """Weights averaged over the last thousand steps or so."""

    def __init__(self, net: TextNet) -> None:
        self.net = TextNet(net.config).to(next(net.parameters()).device).eval()
        self.net.load_state_dict(net.state_dict())

    @torch.no_grad()
    def update(self, net: TextNet, step: int) -> None:
        keep = min(0.999, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.net.parameters()), list(net.parameters()), 1.0 - keep)


class Training:
    """The pool on the device, the net, its optimiser, and where the run stands."""

    def __init__(self, run: Run, arrays: pool.Arrays, held: pool.Arrays) -> None:
        self.run = run
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
        torch.manual_seed(run.seed)
        tokenizer = Tokenizer.from_file(str(run.tokenizer))
        self.rows, self.base, case = folding(tokenizer)
        config = TextConfig(self.rows, len(self.base), run.embedding, run.width, run.depth)
        self.net = TextNet(config)
        self.net.fold_case(torch.from_numpy(self.base), torch.from_numpy(case))
        self.net.to(self.device)
        (run.out / "config.json").write_text(json.dumps(config.as_dict(), indent=2) + "\n")
        shutil.copyfile(run.tokenizer, run.out / "tokenizer.json")
        self.lower = torch.from_numpy(self.base).to(self.device)
        self.upper = self.upper_of(tokenizer).to(self.device)
        self.arrays, self.held_arrays = arrays, held
        self.students = pool.Side.of(arrays, "s", self.device)
        self.teachers = pool.Side.of(arrays, "t", self.device)
        self.teacher = teacher_.load(run.teacher, self.device)
        began = time.time()
        wanted = self.targets_of(arrays, held)
        self.targets, self.held_targets = wanted["sentences"], wanted["held"]
        self.word_states = wanted.get("states")
        self.held = pool.Side.of(held, "s", self.device)
        self.step, self.elapsed, self.best, self.epoch = 0, 0.0, -1.0, 0
        log(
            run.out,
            event="targets",
            texts=len(arrays["s_len"]),
            held_back=len(held["s_len"]),
            student_tokens=len(arrays["s_ids"]),
            seconds=time.time() - began,
            parameters=sum(p.numel() for p in self.net.parameters()),
            device=str(self.device),
        )
        self.begin(tokenizer)
        self.averages = Averages(self.net)
        self.optimiser = self.make_optimiser()
        self.resume()

    def targets_of(self, arrays: pool.Arrays, held: pool.Arrays) -> dict[str, Tensor]:
        """What the teacher says to all texts, from the cache where a run was interrupted."""
        path = self.run.cache / "targets.safetensors" if self.run.cache else None
        if path and path.exists():
            return {k: v.to(self.device) for k, v in load_file(path).items()}
        on_cpu, budget = self.device.type == "cpu", self.run.tokens
        found = all_targets(self.teacher, self.teachers, arrays["t_len"], budget, on_cpu)
        side = pool.Side.of(held, "t", self.device)
        found["held"] = all_targets(self.teacher, side, held["t_len"], budget, False)["sentences"]
        if path:
            write(found, path)
        return found

    def upper_of(self, tokenizer: Tokenizer) -> Tensor:
        """Each id's upper-case form, where there is one: for training on shouted texts."""
        ids = tokenizer.get_vocab()
        pieces = sorted(ids, key=ids.get)  # type: ignore[arg-type]
        return torch.tensor([ids.get(p.upper(), i) for i, p in enumerate(pieces)])

    def begin(self, tokenizer: Tokenizer) -> None:
        if (self.run.out / "checkpoint.safetensors").exists():
            return  # a resumed run has left the floor long ago
        ids = tokenizer.get_vocab()
        pieces = sorted(ids, key=ids.get)[: self.rows]  # type: ignore[arg-type]
        counts = np.bincount(self.base[self.arrays["s_ids"]], minlength=self.rows)
        reader = Tokenizer.from_file(str(self.run.teacher / "tokenizer.json"))
        vectors = floor.piece_vectors(self.teacher, reader, pieces).cpu()
        weights = torch.from_numpy(counts)
        table, components = floor.static_table(vectors, weights, self.run.embedding)
        floor.begin(self.net, table.to(self.device), components.to(self.device))
        static, _ = floor.static_table(vectors, weights, 256)
        write({"table": static.half()}, self.run.out / "static.safetensors")

    def make_optimiser(self) -> torch.optim.Optimizer:
        decayed = [p for n, p in self.net.named_parameters() if p.dim() > 1 and "table" not in n]
        kept = [p for n, p in self.net.named_parameters() if p.dim() < 2 or "table" in n]
        groups = [{"params": decayed, "weight_decay": 0.01}, {"params": kept, "weight_decay": 0.0}]
        fused = self.device.type == "cuda"
        return torch.optim.AdamW(groups, lr=self.run.rate, betas=(0.9, 0.98), fused=fused)

    def save(self) -> None:
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"mean.{k}": v for k, v in self.averages.net.state_dict().items()}
        for name, parameter in self.net.named_parameters():
            for key, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser.{key}.{name}"] = value
        where = {k: getattr(self, k) for k in ("step", "elapsed", "best", "epoch")}
        write(tensors, self.run.out / "checkpoint.safetensors", {"where": json.dumps(where)})

    def resume(self) -> None:
        path = self.run.out / "checkpoint.safetensors"
        if not path.exists():
            return
        with safe_open(path, "pt", device=str(self.device)) as file:
            where = json.loads(file.metadata()["where"])
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        for prefix, net in (("net.", self.net), ("mean.", self.averages.net)):
            mine = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            net.load_state_dict(mine)
        for name, parameter in self.net.named_parameters():
            state = {}
            for key in ("step", "exp_avg", "exp_avg_sq"):
                state[key] = tensors[f"optimiser.{key}.{name}"].clone()
            if self.device.type == "cpu":
                state["step"] = state["step"].cpu()
            self.optimiser.state[parameter] = state
        self.step, self.elapsed = where["step"], where["elapsed"]
        # The interrupted pass over the pool is not finished but left: the next one begins.
        self.best, self.epoch = where["best"], where["epoch"] + 1
        log(self.run.out, event="resumed", **where)

    def half(self) -> AbstractContextManager[object]:
        if self.device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    @torch.no_grad()
    def evaluate(self, net: TextNet) -> dict[str, float]:
        """Mean cosine to the teacher on held-back texts, and how often the nearest agrees."""
        lengths = self.held_arrays["s_len"]
        found = torch.zeros(len(lengths), 384, device=self.device)
        for batch in pool.plan(lengths, self.run.tokens, 4096, 0, shuffle=False):
            index = torch.from_numpy(batch).to(self.device)
            width = pool.padded(int(lengths[batch].max()), self.device)
            ids, mask, _ = self.held.rows(index, width)
            with self.half():
                found[index] = net(ids, mask).float()
        target = self.held_targets.float()
        some = slice(0, 4000)
        alike = target[some] @ target[some].T - 2 * torch.eye(len(target[some]), device=self.device)
        ours = found[some] @ found[some].T - 2 * torch.eye(len(found[some]), device=self.device)
        agree = (alike.argmax(1) == ours.argmax(1)).float().mean()
        return {"cosine": float((found * target).sum(1).mean()), "same_nearest": float(agree)}

    def recase(self, ids: Tensor) -> Tensor:
        """Some texts wholly lower-cased or shouted: the teacher sees no case, so targets stay."""
        draw = torch.rand(len(ids), 1, device=ids.device)
        ids = torch.where(draw < 0.2, self.lower[ids], ids)
        return torch.where(draw > 0.97, self.upper[self.lower[ids]], ids)

    def loss(self, batch: np.ndarray) -> dict[str, Tensor]:
        index = torch.from_numpy(batch).to(self.device)
        width = pool.padded(int(self.arrays["s_len"][batch].max()), self.device)
        ids, mask, word = self.students.rows(index, width)
        with self.half():
            stop = 1 if self.static else None
            state = self.net.run({"x": self.recase(ids), "mask": mask}, stop=stop)
            sentence = self.net.sentence(state)
        sentence, target = sentence.float(), F.normalize(self.targets[index].float(), dim=-1)
        parts = {
            "direction": objective.direction(sentence, target),
            "neighbourhood": objective.neighbourhood(sentence, target),
        }
        if self.step % self.run.words_every == 0 and not self.static:
            width_t = pool.padded(int(self.arrays["t_len"][batch].max()), self.device)
            ids_t, mask_t, word_t = self.teachers.rows(index, width_t)
            if self.word_states is None:
                states_t = teacher_.states(self.teacher, ids_t, mask_t)
            else:
                states_t = self.word_states[self.teachers.places(index, width_t)[0]].float()
            with self.half():
                tokens = self.net.tokens(state)
            words = min(width, width_t)
            parts["words"] = objective.words_direction(tokens, word, states_t, word_t, words)
        return parts

    @property
    def static(self) -> bool:
        """Tell whether only the first stage learns yet: fifty times as many texts a second."""
        return bool(self.elapsed < self.run.static_minutes * 60.0)

    def rate(self) -> float:
        if self.static:
            return float(2 * self.run.rate)
        begin, end = self.run.static_minutes * 60.0, self.run.minutes * 60.0
        share = (self.elapsed - begin) / (end - begin)
        warm = min(1.0, share / 0.02)
        return float(self.run.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))))

    def train(self) -> None:
        budget, began, spent = self.run.minutes * 60.0, time.time(), self.elapsed
        last = time.time()
        self.report({})
        weights = {"direction": 4.0, "neighbourhood": 1.0, "words": self.run.words_weight}
        while self.elapsed < budget:
            seed = self.run.seed + 1000 * self.epoch
            static, larger = self.static, 4 if self.static else 1
            tokens, most = larger * self.run.tokens, larger * self.run.batch
            for batch in pool.plan(self.arrays["s_len"], tokens, most, seed):
                if len(batch) < 32:
                    continue  # too few for similarity rows to mean anything
                self.elapsed = spent + time.time() - began
                if self.elapsed >= budget or self.static != static:
                    break
                for group in self.optimiser.param_groups:
                    group["lr"] = self.rate()
                parts = self.loss(batch)
                self.optimiser.zero_grad(set_to_none=True)
                torch.stack([weights[k] * v for k, v in parts.items()]).sum().backward()
                norm = nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
                if self.step % 50 == 0 and not math.isfinite(float(norm)):
                    raise SystemExit(f"the gradient is not finite at step {self.step}")
                self.optimiser.step()
                self.step += 1
                self.averages.update(self.net, self.step)
                if time.time() - last > self.run.every:
                    self.report(parts)
                    last = time.time()
            self.epoch += 1
        self.report({})
        log(self.run.out, event="done", step=self.step, epoch=self.epoch, best=self.best)

    def report(self, parts: dict[str, Tensor]) -> None:
        found = self.evaluate(self.averages.net)
        losses = {k: float(v.detach()) for k, v in parts.items()}
        log(
            self.run.out,
            event="progress",
            step=self.step,
            epoch=self.epoch,
            seconds=self.elapsed,
            **found,
            **losses,
        )
        if not math.isfinite(found["cosine"]):
            raise SystemExit("the averaged weights are not finite: run again to resume")
        if found["cosine"] > self.best:
            self.best = found["cosine"]
            export(self.averages.net, self.run.out / "model.safetensors")
        if self.step:
            self.save()


def arguments() -> Run:
    parser = argparse.ArgumentParser(description="Distil the text backbone.")
    for name in ("data", "teacher", "tokenizer", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder for the tokenised pool")
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument(
        "--static-minutes", type=float, default=0.0, help="of them, for the first stage alone"
    )
    parser.add_argument("--limit", type=int, help="only so many passages: for a try")
    parser.add_argument("--rounds", type=int, default=2, help="times each passage is cut anew")
    parser.add_argument("--made", type=int, default=900_000, help="requests made from patterns")
    parser.add_argument("--texts", type=int, default=10**9, help="of the pool, the shorter first")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tokens", type=int, default=65536, help="tokens a batch")
    parser.add_argument("--batch", type=int, default=4096, help="texts a batch, at most")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--words-every", type=int, default=2)
    parser.add_argument("--words-weight", type=float, default=1.0)
    parser.add_argument("--every", type=float, default=45.0, help="seconds between checkpoints")
    parser.add_argument("--embedding", type=int, default=128)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    run = arguments()
    run.out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    passages = corpus.load_passages(run.data, run.limit)
    kept = [p for p in passages if not corpus.is_held_back(p[1])]
    held = [p for p in passages if corpus.is_held_back(p[1])]
    how: dict[str, Any] = {"student": run.tokenizer, "teacher": run.teacher}
    train_cache, held_cache = (
        (run.cache / f"{name}.safetensors" if run.cache else None) for name in ("pool", "held")
    )
    arrays = pool.make_or_load(
        train_cache, passages=kept, rounds=run.rounds, made=run.made, cores=run.cores, **how
    )
    held_arrays = pool.make_or_load(held_cache, passages=held, rounds=1, made=0, cores=1, **how)
    arrays = pool.choose(arrays, run.texts, run.seed)
    held_arrays = pool.choose(held_arrays, run.texts // 30, run.seed)
    log(run.out, event="pool", seconds=time.time() - began, texts=len(arrays["s_len"]))
    Training(run, arrays, held_arrays).train()


if __name__ == "__main__":
    main()
