"""After a fit the terminal says what was chosen, and what the meters found, a line each."""

from headstart.cli.summary import show_choices, show_meters
from tests.evaluations import single


def test_both_meters_say_their_sentence(capsys):
    show_meters(single(["ant", "bee"], 60))
    said = capsys.readouterr().out
    assert "Near what bundled/image was trained on: stay on top." in said
    assert "The backbone lost 41 % of what it knew." in said


def test_an_evaluation_of_before_there_were_meters_says_nothing(capsys):
    show_meters({"domain": None, "forgetting": "x"})
    assert capsys.readouterr().out == ""


def test_strategies_that_were_not_kept_are_told_with_the_reason(capsys):
    choices = [
        {"what": "regression on stage 4", "kept": True, "why": "the lowest"},
        {"what": "regression on stage 5", "kept": False, "why": "higher"},
        {"what": "partial", "kept": False, "why": "not surely better"},
    ]
    show_choices({"choices": choices})
    said = capsys.readouterr().out
    assert said.index("Chosen") < said.index("stage 4: the lowest") < said.index("Not chosen")
    assert "partial: not surely better" in said
    assert "stage 5" not in said
