"""After a fit the terminal says how far the data is and what was forgotten, a line each."""

from headstart.cli.summary import show_meters
from tests.evaluations import single


def test_both_meters_say_their_sentence(capsys):
    show_meters(single(["ant", "bee"], 60))
    said = capsys.readouterr().out
    assert "Near what bundled/image was trained on: stay on top." in said
    assert "The backbone lost 41 % of what it knew." in said


def test_an_evaluation_of_before_there_were_meters_says_nothing(capsys):
    show_meters({"domain": None, "forgetting": "x"})
    assert capsys.readouterr().out == ""
