"""Help that teaches, quickly."""

import subprocess
import sys

import pytest

COMMANDS = ("fit", "predict", "evaluate", "check", "backbones", "report", "cache", "version")


def test_headstart_alone_shows_where_to_start(headstart):
    ended = headstart()
    assert ended.code == 0
    for command in ("headstart check", "headstart fit", "headstart predict"):
        assert command in ended.out


def test_help_lists_every_command_with_a_whole_sentence(headstart):
    lines = headstart("--help").out.splitlines()
    for command in COMMANDS:
        (line,) = [line for line in lines if line.startswith(f"  {command} ")]
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(headstart, command):
    ended = headstart(command, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: headstart {command} ")
    assert f"Examples:\n  headstart {command}" in ended.out


def test_options_stand_under_headings(headstart):
    said = headstart("fit", "--help").out
    order = [
        said.index(heading)
        for heading in (
            "Arguments:",
            "What comes out:",
            "How the model is made:",
            "What is in the data:",
            "Examples:",
        )
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("words", [["--help"], [], ["fit", "--help"], ["version"], ["nonsense"]])
def test_nothing_heavy_is_imported_to_help(words):
    script = (
        "import sys\n"
        "from headstart.cli.run import run\n"
        f"run({words!r})\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'pyarrow', 'PIL', 'timm', 'transformers'}\n"
        "sys.exit(f'imported {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_version_says_what_is_installed(headstart):
    said = headstart("version").out
    assert said.startswith("headstart 0.")
    assert "\ntorch 2" in said
