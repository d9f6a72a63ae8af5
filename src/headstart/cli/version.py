"""`headstart version`: what is installed, for a person and for a bug report."""

from __future__ import annotations

import platform

from headstart import __version__, places
from headstart.cli.terminal import plain

SHOWN = ("torch", "torchvision", "timm", "transformers", "scikit-learn", "numpy", "pillow")


def version() -> None:
    """Show the versions of headstart and its libraries."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    print(f"headstart {__version__}")
    print(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in SHOWN:
        try:
            print(f"{name} {version_of(name)}")
        except PackageNotFoundError:
            print(f"{name} not installed")
    print(f"home {plain(places.home())}")
