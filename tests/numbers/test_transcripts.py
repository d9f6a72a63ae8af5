"""Error rates of transcripts, their intervals, and how words are aligned; what is normalised."""

import numpy as np
import pytest

from headstart import metrics
from headstart.errors import UserError
from headstart.metrics.transcripts import count_characters, count_words
from headstart.normalise import NORMALISATIONS, get_normalisation


def runs(reference, written):
    return [(run.fate, run.said, run.written) for run in metrics.align_words(reference, written)]


def test_words_are_aligned():
    assert runs("the cat sat down", "the bat sat right down here") == [
        ("equal", "the", "the"),
        ("replace", "cat", "bat"),
        ("equal", "sat", "sat"),
        ("insert", "", "right"),
        ("equal", "down", "down"),
        ("insert", "", "here"),
    ]
    assert runs("never ever", "ever") == [("delete", "never", ""), ("equal", "ever", "ever")]


def test_nothing_said_or_nothing_written_is_aligned_too():
    assert runs("", "") == []
    assert runs("", "so it was") == [("insert", "", "so it was")]
    assert runs("so it was", "") == [("delete", "so it was", "")]


def test_alignments_hold_both_texts_whole():
    random = np.random.default_rng(0)
    for _ in range(50):
        said = " ".join(random.choice(list("abcd"), random.integers(0, 9)))
        wrote = " ".join(random.choice(list("abcd"), random.integers(0, 9)))
        found = metrics.align_words(said, wrote)
        assert " ".join(filter(None, (run.said for run in found))) == said
        assert " ".join(filter(None, (run.written for run in found))) == wrote
        assert all(run.said == run.written for run in found if run.fate == "equal")
        wrong = sum(
            max(len(run.said.split()), len(run.written.split()))
            for run in found
            if run.fate != "equal"
        )
        assert count_words([said], [wrote]).errors[0] == wrong


def test_an_error_rate_is_all_errors_over_all_words():
    references = ["a b c d e f g h", "x y"]
    written = ["a b c d e f g", "x z w"]
    figures = metrics.measure_transcripts(references, written, metrics.draw(None, 2))
    assert figures["wer"].value == pytest.approx(3 / 10)
    assert figures["word_accuracy"].value == pytest.approx(7 / 10)
    assert metrics.word_accuracy(references, written) == pytest.approx(7 / 10)
    assert figures["right_throughout"].value == 0
    assert count_characters(["ab c"], ["ab d"]).errors[0] == 1
    assert count_characters(["ab c"], ["ab d"]).lengths[0] == 4


def test_more_may_be_wrong_than_was_said():
    figures = metrics.measure_transcripts(["a"] * 9, ["b c d"] * 9, metrics.draw(None, 9))
    assert figures["wer"].value == 3
    assert figures["wer"].low < 3 < figures["wer"].high
    assert figures["word_accuracy"].value == figures["word_accuracy"].low == 0
    assert metrics.word_accuracy(["a"], ["b c d"]) == 0


def test_no_error_is_no_certainty_and_nothing_is_undefined():
    same = [f"word {number}" for number in range(30)]
    figures = metrics.measure_transcripts(same, same, metrics.draw(None, 30))
    assert figures["wer"].low == figures["wer"].value == 0
    assert figures["wer"].high == pytest.approx(1 - figures["word_accuracy"].low)
    assert 0.05 < figures["wer"].high < 0.2
    for texts in ([""], ["", ""]):
        resamples = metrics.draw(None, len(texts))
        for figure in metrics.measure_transcripts(texts, texts, resamples).values():
            assert np.isfinite([figure.value, figure.low, figure.high]).all()


def test_clips_of_a_group_come_up_together():
    random = np.random.default_rng(1)
    said = ["a b c d"] * 60
    wrote = [" ".join("abcd"[at] for at in range(4) if random.random() > 0.2) for _ in range(60)]
    alone = metrics.measure_transcripts(said, wrote, metrics.draw(None, 60))
    repeated = metrics.draw([str(at % 60) for at in range(240)], 240)
    together = metrics.measure_transcripts(said * 4, wrote * 4, repeated)
    assert together["wer"].value == pytest.approx(alone["wer"].value)
    wide = [each["wer"].high - each["wer"].low for each in (alone, together)]
    assert wide[1] == pytest.approx(wide[0], rel=0.15)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Clips of different lengths and difficulty: the rate is a ratio, errors come in clusters."""
    random, inside = np.random.default_rng(2), 0
    for seed in range(60):
        words = random.integers(3, 15, 40)
        hard = random.beta(0.6, 5.4, 40)  # a tenth on average
        wrong = random.binomial(words, hard)
        said = [" ".join("w" * count) for count in words]
        wrote = [" ".join("x" * n + "w" * (c - n)) for n, c in zip(wrong, words, strict=True)]
        found = metrics.measure_transcripts(said, wrote, metrics.draw(None, 40, seed=seed))["wer"]
        inside += found.low <= 0.1 <= found.high
    assert inside / 60 >= 0.85


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Printing, in the only sense.", "printing in the only sense"),
        ("“Don’t!” she said—twice…", "don't she said twice"),
        ("'quoted' rock 'n' roll", "quoted rock n roll"),
        ("at 3.5 m, or 1,000 of them: 12:30.", "at 3.5 m or 1,000 of them 12:30"),
        ("forty-two", "forty two"),
        ("  a\t b\u00a0c \n", "a b c"),
        ("\ufb01ne \uff21\uff22 Stra\u00dfe", "fine ab strasse"),
        ("co\u00adoperate", "cooperate"),
        ("Cafe\u0301", "café"),
        ("5 % & 2 $", "5 2 $"),
        ("?!", ""),
    ],
)
def test_plain_leaves_out_what_is_not_heard(written, expected):
    assert get_normalisation("plain")(written) == expected


def test_none_leaves_what_is_written():
    assert get_normalisation("none")(" Don’t,\n Bob! ") == "Don’t, Bob!"


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_normalising_twice_changes_nothing_more(name):
    once = NORMALISATIONS[name]("“Ǆ İt’s” — Ⅷ ½ ﬀ 1.2.3, ΑΣ ς… a'''b o''c '")
    assert NORMALISATIONS[name](once) == once


def test_an_unknown_way_of_normalising_is_refused():
    with pytest.raises(UserError, match="Did you mean 'plain'"):
        get_normalisation("plane")
