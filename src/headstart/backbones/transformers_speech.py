"""Whisper as it writes: the encoder's stages, then the decoder's, which are fed the target.

What is heard comes to the first of them as `x`; it goes on as `source` beside the text's own `x`.
The text's tokens stand in the state as `tokens` [batch, length], and `given` tells them from
padding. Where no text is given, one stands that has only begun.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import torch
from torch.nn import functional as F

from headstart.backbones.audio_reading import read_sound
from headstart.backbones.base import Decoder, State
from headstart.backbones.outline import Outline, Step
from headstart.backbones.transformers_audio import hearing_steps
from headstart.backbones.transformers_families import Family

# transformers' modules are reached by attribute names that torch's type stubs cannot know.
Net = Any


def whisper(net: Net) -> Outline:
    """Describe the whole of Whisper. Its output layer is the table of its tokens once more."""
    decoder, config = net.model.decoder, net.config
    last = len(decoder.layers) - 1

    def begin(state: State) -> State:
        source, tokens = state["x"], state.get("tokens")
        if tokens is None:
            start = int(config.decoder_start_token_id)
            tokens = torch.full((len(source), 1), start, device=source.device)
        given = state.get("given")
        mask = torch.ones_like(tokens, dtype=torch.bool) if given is None else given
        x = decoder.embed_tokens(tokens) + decoder.embed_positions.weight[: tokens.shape[1]]
        x = F.dropout(x, p=decoder.dropout, training=decoder.training)
        others = {name: each for name, each in state.items() if name not in HEARD}
        return {**others, "x": x, "mask": mask, "source": source}

    def layer(at: int) -> Callable[[State], State]:
        def run(state: State) -> State:
            x = decoder.layers[at](
                state["x"], _causal(config, state["x"]), state["source"], use_cache=False
            )
            return {**state, "x": decoder.layer_norm(x) if at == last else x}

        return run

    steps = hearing_steps(net.model.encoder, "model.encoder")
    embedded = ("model.decoder.embed_tokens", "model.decoder.embed_positions")
    steps.append(Step("begin", begin, embedded, reads_target=True))
    ends = ("model.decoder.layer_norm", "proj_out")
    for at in range(last + 1):
        parts = (f"model.decoder.layers.{at}", *(ends if at == last else ()))
        steps.append(Step(f"write{at + 1}", layer(at), parts, reads_target=True))

    def scores(state: State) -> torch.Tensor:
        return cast(torch.Tensor, net.proj_out(state["x"]))

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        return read_sound(state)

    writes = Decoder(scores, lambda source: _Line(net, source))
    return Outline("Whisper", tuple(steps), read, decoder=writes)


HEARD = ("x", "mask", "heard", "tokens", "given")
"""What belongs to the sound, or has gone into the text's state."""


def _causal(config: Any, x: torch.Tensor) -> torch.Tensor | None:
    """Return the mask by which no position sees a later one; padding is later than all."""
    from transformers.masking_utils import create_causal_mask

    mask = create_causal_mask(
        config=config, inputs_embeds=x, attention_mask=None, past_key_values=None
    )
    return cast("torch.Tensor | None", mask)


class _Line:
    """Texts in the making: what was computed for earlier tokens is kept and not done again."""

    def __init__(self, net: Net, source: torch.Tensor) -> None:
        from transformers import DynamicCache, EncoderDecoderCache

        self.net, self.source = net, source
        config = deepcopy(net.config)
        config.num_hidden_layers = config.decoder_layers
        self.kept = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take in the next tokens of each text; return the scores of the one after them."""
        found = self.net.model.decoder(
            input_ids=tokens,
            encoder_hidden_states=self.source,
            past_key_values=self.kept,
            use_cache=True,
        )
        return cast(torch.Tensor, self.net.proj_out(found.last_hidden_state[:, -1]))


SPEECH_FAMILIES = {
    "whisper": Family(whisper, loader="WhisperForConditionalGeneration", modality="audio"),
}
"""Families with a decoder that writes, by the `model_type` of their configuration."""
