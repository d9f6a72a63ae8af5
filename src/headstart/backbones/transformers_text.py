"""How transformers' text networks fall into stages: one describer each, found by model type.

The state is `x` [batch, tokens, width] and the `mask`; whatever a layer needs besides (the mask as
its attention wants it, position biases, rotary tables) is made anew in each stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch.nn import functional

from headstart.backbones.base import ROWS, State
from headstart.backbones.outline import Outline, Read, Step
from headstart.backbones.text_reading import (
    first_of,
    last_of,
    max_of,
    mean_of,
    read_ids,
    read_rows,
)
from headstart.backbones.transformers_families import Family

# transformers' modules are reached by attribute names that torch's type stubs cannot know.
Net = Any
Layer = Callable[[int, torch.Tensor, torch.Tensor], Any]

POOLINGS = {"mean": mean_of, "max": max_of, "first": first_of, "last": last_of}


def reader(depth: int, reading: Mapping[str, Any] | None, *, looks_back: bool) -> Read:
    """Return how states are read; "pooled" at the end, as the checkpoint states its own pooling.

    `reading` holds a `pooling` and whether to `normalise`; None where a checkpoint states none. A
    net that only looks back has nothing in its first token.
    """

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        x, mask = state["x"], state["mask"]
        if ROWS in state:
            return read_rows(x, state[ROWS])
        if boundary == 0:
            return read_ids(x, mask)
        found = {"mean": mean_of(x, mask)}
        if looks_back:
            found["last"] = last_of(x, mask)
        else:
            found["token"] = first_of(x, mask)
        if reading is not None and boundary == depth:
            pooled = POOLINGS[reading["pooling"]](x, mask)
            found["pooled"] = functional.normalize(pooled) if reading["normalise"] else pooled
        return found

    return read


def pooled(outline: Outline, net: Net, reading: Mapping[str, Any] | None) -> Outline:
    """Return an outline that is read with the pooling that its checkpoint states."""
    looks_back = is_decoder(net.config)
    return replace(outline, read=reader(len(outline.steps), reading, looks_back=looks_back))


def is_decoder(config: Any) -> bool:
    """Tell whether a network of this type looks back only: its last token has seen all."""
    from transformers.models.auto import modeling_auto as auto

    if config.model_type in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        return bool(getattr(config, "is_decoder", False))
    return config.model_type in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def _blocks(
    family: str,
    embed: Callable[[State], torch.Tensor],
    embed_parts: Sequence[str],
    paths: Sequence[str],
    layer: Layer,
    *,
    net: Net,
    shared: Sequence[str] = (),
    finish: Callable[[torch.Tensor], torch.Tensor] = lambda x: x,
    neck: Sequence[str] = (),
) -> Outline:
    """Describe an embedding and layers; `shared` parts are used by all, `neck` ones by the last."""

    def first(state: State) -> State:
        return {"x": embed({**state, "x": state["x"].long()}), "mask": state["mask"]}

    def run(at: int) -> Callable[[State], State]:
        def stage(state: State) -> State:
            found = layer(at, state["x"], state["mask"])
            x = cast(torch.Tensor, found[0] if isinstance(found, tuple) else found)
            return {"x": finish(x) if at == len(paths) - 1 else x, "mask": state["mask"]}

        return stage

    steps = [Step("embed", first, tuple(embed_parts))]
    for at, path in enumerate(paths):
        own = (path, *shared, *(neck if at == len(paths) - 1 else ()))
        steps.append(Step(f"block{at + 1}", run(at), own))
    return pooled(Outline(family, tuple(steps), _nothing), net, None)


def _both_ways(net: Net, x: torch.Tensor, mask: torch.Tensor) -> Any:
    from transformers.masking_utils import create_bidirectional_mask

    return create_bidirectional_mask(config=net.config, inputs_embeds=x, attention_mask=mask)


def _numbered(path: str, layers: Sequence[Any]) -> list[str]:
    return [f"{path}.{at}" for at in range(len(layers))]


def whole_text(net: Net) -> Outline:
    """Describe a text network of no known family as one stage: its last hidden state."""

    def run(state: State) -> State:
        kinds = {} if "kinds" not in state else {"token_type_ids": state["kinds"].long()}
        mask = state["mask"]
        output = net(input_ids=state["x"].long(), attention_mask=mask.long(), **kinds)
        return {"x": output.last_hidden_state, "mask": mask}

    step = Step("whole", run, ("",))
    outline = Outline(str(net.config.model_type), (step,), _nothing, opaque=True)
    return pooled(outline, net, None)


def _nothing(state: State, boundary: int) -> dict[str, torch.Tensor]:
    return {}


def bert(net: Net) -> Outline:
    """Describe BERT (and MiniLM, which is one), RoBERTa and XLM-R."""
    if getattr(net.config, "is_decoder", False):
        return whole_text(net)
    layers = net.encoder.layer
    names = {"bert": "BERT", "roberta": "RoBERTa", "xlm-roberta": "XLM-R", "camembert": "CamemBERT"}
    return _blocks(
        names[net.config.model_type],
        lambda state: net.embeddings(input_ids=state["x"], token_type_ids=_kinds(state)),
        ("embeddings",),
        _numbered("encoder.layer", layers),
        lambda at, x, mask: layers[at](x, _both_ways(net, x, mask)),
        net=net,
        neck=("pooler",),
    )


def _kinds(state: State) -> torch.Tensor | None:
    return state["kinds"].long() if "kinds" in state else None


def distilbert(net: Net) -> Outline:
    """Describe DistilBERT."""
    layers = net.transformer.layer
    return _blocks(
        "DistilBERT",
        lambda state: net.embeddings(state["x"]),
        ("embeddings",),
        _numbered("transformer.layer", layers),
        lambda at, x, mask: layers[at](x, _both_ways(net, x, mask)),
        net=net,
    )


def albert(net: Net) -> Outline:
    """Describe ALBERT, whose layers share their weights: the first that uses them owns them."""
    groups = net.encoder.albert_layer_groups
    count = int(net.config.num_hidden_layers)
    group_of = [int(at / (count / len(groups))) for at in range(count)]

    def embed(state: State) -> torch.Tensor:
        x = net.embeddings(state["x"], token_type_ids=_kinds(state))
        return cast(torch.Tensor, net.encoder.embedding_hidden_mapping_in(x))

    return _blocks(
        "ALBERT",
        embed,
        ("embeddings", "encoder.embedding_hidden_mapping_in"),
        [f"encoder.albert_layer_groups.{group}" for group in group_of],
        lambda at, x, mask: groups[group_of[at]](x, _both_ways(net, x, mask)),
        net=net,
        neck=("pooler",),
    )


def mpnet(net: Net) -> Outline:
    """Describe MPNet; its position bias depends on the length of the batch, not on the texts."""
    encoder = net.encoder
    return _blocks(
        "MPNet",
        lambda state: net.embeddings(input_ids=state["x"]),
        ("embeddings",),
        _numbered("encoder.layer", encoder.layer),
        lambda at, x, mask: encoder.layer[at](
            x, _both_ways(net, x, mask), encoder.compute_position_bias(x)
        ),
        net=net,
        shared=("encoder.relative_attention_bias",),
        neck=("pooler",),
    )


def deberta(net: Net) -> Outline:
    """Describe DeBERTa V2 and V3; the first layer may be followed by a convolution."""
    encoder = net.encoder

    def embed(state: State) -> torch.Tensor:
        kinds = _kinds(state)
        return cast(
            torch.Tensor,
            net.embeddings(
                input_ids=state["x"],
                token_type_ids=torch.zeros_like(state["x"]) if kinds is None else kinds,
                mask=state["mask"],
            ),
        )

    def layer(at: int, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found, _ = encoder.layer[at](
            x,
            encoder.get_attention_mask(mask.long()),
            relative_pos=encoder.get_rel_pos(x),
            rel_embeddings=encoder.get_rel_embedding(),
        )
        if at == 0 and encoder.conv is not None:
            found = encoder.conv(x, found, mask.long())
        return cast(torch.Tensor, found)

    return _blocks(
        "DeBERTa",
        embed,
        ("embeddings",),
        _numbered("encoder.layer", encoder.layer),
        layer,
        net=net,
        shared=("encoder.rel_embeddings", "encoder.LayerNorm", "encoder.conv"),
    )


def modernbert(net: Net) -> Outline:
    """Describe ModernBERT, whose layers look at all tokens or at near ones."""

    def layer(at: int, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        from transformers import masking_utils

        block = net.layers[at]
        near = block.attention_type == "sliding_attention"
        make = (
            masking_utils.create_bidirectional_sliding_window_mask
            if near
            else masking_utils.create_bidirectional_mask
        )
        positions = torch.arange(x.shape[1], device=x.device).unsqueeze(0)
        return cast(
            torch.Tensor,
            block(
                x,
                attention_mask=make(config=net.config, inputs_embeds=x, attention_mask=mask),
                position_embeddings=net.rotary_emb(x, positions, block.attention_type),
            ),
        )

    return _blocks(
        "ModernBERT",
        lambda state: net.embeddings(input_ids=state["x"]),
        ("embeddings",),
        _numbered("layers", net.layers),
        layer,
        net=net,
        shared=("rotary_emb",),
        finish=lambda x: cast(torch.Tensor, net.final_norm(x)),
        neck=("final_norm",),
    )


def gpt2(net: Net) -> Outline:
    """Describe GPT-2, a decoder that serves as an encoder by its last token."""

    def embed(state: State) -> torch.Tensor:
        positions = torch.arange(state["x"].shape[1], device=state["x"].device).unsqueeze(0)
        return cast(torch.Tensor, net.drop(net.wte(state["x"]) + net.wpe(positions)))

    def layer(at: int, x: torch.Tensor, mask: torch.Tensor) -> Any:
        from transformers.masking_utils import create_causal_mask

        positions = torch.arange(x.shape[1], device=x.device).unsqueeze(0)
        causal = create_causal_mask(
            config=net.config,
            inputs_embeds=x,
            attention_mask=mask,
            past_key_values=None,
            position_ids=positions,
        )
        return net.h[at](x, None, causal, use_cache=False, position_ids=positions)

    return _blocks(
        "GPT-2",
        embed,
        ("wte", "wpe", "drop"),
        _numbered("h", net.h),
        layer,
        net=net,
        finish=lambda x: cast(torch.Tensor, net.ln_f(x)),
        neck=("ln_f",),
    )


TEXT_FAMILIES: dict[str, Family] = {
    name: Family(describe, modality="text")
    for name, describe in {
        "bert": bert,
        "roberta": bert,
        "xlm-roberta": bert,
        "camembert": bert,
        "distilbert": distilbert,
        "albert": albert,
        "mpnet": mpnet,
        "deberta-v2": deberta,
        "modernbert": modernbert,
        "gpt2": gpt2,
    }.items()
}
"""Described families by the `model_type` of their configuration."""
