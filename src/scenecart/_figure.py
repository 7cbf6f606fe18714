"""A figure without a ground of its own, for light and dark notebooks alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def bare_axes(width: float, height: float) -> Axes:
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
