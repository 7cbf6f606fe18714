"""Plots of time by size, from the tables of the page."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from scenecart._util.style import CLIPPED, INK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

_LINE = re.compile(r"^\| ([\d,]+)(?: synthetic)? \| ([^|]+) \| ([\d.]+) \|", re.MULTILINE)
_HEAD = re.compile(r"^\| ([a-z ]+) \|", re.MULTILINE)
_OURS = {"scenecart", "five filters at once", "footprints of a view", "captures under a click"}
_OTHERS = ("#8e6bb0", "#b5893c", "#5b8c5a", "#a65d57", "#6c7a89", "#3f7f93", "#7aa0c4")
_MARKERS = "os^D"


def draw(name: str, text: str, caption: str, unit: str, folder: Path) -> str:
    """Plot the table of a section over its first column, and return the Markdown of the image."""
    rows: dict[str, dict[int, float]] = {}
    for count, way, spent in _LINE.findall(text):
        rows.setdefault(way.strip(), {})[int(count.replace(",", ""))] = float(spent)
    lines = {way: found for way, found in rows.items() if len(found) > 1}
    (size_label,) = _HEAD.findall(text)[:1]
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    _lines(figure.subplots(), lines, size_label, unit)
    folder.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None, "Creator": None})
    return f"![{caption}](images/{name}.svg)"


def _lines(axes: Axes, lines: Mapping[str, Mapping[int, float]], size_label: str, unit: str) -> None:
    # a colour is repeated with another marker only
    others = itertools.product(".v", _OTHERS)
    ours = iter(_MARKERS)
    for way, found in lines.items():
        is_ours = way in _OURS
        marker, colour = (next(ours), CLIPPED) if is_ours else next(others)
        style = {"color": colour, "marker": marker, "linewidth": 2.2 if is_ours else 1.5}
        axes.plot(list(found), list(found.values()), label=way, **style)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel(size_label, color=INK, fontsize=8)
    axes.set_ylabel(unit, color=INK, fontsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    axes.tick_params(colors=INK, labelsize=7.5, which="both")
    axes.grid(visible=True, color=INK, alpha=0.15, linewidth=0.6)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=7.5, labelcolor=INK)
