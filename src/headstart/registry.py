"""Name -> provider. Built-ins and third parties come in by the same door: entry points.

A provider is named by `package.module:attribute` and imported when it is first asked for, so
listing names costs nothing. headstart's own providers are declared as entry points in
`pyproject.toml` like anybody else's; a plugin that declares
`[project.entry-points."headstart.tasks"]` is found the same way.
"""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from headstart.errors import UnknownName, closest


class Registry:
    """The providers of one kind, found by name."""

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._added: dict[str, Any] = {}

    @cached_property
    def _found(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        return sorted({*self._found, *self._added})

    def add(self, name: str, provider: Any) -> None:
        """Register a provider for this process (a plugin in a notebook, a toy in a test)."""
        self._added[name] = provider

    def remove(self, name: str) -> None:
        """Forget a provider that was added in this process."""
        self._added.pop(name, None)

    def get(self, name: str) -> Any:
        """Return the provider registered as `name`, or say which names there are."""
        if name in self._added:
            return self._added[name]
        if name not in self._found:
            known = self.names()
            raise UnknownName(
                f"There is no {self.kind} called '{name}'.{closest(name, known)}",
                f"Use one of: {', '.join(known)}.",
            )
        return self._found[name].load()


MODALITIES = Registry("modality", "headstart.modalities")
BACKBONES = Registry("backbone source", "headstart.backbones")
TASKS = Registry("task", "headstart.tasks")
STRATEGIES = Registry("strategy", "headstart.strategies")
