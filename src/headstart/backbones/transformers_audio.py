"""How transformers' families that hear fall into stages: wav2vec2 and HuBERT, AST, Whisper.

wav2vec2 and HuBERT take samples of any length; AST and Whisper take log-mel frames of one length,
which silence fills up. Their states stand as [batch, time, width] with the `mask` of what is real.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch.nn import functional as F

from headstart.backbones.audio_reading import read_blocks, read_sound
from headstart.backbones.base import State
from headstart.backbones.outline import Outline, Step
from headstart.backbones.transformers_families import Family

# transformers' modules are reached by attribute names that torch's type stubs cannot know.
Net = Any


def _first(output: Any) -> torch.Tensor:
    return cast(torch.Tensor, output[0] if isinstance(output, tuple) else output)


def _silenced(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return a sequence with zeros in place of padding, whatever was computed there."""
    return x.masked_fill(~mask.unsqueeze(-1), 0)


def wav2vec2(net: Net) -> Outline:
    """Describe wav2vec2 and HuBERT: what hears samples, positions, layers."""
    encoder, config = net.encoder, net.config
    stable, last = bool(config.do_stable_layer_norm), len(net.encoder.layers) - 1
    family = "HuBERT" if config.model_type == "hubert" else "wav2vec2"

    def hear(state: State) -> State:
        wave, samples = state["x"].flatten(1), state["samples"].flatten()
        lengths = net._get_feat_extract_output_lengths(samples)
        if config.feat_extract_norm == "group":
            x = _by_length(net.feature_extractor, wave, samples)
        else:
            x = net.feature_extractor(wave).transpose(1, 2)
        mask = torch.arange(x.shape[1], device=x.device)[None] < lengths[:, None]
        return {"x": _silenced(_first(net.feature_projection(x)), mask), "mask": mask}

    def embed(state: State) -> State:
        x = state["x"] + encoder.pos_conv_embed(state["x"])
        x = encoder.dropout(x if stable else encoder.layer_norm(x))
        return {**state, "x": _silenced(x, state["mask"])}

    def layer(at: int) -> Callable[[State], State]:
        def run(state: State) -> State:
            x = _first(encoder.layers[at](state["x"], attention_mask=_attend(config, state)))
            if stable and at == last:
                x = encoder.layer_norm(x)
            return {**state, "x": _silenced(x, state["mask"])}

        return run

    extras = ("masked_spec_embed",) if hasattr(net, "masked_spec_embed") else ()
    norm = ("encoder.layer_norm",)
    steps = [
        Step("hear", hear, ("feature_extractor", "feature_projection", *extras)),
        Step("positions", embed, ("encoder.pos_conv_embed", *(() if stable else norm))),
    ]
    for at in range(last + 1):
        parts = (f"encoder.layers.{at}", *(norm if stable and at == last else ()))
        steps.append(Step(f"block{at + 1}", layer(at), parts))

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        return read_sound(state) if boundary else read_blocks(state)

    return Outline(family, tuple(steps), read)


def _by_length(hear: Net, wave: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
    """Run sounds of equal length together: a norm over a whole clip would hear its padding."""
    parts: dict[int, torch.Tensor] = {}
    rows: dict[int, list[int]] = {}
    for row, count in enumerate(samples.tolist()):
        rows.setdefault(count, []).append(row)
    for count, own in rows.items():
        parts[count] = hear(wave[own, :count]).transpose(1, 2)
    longest = max(part.shape[1] for part in parts.values())
    some = next(iter(parts.values()))
    x = some.new_zeros(len(wave), longest, some.shape[2])
    for count, own in rows.items():
        x[own, : parts[count].shape[1]] = parts[count]
    return x


def _attend(config: Any, state: State) -> torch.Tensor | None:
    """Return the attention mask as the configured attention wants it; None where all is real."""
    from transformers.masking_utils import create_bidirectional_mask

    if bool(state["mask"].all()):
        return None
    mask = create_bidirectional_mask(
        config=config, inputs_embeds=state["x"], attention_mask=state["mask"]
    )
    return cast("torch.Tensor | None", mask)


def ast(net: Net) -> Outline:
    """Describe AST; "pooled" is the mean of its two class tokens, as its classifier has it."""
    config, last = net.config, len(net.layers) - 1

    def embed(state: State) -> State:
        x = net.embeddings(state["x"])
        count = state["heard"].sum(1)
        pitches, times = net.embeddings.get_shape(config)
        starts = torch.arange(times, device=x.device) * config.time_stride
        # Patches come pitch by pitch; one is heard if it begins before the sound ends.
        heard = (starts[None] < count[:, None]).repeat(1, pitches)
        tokens = heard.new_zeros(len(x), 2)
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return {"x": x, "mask": mask, "heard": torch.cat([tokens, heard], 1)}

    def layer(at: int) -> Callable[[State], State]:
        def run(state: State) -> State:
            x = _first(net.layers[at](state["x"], None))
            return {**state, "x": net.layernorm(x) if at == last else x}

        return run

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        found = read_sound(state)
        if boundary:
            found["pooled"] = (state["x"][:, 0] + state["x"][:, 1]) / 2
        return found

    steps = [Step("embed", embed, ("embeddings",))]
    for at in range(last + 1):
        parts = (f"layers.{at}", *(("layernorm",) if at == last else ()))
        steps.append(Step(f"block{at + 1}", layer(at), parts))
    return Outline("AST", tuple(steps), read)


def whisper(net: Net) -> Outline:
    """Describe Whisper's encoder; its decoder is left away."""

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        return read_sound(state)

    return Outline("Whisper", tuple(hearing_steps(net.encoder, "encoder")), read)


def hearing_steps(encoder: Net, name: str) -> list[Step]:
    """Return the steps of Whisper's encoder, which its module knows by a name."""
    last = len(encoder.layers) - 1

    def embed(state: State) -> State:
        x = F.gelu(encoder.conv1(state["x"].transpose(1, 2)))
        x = F.gelu(encoder.conv2(x)).transpose(1, 2) + encoder.embed_positions.weight
        x = F.dropout(x, p=encoder.dropout, training=encoder.training)
        mask, heard = state["mask"][:, ::2], state["heard"][:, ::2]
        return {**state, "x": x, "mask": mask, "heard": heard}

    def layer(at: int) -> Callable[[State], State]:
        def run(state: State) -> State:
            x = _first(encoder.layers[at](state["x"], None))
            return {**state, "x": encoder.layer_norm(x) if at == last else x}

        return run

    first = (f"{name}.conv1", f"{name}.conv2", f"{name}.embed_positions")
    steps = [Step("embed", embed, first)]
    for at in range(last + 1):
        parts = (f"{name}.layers.{at}", *((f"{name}.layer_norm",) if at == last else ()))
        steps.append(Step(f"block{at + 1}", layer(at), parts))
    return steps


AUDIO_FAMILIES = {
    "wav2vec2": Family(wav2vec2, modality="audio", idle=("masked_spec_embed",)),
    "hubert": Family(wav2vec2, modality="audio", idle=("masked_spec_embed",)),
    "audio-spectrogram-transformer": Family(ast, modality="audio"),
    "whisper": Family(whisper, modality="audio", drops=("decoder",)),
}
"""Described families by the `model_type` of their configuration."""
