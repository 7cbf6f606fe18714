"""Colours and axes shared by maps, reports and plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


AREA = "#c2185b"  # the area of interest
CLIPPED = "#0b6e99"  # footprints clipped to the area
FOOTPRINT = "#7a8aa0"  # complete footprints
TEXT, MUTED = "#16202c", "#5b6878"  # text on white paper, and secondary text
INK = "#6b7a90"  # text and lines of maps and plots: 4.3:1, the best contrast possible on white and on a dark screen alike
# cividis, which stays readable with colour vision deficiency
COLOUR_SCALE = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838")


def transparent_axes(width: float, height: float) -> Axes:
    """Return axes of a new figure with a transparent background; sizes in inches.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    """
    from matplotlib import pyplot as plt  # noqa: PLC0415  # an extra

    figure = plt.figure(figsize=(width, height), layout="constrained", facecolor="none")
    # notebooks add a background to figures whose text is all dark or all light; an invisible light label prevents that
    figure.add_axes((0, 0, 1, 1), visible=False).tick_params(labelcolor="white")
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    return axes
