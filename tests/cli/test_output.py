"""What is written survives pipes, poor locales and hostile names, and JSON is always JSON."""

import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from headstart.cli.terminal import write_json
from headstart.schema import Finding, Prediction

NAMES = ["café/蜂.jpg", "half\udcff.jpg", "\x1b]0;owned\x07.jpg", "two\nlines.jpg", "\u202egnp.jpg"]

STREAM = """
import sys, types, torch
from headstart.schema import Prediction
from headstart.cli import main

class Model:
    labels = ("abeille", "蜂")
    task = types.SimpleNamespace(name="classify", spoken=lambda labels: labels)
    backbone = types.SimpleNamespace(device=torch.device("cpu"))
    def stream(self, inputs, set_aside):
        for path in inputs:
            yield Prediction(path, "蜂", 0.75, {"abeille": 0.25, "蜂": 0.75})

module = types.ModuleType("headstart.model_folder")
module.load = lambda folder, offline=False, device=None: Model()
sys.modules["headstart.model_folder"] = module
main(sys.argv[1:])
"""


def start(*words, encoding=None, **more):
    environment = {**os.environ, "PYTHONUTF8": "0"}
    environment.update({"PYTHONIOENCODING": encoding} if encoding else {})
    return subprocess.Popen(
        [sys.executable, "-c", STREAM, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        **more,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("format_", ["text", "json", "csv"])
def test_any_name_can_be_written_in_any_locale(encoding, format_):
    names = [os.fsencode(name).replace(b"\n", b"") for name in NAMES]
    process = start("predict", "m", "-", "--format", format_, encoding=encoding)
    out, err = process.communicate(b"\n".join(names))
    assert process.returncode == 0, err
    assert len(out.splitlines()) == len(NAMES) + (format_ == "csv")
    if format_ == "json":
        for line in out.decode(encoding).splitlines():
            assert json.loads(line)["label"] == "蜂"


def test_hostile_names_cannot_steer_the_terminal(headstart, put_module):
    class Model:
        labels = ("bee",)
        task = SimpleNamespace(name="classify", spoken=lambda labels: labels)
        backbone = SimpleNamespace(device=torch.device("cpu"))

        def stream(self, inputs, set_aside):
            for path in inputs:
                yield Prediction(path, "bee", 1.0, {"bee": 1.0}, known=False)

    put_module("headstart.model_folder", load=lambda folder, offline=False, device=None: Model())
    said = headstart("predict", "m", *NAMES).out
    assert len(said.splitlines()) == len(NAMES)
    for hidden in ("\x1b", "\x07", "\u202e", "\r"):
        assert hidden not in said
    assert "\\x1b]0;owned" in said


def test_a_reader_that_goes_away_is_no_error():
    process = start("predict", "m", "-", "--format", "csv")
    process.stdout.close()
    process.stdin.write(b"a.jpg\n" * 50_000)
    process.stdin.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


@pytest.mark.parametrize("words", [["version"], ["cache", "--json"]], ids=" ".join)
def test_a_disk_that_is_full_is_an_error(words):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", f"from headstart.cli import main; main({words})"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_numbers_that_json_lacks_become_null(capsys):
    write_json({"a": math.nan, "b": [math.inf, 1.5], "c": Finding("k", "info", "m", "a")})
    written = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert written["a"] is None
    assert written["b"] == [None, 1.5]
    assert written["c"]["message"] == "m"


def test_no_colour_where_no_terminal_is(headstart, fake_fit):
    ended = headstart("fit", "photos")
    assert "\x1b" not in ended.out + ended.err
