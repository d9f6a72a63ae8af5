"""From a folder of sounds to a model that can be trusted, through the public door."""

import csv

import numpy as np
import pytest
import torch
import transformers

import headstart as hs
from headstart.errors import DataError, UserError
from tests.backbones.families import HEARING
from tests.sounds import HIGH, LOW, encode, folder_of_sounds, spoken


def sounding(pitch, seed, seconds=0.4):
    return spoken(seconds, seed=seed, low=pitch[0], high=pitch[1])


@pytest.fixture(scope="module")
def ears(tmp_path_factory):
    """Return a folder with a tiny wav2vec2 of random weights."""
    folder = tmp_path_factory.mktemp("ears")
    torch.manual_seed(0)
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**HEARING)).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return folder_of_sounds(tmp_path_factory.mktemp("data") / "sounds", count=14)


def test_a_folder_of_sounds_becomes_a_model(ears, sounds, tmp_path):
    model = hs.fit(sounds, out=tmp_path / "model", backbone=ears, strategy="probe")
    assert model.evaluation["modality"] == "audio"
    assert model.evaluation["test"]["accuracy"]["value"] > 0.9
    loaded = hs.load(tmp_path / "model")
    (tmp_path / "new.flac").write_bytes(encode(sounding(HIGH, 99), kind="FLAC"))
    (said,) = loaded.predict([tmp_path / "new.flac"])
    (before,) = model.predict([tmp_path / "new.flac"])
    assert said.label == before.label == "high"
    assert said.probability == pytest.approx(before.probability, abs=1e-4)
    (memory,) = loaded.predict([(sounding(LOW, 98), 16_000)])
    assert memory.label == "low"


def test_mistakes_are_shown_to_be_played(ears, tmp_path):
    for name in ("a", "b"):  # nothing tells these apart, so mistakes are made
        (tmp_path / "data" / name).mkdir(parents=True)
        for at in range(12):
            wave = spoken(0.4, seed=at + 50 * (name == "b"))
            (tmp_path / "data" / name / f"{at}.wav").write_bytes(encode(wave))
    hs.fit(tmp_path / "data", out=tmp_path / "model", backbone=ears, strategy="probe")
    page = (tmp_path / "model" / "report.html").read_text()
    assert page.count("<audio ") == page.count('class="spectrogram"') > 0
    assert "media-src data:" in page


def test_what_cannot_be_heard_is_set_aside_and_listed(ears, sounds, tmp_path):
    import shutil

    shutil.copytree(sounds, tmp_path / "data")
    (tmp_path / "data" / "high" / "text.wav").write_text("these are words")
    (tmp_path / "data" / "low" / "empty.wav").write_bytes(b"")
    (tmp_path / "data" / "low" / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    model = hs.fit(tmp_path / "data", backbone=ears, strategy="probe")
    aside = {each["name"]: each["why"] for each in model.evaluation["data"]["set_aside"]}
    assert "holds text" in aside["high/text.wav"]
    assert "empty" in aside["low/empty.wav"]
    assert "low/film.mp4" in aside
    with pytest.raises(DataError, match="cannot be used"):
        hs.fit(tmp_path / "data", backbone=ears, strategy="probe", strict=True)


def test_parts_of_recordings_are_learnt_and_stay_together(ears, tmp_path):
    rows = []
    for number in range(8):
        parts = [sounding(HIGH if at % 2 else LOW, 10 * number + at) for at in range(6)]
        (tmp_path / f"r{number}.wav").write_bytes(encode(np.concatenate(parts)))
        for at in range(6):
            label = "high" if at % 2 else "low"
            rows.append((f"r{number}.wav", label, f"{0.4 * at:.1f}", f"{0.4 * at + 0.4:.1f}"))
    rows.append(("r0.wav", "low", "99", "100"))
    with (tmp_path / "parts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "start", "end"), *rows])
    said = []

    class Ears:
        def say(self, text):
            said.append(text)

        def __getattr__(self, name):
            return lambda *given, **named: None

    model = hs.fit(tmp_path / "parts.csv", backbone=ears, strategy="probe", progress=Ears())
    assert any("parts of one recording stay together" in each for each in said)
    (aside,) = model.evaluation["data"]["set_aside"]
    assert "past the end" in aside["why"]
    tested = model.evaluation["n_test"]
    assert tested % 6 in (0, 5)  # whole recordings, of which one lacks the row set aside
    for mistake in model.evaluation["mistakes"]:
        assert "s of r" in mistake["name"]


def test_times_that_are_no_numbers_are_refused(ears, sounds, tmp_path):
    files = sorted(sounds.glob("*/*.wav"))
    with (tmp_path / "parts.csv").open("w", newline="") as file:
        rows = [(path, path.parent.name, "soon") for path in files]
        csv.writer(file).writerows([("path", "label", "start"), *rows])
    with pytest.raises(DataError, match=r"'soon' in line 2 .* no number of seconds"):
        hs.fit(tmp_path / "parts.csv", backbone=ears)


def test_a_backbone_for_pictures_is_refused(sounds):
    with pytest.raises(UserError, match="takes inputs of the kind 'image'"):
        hs.fit(sounds, backbone="bundled/image")


def test_check_hears_silence_copies_and_speakers_on_both_sides(sounds, tmp_path):
    quiet = np.zeros(8_000, np.float32)
    (tmp_path / "learn").mkdir()
    rows = []
    for at in range(12):
        wave = quiet if at == 0 else spoken(0.5, seed=at)
        kind = {1: ("OGG", "VORBIS")}.get(at, ("WAV", None))
        (tmp_path / "learn" / f"{at}.wav").write_bytes(encode(wave, kind=kind[0], subtype=kind[1]))
        rows.append((f"learn/{at}.wav", "xy"[at % 2], f"speaker {at // 4}"))
    again = encode(spoken(0.5, seed=1) * 0.5, kind="FLAC")
    (tmp_path / "learn" / "copy.flac").write_bytes(again)
    for name, part in (("data", [*rows[:8], ("learn/copy.flac", "y", "")]), ("test", rows[7:])):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("path", "label", "speaker"), *part])
    report = hs.check(tmp_path / "data.csv", test=tmp_path / "test.csv", group="speaker")
    found = {finding.kind: finding for finding in report.findings}
    assert "nothing but silence" in found["flawed"].message
    assert found["flawed"].files == ("learn/0.wav",)
    assert set(found["near_copies"].files) == {"learn/1.wav", "learn/copy.flac"}
    assert found["groups_across_split"].count == 1


def test_loudness_that_goes_with_the_label_is_told(tmp_path):
    for name, gain in (("near", 1.0), ("far", 0.05)):
        (tmp_path / name).mkdir()
        for at in range(20):
            wave = gain * spoken(0.3, seed=at + 100 * (name == "far"))
            (tmp_path / name / f"{at}.wav").write_bytes(encode(wave))
    report = hs.check(tmp_path)
    (found,) = (finding for finding in report.findings if finding.kind == "shortcut")
    assert "loudness" in found.message or "peak" in found.message


def test_the_top_is_trained_from_stored_states_of_different_lengths(ears, sounds):
    model = hs.fit(sounds, backbone=ears, strategy="partial", unfreeze=1, time=20)
    assert model.trained
    assert model.evaluation["test"]["accuracy"]["value"] > 0.9


def test_from_scratch_learns_from_sounds_of_different_lengths(ears, tmp_path):
    data = folder_of_sounds(tmp_path / "sounds", count=8)
    model = hs.fit(data, backbone=ears, strategy="scratch", time=20)
    assert model.strategy == "scratch"
    assert len(model.predict([data / "high" / "high0.wav"])) == 1
