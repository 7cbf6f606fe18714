"""The colours that mean the same wherever they are seen: on maps, in reports and in plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


AREA = "#c2185b"  # the area of interest
BOUGHT = "#0b6e99"  # the ground that is bought
FOOTPRINT = "#7a8aa0"  # a whole footprint
LETTERS, QUIET = "#16202c", "#5b6878"  # words on white paper, and those that stand back
INK = "#6b7a90"  # letters and lines of maps and plots: as clear on white paper as on a dark screen, which is 4.3:1 at most


def transparent_axes(width: float, height: float) -> Axes:
    """Return axes of a new figure, so many inches wide and high, that lets what is below it through.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    """
    from matplotlib import pyplot as plt  # noqa: PLC0415  # an extra

    figure = plt.figure(figsize=(width, height), layout="constrained", facecolor="none")
    # notebooks lay a white or black ground below letters that are all dark or all light: a light one, unseen, prevents that
    figure.add_axes((0, 0, 1, 1), visible=False).tick_params(labelcolor="white")
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    return axes
