"""Which readings a head may stand on: a handful of sensible sets, from what the backbone offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from headstart.heads.head import Reading

FIRST = ("pooled", "mean", "token", "row")

WIDEST = 16_384
"""Sets with more features than this are left out: hardly ever better, always dearer."""


def leading(names: Iterable[str]) -> str:
    """Return the reading of one stage that comes first: the library's own pooling if it has one."""
    offered = list(names)
    return next(name for name in (*FIRST, *offered) if name in offered)


def candidates(widths: Mapping[Reading, int]) -> list[tuple[Reading, ...]]:
    """Return the sets of readings to try, narrowest first.

    The last stage alone (each of its readings, and all of them), the last two stages, the upper
    half of the stages, and all stages; of lower stages the mean, once with all that is read there.
    Lower stages see texture and detail that the last one has given up for its own labels' sake.
    """
    boundaries = sorted({boundary for boundary, _ in widths})
    last = boundaries[-1]
    at_last = [name for boundary, name in widths if boundary == last]
    first = leading(at_last)
    alone = [((last, first),)]
    alone += [((last, name),) for name in FIRST if name in at_last and name != first]

    def means(some: Sequence[int]) -> tuple[Reading, ...]:
        lower = [
            next(((b, name) for name in ("mean", *FIRST) if (b, name) in widths), None)
            for b in some
        ]
        return (*(reading for reading in lower if reading), (last, first))

    def everything(some: Sequence[int]) -> tuple[Reading, ...]:
        return tuple(reading for b in some for reading in widths if reading[0] == b)

    below = boundaries[:-1]
    sets = [
        *alone,
        everything([last]),
        means(below[-1:]),
        means(below[len(below) // 2 :]),
        means(below),
        everything(boundaries[-2:]),
        everything(boundaries),
    ]
    unique = list(dict.fromkeys(sets))
    wide = {names: sum(widths[name] for name in names) for names in unique}
    kept = [names for names in unique if wide[names] <= WIDEST] or unique[:1]
    return sorted(kept, key=lambda names: (wide[names], unique.index(names)))


def describe(names: Sequence[Reading]) -> str:
    """Say which readings a set holds, such as `stage 4 mean + stage 5 mean`."""
    stages: dict[int, list[str]] = {}
    for boundary, name in names:
        stages.setdefault(boundary, []).append(name)
    if len(stages) > 3:
        kinds = " and ".join(dict.fromkeys(name for _, name in names))
        return f"stages {min(stages)} to {max(stages)} {kinds}"
    return " + ".join(f"stage {number} {' and '.join(all_)}" for number, all_ in stages.items())
