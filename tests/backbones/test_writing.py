"""Backbones that write: their stages, fed a text, are the library's own whole model."""

import pytest
import torch

from headstart.backbones.source import build_backbone
from tests.backbones.families import WRITING, batch, build, texts

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")


@pytest.fixture(params=WRITING)
def tiny(request):
    return request.param


@torch.inference_mode()
def test_scores_equal_the_librarys_own(tiny):
    backbone, state = build(tiny), batch(tiny, count=3)
    ours = backbone.decoder.scores(backbone(dict(state)))
    library = backbone.module(
        input_features=state["x"].transpose(1, 2),
        decoder_input_ids=state["tokens"],
        decoder_attention_mask=state["given"].long(),
    )
    given = state["given"]
    torch.testing.assert_close(ours[given], library.logits[given], rtol=1e-4, atol=1e-5)


def test_loss_and_gradients_equal_the_librarys_own(tiny):
    backbone, state = build_backbone(build(tiny).recipe), batch(tiny, count=2)
    net, given = backbone.module, state["given"]
    net.load_state_dict(build(tiny).module.state_dict())
    net.requires_grad_(True)
    labels = state["tokens"].masked_fill(~given, -100)
    library = net(input_features=state["x"].transpose(1, 2), labels=labels)
    library.loss.backward()
    expected = {name: each.grad.clone() for name, each in net.named_parameters()}
    net.zero_grad()
    fed = torch.full_like(state["tokens"], net.config.decoder_start_token_id)
    fed[:, 1:] = state["tokens"][:, :-1]
    heard = backbone(dict(state), stop=backbone.hearing)
    scores = backbone.decoder.scores(
        backbone({**heard, "tokens": fed, "given": given}, start=backbone.hearing)
    )
    loss = torch.nn.functional.cross_entropy(scores[given], state["tokens"][given])
    loss.backward()
    torch.testing.assert_close(loss, library.loss)
    for name, each in net.named_parameters():
        torch.testing.assert_close(each.grad, expected[name], rtol=1e-4, atol=1e-6)


@torch.inference_mode()
def test_writing_token_by_token_gives_what_reading_the_text_gives(tiny):
    backbone, state = build(tiny), batch(tiny, count=3)
    heard = backbone(dict(state), stop=backbone.hearing)
    whole = backbone.decoder.scores(backbone(dict(heard), start=backbone.hearing))
    line = backbone.decoder.begin(heard["x"])
    tokens = state["tokens"]
    first = line.step(tokens[:, :2])
    torch.testing.assert_close(first, whole[:, 1], rtol=1e-4, atol=1e-5)
    for at in range(2, tokens.shape[1]):
        scores = line.step(tokens[:, at : at + 1])
        torch.testing.assert_close(scores, whole[:, at], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_no_position_sees_a_later_one(tiny):
    backbone, state = build(tiny), batch(tiny, count=2)
    other = {**state, "tokens": state["tokens"].clone()}
    other["tokens"][:, 4:] = 9
    mine, theirs = backbone(dict(state)), backbone(other)
    torch.testing.assert_close(mine["x"][:, :4], theirs["x"][:, :4])
    assert not torch.allclose(mine["x"][:, 4], theirs["x"][:, 4])


@torch.inference_mode()
def test_without_a_text_one_stands_that_has_only_begun(tiny):
    backbone, state = build(tiny), batch(tiny, count=2)
    bare = {name: each for name, each in state.items() if name not in texts(1)}
    found = backbone(bare)
    start = backbone.module.config.decoder_start_token_id
    begun = torch.full((2, 1), start)
    expected = backbone({**bare, "tokens": begun, "given": begun > 0})
    assert torch.equal(found["x"], expected["x"])


def test_the_decoders_stages_are_the_last_and_own_the_table_of_tokens_once(tiny):
    backbone = build(tiny)
    marked = [stage.reads_target for stage in backbone.stages]
    assert marked == sorted(marked)
    assert backbone.hearing == marked.index(True)
    begin = backbone.stages[backbone.hearing]
    assert {"proj_out.weight", "model.decoder.embed_tokens.weight"} <= set(begin.owns)
    assert not build("hf_whisper").decoder
    assert build("hf_whisper").hearing == build("hf_whisper").depth
