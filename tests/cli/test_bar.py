"""Progress on stderr: lines where there is no terminal, a bar with an estimate where there is."""

import os
import pty
import re
import select
import subprocess
import sys

import pytest

from headstart.cli import bar
from headstart.cli.bar import Bar

SCRIPT = """
import time
from headstart.cli.bar import Bar
with Bar() as progress:
    progress.say("about to [red]look[/red]")
    progress.start("features", 40)
    for _ in range(40):
        progress.advance()
        time.sleep(0.02)
    progress.finish()
"""


def test_without_a_terminal_lines_come_now_and_then(capsys, monkeypatch):
    clock = iter(range(0, 10_000, 4))
    monkeypatch.setattr(bar.time, "monotonic", lambda: float(next(clock)))
    with Bar() as progress:
        progress.say("about to [red]look[/red]")
        progress.start("features", 10)
        for _ in range(10):
            progress.advance()
        progress.finish()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "about to [red]look[/red]",
        "features: 10 to do",
        "features: 3 of 10 (30%), about 28 s left",
        "features: 6 of 10 (60%), about 16 s left",
        "features: 9 of 10 (90%), about 4.0 s left",
        "features: 10 in 44 s",
    ]


def test_an_interrupted_stretch_leaves_no_bar_behind(capsys):
    def work():
        with Bar() as progress:
            progress.start("features", 10)
            progress.advance(2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert capsys.readouterr().err == "features: 10 to do\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_on_a_terminal_there_is_a_bar_that_is_wiped_at_the_end():
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stderr=theirs, env={**environment, "TERM": "xterm"}
    )
    os.close(theirs)
    said = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(ours)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode())
    assert "about to [red]look[/red]" in text
    assert re.search(r"features\s+\S*━", text)
    assert "40/40" in text
    assert "features: 40 in " in text.splitlines()[-1]
