"""The command line called the way a shell calls it, and verbs that answer at once."""

import json
import sys
import types
from dataclasses import dataclass

import pytest

from headstart.cli.run import run
from tests.evaluations import single


@dataclass
class Ended:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def headstart(capsys):
    """Run a command in this process, as the `headstart` script would."""

    def call(*words):
        capsys.readouterr()
        code = run([str(word) for word in words])
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return call


@pytest.fixture
def put_module(monkeypatch):
    """Put a stand-in module where a command imports its verb from."""

    def put(name, **attributes):
        module = types.ModuleType(name)
        for attribute, value in attributes.items():
            setattr(module, attribute, value)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return put


@pytest.fixture
def fake_fit(put_module):
    """Answer `fit` with a simulated evaluation; what it was called with is kept."""
    calls = []

    def fit(data, **choices):
        calls.append({"data": data, **choices})
        choices["progress"].say("one pass over 765 inputs")
        choices["progress"].start("features", 3)
        choices["progress"].advance(3)
        choices["progress"].finish()
        return types.SimpleNamespace(evaluation=single(["ant", "bee"], 153))

    put_module("headstart.fit", fit=fit)
    return calls
