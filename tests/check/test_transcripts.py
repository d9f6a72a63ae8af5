"""Tables of recordings and what is said in them: read, and looked at for transcripts that lie."""

import pytest

import headstart as hs
from headstart import dataset
from headstart.errors import DataError, UserError
from headstart.recognise import recognise, transcript_column
from headstart.schema import Said
from tests.sounds import write_clips

WAV = frozenset({".wav"})


def read(table, **how):
    return dataset.read(table, suffixes=WAV, timed=True, transcript="transcript", **how)


def test_what_is_said_takes_the_labels_place(tmp_path):
    texts = ["Yes; no | maybe, 2.0", "2", "  It was\n the  best ", "2"]
    found = read(write_clips(tmp_path, [(text,) for text in texts]), input_column="path")
    assert [sample.target.text for sample in found.samples] == [
        "Yes; no | maybe, 2.0", "2", "It was the best", "2",
    ]  # fmt: skip
    assert not found.multi


def test_sounds_and_texts_together_are_transcripts(tmp_path):
    table = write_clips(tmp_path, [("so it was",), ("and so it is",)])
    columns = {"image": None, "audio": "path", "text": "transcript"}
    modality, column = recognise(table, columns)
    assert (modality.name, column) == ("audio", "path")
    assert transcript_column(columns) == "transcript"
    assert transcript_column({"image": None, "audio": None, "text": "transcript"}) is None
    assert transcript_column({"audio": "path"}) is None
    with pytest.raises(UserError, match="more than one column of transcripts"):
        recognise(table, columns | {"text": "transcript,path"})
    with pytest.raises(UserError, match="two kinds: audio and image"):
        recognise(table, {"image": "path", "audio": "path", "text": None})


def test_empty_transcripts_are_set_aside_and_said(tmp_path):
    found = read(write_clips(tmp_path, [("so it was",), ("",), ("  ",), ("and so",)]))
    assert len(found.samples) == 2
    assert [each.why for each in found.set_aside] == [
        "has no transcript (line 3)", "has no transcript (line 4)",
    ]  # fmt: skip
    assert "Set aside 2 rows without a transcript." in found.notes
    one = read(write_clips(tmp_path / "one", [("so it was",), ("",)]))
    assert "Set aside 1 row without a transcript." in one.notes
    with pytest.raises(DataError, match=r"clips\.csv'? has a transcript"):
        read(write_clips(tmp_path / "none", [("",), (" ",)]))


def test_transcripts_and_labels_do_not_go_together(tmp_path):
    table = write_clips(tmp_path, [("so it was",), ("and so it is",)])
    with pytest.raises(DataError, match="one of labels are given"):
        read(table, label="path")
    with pytest.raises(DataError, match="a transcript column 'transcript' was given"):
        read(tmp_path)


def test_parts_of_recordings_have_transcripts(tmp_path):
    header = ("path", "transcript", "start", "end")
    table = write_clips(tmp_path, [("so it was", 3.0, 0, 1.5), ("and", 3.0, 1, 2)], header)
    found = read(table, input_column="path")
    assert found.samples[0].target == Said("so it was")
    assert found.samples[0].input.end == 1.5


def kinds(table):
    found = hs.check(table, audio="path", text="transcript").findings
    return {finding.kind: finding for finding in found}


def test_a_transcript_that_cannot_be_said_in_its_time_is_found(tmp_path):
    long = "word " * 40
    found = kinds(write_clips(tmp_path, [(f"so it was {at}",) for at in range(9)] + [(long, 1.0)]))
    finding = found["hasty_transcripts"]
    assert finding.files == ("9.wav",)
    assert "1 transcript cannot be said in the time of the recording" in finding.message
    assert "in 1.0 s (9.wav)" in finding.message
    assert finding.severity == "problem"
    assert "repeated_transcripts" not in found


def test_long_words_without_blanks_are_found_too(tmp_path):
    assert "hasty_transcripts" in kinds(write_clips(tmp_path, [("a b",), ("長" * 90, 2.0)]))
    assert "hasty_transcripts" not in kinds(write_clips(tmp_path, [("a b",), ("長" * 14, 2.0)]))


def test_recordings_of_one_sentence_are_found(tmp_path):
    rows = [("Open the door.",), ("open the door",), ("close it",), ("and so on",)]
    finding = kinds(write_clips(tmp_path, rows))["repeated_transcripts"]
    assert finding.files == ("0.wav", "1.wav")
    assert "2 recordings share 1 transcript; the most frequent is 'Open the door.'" in (
        finding.message
    )


def test_one_recording_with_two_transcripts_is_found(tmp_path):
    table = write_clips(tmp_path, [("open the door",), ("close the door",), ("and so on",)])
    (tmp_path / "1.wav").write_bytes((tmp_path / "0.wav").read_bytes())
    finding = kinds(table)["conflicting_labels"]
    assert "'open the door'" in finding.message
