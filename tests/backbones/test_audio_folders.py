"""Models that hear, as transformers saves them: opened, prepared for and run as they were made."""

import numpy as np
import pytest
import torch
import transformers

from headstart.backbones.source import build_backbone, open_backbone
from headstart.errors import BackboneError
from headstart.modalities.audio import Audio
from headstart.modalities.audio_read import Sound
from tests.backbones.families import HEARING, HEARING_AST, HEARING_WHISPER
from tests.sounds import RATE, spoken

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")
AUDIO = Audio()


def wav2vec2():
    config = transformers.Wav2Vec2Config(**HEARING, vocab_size=12)
    return transformers.Wav2Vec2ForCTC(config), transformers.Wav2Vec2FeatureExtractor()


def hubert():
    config = transformers.HubertConfig(**HEARING, num_labels=3)
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=False)
    return transformers.HubertForSequenceClassification(config), extractor


def ast():
    config = transformers.ASTConfig(**HEARING_AST)
    extractor = transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=64, mean=-4, std=3)
    return transformers.ASTForAudioClassification(config), extractor


def whisper():
    config = transformers.WhisperConfig(**{**HEARING_WHISPER, "max_source_positions": 50})
    extractor = transformers.WhisperFeatureExtractor(chunk_length=1)
    return transformers.WhisperForConditionalGeneration(config), extractor


def saved(make, folder):
    torch.manual_seed(0)
    net, extractor = make()
    net.eval().save_pretrained(folder)
    extractor.save_pretrained(folder)
    return net, extractor


def prepared(backbone, waves):
    sounds = [Sound(wave, RATE, len(wave) / RATE) for wave in waves]
    return AUDIO.collate([AUDIO.prepare(sound, backbone.spec) for sound in sounds], backbone.spec)


@torch.inference_mode()
@pytest.mark.parametrize("make", [wav2vec2, hubert, ast, whisper])
def test_a_saved_model_hears_what_its_own_extractor_lets_it_hear(make, tmp_path):
    net, extractor = saved(make, tmp_path / "model")
    backbone = open_backbone(str(tmp_path / "model"), offline=True)
    assert backbone.spec.modality == backbone.card.modality == "audio"
    waves = [spoken(0.5, seed=1), spoken(0.3, seed=2)]
    ours = backbone(prepared(backbone, waves))
    for row, wave in enumerate(waves):
        given = extractor(wave, sampling_rate=RATE, return_tensors="pt")
        inside = net.base_model if make is not whisper else net.model.encoder
        expected = inside(next(iter(given.values()))).last_hidden_state[0]
        found = ours["x"][row][ours["mask"][row]]
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", [wav2vec2, whisper])
def test_a_recipe_rebuilds_it_without_the_folder(make, tmp_path):
    saved(make, tmp_path / "model")
    backbone = open_backbone(str(tmp_path / "model"), offline=True)
    again = build_backbone(backbone.recipe)
    again.module.load_state_dict(backbone.module.state_dict())
    again.changed()
    assert again.fingerprint() == backbone.fingerprint()
    assert not any("decoder" in name for name in again.module.state_dict())


def test_a_checkpoint_may_lack_what_only_pretraining_used(tmp_path):
    from safetensors.torch import load_file, save_file

    saved(wav2vec2, tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    tensors = load_file(path)
    tensors.pop("wav2vec2.masked_spec_embed")
    save_file(tensors, path, {"format": "pt"})
    one, other = (open_backbone(str(tmp_path / "model"), offline=True) for _ in range(2))
    assert one.fingerprint() == other.fingerprint()


def test_without_its_extractor_a_model_is_refused(tmp_path):
    saved(wav2vec2, tmp_path / "model")
    (tmp_path / "model" / "preprocessor_config.json").unlink()
    with pytest.raises(BackboneError, match="says how its sounds are made"):
        open_backbone(str(tmp_path / "model"), offline=True)


def test_an_adapter_at_the_end_is_refused(tmp_path):
    config = transformers.Wav2Vec2Config(**HEARING, add_adapter=True, output_hidden_size=32)
    transformers.Wav2Vec2Model(config).save_pretrained(tmp_path / "model")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "model")
    with pytest.raises(BackboneError, match="adapter"):
        open_backbone(str(tmp_path / "model"), offline=True)


@torch.inference_mode()
def test_a_long_sound_is_the_mean_of_its_windows(tmp_path):
    from headstart.features import forward_all

    saved(whisper, tmp_path / "model")
    backbone = open_backbone(str(tmp_path / "model"), offline=True)
    wave = spoken(3.0)
    parts = AUDIO.windows(Sound(wave, RATE, 3.0), backbone.spec)
    assert len(parts) == 3
    wanted = {backbone.depth}
    turns = [[("long", parts)], [(str(at), [part]) for at, part in enumerate(parts)]]
    done = [
        rows
        for batch in forward_all(turns, AUDIO, backbone, "float32", wanted)
        for _, rows in batch
    ]
    whole, single = done[0], done[1:]
    for reading, vector in whole.items():
        assert np.allclose(vector, np.mean([each[reading] for each in single], 0), atol=1e-5)


@torch.inference_mode()
def test_the_audio_net_is_read_as_its_recipe_reads_it():
    from headstart.backbones.nets.audio import collate, read
    from tests.backbones.families import build

    backbone = build("bundled_audio")
    waves = [spoken(0.5, seed=1), spoken(0.31, seed=2), spoken(0.2, seed=3)]
    ours = prepared(backbone, waves)
    theirs = collate([torch.from_numpy(wave) for wave in waves])
    for boundary in range(1, backbone.depth + 1):
        ours = backbone(ours, boundary - 1, boundary)
        theirs = backbone.module(theirs, boundary - 1, boundary)
        found, expected = backbone.read(ours, boundary), read(theirs)
        for name in ("mean", "std"):
            torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)
