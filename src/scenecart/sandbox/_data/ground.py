"""The invented land surface of all pictures: coast, harbours, towns, fields and forests as a function of longitude and latitude.

Two captures of one place show the same surface, in quicklooks and in delivered files, on any grid. Only fields change with the
season.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from scenecart.sandbox._data.noise import Fractal, Patches, fractal, hashed
from scenecart.sandbox._data.synthetic import PORTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scenecart.sandbox._data.noise import Positions, Values

BANDS = ("blue", "green", "red", "nir")
_WATER, _SAND, _FIELD, _FOREST, _DRY, _TOWN, _QUAY = range(7)
# reflectance in blue, green, red and near infrared, by land cover
_REFLECTANCE = np.array(
    [
        (0.060, 0.055, 0.035, 0.015),
        (0.170, 0.220, 0.270, 0.330),
        (0.080, 0.110, 0.150, 0.240),
        (0.030, 0.055, 0.035, 0.340),
        (0.085, 0.120, 0.140, 0.250),
        (0.150, 0.160, 0.175, 0.220),
        (0.240, 0.250, 0.260, 0.280),
    ],
    np.float32,
)
_CROP = np.array((0.030, 0.075, 0.040, 0.450), np.float32)
_SEA_LEVEL, _BEACH = 0.48, 0.006
_KM_PER_DEGREE = 111.32
# distances from a port within which the coastline is moved, the town extends, and the harbour lies, in km
_PORT_COAST, _PORT_TOWN, _HARBOUR = 9.0, 2.6, 1.7
_DAYS = 365.25


class Ground:
    """The land surface at rows and columns, of which any rows can be drawn.

    Parameters
    ----------
    lon, lat
        Degrees (EPSG:4326) of the columns and of the rows; longitudes may be beyond 180.
    day
        Day of the year, which decides how green the fields are.
    """

    def __init__(self, lon: Positions, lat: Positions, day: float) -> None:
        self._day, self._is_north = day, lat >= 0
        self._height, self._moist = Fractal(11, 4, 11, lon, lat), Fractal(24, 12, 7, lon, lat)
        self._texture, self._roofs = Fractal(61, 1_500, 3, lon, lat), Patches(62, 1_100, lon, lat)
        self._parcel, self._crop = Patches(41, 300, lon, lat), Patches(42, 300, lon, lat)
        self._coasts, self._harbours = _ports_within(lon, lat, 3 * _PORT_COAST), _ports_within(lon, lat, _HARBOUR)

    def reflectance(self, rows: slice) -> Values:
        """Return the reflectance of some rows in blue, green, red and near infrared, as bands, rows and columns."""
        height, near_port = self._elevation(rows)
        kinds = self._kinds(height, near_port, rows)
        found = np.ascontiguousarray(_REFLECTANCE.T[:, kinds])
        green = np.where(kinds == _FIELD, self._greenness(rows), np.float32(0))
        texture = 0.86 + 0.28 * self._texture.values(rows)
        texture *= np.where(kinds == _TOWN, 0.7 + 0.6 * self._roofs.values(rows), np.float32(1))
        # shallow water is brighter
        texture[kinds == _WATER] += np.clip(2 - 12 * (_SEA_LEVEL - height[kinds == _WATER]), 0, 1)
        found += (_CROP - _REFLECTANCE[_FIELD])[:, None, None] * green
        found *= texture
        return found

    def _elevation(self, rows: slice) -> tuple[Values, Values]:
        """Return the elevation, with the sea below ``_SEA_LEVEL``, and the nearness of a port, from 0 to 1."""
        height = self._height.values(rows)
        near_port = np.zeros_like(height)
        for number, (east, every_north) in self._coasts:
            north = every_north[rows]
            across = np.exp(-((east / _PORT_COAST) ** 2)).astype(np.float32)
            weight = np.exp(-((north / _PORT_COAST) ** 2)).astype(np.float32)[:, None] * across
            bearing = _bearing(number)
            inland = (north * math.cos(bearing)).astype(np.float32)[:, None] + (east * math.sin(bearing)).astype(np.float32)
            # the coast runs through the port itself
            relief = np.float32(0.6) * (height - _height_of(number))
            coast = np.float32(_SEA_LEVEL) + inland * np.float32(0.25 / _PORT_COAST) + relief
            height += weight * (coast - height)
            town = np.exp(-((north / _PORT_TOWN) ** 2)).astype(np.float32)[:, None] * np.exp(-((east / _PORT_TOWN) ** 2)).astype(
                np.float32
            )
            np.maximum(near_port, town, out=near_port)
        return height, near_port

    def _kinds(self, height: Values, near_port: Values, rows: slice) -> NDArray[np.uint8]:
        """Return the land cover: water, sand, field and so on."""
        moist = self._moist.values(rows)
        kinds = np.full(height.shape, _DRY, np.uint8)
        kinds[moist > 0.44] = _FIELD  # noqa: PLR2004  # shares of the land
        kinds[moist > 0.58] = _FOREST  # noqa: PLR2004  # likewise
        kinds[near_port + 1.5 * (moist - 0.5) > 0.5] = _TOWN  # noqa: PLR2004  # likewise
        kinds[height < _SEA_LEVEL + _BEACH] = _SAND
        kinds[height < _SEA_LEVEL] = _WATER
        for number, (east, every_north) in self._harbours:
            north = every_north[rows]
            inside, columns = np.abs(north) < _HARBOUR, np.abs(east) < _HARBOUR
            window = np.ix_(inside, columns)
            kinds[window] = _harbour(kinds[window], _bearing(number), east[columns], north[inside])
        return kinds

    def _greenness(self, rows: slice) -> Values:
        """Return the growth of the crops of each parcel, from 0 to 1, with its maximum in the summer of the hemisphere."""
        parcel, crop = self._parcel.values(rows), self._crop.values(rows)
        summer = np.where(self._is_north[rows], 0.5, 0.0).astype(np.float32)[:, None]
        phase = np.float32(self._day / _DAYS) - summer - np.float32(0.24) * (parcel - np.float32(0.5))
        grown = np.float32(0.45) + np.float32(0.6) * np.cos(np.float32(2 * math.pi) * phase)
        # some parcels are fallow, some are green all year
        grown = np.where(crop < 0.15, np.float32(0.05), np.where(crop > 0.85, np.float32(0.8), grown))  # noqa: PLR2004  # shares
        return np.asarray(np.clip(grown, 0, 1))


def _harbour(kinds: NDArray[np.uint8], bearing: float, east: Positions, north: Positions) -> NDArray[np.uint8]:
    """Return the land cover with a harbour: quays around three basins, and two breakwaters; distances in km."""
    inland = north[:, None] * math.cos(bearing) + east * math.sin(bearing)
    along = np.abs(east * math.cos(bearing) - north[:, None] * math.sin(bearing))
    quay = (along < 1.2) & (inland > -0.25) & (inland < 0.75)  # noqa: PLR2004  # the plan of the harbour, here and below
    is_basin = (inland < 0.45) & ((along < 0.2) | (np.abs(along - 0.7) < 0.2))  # noqa: PLR2004
    water = (along < 1.2) & (inland > -0.9) & ((inland <= -0.25) | (quay & is_basin))  # noqa: PLR2004
    breakwater = (along > 0.15) & (along < 1.2) & (np.abs(inland + 0.9) < 0.04)  # noqa: PLR2004
    return np.where(breakwater, _QUAY, np.where(water, _WATER, np.where(quay, _QUAY, kinds))).astype(np.uint8)


@cache
def _height_of(port: int) -> Values:
    """Return the elevation at a port, before the coastline is moved to it."""
    return fractal(11, 4, 11, *(np.array([degrees]) for degrees in PORTS[port]))


def _bearing(port: int) -> float:
    """Return the direction inland at a port, in radians from north."""
    return 2 * math.pi * hashed(51, port)


def _ports_within(lon: Positions, lat: Positions, km: float) -> list[tuple[int, tuple[Positions, Positions]]]:
    """Return the ports near an area, each with the distances of the columns to the east and of the rows to the north, in km."""
    margin = km / _KM_PER_DEGREE
    middle = (lon[0] + lon[-1]) / 2
    found = []
    for number, (port_lon, port_lat) in enumerate(PORTS.tolist()):
        near = (port_lon - middle + 180) % 360 - 180 + middle
        per_degree = _KM_PER_DEGREE * math.cos(math.radians(port_lat))
        is_beside = lon.min() - km / per_degree <= near <= lon.max() + km / per_degree
        if is_beside and lat.min() - margin <= port_lat <= lat.max() + margin:
            found.append((number, ((lon - near) * per_degree, (lat - port_lat) * _KM_PER_DEGREE)))
    return found
