"""Characters from frames, words from windows that overlap, and when they were said."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch

from headstart.errors import DataError
from headstart.modalities.audio_listen import listen, seconds_of, window_starts
from headstart.modalities.audio_read import Sound
from headstart.schema import AudioSpec, Segment, Stretch
from headstart.speech.frames import characters_of, frames_needed, read_off, spell
from headstart.speech.words import (
    Window,
    Word,
    by_parts,
    by_pauses,
    spread_evenly,
    stitch,
    text_of,
)
from tests.sounds import RATE, encode, spoken


def frames(path, characters):
    """Return logits whose best path is given, a letter a frame; `-` stands for none."""
    numbers = [characters.index("" if letter == "-" else letter) for letter in path]
    return np.eye(len(characters))[numbers] * 9.0


KNOWN = characters_of(["hello you"])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("hheell-llo", "hello"),
        ("-h-e-l-l-o-", "hello"),
        ("hello", "helo"),
        ("  hel-lo  -  you--", "hello you"),
        ("----", ""),
        ("", ""),
        ("you", "you"),
    ],
)
def test_frames_are_collapsed(path, text):
    assert text_of(read_off(frames(path, KNOWN), KNOWN, 0.0, 0.1)) == text


def test_words_have_their_times_and_certainty():
    words = read_off(frames("--hheel-llo-- --yyoouu-", KNOWN), KNOWN, 10.0, 0.5)
    assert [(word.text, word.start, word.end) for word in words] == [
        ("hello", 11.0, 15.5),
        ("you", 18.0, 21.0),
    ]
    assert all(0.99 < word.probability <= 1 for word in words)


def test_a_text_is_spelt_and_needs_frames():
    assert KNOWN == ("", " ", "e", "h", "l", "o", "u", "y")
    numbers = spell("hello", KNOWN)
    assert numbers.tolist() == [3, 2, 4, 4, 5]
    assert frames_needed(numbers) == 6
    for count, possible in ((6, True), (5, False)):
        loss = torch.nn.functional.ctc_loss(
            torch.zeros(count, 1, 8).log_softmax(2),
            torch.tensor(numbers)[None],
            torch.tensor([count]),
            torch.tensor([5]),
            blank=0,
        )
        assert bool(torch.isfinite(loss)) == possible


def test_a_checkpoint_with_capitals_only_is_given_those():
    capitals = ("", " ", "A", "B", "'")
    assert spell("ab 'B", capitals).tolist() == [2, 3, 1, 4, 3]


def test_characters_that_are_not_spelt_are_named():
    with pytest.raises(DataError, match=r"does not spell: '%', 'ß'\.") as caught:
        spell("heß 5%".replace("5", "y"), KNOWN)
    assert "fifty percent" in caught.value.hint


def said(text, start, end):
    return Window(start, end, spread_evenly(text.split(), start, end, 1.0))


def whole(windows):
    return text_of([word for window in stitch(windows) for word in window.words])


def test_windows_that_agree_are_joined_where_they_do():
    windows = [
        said("it was the best of times it was th", 0, 12),
        said("s times it was the worst of times", 8, 20),
    ]
    assert whole(windows) == "it was the best of times it was the worst of times"
    parts = stitch(windows)
    assert parts[0].end == parts[1].start
    assert 8 <= parts[0].end <= 12


def test_agreement_does_not_mind_capitals_and_commas():
    windows = [said("We went home, and", 0, 6), said("home and then slept.", 3, 10)]
    assert whole(windows) == "We went home, and then slept."


def test_windows_that_agree_on_nothing_are_cut_in_the_middle():
    windows = [said("a b c d e f", 0, 6), said("p q r s t u", 4, 10)]
    assert whole(windows) == "a b c d e q r s t u"


def test_windows_with_nothing_said_are_nothing():
    windows = [said("", 0, 6), said("p q", 4, 10), said("", 8, 14)]
    assert whole(windows) == "p q"
    assert by_parts(stitch(windows)) == (Segment(5.0, 9.0, "p q"),)
    assert stitch([]) == []


def test_a_long_text_comes_whole_through_its_windows():
    random = np.random.default_rng(0)
    text = ["".join(random.choice(list("abcdefgh"), 4)) for _ in range(300)]
    words = [Word(each, at * 0.4, at * 0.4 + 0.3) for at, each in enumerate(text)]
    windows = []
    for start in range(0, 120, 10):
        inside = [w for w in words if w.end > start and w.start < start + 12]
        cut = [
            Word(w.text[1:] if w.start < start else w.text[:-1], w.start, w.end)
            if w.start < start or w.end > start + 12
            else w
            for w in inside
        ]
        windows.append(Window(start, start + 12, tuple(cut)))
    assert whole(windows).split() == text


def test_segments_end_at_pauses():
    words = [Word("so", 0, 0.2), Word("it", 0.3, 0.5), Word("was", 2.0, 2.5)]
    assert by_pauses(words) == (Segment(0, 0.5, "so it"), Segment(2.0, 2.5, "was"))
    assert by_pauses([Word("so", 0.1 + 0.2, 1 / 3)]) == (Segment(0.3, 0.333, "so"),)
    assert by_pauses([]) == ()


@pytest.mark.parametrize("seconds", [0.0, 0.5, 20.0, 20.1, 36.0, 37.0, 100.0])
def test_overlapping_windows_cover_a_recording(seconds):
    starts = window_starts(seconds, 20.0)
    assert starts[0] == 0
    assert starts[-1] + 20.0 == pytest.approx(max(seconds, 20.0))
    for start, later in pairwise(starts):
        assert start + 20.0 - later >= 20.0 / 6 - 1e-9


def test_a_long_file_is_heard_window_by_window(tmp_path):
    wave = spoken(5.3, seed=3)
    (tmp_path / "long.wav").write_bytes(encode(wave, subtype="FLOAT"))
    spec = AudioSpec(window=200)  # 2 seconds at once
    path = tmp_path / "long.wav"
    parts = list(listen(path, spec))
    assert seconds_of(path) == pytest.approx(5.3)
    assert parts[0].start == 0
    assert parts[-1].end == pytest.approx(5.3, abs=0.01)
    for part in parts:
        start = round(part.start * RATE)
        samples = int(part.arrays["samples"].item())
        inside = part.arrays["x"].ravel()[:samples]
        assert np.abs(inside - wave[start : start + samples]).max() < 1e-4
    inner = list(listen(Stretch(path, 1.0, 4.5), spec))
    assert seconds_of(Stretch(path, 1.0, 4.5)) == pytest.approx(3.5)
    assert inner[-1].end == pytest.approx(3.5, abs=0.01)
    assert len(list(listen((wave, RATE), spec))) == len(parts)
    assert len(list(listen(Stretch(path, 1.0, 2.5), spec))) == 1


@pytest.mark.parametrize("held", ["file", "samples", "bytes", "sound"])
def test_of_minutes_no_window_is_left_out(held, tmp_path):
    """More than two minutes, of which a modality's own `read` gives stretches, are heard whole."""
    wave = np.repeat(np.linspace(-0.5, 0.5, 150, dtype=np.float32), 1000)  # 150 s, a level each
    content = encode(wave, 1000, subtype="FLOAT")
    (tmp_path / "long.wav").write_bytes(content)
    source = {
        "file": tmp_path / "long.wav",
        "samples": (wave, 1000),
        "bytes": content,
        "sound": Sound(wave, 1000, 150.0),
    }[held]
    for part in listen(source, AudioSpec(window=1000, rate=16_000)):  # ten seconds at once
        heard = part.arrays["x"].ravel()[80_000]
        assert heard == pytest.approx(wave[round((part.start + 5) * 1000)], abs=0.01)
        assert part.end <= 150.01
    assert part.end == pytest.approx(150, abs=0.01)


def test_a_window_of_hours_is_read_alone(tmp_path, monkeypatch):
    """However long a recording is, no more of it is decoded at once than is heard at once."""
    path = tmp_path / "hours.flac"
    with soundfile.SoundFile(path, "w", 8000, 1, format="FLAC") as file:
        for _ in range(180):
            file.write(np.zeros(60 * 8000, np.float32))
    longest = []

    def read(file, count, **how):
        longest.append(count)
        return whole(file, count, **how)

    whole = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    parts = listen(path, AudioSpec(window=12_000))
    ends = [next(parts).end for _ in range(3)]
    assert ends == pytest.approx([120.0, 220.0, 320.0], abs=1)
    assert seconds_of(path) == 3 * 3600
    assert max(longest) <= 120 * 8000 + 1
