"""What a backbone hears of a sound, and that it is what its checkpoint was trained on."""

import json

import numpy as np
import pytest
import torch

from headstart.modalities.audio import Audio
from headstart.modalities.audio_read import Sound
from headstart.modalities.lengths import apart
from headstart.schema import AudioSpec
from tests.sounds import RATE, encode, spoken, tone

AUDIO = Audio()
WAVE = AudioSpec()
LENGTHS = (16_000, 7_777, 700, 40_000)


def sounds():
    return [Sound(spoken(count / RATE, seed=count), RATE, count / RATE) for count in LENGTHS]


def collated(spec):
    return AUDIO.collate([AUDIO.prepare(sound, spec) for sound in sounds()], spec)


def test_samples_come_through_in_blocks_with_a_mask():
    state = collated(WAVE)
    for row, sound in enumerate(sounds()):
        count = len(sound.wave)
        assert int(state["samples"][row]) == count
        assert np.array_equal(state["x"][row].flatten()[:count].numpy(), sound.wave)
        assert int(state["mask"][row].sum()) == -(-count // 160)
        assert not state["x"][row].flatten()[count:].any()
    assert [len(each["mask"]) for each in apart(state)] == [-(-n // 160) for n in LENGTHS]


def test_resampled_sound_is_the_same_sound():
    fine = AUDIO.prepare(Sound(tone(1.0, 440, 44_100, noise=0), 44_100, 1.0), WAVE)
    plain = tone(1.0, 440, RATE, noise=0)
    found = fine["x"].flatten()[: len(plain)]
    assert np.abs(found[200:-200] - plain[200:-200]).max() < 2e-3


def test_long_sounds_come_in_whole_windows_that_reach_both_ends():
    spec = AudioSpec(window=100)
    wave = spoken(3.3)
    windows = AUDIO.windows(Sound(wave, RATE, 3.3), spec)
    assert len(windows) == 4
    assert {len(each["mask"]) for each in windows} == {100}
    assert np.array_equal(windows[0]["x"].flatten(), wave[:16_000])
    assert np.array_equal(windows[-1]["x"].flatten(), wave[-16_000:])
    short = AUDIO.windows(Sound(wave[:9_000], RATE, 0.5), spec)
    assert len(short) == 1


@pytest.mark.parametrize("normalised", [True, False])
def test_samples_equal_the_feature_extractor(normalised):
    from transformers import Wav2Vec2FeatureExtractor

    extractor = Wav2Vec2FeatureExtractor(do_normalize=normalised)
    spec = AudioSpec(least=400, features="unit wave" if normalised else "wave")
    state = collated(spec)
    for row, sound in enumerate(sounds()):
        expected = extractor(sound.wave, sampling_rate=RATE)["input_values"][0]
        found = state["x"][row].flatten()[: len(sound.wave)].numpy()
        assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("bands", [80, 128])
def test_whisper_frames_equal_the_feature_extractor(bands):
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=bands, chunk_length=5)
    spec = AudioSpec(window=500, fixed=True, features="whisper", bands=bands)
    state = collated(spec)
    for row, sound in enumerate(sounds()):
        expected = extractor(sound.wave, sampling_rate=RATE)["input_features"][0].T
        assert np.abs(state["x"][row].numpy() - expected).max() < 1e-5
        assert int(state["heard"][row].sum()) == len(sound.wave) // 160


@pytest.mark.filterwarnings("ignore:At least one mel filter")
def test_kaldi_frames_equal_the_feature_extractor():
    from transformers import ASTFeatureExtractor

    extractor = ASTFeatureExtractor(max_length=300)
    spec = AudioSpec(
        window=300,
        fixed=True,
        least=400,
        features="kaldi",
        bands=128,
        mean=extractor.mean,
        deviation=extractor.std,
    )
    state = collated(spec)
    for row, sound in enumerate(sounds()):
        expected = extractor(sound.wave, sampling_rate=RATE)["input_values"][0]
        assert np.abs(state["x"][row].numpy() - expected).max() < 1e-4
        assert int(state["heard"][row].sum()) == 1 + (len(sound.wave) - 400) // 160


def test_a_view_is_a_pure_function_of_key_and_number():
    sound = sounds()[0]
    one, same, other, third = (
        AUDIO.view(sound, WAVE, key, number)["x"]
        for key, number in (("ab", 1), ("ab", 1), ("ab", 2), ("cd", 1))
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, third)
    assert np.isfinite(one).all()


@pytest.mark.parametrize("count", [160, 161, 5_000, 400_000])
def test_every_length_has_views_that_fit_the_window(count):
    sound = Sound(spoken(count / RATE) if count > 1000 else tone(count / RATE), RATE, 1.0)
    for number in range(1, 9):
        view = AUDIO.view(sound, WAVE, "k", number)
        assert 1 <= len(view["mask"]) <= WAVE.window


def test_views_stay_near_the_sound():
    sound = sounds()[0]
    plain = np.abs(np.fft.rfft(sound.wave))
    for number in range(1, 9):
        view = AUDIO.view(sound, WAVE, "k", number)["x"].flatten()[: len(sound.wave)]
        seen = np.abs(np.fft.rfft(view, len(sound.wave)))
        assert np.corrcoef(plain, seen)[0, 1] > 0.4


def test_golden_sounds_are_the_same_on_every_machine():
    found = AUDIO.golden(WAVE, seed=3, count=2)
    again = AUDIO.golden(WAVE, seed=3, count=2)
    assert all(np.array_equal(a.wave, b.wave) for a, b in zip(found, again, strict=True))
    assert not np.array_equal(found[0].wave[:5000], found[1].wave[:5000])
    whole = (found[0].wave.astype(np.float64) * 131072).round()
    assert np.array_equal(whole / 131072, found[0].wave.astype(np.float64))


def test_what_is_shown_plays_and_is_small():
    import base64

    shown = AUDIO.show(Sound(spoken(30.0), RATE, 30.0))
    assert (shown["kind"], shown["mime"]) == ("sound", "audio/ogg")
    played = AUDIO.read(base64.b64decode(shown["data"]))
    assert played.seconds == pytest.approx(10, abs=0.1)
    assert base64.b64decode(shown["picture"]).startswith(b"\x89PNG")
    assert len(json.dumps(shown)) < 200_000


def test_collated_sound_needs_no_gradient_and_is_finite():
    for spec in (WAVE, AudioSpec(window=500, fixed=True, features="whisper", bands=80)):
        state = collated(spec)
        assert all(torch.isfinite(t).all() for t in state.values() if t.is_floating_point())
        silent = AUDIO.prepare(Sound(np.zeros(4_000, np.float32), RATE, 0.25), spec)
        assert torch.isfinite(AUDIO.collate([silent], spec)["x"]).all()


def test_twins_are_known_again_in_another_encoding():
    import soxr

    waves = [spoken(0.7, seed=seed) for seed in range(6)]
    copies = [
        encode(waves[0], kind="OGG", subtype="VORBIS"),
        encode(waves[1] * 0.3),
        encode(soxr.resample(waves[2], RATE, 8_000), 8_000),
        encode(np.stack([waves[3]] * 2, 1), kind="FLAC"),
        encode(waves[4], kind="MP3"),
    ]
    sketches = [AUDIO.sketch(AUDIO.read((wave, RATE))) for wave in waves]
    sketches += [AUDIO.sketch(AUDIO.read(copy)) for copy in copies]
    assert AUDIO.twins(np.stack(sketches)) == [[0, 6], [1, 7], [2, 8], [3, 9], [4, 10]]


def test_two_recordings_of_one_hum_are_no_twins():
    hums = [tone(1.0, noise=0.05), tone(1.0, noise=0.05) * 0.5]
    chance = np.random.default_rng(0)
    for _ in range(2):
        hums.append(chance.normal(0, 0.1, RATE).astype(np.float32) + tone(1.0, 120, noise=0))
    sketches = [AUDIO.sketch(Sound(wave, RATE, 1.0)) for wave in hums]
    assert AUDIO.twins(np.stack(sketches)) == [[0, 1]]


def test_silences_are_no_twins():
    silence = AUDIO.sketch(Sound(np.zeros(8_000, np.float32), RATE, 0.5))
    assert AUDIO.twins(np.stack([silence, silence])) == []
