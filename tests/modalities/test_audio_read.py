"""Whatever a person hands over is heard whole, or refused with a cause and a cure."""

import re
import struct

import numpy as np
import pytest
import soundfile

from headstart.errors import UnreadableInput
from headstart.modalities.audio import Audio
from headstart.schema import Stretch
from tests.sounds import RATE, encode, spoken, tone

AUDIO = Audio()


def near(one, other, most):
    return np.abs(one - other).max() <= most


@pytest.mark.parametrize(
    ("kind", "subtype", "most"),
    [
        ("WAV", "PCM_U8", 0.01),
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "FLOAT", 0),
        ("FLAC", "PCM_16", 1e-4),
        ("AIFF", "PCM_16", 1e-4),
        ("OGG", "VORBIS", 0.1),
        ("MP3", None, 0.2),
    ],
)
def test_one_sound_in_any_encoding(kind, subtype, most):
    wave = tone()
    found = AUDIO.read(encode(wave, RATE, kind, subtype))
    assert found.rate == RATE
    assert len(found.wave) >= len(wave) - 200
    assert near(found.wave[1200 : len(wave) - 1200], wave[1200 : len(wave) - 1200], most)


def test_channels_are_mixed():
    left, right = tone(seed=1), tone(hertz=900, seed=2)
    found = AUDIO.read(encode(np.stack([left, right], 1), subtype="FLOAT"))
    assert near(found.wave, (left + right) / 2, 1e-6)


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000])
def test_the_rate_is_the_recordings_own(rate):
    found = AUDIO.read(encode(tone(0.3, rate=rate), rate))
    assert (found.rate, len(found.wave)) == (rate, int(0.3 * rate))
    assert found.seconds == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8, np.float64])
def test_samples_in_memory_come_with_their_rate(dtype):
    wave = tone()
    if dtype == np.uint8:
        given = np.round(wave * 127 + 128).astype(dtype)
    else:
        top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
        given = (wave * top).astype(dtype)
    assert AUDIO.accepts((given, RATE))
    assert near(AUDIO.read((given, RATE)).wave, wave, 0.01)


def test_a_part_of_a_recording_is_that_part(tmp_path):
    wave = spoken(2.0)
    (tmp_path / "long.wav").write_bytes(encode(wave, subtype="FLOAT"))
    part = AUDIO.read(Stretch(tmp_path / "long.wav", 0.5, 1.25))
    assert np.array_equal(part.wave, wave[8000:20000])
    rest = AUDIO.read(Stretch(tmp_path / "long.wav", 1.5))
    assert np.array_equal(rest.wave, wave[24000:])


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (0.5, 3.0, "past the end: the recording lasts 1.00 s"),
        (2.0, 2.5, "past the end"),
        (0.5, 0.5, "holds nothing"),
        (-1.0, 0.5, "holds nothing"),
    ],
)
def test_a_part_that_is_not_there_is_refused(tmp_path, start, end, says):
    (tmp_path / "short.wav").write_bytes(encode(tone(1.0)))
    with pytest.raises(UnreadableInput, match=says):
        AUDIO.read(Stretch(tmp_path / "short.wav", start, end))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"just a few words\nand some more", "holds text"),
        (b"\0\0\0\x18ftypmp42" + bytes(200), "is a video .MP4."),
        (b"\x1aE\xdf\xa3" + bytes(200), "is a video .Matroska"),
        (b"RIFF" + struct.pack("<I", 200) + b"AVI LIST" + bytes(200), "is a video .AVI."),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "is a picture"),
        (bytes(range(7, 200)), "no sound in a format that is read"),
        (encode(tone())[:2000], "cut short: 14,0.. bytes are missing"),
        (encode(tone(), kind="FLAC")[:900], "cut short"),
        (encode(tone(3.0), kind="MP3")[:3000], "cut short"),
        (encode(tone(2.0), kind="OGG", subtype="VORBIS")[:3000], "cut short"),
        (encode(np.zeros(0, np.float32)), "too short to be heard: 0 samples"),
        (encode(np.ones(1, np.float32)), "too short to be heard: 1 sample at"),
        (encode(np.full(4000, np.nan, np.float32), subtype="FLOAT"), "4,000 samples that are no"),
    ],
    ids=[
        *("empty", "text", "mp4", "mkv", "avi", "png", "noise"),
        *("cut wav", "cut flac", "cut mp3", "cut ogg", "none", "one", "nan"),
    ],
)
def test_what_cannot_be_heard_is_refused_with_the_cause(tmp_path, content, says):
    path = tmp_path / "strange.wav"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match=says) as refused:
        AUDIO.read(path)
    assert "strange.wav" in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(("kind", "subtype"), [
    ("WAV", "PCM_16"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("W64", "PCM_16"),
    ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
])  # fmt: skip
def test_what_broke_off_is_refused_and_no_decoder_talks_past_us(kind, subtype, tmp_path, capfd):
    whole = encode(tone(4.0), kind=kind, subtype=subtype)
    assert AUDIO.accepts(whole)
    assert len(AUDIO.read(whole).wave) >= 64_000
    (tmp_path / "sound").write_bytes(whole[: len(whole) * 2 // 3])
    for source in (tmp_path / "sound", (tmp_path / "sound").read_bytes()):
        with pytest.raises(UnreadableInput, match="cut short"):
            AUDIO.read(source)
    tagged = b"ID3\x04\0\0\0\0\x02\x00" + bytes(256) + whole
    if kind == "MP3":  # what stands before the sound is not counted as sound
        assert len(AUDIO.read(tagged).wave) >= 64_000
        with pytest.raises(UnreadableInput, match=r"cut short: [\d,]+ bytes are missing"):
            AUDIO.read(tagged[:-2000])
    assert capfd.readouterr().err == ""


def test_a_title_without_a_sound_is_told(tmp_path):
    (tmp_path / "title.mp3").write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10))
    with pytest.raises(UnreadableInput, match="no sound follows its header"):
        AUDIO.read(tmp_path / "title.mp3")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(UnreadableInput, match=r"There is no file 'gone\.wav'"):
        AUDIO.read(tmp_path / "gone.wav")
    with pytest.raises(UnreadableInput, match="is a folder"):
        AUDIO.read(tmp_path)


def test_a_length_that_was_never_written_is_no_damage():
    content = bytearray(encode(tone()))
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff" * 4
    assert len(AUDIO.read(bytes(content)).wave) == 8000


def test_hours_are_heard_in_stretches(tmp_path):
    path = tmp_path / "hours.flac"
    with soundfile.SoundFile(path, "w", 8000, 1, format="FLAC") as file:
        for minute in range(180):
            file.write(np.full(60 * 8000, minute / 200, np.float32))
    found = AUDIO.read(path)
    assert found.seconds == 3 * 3600
    assert len(found.wave) == 120 * 8000  # whatever comes, two minutes are held
    levels = found.wave.reshape(12, -1).mean(1) * 200
    assert levels[0] == pytest.approx(0, abs=1)
    assert levels[-1] == pytest.approx(179, abs=1)
    assert (np.diff(levels) > 10).all()


def test_fingerprints_tell_content_and_part(tmp_path):
    one, copy, other = (tmp_path / name for name in ("a.wav", "b.wav", "c.wav"))
    one.write_bytes(encode(tone()))
    copy.write_bytes(encode(tone()))
    other.write_bytes(encode(tone(hertz=500)))
    assert AUDIO.fingerprint(one) == AUDIO.fingerprint(copy)
    prints = {
        AUDIO.fingerprint(each)
        for each in (one, other, Stretch(one, 0.0, 0.2), Stretch(one, 0.1, 0.2), Stretch(other, 0))
    }
    assert len(prints) == 5


def test_facts_tell_how_a_file_is_made_and_how_loud_it_is(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encode(np.stack([tone(), tone()], 1), subtype="PCM_24"))
    facts = AUDIO.facts(path)
    told = {name: facts[name] for name in ("format", "encoding", "rate", "channels", "seconds")}
    assert told == {
        "format": "WAV",
        "encoding": "PCM_24",
        "rate": RATE,
        "channels": 2,
        "seconds": 0.5,
    }
    assert -25 < facts["loudness"] < -8
    assert facts["flaws"] == []
    assert ".wav" in facts["fits"]


@pytest.mark.parametrize(
    ("wave", "flaw"),
    [
        (np.zeros(8000, np.float32), "nothing but silence"),
        (np.concatenate([np.zeros(30000, np.float32), tone(0.05)]), "silence 9.% of the time"),
        (np.clip(8 * tone(), -0.9, 0.9), "clipping at"),
    ],
)
def test_flaws_are_heard(wave, flaw):
    (found,) = AUDIO.facts(encode(wave, subtype="FLOAT"))["flaws"]
    assert re.match(flaw, found)
