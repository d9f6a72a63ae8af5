"""Whatever goes wrong: one line of cause, one of cure, the right exit code, never a traceback."""

import errno
import signal
import subprocess
import sys

import pytest

from headstart.errors import DataError, Failure, HubError, ModelFolderError, UserError


def fails_with(put_module, error):
    def fit(data, **choices):
        raise error

    put_module("headstart.fit", fit=fit)


def assert_two_lines(err):
    cause, cure = [line for line in err.splitlines() if not line.startswith("The model goes to")]
    assert cause.startswith("Error: ")
    assert cure.startswith("To fix it: ")


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (UserError("No such thing.", "Give another."), 2, "usage"),
        (DataError("An empty folder.", "Fill it."), 2, "data"),
        (ModelFolderError("Not a model.", "Fit one."), 2, "model_folder"),
        (Failure("It broke.", "Try again."), 1, "failure"),
        (HubError("No network.", "Use --offline."), 1, "hub"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_errors_raised_on_purpose(headstart, put_module, error, code, kind):
    fails_with(put_module, error)
    ended = headstart("fit", "photos")
    assert ended.code == code
    assert ended.out == ""
    assert_two_lines(ended.err)
    assert f"Error: {error.message}\nTo fix it: {error.hint}\n" in ended.err
    ended = headstart("fit", "photos", "--json")
    assert ended.code == code
    assert ended.json == {"error": {"kind": kind, "message": error.message, "hint": error.hint}}


def test_a_message_of_several_lines_is_said_on_one(headstart, put_module):
    fails_with(put_module, UserError("first\nsecond\x1b[2J", "do\nthis"))
    ended = headstart("fit", "photos")
    assert "Error: first second\\x1b[2J\nTo fix it: do this\n" in ended.err


def test_what_nobody_expected_points_to_debug(headstart, put_module):
    fails_with(put_module, ZeroDivisionError("division by zero"))
    ended = headstart("fit", "photos")
    assert ended.code == 1
    assert_two_lines(ended.err)
    assert "Error: ZeroDivisionError: division by zero" in ended.err
    assert "--debug" in ended.err
    assert headstart("fit", "photos", "--json").json["error"]["kind"] == "unexpected"


@pytest.mark.parametrize("words", [["--debug", "fit", "photos"], ["fit", "photos", "--debug"]])
def test_debug_shows_the_traceback(headstart, put_module, words):
    fails_with(put_module, ZeroDivisionError("division by zero"))
    assert "Traceback" not in headstart("fit", "photos").err
    ended = headstart(*words)
    assert ended.code == 1
    assert "Traceback (most recent call last)" in ended.err
    assert "Error: ZeroDivisionError" in ended.err


def test_ctrl_c_says_what_is_kept(headstart, put_module):
    fails_with(put_module, KeyboardInterrupt())
    ended = headstart("fit", "photos")
    assert ended.code == 130
    assert "picks up from the store" in ended.err
    assert headstart("fit", "photos", "--json").json["error"]["kind"] == "interrupted"


def test_ctrl_c_at_a_shell():
    # A job in the background of a shell ignores the signal, and so does all that it starts.
    script = (
        "import signal, sys, time, types\n"
        "from headstart.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def fit(data, **choices):\n"
        "    choices['progress'].start('features', 10)\n"
        "    time.sleep(60)\n"
        "sys.modules['headstart.fit'] = types.SimpleNamespace(fit=fit)\n"
        "main(['fit', 'photos'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while "features: 10 to do" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert_two_lines(err)


def test_what_may_not_be_read_is_not_called_a_full_disk(headstart, put_module):
    fails_with(put_module, PermissionError(errno.EACCES, "Permission denied", "/data/x"))
    ended = headstart("fit", "photos")
    assert ended.code == 1
    assert "Permission denied: /data/x" in ended.err
    assert "who may read it" in ended.err


def test_a_full_disk_is_not_called_a_fault(headstart, put_module):
    fails_with(put_module, OSError(errno.ENOSPC, "No space left on device", "/data/x"))
    ended = headstart("fit", "photos", "--json")
    assert ended.code == 1
    assert ended.json["error"]["kind"] == "storage"
    assert "No space left on device: /data/x" in ended.json["error"]["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ftt", "photos"], "There is no command 'ftt'. Did you mean 'fit'?"),
        (["fit"], "Missing argument 'DATA'."),
        (["fit", "a", "--bakbone", "x"], "There is no option '--bakbone'. Did you mean"),
        (["fit", "a", "--seed", "three"], "Invalid value for '--seed'"),
        (["fit", "a", "--seed"], "Option '--seed' requires an argument."),
        (["fit", "a", "b"], "Got unexpected extra argument"),
        (["predict", "bees"], "Missing argument 'INPUTS...'"),
        (["fit", "a", "--time", "soon"], "'soon' is not a length of time."),
        (["predict", "bees", "a", "--format", "xml"], "There is no format 'xml'."),
        (["cache", "emty"], "There is no cache action 'emty'. Did you mean 'empty'?"),
        (["cache", "limit"], "`cache limit` needs a size."),
        (["cache", "limit", "lots"], "'lots' is not a size."),
        (["cache", "show", "2G"], "`cache show` takes no size."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_mistakes_in_the_command_itself(headstart, words, message):
    ended = headstart(*words)
    assert ended.code == 2
    assert ended.out == ""
    assert_two_lines(ended.err)
    assert message in ended.err
    ended = headstart(words[0], "--json", *words[1:])
    assert ended.code == 2
    assert "error" in ended.json


def test_json_is_answered_before_any_command(headstart):
    ended = headstart("--json")
    assert ended.code == 2
    assert ended.json["error"]["kind"] == "usage"


def test_after_two_dashes_nothing_is_an_option(headstart, fake_fit):
    ended = headstart("fit", "--", "--debug")
    assert ended.code == 0
    assert fake_fit[0]["data"] == "--debug"
