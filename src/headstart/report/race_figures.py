"""Both pictures of a race as PNG and SVG, for a paper or a slide; drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.errors import StorageError, UserError
from headstart.report.names import clean
from headstart.report.race_curves import (
    ALL,
    Draw,
    baseline_means,
    baselines_of,
    draws,
    mean_by_step,
    runs_of,
    span,
    summaries,
)
from headstart.report.race_look import Look, looks
from headstart.report.race_page import require_format
from headstart.report.words import mapping, number, sequence, title

INK, SOFT, LINE = "#1f1e1b", "#625e56", "#dedad1"
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    # Names come from strangers, and a dollar sign in one begins no formula.
    "text.parse_math": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.handlelength": 3.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "headstart",
    "savefig.dpi": 200,
}
"""Letters stay letters in the SVG, and the same race gives the same bytes."""


def draw_figures(record: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write both pictures of a race into a folder, as PNG and as SVG, and return the files.

    `training` has a panel for each number of labels, `labels` the final figures by their number.
    """
    require_format(record)
    require_matplotlib()
    import matplotlib

    folder, race = Path(folder), _Race(record)
    if not race.runs:
        raise UserError(
            "There is nothing to draw: the race holds no run that came to an end.",
            "Run the race to its end, or give it more time.",
        )
    written = []
    with matplotlib.rc_context(STYLE):
        for name, figure in (("training", race.training()), ("labels", race.by_labels())):
            for kind, about in (("png", {"Software": None}), ("svg", {"Date": None})):
                path = folder / f"{name}.{kind}"
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    figure.savefig(path, metadata=about)
                except OSError as error:
                    raise StorageError(
                        f"{path} cannot be written: {error.strerror}.",
                        "Free some space, or give a folder where you may write.",
                    ) from error
                written.append(path)
    return written


def require_matplotlib() -> None:
    """Refuse where matplotlib is missing, before anything long begins."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UserError(
            "Figures are drawn by matplotlib, which is not installed.",
            "Install it with `pip install headstart[figures]`.",
        ) from None


class _Race:
    """A race, ready to be drawn."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.draws: list[Draw] = draws(record)
        names = [str(mapping(each).get("name")) for each in sequence(record.get("strategies"))]
        self.looks: dict[str, Look] = dict(zip(names, looks(names), strict=True))
        known = {draw.key for draw in self.draws}
        self.runs = [r for r in runs_of(record) if r.draw in known and r.strategy in self.looks]
        self.baselines, self.summaries = baselines_of(record), summaries(record)
        self.headline, self.span = title(str(record.get("headline"))), span(record)
        self.seeds = len({run.seed for run in self.runs})
        tested = number(mapping(record.get("data")).get("n_test"))
        self.tested = "" if tested is None else f" on {tested:,.0f} sealed examples"

    def training(self) -> Any:
        """Return the picture while training: a panel a number of labels, on one scale."""
        from matplotlib.figure import Figure

        across = min(len(self.draws), 3)
        down = -(-len(self.draws) // across)
        figure = Figure(figsize=(2.9 * across + 0.6, 2.5 * down + 0.7), layout="constrained")
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        last = max((run.moments[-1].step for run in self.runs if run.moments), default=1.0)
        for draw, panel in zip(self.draws, panels, strict=False):
            panel.set_title(_said(draw), fontsize=9.5, loc="left")
            for strategy, look in self.looks.items():
                own = [r for r in self.runs if (r.strategy, r.draw) == (strategy, draw.key)]
                for run in own:
                    way = [(each.step, each.value) for each in run.moments]
                    _line(panel, way, look, width=0.7, alpha=0.35, dashed=False)
                mean = mean_by_step(own)
                if mean:
                    # What is solved at once, and what has ended, stays where it is.
                    rest = [mean[-1], (last, mean[-1][1])]
                    _line(panel, rest, look, width=0.9, alpha=0.7)
                    _line(panel, mean, look, width=1.8, mark=True)
            panel.set_ylim(*self.span)
        for panel in panels[len(self.draws) :]:
            panel.set_visible(False)
        for panel in panels[max(0, len(self.draws) - across) : len(self.draws)]:
            panel.set_xlabel("epochs")
            panel.tick_params(labelbottom=True)
        for row in range(down):
            panels[row * across].set_ylabel(self.headline)
        self._finish(figure, "lines are means over", "lines are runs")
        return figure

    def by_labels(self) -> Any:
        """Return the picture by number of labels: means, bands over seeds, runs, baselines."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.2, 3.9), layout="constrained")
        panel = figure.subplots()
        panel.set_xscale("log")
        for strategy, look in self.looks.items():
            known = [
                (draw.place, *self.summaries[strategy, draw.key])
                for draw in self.draws
                if (strategy, draw.key) in self.summaries
            ]
            banded = [(place, value.low, value.high) for place, value, band in known if band]
            if banded:
                places, lows, highs = zip(*banded, strict=True)
                panel.fill_between(places, lows, highs, color=look.light, alpha=0.14, linewidth=0)
            _line(panel, [(place, value.value) for place, value, _ in known], look, width=1.8)
            where = {draw.key: draw.place for draw in self.draws}
            for run in (run for run in self.runs if run.strategy == strategy):
                _line(panel, [(where[run.draw], run.test.value)], look, width=0, mark=True)
        for at, name in enumerate(self.baselines):
            self._baseline(panel, name, at)
        panel.set_ylim(*self.span)
        panel.set_xticks([draw.place for draw in self.draws], [_tick(draw) for draw in self.draws])
        panel.minorticks_off()
        panel.set_xlabel("labels a class, and in all")
        panel.set_ylabel(f"{self.headline}{self.tested}")
        bands = "lines and bands are means and their 95 % intervals over"
        self._finish(figure, bands, "lines, without bands, are runs")
        return figure

    def _baseline(self, panel: Any, name: str, number: int) -> None:
        """Draw a baseline as a thin line that bears its name."""
        found = baseline_means(self.baselines[name], self.draws)
        means = [(draw.place, mean) for draw, mean in found]
        places, values = zip(*means, strict=True) if means else ((), ())
        dashes = ("-", (0, (1, 1.5)), (0, (5, 1.5)))[number % 3]
        panel.plot(places, values, color=SOFT, linewidth=0.8, linestyle=dashes)
        if means:
            about = {"fontsize": 7.5, "color": SOFT, "ha": "right", "va": "bottom"}
            panel.annotate(name, means[-1], (0, 2), textcoords="offset points", **about)

    def _finish(self, figure: Any, over_seeds: str, of_one: str) -> None:
        """Say below what stands for what; marks and dashes tell it without colours."""
        from matplotlib.lines import Line2D

        handles = []
        for strategy, look in self.looks.items():
            handle = Line2D([], [], **_style(look, 1.8, mark=True))
            handle.set_label(clean(strategy, 30))
            handles.append(handle)
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
        said = f"{over_seeds} {self.seeds} seeds" if self.seeds > 1 else f"{of_one} of one seed"
        figure.suptitle(f"{self.headline}, {said}", fontsize=9, color=SOFT, x=0.01, ha="left")


def _style(look: Look, width: float, *, mark: bool, dashed: bool = True) -> dict[str, Any]:
    return {
        "color": look.light,
        "linewidth": width,
        "linestyle": (0, tuple(each / 2 for each in look.dashes))
        if look.dashes and dashed
        else "-",
        "marker": look.shape if mark else "",
        "markersize": 4.2,
        "markerfacecolor": look.light if look.solid else "white",
        "markeredgewidth": 0.9,
    }


def _line(
    panel: Any,
    way: Sequence[tuple[float, float]],
    look: Look,
    *,
    width: float,
    alpha: float = 1.0,
    mark: bool = False,
    dashed: bool = True,
) -> None:
    if way:
        every = max(1, len(way) // 6)
        style = _style(look, width, mark=mark, dashed=dashed)
        places, values = zip(*way, strict=True)
        panel.plot(places, values, alpha=alpha, markevery=every, **style)


def _said(draw: Draw) -> str:
    return "all labels" if draw.key == ALL else f"{draw.key} labels a class"


def _tick(draw: Draw) -> str:
    return f"{draw.key}\n{draw.n:,.0f}"
