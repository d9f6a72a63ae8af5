"""How a family of networks falls into stages: described once per family, checked when assembled.

A describer returns an `Outline`: steps in the order that the library's own forward runs them, the
parts of the module that each step uses, and how the state at a boundary is read. `assemble` turns
that into stages and gives every parameter and buffer its one owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from headstart.backbones.base import Decoder, Stage, State, read_map, read_tokens
from headstart.errors import Failure

Forward = Callable[[torch.Tensor], torch.Tensor]
Read = Callable[[State, int], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Step:
    """One step of an outline.

    `parts` are dotted names of submodules or parameters that it uses; the empty name stands for
    the whole module. `reads_target` marks a step of a decoder, which is fed the target.
    """

    name: str
    run: Callable[[State], State]
    parts: tuple[str, ...]
    reads_target: bool = False


@dataclass(frozen=True)
class Outline:
    """A described module: its steps, how they are read, and which parts are its old classifier.

    `classify` turns the last state into the old classifier's scores. `decoder` is how one writes
    that has a decoder.
    """

    family: str
    steps: tuple[Step, ...]
    read: Read
    classifier: tuple[str, ...] = ()
    opaque: bool = False
    classify: Callable[[State], torch.Tensor] | None = None
    decoder: Decoder | None = None


def on_x(forward: Forward) -> Callable[[State], State]:
    """Lift a function of one tensor to the state's `x`; whatever else the state holds stays."""
    return lambda state: {**state, "x": forward(state["x"])}


def chain(module: nn.Module, *names: str) -> Forward:
    """Return a forward through submodules in order.

    They are looked up at each call, so a submodule that was replaced (an adapter) is the one run.
    """

    def forward(x: torch.Tensor) -> torch.Tensor:
        for name in names:
            x = module.get_submodule(name)(x)
        return x

    return forward


def chained(module: nn.Module, name: str, *names: str, also: Sequence[str] = ()) -> Step:
    """Return a step that runs submodules in order; it uses those and the parts in `also`."""
    return Step(name, on_x(chain(module, *names)), (*names, *also))


def map_reader(depth: int, pooled: Forward | None = None, *, channels_last: bool = False) -> Read:
    """Return how feature maps are read; `pooled` is the library's own reading of the last one."""

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        maps = state["x"]
        nhwc = channels_last and boundary > 0
        vectors = read_map(maps.permute(0, 3, 1, 2) if nhwc else maps)
        if pooled is not None and boundary == depth:
            vectors["pooled"] = pooled(maps)
        return vectors

    return read


def token_reader(depth: int, prefix: int, pooled: Forward | None = None) -> Read:
    """Return how token sequences are read; what enters the first stage is still a picture."""

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        if boundary == 0:
            return read_map(state["x"])
        vectors = read_tokens(state["x"], prefix)
        if pooled is not None and boundary == depth:
            vectors["pooled"] = pooled(state["x"])
        return vectors

    return read


def named_tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Go through every parameter and buffer by every name it has: a shared one comes repeatedly."""
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def _is_part(name: str, parts: Sequence[str]) -> bool:
    return any(not part or name == part or name.startswith(f"{part}.") for part in parts)


def assemble(outline: Outline, module: nn.Module) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """Return the stages of an outline and the names that belong to the old classifier.

    A tensor with several names, or used by several steps, belongs to the first step that uses it.
    """
    owner: dict[int, int] = {}
    owned: list[list[str]] = [[] for _ in outline.steps]
    unowned: list[str] = []
    tensors = list(named_tensors(module))
    for at, step in enumerate(outline.steps):
        for name, tensor in tensors:
            in_classifier = _is_part(name, outline.classifier)
            if id(tensor) not in owner and not in_classifier and _is_part(name, step.parts):
                owner[id(tensor)] = at
    for name, tensor in tensors:
        if id(tensor) in owner:
            owned[owner[id(tensor)]].append(name)
        elif _is_part(name, outline.classifier):
            unowned.append(name)
        else:
            raise Failure(
                f"'{name}' of {type(module).__name__} belongs to no stage of family "
                f"'{outline.family}'.",
                "This is a bug in how the family is described; please report it.",
            )
    stages = tuple(
        Stage(step.name, step.run, tuple(names), step.reads_target)
        for step, names in zip(outline.steps, owned, strict=True)
    )
    return stages, tuple(unowned)


def sole_stage(family: str, forward: Forward, read: Read, classifier: Sequence[str]) -> Outline:
    """Return the outline of a module that nobody described: everything runs as one stage."""
    step = Step("whole", on_x(forward), ("",))
    return Outline(family, (step,), read, tuple(classifier), opaque=True)
