"""headstart: transfer learning that tells you the truth, in minutes, on the machine you have.

The public names load on first use, so that `import headstart` stays quick and needs no torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.check import check
    from headstart.errors import HeadstartError
    from headstart.evaluate import evaluate
    from headstart.explain import explain
    from headstart.fit import fit
    from headstart.model import Model
    from headstart.model_folder import load
    from headstart.race.engine import race
    from headstart.race.record import Race
    from headstart.schema import Prediction

__version__ = "0.1.0"

_HOMES = {
    "HeadstartError": "headstart.errors",
    "Model": "headstart.model",
    "Prediction": "headstart.schema",
    "Race": "headstart.race.record",
    "check": "headstart.check",
    "evaluate": "headstart.evaluate",
    "explain": "headstart.explain",
    "fit": "headstart.fit",
    "load": "headstart.model_folder",
    "race": "headstart.race.engine",
}

__all__ = [
    "HeadstartError",
    "Model",
    "Prediction",
    "Race",
    "__version__",
    "check",
    "evaluate",
    "explain",
    "fit",
    "load",
    "race",
]


class _Front(ModuleType):
    """The package itself, whose public names stay the functions they are.

    `headstart.fit` is a function, and `headstart/fit.py` a module: importing the latter would put
    it in the former's place. A property cannot be overwritten that way.
    """


def _public(name: str) -> property:
    def load(_: ModuleType) -> Any:
        return getattr(import_module(_HOMES[name]), name)

    # The import system sets a submodule as an attribute of its package: here that is ignored.
    return property(load, lambda _, module: None)


for _name in _HOMES:
    setattr(_Front, _name, _public(_name))
sys.modules[__name__].__class__ = _Front


def __dir__() -> list[str]:
    return sorted(__all__)
