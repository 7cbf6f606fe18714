"""Drawings of reports: lines, areas and text, in points from the lower left corner, as SVG or on a PDF page.

Importing matplotlib takes longer than the rest of a first report, and its figures would have to be converted to PDF pages.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Anchor = Literal["start", "middle", "end"]
_STEPS = (1.0, 2.0, 5.0, 10.0)
# share of the font size: from the middle of the digits down to the baseline
_TO_BASELINE = 0.36


@dataclass(frozen=True)
class Pen:
    """The style of shapes: colours as ``#rrggbb`` or None, and the line width in points."""

    fill: str | None = None
    stroke: str | None = None
    width: float = 0.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Lines:
    """Lines or, if closed, rings that are filled together, as arrays of shape (n, 2); they are clipped to the frame."""

    parts: Sequence[NDArray[np.float64]]
    pen: Pen
    closed: bool = False


@dataclass(frozen=True)
class Disc:
    """A disc or circle."""

    x: float
    y: float
    radius: float
    pen: Pen


@dataclass(frozen=True)
class TextLine:
    """A line of text, vertically centred on a point; a label has a halo, to be legible above lines."""

    x: float
    y: float
    text: str
    size: float
    color: str
    anchor: Anchor = "middle"
    is_label: bool = False

    @property
    def baseline(self) -> float:
        """The position of the baseline, in points."""
        return self.y - _TO_BASELINE * self.size


@dataclass
class Drawing:
    """A drawing with its size in points, and the frame to which lines are clipped: left, bottom, right, top."""

    width: float
    height: float
    frame: tuple[float, float, float, float]
    title: str
    items: list[Lines | Disc | TextLine] = field(default_factory=list)

    def add(self, *items: Lines | Disc | TextLine) -> None:
        """Add items above the existing ones."""
        self.items += items


def rectangle(left: float, bottom: float, right: float, top: float) -> NDArray[np.float64]:
    """Return the corners of a rectangle."""
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)])


def ticks(low: float, high: float, most: int = 5) -> tuple[list[float], int]:
    """Return round numbers within limits, at most so many steps apart, and how many decimals they need.

    Examples
    --------
    >>> ticks(151.13, 151.29)
    ([151.15, 151.2, 151.25], 2)
    >>> ticks(0.0, 24_300.0)
    ([0.0, 5000.0, 10000.0, 15000.0, 20000.0], 0)
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in _STEPS if one * power >= rough * (1 - 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, decimals) for number in range(first, last + 1)], decimals


def to_svg(drawing: Drawing, salt: str) -> Markup:
    """Return an SVG element; equal drawings and salts give equal text, and the page sets the font."""
    width, height = drawing.width, drawing.height
    left, bottom, right, top = drawing.frame
    frame = f"frame-{hashlib.sha256(salt.encode()).hexdigest()[:10]}"
    shapes = "".join(_svg_of(item, height, frame) for item in drawing.items)
    return Markup(  # noqa: S704  # numbers, colours of ours and escaped text
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{height:.6g}pt" viewBox="0 0 {width:g} {height:.6g}" '
        f'role="img" aria-label="{escape(drawing.title)}"><clipPath id="{frame}"><rect x="{left:g}" y="{height - top:.6g}" '
        f'width="{right - left:.6g}" height="{top - bottom:.6g}"/></clipPath>{shapes}</svg>'
    )


def _svg_of(item: Lines | Disc | TextLine, height: float, frame: str) -> str:
    if isinstance(item, TextLine):
        kind = ' class="label"' if item.is_label else ""
        place = f'x="{item.x:.2f}" y="{height - item.baseline:.2f}" text-anchor="{item.anchor}" font-size="{item.size:g}"'
        return f'<text {place} style="fill: {item.color}"{kind}>{escape(item.text)}</text>'
    if isinstance(item, Disc):
        return f'<circle cx="{item.x:.2f}" cy="{height - item.y:.2f}" r="{item.radius:.2f}" style="{_style(item.pen)}"/>'
    end = "Z" if item.closed else ""
    paths = "".join(f"M{_corners(part, height)}{end}" for part in item.parts)
    return f'<path d="{paths}" clip-path="url(#{frame})" style="{_style(item.pen)}"/>' if paths else ""


def _corners(part: NDArray[np.float64], height: float) -> str:
    return "L".join(f"{x:.2f} {height - y:.2f}" for x, y in part.tolist())


def _style(pen: Pen) -> str:
    opacity = f"; opacity: {pen.opacity:g}" if pen.opacity < 1 else ""
    width = f"; stroke-width: {pen.width:g}; stroke-linejoin: round" if pen.stroke else ""
    return f"fill: {pen.fill or 'none'}; fill-rule: evenodd; stroke: {pen.stroke or 'none'}{width}{opacity}"
