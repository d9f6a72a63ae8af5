"""What was said beside what was written, on the page: every error is marked, in words too."""

import re

from headstart.report import render
from headstart.report.verdict import verdict
from tests.evaluations import HOSTILE, transcribed


def visible(html):
    """Return what a reader of the page's words alone would get."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def run(fate, said, written):
    return {"fate": fate, "said": said, "written": written}


def page(runs, **more):
    record = {"name": "a.flac", "runs": runs, "errors": 3, "words": 9, **more}
    return render({"mistakes": [record], "task": "transcribe", "modality": "audio"})


def test_errors_are_marked_without_colour():
    html = page(
        [
            run("equal", "the only", "the only"),
            run("replace", "sense", "cents"),
            run("delete", "with which", ""),
            run("insert", "", "uh"),
        ]
    )
    said = visible(html)
    assert "3 wrong for 9 words" in said
    assert "the only replaced: sense by: cents left out: with which added: uh" in said
    assert (
        len(re.findall(r'<span class="run (?:replace|delete|insert)">', html)) == 3 + 3
    )  # the key


def test_the_whole_evaluation_makes_a_page():
    evaluation = transcribed()
    html = render(evaluation)
    assert visible(html).count("clips/") == min(24, len(evaluation["mistakes"]))
    assert "The worst mistakes" not in html
    assert "Word error rate" in html
    assert re.fullmatch(
        r"Of 100 words in new recordings of this kind it gets about \d+ wrong "
        r"\(95 % interval \d+ to \d+\)\.",
        verdict(evaluation),
    )


def test_nothing_right_is_said_so():
    worse = {"value": 1.4, "low": 1.1, "high": 1.7}
    said = verdict({"test": {"wer": worse}, "modality": "audio"})
    assert "gets none right: it makes 140 errors" in said


def test_hostile_words_stay_words():
    for word in HOSTILE:
        html = page([run("replace", word, word), run("insert", "", word)], name=word)
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "\u202e" not in html


def test_odd_records_are_left_out():
    html = page([run("equal", "so", "so"), {"fate": "eaten"}, "x", None, 3])
    assert visible(html).count(" so ") == 1
    assert "eaten" not in html
    assert "The transcripts" not in page([])
    assert "The transcripts" not in page("abc")
