"""Axes of plots in notebooks."""

from __future__ import annotations

from scenecart._util.style import transparent_axes


def test_axes_have_a_transparent_background():
    """A plot shows the page below it, of whatever colour that is."""
    axes = transparent_axes(4, 3)
    assert axes.figure.get_facecolor()[3] == 0
    assert not axes.patch.get_visible()
    assert axes.figure.get_size_inches().tolist() == [4, 3]
