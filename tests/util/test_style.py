"""Axes of plots in notebooks."""

from __future__ import annotations

from scenecart._util.style import transparent_axes


def test_axes_have_a_transparent_background():
    """Figure and axes are transparent, so that a plot has the colour of its page."""
    axes = transparent_axes(4, 3)
    assert axes.figure.get_facecolor()[3] == 0
    assert not axes.patch.get_visible()
    assert axes.figure.get_size_inches().tolist() == [4, 3]
