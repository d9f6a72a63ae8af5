"""The text net of this project: a small transformer encoder that reads case beside its words.

It imports only torch, so that a training recipe can use it on a machine where nothing else is.

Four choices make it small and quick on a CPU:

- **Case is folded.** "card", "Card" and "CARD" are three ids of the tokenizer but one row of the
  table; a learned case vector is added. The table spends no rows on capitals, a classifier meets
  the same word whatever its case, and a tagger still sees that a word is capitalised.
- **The table is narrow** (`embedding` numbers a row) and widened by one matrix afterwards.
- **Word order is local mixing.** Each token is blended with its neighbours (a depthwise
  convolution) before attention, which itself knows no positions. No position is ever out of range,
  so a text of any length works, and no position table has to be trained on long texts.
- **The sentence embedding is a plain mean** of the last states, projected to the teacher's space.
  As the projection is linear, each projected token state lives in the teacher's space too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = dict[str, Tensor]


@dataclass(frozen=True)
class TextConfig:
    """The shape of a text net. `rows` are vectors in the table, `ids` what the tokenizer knows."""

    rows: int
    ids: int
    embedding: int = 128
    width: int = 256
    depth: int = 3
    heads: int = 4
    inner: int = 512
    output: int = 384
    cases: int = 3

    def as_dict(self) -> dict[str, int]:
        """What `config.json` holds."""
        return asdict(self)


class Neighbours(nn.Module):
    """Blends each token with those beside it; starts as the identity."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.reach = reach
        weight = torch.zeros(2 * reach + 1, width)
        weight[reach] = 1.0
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix `x` (batch x length x width) along its length, within each text."""
        # Padding is zeroed first: what stands beyond a text's end must not depend on the batch.
        x = x * mask.unsqueeze(-1).to(x.dtype)
        length = x.shape[1]
        padded = F.pad(x, (0, 0, self.reach, self.reach))
        weight = self.weight.to(x.dtype)
        mixed = padded[:, :length] * weight[0]
        for i in range(1, 2 * self.reach + 1):
            mixed = torch.addcmul(mixed, padded[:, i : i + length], weight[i])
        return mixed


class Embed(nn.Module):
    """Ids to vectors: table row plus case vector, blended with neighbours, widened."""

    base: Tensor
    case: Tensor

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.table = nn.Embedding(config.rows, config.embedding)
        self.cases = nn.Embedding(config.cases, config.embedding)
        self.neighbours = Neighbours(config.embedding, reach=2)
        self.widen = nn.Linear(config.embedding, config.width)
        nn.init.zeros_(self.cases.weight)
        nn.init.normal_(self.table.weight, std=config.embedding**-0.5)
        # Which row and which case each id stands for: written by `fold_case`, saved with weights.
        rows = torch.arange(config.ids).clamp_max(config.rows - 1)
        self.register_buffer("base", rows.to(torch.int16))
        self.register_buffer("case", torch.zeros(config.ids, dtype=torch.uint8))

    def forward(self, state: State) -> State:
        """From token ids to vectors of the net's width."""
        ids, mask = state["x"], state["mask"]
        vectors = self.table(self.base[ids].int()) + self.cases(self.case[ids].int())
        return {"x": self.widen(self.neighbours(vectors, mask)), "mask": mask}


class Layer(nn.Module):
    """One transformer layer, normalised before each part; both parts start as the identity."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.neighbours = Neighbours(width, reach=1)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.norm_inner = nn.LayerNorm(width)
        self.inner_in = nn.Linear(width, inner)
        self.inner_out = nn.Linear(inner, width)
        for last in (self.attention_out, self.inner_out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, state: State) -> State:
        """From hidden states to hidden states."""
        x, mask = state["x"], state["mask"]
        batch, length, width = x.shape
        h = self.neighbours(self.norm_attention(x), mask)
        h = self.query_key_value(h).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = h.permute(2, 0, 3, 1, 4).unbind(0)
        # Every text holds at least the opening token, so no row of this mask is wholly False.
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        mixed = mixed.transpose(1, 2).reshape(batch, length, width)
        x = x + self.attention_out(mixed)
        x = x + self.inner_out(F.gelu(self.inner_in(self.norm_inner(x)), approximate="tanh"))
        return {"x": x, "mask": mask}


class TextNet(nn.Module):
    """An ordered list of stages ("embed", "layer1", ...), then a projected mean.

    `net.run({"x": ids, "mask": mask}, start, stop)` runs the stages from `start` up to, not
    including, `stop`: splitting at any boundary gives the whole's result. `mask` is True where a
    token stands. `net.sentence(state)` reads the last state; the projection belongs to the last
    stage (see `owners`).
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        stages: dict[str, nn.Module] = {"embed": Embed(config)}
        for i in range(config.depth):
            stages[f"layer{i + 1}"] = Layer(config.width, config.heads, config.inner)
        self.stages = nn.ModuleDict(stages)
        self.project = nn.Linear(config.width, config.output)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages in order: a freeze boundary is an index into this."""
        return tuple(self.stages)

    def owners(self) -> dict[str, tuple[nn.Module, ...]]:
        """Each stage with the modules it owns: every parameter and buffer stands once."""
        owned: dict[str, tuple[nn.Module, ...]] = {n: (m,) for n, m in self.stages.items()}
        last = self.stage_names[-1]
        owned[last] = (*owned[last], self.project)
        return owned

    def run(self, state: State, start: int = 0, stop: int | None = None) -> State:
        """Run the stages from `start` up to, not including, `stop`."""
        for stage in list(self.stages.values())[start:stop]:
            state = stage(state)
        return state

    def tokens(self, state: State) -> Tensor:
        """Token states in the teacher's space: batch x length x output."""
        projected: Tensor = self.project(state["x"])
        return projected

    def sentence(self, state: State) -> Tensor:
        """One unit vector a text, in the teacher's space: batch x output."""
        mean = masked_mean(state["x"], state["mask"]).to(self.project.weight.dtype)
        return F.normalize(self.project(mean).float(), dim=-1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """From token ids to the sentence embedding."""
        return self.sentence(self.run({"x": ids, "mask": mask}))

    def means(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """The mean state after each stage: what a probe by stage reads."""
        state, found = {"x": ids, "mask": mask}, []
        for stage in self.stages.values():
            state = stage(state)
            found.append(masked_mean(state["x"], mask))
        return found

    def fold_case(self, base: Tensor, case: Tensor) -> None:
        """Say which row of the table and which case every id of the tokenizer stands for."""
        embed = self.stages["embed"]
        assert isinstance(embed, Embed)
        embed.base.copy_(base.to(embed.base.dtype))
        embed.case.copy_(case.to(embed.case.dtype))


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """The mean over a text's own tokens, in float32 whatever the states are kept in."""
    weight = mask.unsqueeze(-1).float()
    return (x.float() * weight).sum(1) / weight.sum(1).clamp_min(1.0)


def build(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> TextNet:
    """A net from its JSON config and its tensors (float16 on disk, float32 in memory)."""
    net = TextNet(TextConfig(**config))
    floats = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    net.load_state_dict(floats)
    return net.eval()
