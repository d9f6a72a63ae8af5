"""The walls around the tests stand: in this process and in those it starts."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

REACH_OUT = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"


def test_the_network_is_closed():
    with pytest.raises(RuntimeError, match="tests reach only this machine"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(RuntimeError, match="tests reach only this machine"):
        socket.getaddrinfo("example.org", 80)


def test_the_network_is_closed_in_started_processes():
    done = subprocess.run([sys.executable, "-c", REACH_OUT], capture_output=True, text=True)
    assert done.returncode == 1
    assert "NetworkClosed" in done.stderr


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()


def test_home_is_not_the_persons():
    assert "headstart-tests-" in str(Path.home())
    assert Path(os.environ["HEADSTART_HOME"]).is_dir()


def test_a_warning_is_an_error():
    import warnings

    with pytest.raises(UserWarning):
        warnings.warn("no warning is let through", stacklevel=1)
