"""From a table of recordings and what is said in them to a model that writes, and back."""

import json
from dataclasses import replace

import numpy as np
import pytest

import headstart as hs
from headstart import defaults, forgetting
from headstart.backbones.source import open_writer
from headstart.errors import DataError, UserError
from headstart.job import Job
from headstart.progress import Silent
from headstart.schema import SPEECH, Said, Sample
from headstart.writing.plan import plan_writing
from tests.sounds import encode, spoken, write_clips
from tests.speech.saying import save_ctc, save_whisper

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")

TEXTS = ["tea", "a note", "eat", "ten", "a tea", "on a ten", "not", "one tone", "at one", "neat"]


@pytest.fixture(autouse=True)
def _briefly(monkeypatch):
    """Train for two short epochs: whether it learns is for the benchmark to say."""
    monkeypatch.setattr(defaults, "WRITING_STEPS", 4)
    monkeypatch.setattr(defaults, "WRITING_PASSES", 1)
    monkeypatch.setattr(defaults, "writing_epochs", lambda samples: 2)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    rows = [(text, 0.8) for text in TEXTS * 2]
    return write_clips(tmp_path_factory.mktemp("data") / "clips", rows)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_ctc(folder / "ctc")
    save_whisper(folder / "whisper")
    return folder


class Heard(Silent):
    """Keeps what is said aloud."""

    text = ""

    def say(self, message):
        self.text += f"{message}\n"


def fit(clips, backbone, **how):
    return hs.fit(clips, audio="path", text="transcript", backbone=str(backbone), **how)


@pytest.mark.parametrize("kind", ["ctc", "whisper"])
def test_a_table_of_clips_becomes_a_model_that_writes(kind, clips, models, tmp_path):
    model = fit(clips, models / kind, out=tmp_path / "model", strategy="probe")
    evaluation = model.evaluation
    assert evaluation["task"] == "transcribe"
    assert set(evaluation["test"]) == {"word_accuracy", "wer", "cer", "right_throughout"}
    assert evaluation["headline"] == "word_accuracy"
    assert any("normalisation 'plain'" in note for note in evaluation["notes"])
    assert [choice["what"] for choice in evaluation["choices"]] == [
        {"ctc": "characters", "whisper": "decoder"}[kind]
    ]
    assert model.trained == (kind == "whisper")
    page = (tmp_path / "model" / "report.html").read_text()
    assert "words in new recordings of this kind" in page
    loaded = hs.load(tmp_path / "model")
    (tmp_path / "new.flac").write_bytes(encode(spoken(0.9, seed=77), kind="FLAC"))
    ours, theirs = (each.predict([tmp_path / "new.flac"]) for each in (model, loaded))
    assert ours == theirs
    assert isinstance(ours[0].label, str)
    again = hs.evaluate(loaded, clips, audio="path", text="transcript")
    assert again["n_test"] == len(TEXTS) * 2
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert np.isfinite(manifest["golden"]["logits"]).all()


@pytest.mark.parametrize(("kind", "strategy"), [
    ("ctc", "gradual"), ("ctc", "scratch"), ("whisper", "partial"), ("whisper", "full"),
])  # fmt: skip
def test_strategies_train_what_they_say(kind, strategy, clips, models, tmp_path):
    model = fit(clips, models / kind, strategy=strategy)
    assert model.trained
    assert model.strategy == strategy
    model.save(tmp_path / "model")
    clip = clips.parent / "0.wav"
    assert hs.load(tmp_path / "model").predict([clip]) == model.predict([clip])


@pytest.mark.parametrize("kind", ["ctc", "whisper"])
def test_adapters_are_trained_and_travel(kind, clips, models, tmp_path):
    pytest.importorskip("peft")
    model = fit(clips, models / kind, strategy="lora", out=tmp_path / "model")
    assert model.adapters
    clip = clips.parent / "0.wav"
    assert hs.load(tmp_path / "model").predict([clip]) == model.predict([clip])


def test_what_hears_the_samples_is_never_trained(clips, models):
    import torch

    before = open_writer(str(models / "ctc"))
    model = fit(clips, models / "ctc", strategy="full")
    now = dict(model.backbone.module.named_parameters())
    owned = set(before.stages[0].owns)
    for name, tensor in before.module.named_parameters():
        assert torch.equal(tensor, now[name]) == (name in owned), name


def test_checkpoints_that_spell_keep_their_characters(clips, models):
    model = fit(clips, models / "ctc", strategy="probe")
    assert model.labels[:5] == ("", "<s>", "</s>", "<unk>", " ")
    assert len(model.head.bias) == 11


def test_others_spell_the_characters_of_the_transcripts(clips):
    model = fit(clips, "bundled/audio", strategy="probe")
    assert model.labels == ("", " ", "a", "e", "n", "o", "t")


def test_a_character_that_the_checkpoint_lacks_is_refused(tmp_path, models):
    table = write_clips(tmp_path, [(text, 0.8) for text in [*TEXTS, "zoo"]])
    with pytest.raises(DataError, match="does not spell: 'z'"):
        fit(table, models / "ctc", strategy="probe")


def test_a_transcript_of_more_characters_than_frames_is_refused(tmp_path, models):
    rows = [*((text, 0.8) for text in TEXTS), ("tea ten " * 6, 0.8), ("neat " * 8, 0.6)]
    table = write_clips(tmp_path, rows)
    with pytest.raises(
        DataError, match=r"hears \d\d frames in 1\d\.wav, which lasts .* takes \d\d, one a char"
    ) as refused:
        fit(table, models / "ctc", strategy="probe", test=write_clips(tmp_path / "t", [("ten", 1)]))
    assert "1 more like it" in refused.value.message


def test_a_clip_longer_than_is_heard_at_once_is_refused(tmp_path, models):
    table = write_clips(tmp_path, [*((text, 0.8) for text in TEXTS), ("a long one", 2.5)])
    with pytest.raises(DataError, match=r"lasts 2\.5 s, and .* hears 1 s at once"):
        fit(table, models / "whisper", strategy="probe")


@pytest.mark.parametrize(("kind", "strategy"), [("ctc", "probe"), ("whisper", "partial")])
def test_wrong_words_before_and_after_are_told_of_what_is_remembered(
    kind, strategy, clips, models, tmp_path
):
    kept = write_clips(tmp_path / "kept", [(text, 0.7) for text in TEXTS])
    model = fit(clips, models / kind, strategy=strategy, remember=kept, out=tmp_path / "model")
    found = model.evaluation["forgetting"]
    assert found["reference"] == "10 inputs of clips.csv"
    for moment in ("before", "after"):
        figure = found["words"][moment]
        assert figure["low"] <= figure["value"] <= figure["high"]
    now = hs.evaluate(model, kept, audio="path", text="transcript")["test"]["wer"]["value"]
    assert found["words"]["after"]["value"] == pytest.approx(now)
    assert f"is {forgetting.percent(now)}" in found["says"]
    assert "words wrong now" in (tmp_path / "model" / "report.html").read_text()


def test_who_never_spelt_has_no_words_to_lose(clips, models, tmp_path):
    found = fit(clips, "bundled/audio", strategy="probe", remember=clips).evaluation["forgetting"]
    assert "words" not in found


def test_what_makes_no_sense_for_transcription_is_refused(clips, models):
    with pytest.raises(UserError, match="'adapt' has nothing to do"):
        fit(clips, models / "ctc", strategy="adapt")
    with pytest.raises(UserError, match="has 3 that hear"):
        fit(clips, models / "whisper", strategy="partial", unfreeze=9)


@pytest.mark.parametrize("kind", ["ctc", "whisper"])
def test_a_long_recording_is_written_down_with_times(kind, clips, models, tmp_path):
    model = fit(clips, models / kind, strategy="probe")
    long = tmp_path / "long.wav"
    seconds = 5.0 if kind == "whisper" else 45.0
    long.write_bytes(encode(spoken(seconds, seed=5), subtype="PCM_16"))
    (said,) = model.predict([long])
    assert said.known
    for segment in said.segments:
        assert 0 <= segment.start <= segment.end <= seconds + 0.1
    starts = [segment.start for segment in said.segments]
    assert starts == sorted(starts)
    assert " ".join(segment.text for segment in said.segments) == said.label


def test_the_test_is_never_looked_at(clips, models, tmp_path):
    """Other transcripts in the sealed test, the same model."""
    test = write_clips(tmp_path / "test", [("one", 0.8), ("two", 0.7)])
    other = write_clips(tmp_path / "other", [("ten", 0.8), ("not", 0.7)])
    one, two = (fit(clips, models / "ctc", strategy="probe", test=each) for each in (test, other))
    assert np.array_equal(one.head.weight, two.head.weight)


def test_a_race_is_not_for_transcripts(clips, models):
    with pytest.raises(UserError, match="these data are transcripts"):
        hs.race(clips, audio="path", text="transcript", backbone=str(models / "ctc"))


def test_the_plan_is_told_before(clips, models):
    plan = hs.explain(clips, audio="path", text="transcript", backbone=str(models / "whisper"))
    (step,) = plan["steps"]
    assert [phase["name"] for phase in step["phases"]] == ["decoder"]
    assert step["about"] == "frozen encoder, the decoder tuned on what it gives"
    assert "the 3 stages below run once" in step["why"][0]
    assert step["seconds"] > 0
    assert plan["budget_seconds"] is None  # nothing is compared
    assert "auto is probe for transcripts" in plan["about"]


def test_a_plan_minds_no_clip_that_cannot_be_heard(tmp_path, models):
    table = write_clips(tmp_path, [(text, 0.8) for text in TEXTS])
    (tmp_path / "0.wav").write_bytes(b"")
    (tmp_path / "1.wav").write_bytes(encode(np.full(9000, np.nan, np.float32), subtype="FLOAT"))
    plan = hs.explain(table, audio="path", text="transcript", backbone=str(models / "ctc"))
    assert plan["steps"][0]["seconds"] > 0


def test_auto_says_aloud_that_it_compares_nothing(clips, models):
    heard = Heard()
    model = fit(clips, models / "ctc", progress=heard)
    assert model.strategy == "probe"
    assert "auto is probe for transcripts" in heard.text
    assert "probe on folder/ctc (frozen backbone, new layer that spells)" in heard.text


def test_rates_fall_from_the_last_stage_that_writes(models):
    """What reads the text and what hears share one fall, to a tenth at the first stage of all."""
    backbone = open_writer(str(models / "whisper"))
    job = Job((Sample("a.wav", Said("tea")),) * 40, (), SPEECH, strategy="full")
    (_, phase) = plan_writing(job, backbone)
    assert phase.decay ** (backbone.depth - 1) == pytest.approx(0.1)
    assert phase.backbone_rate == defaults.backbone_rate(16, batch_norm=False)
    (_, phase) = plan_writing(replace(job, strategy="lora"), backbone)
    assert phase.decay == 1.0
