"""Scale bars of pictures, with round lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = (1, 2, 5)
_LONGEST = 0.3
_KM = 1_000.0


@dataclass(frozen=True)
class ScaleBar:
    """A scale bar.

    Attributes
    ----------
    share : float
        The length of the bar as a share of the width of the picture.
    text : str
        The ground distance of the bar, with its unit.
    """

    share: float
    text: str


def scale_bar(metres: float) -> ScaleBar:
    """Return the scale bar of a picture of this width in metres: 1, 2 or 5 × 10ⁿ m, at most 30 % of the width.

    Examples
    --------
    >>> from scenecart.report._scale_bar import scale_bar
    >>> [scale_bar(width).text for width in (4_100, 900, 70)]
    ['1 km', '200 m', '20 m']
    """
    most = _LONGEST * metres
    unit = 10.0 ** math.floor(math.log10(most))
    length = max(step * unit for step in _STEPS if step * unit <= most)
    return ScaleBar(length / metres, f"{length / _KM:,g} km" if length >= _KM else f"{length:g} m")
