"""Folders of speech models, opened with what they write by; what they write is the library's."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
import torch

from headstart.backbones.source import build_backbone, open_backbone, open_writer
from headstart.errors import BackboneError, DataError
from headstart.modalities.audio import Audio
from headstart.modalities.audio_read import Sound
from headstart.modalities.audio_script import to_text, to_tokens
from headstart.speech.frames import read_off
from headstart.speech.lines import hear_language, most_often, write
from headstart.speech.words import text_of
from tests.sounds import RATE, spoken
from tests.speech.saying import CHARACTERS, save_ctc, save_whisper

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")
AUDIO = Audio()


def heard(backbone, waves):
    sounds = [Sound(wave, RATE, len(wave) / RATE) for wave in waves]
    return AUDIO.collate([AUDIO.prepare(sound, backbone.spec) for sound in sounds], backbone.spec)


@pytest.fixture
def waves():
    return [spoken(0.9, seed=1), spoken(0.7, seed=2)]


def test_whispers_text_stands_as_its_own_tokens(tmp_path):
    _, tokenizer = save_whisper(tmp_path / "model")
    spec = open_writer(str(tmp_path / "model")).spec
    known = tokenizer.get_vocab()
    assert spec.opening == (known["<|startoftranscript|>"],)
    assert spec.closing == (known["<|transcribe|>"], known["<|notimestamps|>"])
    assert spec.languages == tuple(sorted(known[f"<|{each}|>"] for each in ("en", "de", "haw")))
    assert spec.never == (known["!"],)
    spec = spec.in_language(known["<|en|>"])
    tokens = to_tokens("the Moth's “five”", spec)
    tokenizer.set_prefix_tokens(language="en", task="transcribe", predict_timestamps=False)
    assert tokens == tokenizer(" the Moth's “five”").input_ids
    assert to_text(tokens, spec) == "the Moth's “five”"


def test_a_text_longer_than_a_backbone_writes_is_refused(tmp_path):
    save_whisper(tmp_path / "model")
    spec = open_writer(str(tmp_path / "model")).spec
    with pytest.raises(DataError, match=r"is 84 tokens long, .* at most 64"):
        to_tokens("x" * 79, spec)


def test_one_that_writes_english_only_has_no_languages(tmp_path):
    _, tokenizer = save_whisper(tmp_path / "model", many=False)
    spec = open_writer(str(tmp_path / "model")).spec
    assert spec.languages == ()
    assert spec.closing == (tokenizer.get_vocab()["<|notimestamps|>"],)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_is_written_is_what_the_library_writes(tmp_path, waves):
    net, tokenizer = save_whisper(tmp_path / "model")
    with torch.no_grad():  # random weights write one token over and over; places tell them apart
        net.model.decoder.embed_positions.weight.normal_(std=2.0)
    net.save_pretrained(tmp_path / "model")
    backbone = open_writer(str(tmp_path / "model"))
    spec = backbone.spec.in_language(tokenizer.get_vocab()["<|de|>"])
    state = heard(backbone, waves)
    source = backbone(state, stop=backbone.hearing)["x"]
    ours = write(backbone.decoder, source, spec)
    theirs = net.generate(
        state["x"].transpose(1, 2), language="de", task="transcribe", num_beams=1, do_sample=False
    )
    for row, library in zip(ours, theirs.tolist(), strict=True):
        assert list(row.tokens[: len(library)]) == library[-len(row.tokens) :]
        assert len(set(row.tokens)) > 1
        assert 0 < row.probability <= 1


def test_the_language_is_what_the_checkpoint_hears(tmp_path, waves):
    net, _ = save_whisper(tmp_path / "model")
    backbone = open_writer(str(tmp_path / "model"))
    state = heard(backbone, waves)
    source = backbone(state, stop=backbone.hearing)["x"]
    found = hear_language(backbone.decoder, source, backbone.spec)
    library = net.detect_language(input_features=state["x"].transpose(1, 2))
    assert found == library.tolist()
    assert most_often([5, 7, 7, 5, 9]) == 5


def test_a_recipe_rebuilds_it_without_the_folder(tmp_path):
    save_whisper(tmp_path / "model")
    backbone = open_writer(str(tmp_path / "model"))
    again = build_backbone(json.loads(json.dumps(backbone.recipe)))
    again.module.load_state_dict(backbone.module.state_dict())
    again.spec = again.spec.with_files(backbone.spec.files())
    again.changed()
    assert again.fingerprint() == backbone.fingerprint()
    assert again.decoder
    other = open_backbone(str(tmp_path / "model"))
    assert other.decoder is None
    assert other.fingerprint() != backbone.fingerprint()


def test_without_a_tokenizer_nothing_is_written(tmp_path):
    save_whisper(tmp_path / "model")
    for name in ("tokenizer.json", "vocab.json", "merges.txt"):
        (tmp_path / "model" / name).unlink(missing_ok=True)
    open_backbone(str(tmp_path / "model"))
    with pytest.raises(BackboneError, match="without it no text can be written"):
        open_writer(str(tmp_path / "model"))


@pytest.mark.parametrize("kind", ["Wav2Vec2", "Hubert"])
def test_what_is_spelt_is_what_the_library_spells(kind, tmp_path, waves):
    net, tokenizer = save_ctc(tmp_path / "model", kind)
    with torch.no_grad():
        net.lm_head.weight.mul_(100)
    net.save_pretrained(tmp_path / "model")
    backbone = open_writer(str(tmp_path / "model"))
    known = backbone.characters
    assert known.spelt == ("", "<s>", "</s>", "<unk>", " ", *CHARACTERS[5:])
    state = heard(backbone, waves)
    with torch.inference_mode():
        last = backbone(dict(state))
        logits = torch.nn.functional.linear(last["x"], known.weight, known.bias)
        for row, wave in enumerate(waves):
            x = state["x"][row].flatten()[: len(wave)]
            library = net(x[None]).logits[0]
            mine = logits[row][last["mask"][row]]
            torch.testing.assert_close(mine, library, rtol=1e-3, atol=1e-3)
            written = re.sub("<[a-z/]+>", "", tokenizer.decode(library.argmax(1)))
            seconds = len(wave) / RATE / len(mine)
            words = read_off(mine.numpy(), known.spelt, 2.0, seconds)
            assert text_of(words) == " ".join(written.split())
            assert all(2 <= word.start < word.end <= 2 + len(wave) / RATE for word in words)
            assert all(a.end <= b.start for a, b in pairwise(words))


def test_a_checkpoint_that_never_spelt_has_no_characters(tmp_path):
    net, _ = save_ctc(tmp_path / "model")
    net.wav2vec2.save_pretrained(tmp_path / "model")
    assert open_writer(str(tmp_path / "model")).characters is None


def test_a_vocabulary_of_another_size_is_refused(tmp_path):
    save_ctc(tmp_path / "model")
    (tmp_path / "model" / "vocab.json").write_text('{"<pad>": 0, "|": 1}')
    with pytest.raises(BackboneError, match="names 2 characters, and its output layer has 11"):
        open_writer(str(tmp_path / "model"))


def test_others_are_opened_as_they_are():
    backbone = open_writer("bundled/audio")
    assert backbone.decoder is None
    assert backbone.characters is None
    assert np.isfinite(backbone.depth)
