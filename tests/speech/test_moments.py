"""When parts of a text were said: by the library's rules, within the clip, and no text lost."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers

import headstart as hs
from headstart import defaults
from headstart.backbones.base import Decoder
from headstart.backbones.source import open_writer
from headstart.schema import SpeechSpec
from headstart.speech.moments import STEP, ask_when
from headstart.tokenized import TOKENIZER
from tests.sounds import write_clips
from tests.speech.saying import save_whisper

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")

WORDS = ["Ġ" + letter for letter in "abcdefgh"]
END, START, UNTIMED, MOMENTS = 20, 21, 22, 23
MOST = 400
ITSELF = 19
"""A token that begins no word."""


@pytest.fixture(scope="module")
def spec():
    letters = [*WORDS, *"abcdefgh", "Ġ", "x", "y", "z"]
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    assert vocabulary["z"] == ITSELF
    merges = [("Ġ", letter) for letter in "abcdefgh"]
    tokenizer = transformers.WhisperTokenizer(vocab=vocabulary, merges=merges)
    content = tokenizer.backend_tokenizer.to_str()
    spec = SpeechSpec(
        opening=(START,), closing=(UNTIMED,), end=END, length=80, moments=MOMENTS, never=(5,)
    )
    return spec.with_files({TOKENIZER: content})


class Scripted:
    """Says at each step what a table says, whatever it is fed; remembers what that was."""

    def __init__(self, table):
        self.table, self.at, self.fed = table, -1, []

    def step(self, tokens):
        self.at += 1
        self.fed.append(tokens.tolist())
        return self.table[:, self.at].clone()


def scripted(count=1, steps=80, seed=0):
    """Return scores [count, steps, tokens]: moments become likely in the order of time."""
    random = torch.Generator().manual_seed(seed)
    table = torch.randn(count, steps, MOMENTS + MOST, generator=random) * 3
    table[..., [END, START, UNTIMED, *range(8, END)]] = -50
    due = torch.arange(steps)[:, None] * 3 - torch.arange(MOST)[None]
    table[..., MOMENTS:] -= due.abs() * 0.3 + 1.5
    return table


def by_the_library(table, spec, steps):
    """Write by the library's own rules of where moments stand, the likeliest token each time."""
    from transformers.generation.logits_process import WhisperTimeStampLogitsProcessor

    known = SimpleNamespace(
        no_timestamps_token_id=UNTIMED, eos_token_id=END, bos_token_id=END, _from_model_config=False
    )
    rules = WhisperTimeStampLogitsProcessor(known, begin_index=1)
    rules.max_initial_timestamp_index = None
    tokens = [START]
    for at in range(steps):
        scores = table[:1, at].clone()
        scores[:, list(spec.never)] = -torch.inf
        scores[:, END] = -torch.inf
        tokens.append(int(rules(torch.tensor([tokens]), scores).argmax()))
    return tokens[1:]


def ask(table, spec, texts, seconds):
    lines = [Scripted(table)]
    decoder = Decoder(lambda state: state["x"], lambda source: lines[0])
    return ask_when(decoder, torch.zeros(len(table), 3, 2), spec, texts, seconds), lines[0]


@pytest.mark.parametrize("seed", range(8))
def test_moments_stand_where_the_library_puts_them(seed, spec):
    table = scripted(seed=seed)
    tokens = by_the_library(table, spec, 40)
    moments = [at for at, token in enumerate(tokens) if token >= MOMENTS]
    tokens = tokens[: moments[len(moments) // 2 * 2 - 1] + 1]  # up to where a part ended
    text = [token for token in tokens if token < MOMENTS]
    (parts,), line = ask(table, spec, [text], [MOST * STEP])
    assert [fed[0][0] for fed in line.fed[1:]] == tokens
    assert len(parts) > 1
    said = [moment - MOMENTS for moment in tokens if moment >= MOMENTS]
    assert [round(each / STEP) for part in parts for each in (part.start, part.end)] == said


def test_nothing_of_the_text_is_lost_and_no_time_is_past_the_end(spec):
    texts = [(0, ITSELF, 1, 2, 3), (4,), (), (1, MOMENTS + 3, 2)]
    seconds = [0.5, 0.01, 0.4, 0.31]
    rows, line = ask(scripted(4, seed=3), spec, texts, seconds)
    assert line.fed[0] == [[START]] * 4
    for text, long, parts in zip(texts, seconds, rows, strict=True):
        written = [token for part in parts for token in part.tokens]
        assert written == [token for token in text if token < MOMENTS]
        times = [each for part in parts for each in (part.start, part.end)]
        assert times == sorted(times)
        assert all(0 <= each <= long for each in times)
        assert all(part.tokens[0] != ITSELF for part in parts)
        assert all(part.start < part.end for part in parts)


def test_of_a_text_without_room_for_moments_the_rest_is_one_part(spec):
    text = [each % 4 for each in range(79)]
    (parts,), line = ask(scripted(steps=81, seed=1), spec, [text], [MOST * STEP])
    assert line.at <= spec.length
    assert [token for part in parts for token in part.tokens] == text
    assert parts[-1].end == MOST * STEP


def add_moments(folder, seconds):
    """Name moments after the tokens of a saved Whisper, and give each a row of random weights."""
    net = transformers.WhisperForConditionalGeneration.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    names = [f"<|{at * STEP:.2f}|>" for at in range(round(seconds / STEP) + 1)]
    tokenizer.add_tokens(names)
    net.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    net.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def test_a_checkpoint_that_knows_moments_tells_them(tmp_path, monkeypatch):
    monkeypatch.setattr(defaults, "WRITING_STEPS", 4)
    monkeypatch.setattr(defaults, "WRITING_PASSES", 1)
    monkeypatch.setattr(defaults, "writing_epochs", lambda samples: 2)
    save_whisper(tmp_path / "net", many=False)
    assert open_writer(str(tmp_path / "net")).spec.moments == 0
    add_moments(tmp_path / "net", 1)
    spec = open_writer(str(tmp_path / "net")).spec
    assert spec.moments == spec.closing[-1] + 1
    assert spec.timed == spec.opening
    clips = write_clips(tmp_path / "data", [(text, 0.8) for text in ["a tea", "on ten"] * 5])
    how = {"audio": "path", "text": "transcript", "backbone": str(tmp_path / "net")}
    model = hs.fit(clips, strategy="probe", **how)
    model.save(tmp_path / "model")
    long = write_clips(tmp_path / "long", [("a", 2.7)]).parent / "0.wav"
    (said,) = model.predict([long])
    assert hs.load(tmp_path / "model").predict([long]) == [said]
    assert said.label
    assert " ".join(each.text for each in said.segments) == said.label
    times = [each for segment in said.segments for each in (segment.start, segment.end)]
    assert all(0 <= early <= late <= 2.7 for early, late in pairwise(times))
    fresh = hs.fit(clips, strategy="scratch", **how)
    assert fresh.backbone.spec.moments == 0
    assert np.isfinite(fresh.predict([long])[0].probability)
