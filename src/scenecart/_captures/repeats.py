"""Captures that a catalog returns more than once: on overlapping pages, within a page, or in a restarted stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from scenecart._captures.features import UNREADABLE, Geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenecart._captures.features import Feature


class Repeats:
    """Drops captures that a search returned before; the same for pages, for streams, and for pages after a stream.

    A capture is repeated if its collection, id and footprint are those of an earlier one. Captures without an id cannot be
    compared, so each is kept; if a response is requested again, as many of them are dropped as were received before.
    """

    def __init__(self) -> None:
        # hashes of 64 bits, since a stream may have a million captures
        self._earlier: set[int] = set()
        self._current: set[int] = set()
        self._unnamed = 0
        self._unnamed_to_drop = 0

    def __len__(self) -> int:
        """Return how many captures were kept."""
        return len(self._earlier) + len(self._current) + self._unnamed

    def start_page(self) -> None:
        """Begin the next page of the same response."""
        self._earlier |= self._current
        self._current = set()

    def start_again(self) -> None:
        """Begin the same response again, after it was requested once more."""
        self.start_page()
        self._unnamed_to_drop = self._unnamed

    def fresh(self, features: Sequence[Feature]) -> list[Feature]:
        """Return the features that were not returned before."""
        kept = []
        for feature in features:
            key = _key(feature)
            if key is None:
                if self._unnamed_to_drop:
                    self._unnamed_to_drop -= 1
                    continue
                self._unnamed += 1
            elif key in self._earlier or key in self._current:
                continue
            else:
                self._current.add(key)
            kept.append(feature)
        return kept

    def from_earlier_pages(self, features: Sequence[Feature]) -> int:
        """Return how many features are on an earlier page; a catalog that counts its results counts these once."""
        return sum(_key(feature) in self._earlier for feature in features) if self._earlier else 0


def _key(feature: Feature) -> int | None:
    if not isinstance(feature.id, str) or not isinstance(feature.collection, str | None):
        return None
    return hash((feature.collection, feature.id, _coordinates(feature.geometry)))


def _coordinates(geometry: Any) -> bytes:
    """Return the coordinates as JSON in one form, whichever decoder read the feature."""
    if geometry is None:
        return b"null"
    if not isinstance(geometry, Geometry):
        try:
            geometry = _geometry_decoder.decode(geometry)
        except UNREADABLE:
            return bytes(geometry)
        if geometry is None:
            return b"null"
    text = bytes(geometry.coordinates if geometry.geometries is None else geometry.geometries)
    return text.translate(None, b" \n\t\r")


_geometry_decoder = msgspec.json.Decoder(Geometry | None)
