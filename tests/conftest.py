"""What holds for every test: no network, a home of its own, one thread, fixed seeds."""

import atexit
import importlib.util
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
OFFLINE = HERE / "offline"


def _isolate() -> None:
    """Set the environment before any library reads it, for this process and those it starts."""
    home = Path(tempfile.mkdtemp(prefix="headstart-tests-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in (
        "HEADSTART_OFFLINE",
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "TRANSFORMERS_OFFLINE",
    ):
        os.environ.pop(name, None)
    os.environ |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "HEADSTART_HOME": str(home / "headstart"),
        "HF_HOME": str(home / "hf"),
        "TORCH_HOME": str(home / "torch"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "PYTHONPATH": os.pathsep.join(
            [str(OFFLINE), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
    }
    # Workers beside each other gain nothing from threads of their own.
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _close_network() -> None:
    """Load the guard once; an xdist worker has it already, from its start."""
    loaded = sys.modules.get("sitecustomize")
    if loaded is None or Path(str(loaded.__file__)).parent != OFFLINE:
        spec = importlib.util.spec_from_file_location("offline_guard", OFFLINE / "sitecustomize.py")
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_isolate()
_close_network()

import numpy as np  # noqa: E402  (after the environment is set)
import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """Give each test a store and runs of its own."""
    monkeypatch.setenv("HEADSTART_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(autouse=True)
def _fixed_seeds():
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
