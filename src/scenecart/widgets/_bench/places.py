"""Names of places that can be typed as an area, without a service: those of Natural Earth that maps without tiles show."""

from __future__ import annotations

import math
import unicodedata
from functools import cache

from scenecart.widgets._backdrop import places

# half the side of the area around a place
_HALF_KM = 5.0
_KM_OF_DEGREE = 111.2
_MOST_LATITUDE = 84.0


def place_box(text: str) -> tuple[str, tuple[float, float, float, float]] | None:
    """Return the name of a place, and west, south, east and north of the 10 × 10 km around it, in degrees; None for another text.

    Case and accents do not count. Of places with the same name, the most important one is returned.

    Examples
    --------
    >>> place_box("sao paulo")[0]
    'São Paulo'
    >>> place_box("no such place") is None
    True
    """
    found = _places().get(_plain(text))
    if found is None:
        return None
    name, x, y = found
    y = max(-_MOST_LATITUDE, min(_MOST_LATITUDE, y))
    high = _HALF_KM / _KM_OF_DEGREE
    wide = high / math.cos(math.radians(y))
    return name, (x - wide, y - high, x + wide, y + high)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).split())


@cache
def _places() -> dict[str, tuple[str, float, float]]:
    found: dict[str, tuple[str, float, float]] = {}
    for name, x, y, _ in places():
        found.setdefault(_plain(name), (name, x, y))
    return found
