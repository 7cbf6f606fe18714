"""Labels of a map: overlapping numbers are merged into one label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_LENGTH = 14
_CHARACTER_WIDTH, _LINE_HEIGHT, _GAP = 0.66, 1.15, 2.0


@dataclass(frozen=True)
class Label:
    """The numbers in a label, and its centre in points."""

    x: float
    y: float
    numbers: tuple[int, ...]

    @property
    def text(self) -> str:
        """The numbers as ranges, or their count if that is too long."""
        ranges = as_ranges(self.numbers)
        return ranges if len(ranges) <= _MAX_LENGTH else f"{len(self.numbers)} captures"

    def half(self, size: float) -> tuple[float, float]:
        """Return half the width and half the height, for a font of ``size`` points."""
        return (len(self.text) * _CHARACTER_WIDTH * size + _GAP) / 2, (_LINE_HEIGHT * size + _GAP) / 2


def place_labels(spots: Iterable[tuple[float, float, int]], size: float, width: float, height: float) -> list[Label]:
    """Return labels inside the map that do not overlap; all lengths are in points."""
    labels: list[Label] = []
    for x, y, number in spots:
        label = _inside(Label(x, y, (number,)), size, width, height)
        while (near := next((one for one in labels if _overlap(one, label, size)), None)) is not None:
            labels.remove(near)
            label = _inside(_merged(near, label), size, width, height)
        labels.append(label)
    return labels


def as_ranges(numbers: Iterable[int]) -> str:
    """Return numbers as ranges.

    Examples
    --------
    >>> as_ranges([3, 1, 2, 7, 9, 10])
    '1–3, 7, 9, 10'
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]  # noqa: PLR2004  # two numbers are listed
    return ", ".join(parts)


def _merged(one: Label, other: Label) -> Label:
    share = len(one.numbers) / (len(one.numbers) + len(other.numbers))
    center = one.x * share + other.x * (1 - share), one.y * share + other.y * (1 - share)
    return Label(*center, tuple(sorted({*one.numbers, *other.numbers})))


def _inside(label: Label, size: float, width: float, height: float) -> Label:
    wide, high = label.half(size)
    return Label(_between(wide, label.x, width - wide), _between(high, label.y, height - high), label.numbers)


def _between(low: float, value: float, high: float) -> float:
    return (low + high) / 2 if low > high else min(max(value, low), high)


def _overlap(one: Label, other: Label, size: float) -> bool:
    (wide, high), (wide_too, high_too) = one.half(size), other.half(size)
    return abs(one.x - other.x) < wide + wide_too and abs(one.y - other.y) < high + high_too
