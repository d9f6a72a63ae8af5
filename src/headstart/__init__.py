"""headstart: transfer learning that tells you the truth, in minutes, on the machine you have.

The public names load on first use, so that `import headstart` stays quick and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.check import check
    from headstart.errors import HeadstartError
    from headstart.evaluate import evaluate
    from headstart.fit import fit
    from headstart.model import Model
    from headstart.model_folder import load
    from headstart.schema import Prediction

__version__ = "0.1.0"

_HOMES = {
    "HeadstartError": "headstart.errors",
    "Model": "headstart.model",
    "Prediction": "headstart.schema",
    "check": "headstart.check",
    "evaluate": "headstart.evaluate",
    "fit": "headstart.fit",
    "load": "headstart.model_folder",
}

__all__ = [
    "HeadstartError",
    "Model",
    "Prediction",
    "__version__",
    "check",
    "evaluate",
    "fit",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'headstart' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
