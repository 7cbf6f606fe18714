"""Captures of invented satellites, by simple orbital mechanics: the same seed gives the same captures.

A satellite on a circular, sun-synchronous orbit crosses each latitude once on its descending pass; where, follows from the
inclination, the orbit's precession and the Earth's rotation. A target within reach of that pass may be imaged, with the
off-nadir angle its distance asks for. Source: D. A. Vallado, Fundamentals of Astrodynamics, chapters 9 and 11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart.sandbox._shapes import bbox, geojson, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._items import Row

    Numbers = NDArray[np.float64]

BEGIN = datetime(2023, 7, 1, tzinfo=UTC).timestamp()
END = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
_MU, _RADIUS, _J2 = 398_600.4418, 6_378.137, 1.08262668e-3  # km³/s², km, none
_SUN_RATE = 2 * np.pi / 365.2422 / 86_400  # radians a second
_KM_PER_DEGREE = 111.32


@dataclass(frozen=True)
class Satellite:
    """One satellite and what it takes: km of altitude, hours of local time, km of swath, metres, degrees."""

    host: str
    collection: str
    name: str
    altitude: float
    local_hour: float
    swath: float
    length: float
    gsd: float
    reach: float
    share: float
    instrument: str
    radar: bool = False
    least_off_nadir: float = 0.0


@dataclass(frozen=True)
class Product:
    """How a collection is priced."""

    host: str
    collection: str
    credits_per_km2: int
    least_km2: float
    least_credits: int
    unites_one_date: bool
    retired: bool = False


SATELLITES = (
    Satellite("aurora", "aurora-50cm", "Aurora-1", 530, 10.5, 14.0, 22.0, 0.5, 30.0, 0.22, "AHR"),
    Satellite("aurora", "aurora-50cm", "Aurora-2", 545, 11.25, 14.0, 22.0, 0.5, 30.0, 0.22, "AHR"),
    Satellite("aurora", "aurora-30cm", "Aurora-3", 500, 10.75, 12.0, 18.0, 0.3, 28.0, 0.18, "AHR-2"),
    Satellite("aurora", "aurora-legacy", "Aurora-0", 620, 10.0, 16.0, 16.0, 1.0, 25.0, 0.03, "AMR"),
    Satellite("lumen", "lumen-spot", "Lumen-1", 514, 6.0, 10.0, 10.0, 1.0, 45.0, 0.07, "LX-SAR", radar=True, least_off_nadir=20.0),
    Satellite("openterra", "openterra-10m", "Terra-A", 786, 10.5, 180.0, 170.0, 10.0, 10.0, 0.30, "MSI"),
)

PRODUCTS = (
    Product("aurora", "aurora-50cm", 1_250, 1.0, 5_000, unites_one_date=True),
    Product("aurora", "aurora-30cm", 2_200, 1.0, 8_000, unites_one_date=True),
    Product("aurora", "aurora-legacy", 600, 1.0, 2_500, unites_one_date=True, retired=True),
    Product("lumen", "lumen-spot", 900, 5.0, 10_000, unites_one_date=False),
    Product("openterra", "openterra-10m", 0, 0.0, 0, unites_one_date=True),
)

# Ports, cities and places where shapes are awkward: longitude and latitude in degrees.
TARGETS = np.array([
    (151.21, -33.965), (151.23, -33.855), (4.10, 51.935), (4.48, 51.92), (103.75, 1.27), (121.80, 31.35), (114.20, 22.33),
    (139.80, 35.58), (129.05, 35.08), (55.05, 25.00), (9.95, 53.53), (4.30, 51.27), (-118.22, 33.74), (-74.05, 40.67),
    (-95.05, 29.70), (-46.30, -23.97), (31.02, -29.88), (18.43, -33.90), (32.33, 31.25), (29.00, 41.02), (23.62, 37.94),
    (12.25, 45.44), (8.90, 44.40), (2.17, 41.35), (-5.43, 36.13), (-0.32, 39.44), (-9.13, 38.70), (-1.40, 50.90),
    (1.32, 51.95), (0.12, 49.48), (10.75, 59.90), (18.10, 59.33), (24.95, 60.16), (30.22, 59.90), (12.60, 55.70),
    (18.65, 54.38), (14.55, 53.45), (28.65, 44.15), (30.73, 46.50), (41.65, 41.65), (49.87, 40.37), (50.20, 26.65),
    (58.53, 23.63), (66.98, 24.82), (72.95, 18.95), (80.30, 13.10), (79.85, 6.95), (88.30, 22.55), (91.80, 22.32),
    (96.17, 16.77), (100.57, 13.70), (106.75, 10.75), (106.88, -6.10), (112.73, -7.20), (120.95, 14.60), (120.30, 22.57),
    (118.07, 24.45), (120.38, 36.08), (117.75, 38.98), (121.63, 38.92), (126.60, 37.45), (135.43, 34.65), (141.35, 43.20),
    (131.90, 43.10), (115.75, -32.05), (138.50, -34.78), (144.90, -37.83), (153.17, -27.38), (130.85, -12.47),
    (174.78, -36.84), (174.78, -41.28), (178.45, -18.13), (179.95, -16.80), (-179.97, 65.50), (-157.87, 21.31),
    (-122.32, 47.58), (-122.33, 37.80), (-123.10, 49.30), (-117.15, 32.68), (-104.33, 19.07), (-99.13, 19.43),
    (-79.57, 8.95), (-79.90, 9.37), (-77.15, -12.05), (-79.88, -2.28), (-71.62, -33.03), (-70.30, -18.47),
    (-58.37, -34.60), (-56.20, -34.90), (-43.20, -22.90), (-34.87, -8.05), (-38.50, -3.72), (-67.05, 10.60),
    (-76.80, 17.97), (-66.10, 18.45), (-82.35, 23.14), (-80.17, 25.77), (-81.10, 32.08), (-76.57, 39.25), (-71.03, 42.35),
    (-63.57, 44.65), (-73.55, 45.50), (-52.70, 47.57), (-21.93, 64.15), (-17.43, 14.68), (-13.23, 8.48), (-4.02, 5.28),
    (3.37, 6.43), (9.70, 4.05), (13.23, -8.80), (14.50, -22.95), (39.67, -4.05), (39.28, -6.82), (49.40, -18.15),
    (57.50, -20.15), (43.15, 11.60), (37.22, 19.62), (39.18, 21.48), (13.18, 32.90), (10.18, 36.80), (3.07, 36.77),
    (-7.60, 33.60), (15.60, 78.22), (18.95, 69.65), (33.05, 68.97), (-51.72, 64.18), (-68.75, 76.53), (166.67, -77.85),
    (-68.30, -54.80), (2.35, 48.86), (13.40, 52.52), (37.62, 55.75), (77.20, 28.60), (116.40, 39.90), (36.82, -1.29),
    (-103.35, 20.67), (-60.02, -3.12), (149.10, -35.30), (90.40, 23.70), (69.20, 34.50), (85.30, 27.70), (-105.0, 39.74),
])  # fmt: skip


def generate(seed: int) -> Iterator[Row]:
    """Yield every capture."""
    for number, satellite in enumerate(SATELLITES):
        yield from _captures(satellite, np.random.Generator(np.random.PCG64([seed, number])))


def passes(satellite: Satellite, lat: float) -> tuple[Numbers, Numbers, float]:
    """Return when a satellite's descending passes cross a latitude, at what longitude, and their heading.

    Returns
    -------
    times, longitudes, heading
        Seconds since 1970; degrees; degrees clockwise from north. Empty where the orbit does not reach.
    """
    axis = _RADIUS + satellite.altitude
    motion = np.sqrt(_MU / axis**3)
    oblateness = 1.5 * _J2 * (_RADIUS / axis) ** 2
    inclination = np.arccos(-_SUN_RATE / (oblateness * motion))
    ratio = np.sin(np.radians(lat)) / np.sin(inclination)
    if abs(ratio) >= 1:
        return np.empty(0), np.empty(0), 0.0
    along = -np.arcsin(ratio)  # from the descending node, negative north of the equator
    period = 2 * np.pi / (motion * (1 + oblateness * (3 - 4 * np.sin(inclination) ** 2)))
    nodes = BEGIN + np.arange((END - BEGIN) // period) * period
    since_node = along / (2 * np.pi) * period
    # the node follows the mean sun: where it is crossed, it is always the same hour
    at_node = 15.0 * (satellite.local_hour - nodes % 86_400 / 3_600)
    turned = np.degrees(np.arctan2(np.cos(inclination) * np.sin(along), np.cos(along))) - 15.0 * since_node / 3_600
    heading = 180 - np.degrees(np.arcsin(np.clip(np.cos(inclination) / np.cos(np.radians(lat)), -1, 1)))
    return nodes + since_node, (at_node + turned + 180) % 360 - 180, float(heading)


def _captures(satellite: Satellite, random: np.random.Generator) -> Iterator[Row]:
    for lon, lat in TARGETS:
        times, ground, heading = passes(satellite, lat)
        east = ((lon - ground + 180) % 360 - 180) * _KM_PER_DEGREE * np.cos(np.radians(lat))
        across = east * np.cos(np.radians(heading - 180))
        off_nadir = np.degrees(np.arctan2(across, satellite.altitude))
        chosen = (np.abs(off_nadir) <= satellite.reach) & (np.abs(off_nadir) >= satellite.least_off_nadir)
        chosen &= random.random(len(times)) < satellite.share
        times, off_nadir = np.round(times[chosen], 3), off_nadir[chosen]
        draws = random.random((len(times), 5))
        rings = _rings(satellite, (lon, lat), heading, off_nadir, draws)
        shapes = np.atleast_1d(np.asarray(shapely.polygons(rings)))
        for time, angle, drawn, shape, ring in zip(times, off_nadir, draws, shapes, rings, strict=True):
            yield _capture(satellite, (lon, lat), float(time), float(angle), heading, drawn.tolist(), shape, ring.tolist())


def _capture(  # noqa: PLR0917  # what one pass gives
    satellite: Satellite,
    target: tuple[float, float],
    time: float,
    off_nadir: float,
    heading: float,
    draws: list[float],
    shape: BaseGeometry,
    ring: list[list[float]],
) -> Row:
    lon, lat = target
    stretch = 1 / math.cos(math.radians(off_nadir))
    cloud = None if satellite.radar else _cloud(lat, draws[3])
    geometry: dict[str, Any] = {"type": "Polygon", "coordinates": [ring]}
    if max(abs(x) for x, _ in ring) > 180:  # noqa: PLR2004  # the antimeridian
        shape = split(shape)
        geometry = geojson(shape)
    moment = datetime.fromtimestamp(time, UTC)
    name = f"{satellite.name.replace('-', '').upper()}_{moment:%Y%m%dT%H%M%S}_{_grid_name(lon, lat)}"
    properties: dict[str, Any] = {
        "datetime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "created": datetime.fromtimestamp(time + 7_200 + 3_600 * float(draws[4]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "platform": satellite.name.lower(),
        "constellation": satellite.host,
        "instruments": [satellite.instrument.lower()],
        "gsd": round(satellite.gsd * stretch**2, 2),
        "view:off_nadir": round(abs(off_nadir), 2),
        "view:azimuth": round((heading + (90 if off_nadir > 0 else 270)) % 360, 1),
    }
    if cloud is not None:
        elevation, azimuth = _sun(lat, lon, moment)
        properties |= {"eo:cloud_cover": cloud, "view:sun_elevation": elevation, "view:sun_azimuth": azimuth}
    else:
        properties |= {
            "sar:instrument_mode": "spotlight",
            "sar:frequency_band": "X",
            "sar:polarizations": ["VV"],
            "sar:product_type": "SLC",
            "sar:observation_direction": "right" if off_nadir > 0 else "left",
        }
    rate = next(product.credits_per_km2 for product in PRODUCTS if product.collection == satellite.collection)
    if rate:
        properties |= {"price:credits_per_km2": rate, "price:currency": "AUD"}
    feature = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": satellite.collection,
        "geometry": geometry,
        "bbox": bbox(shape),
        "properties": properties,
    }
    return satellite.host, satellite.collection, name, time, time, cloud, shape, feature


def _rings(satellite: Satellite, target: tuple[float, float], heading: float, off_nadir: Numbers, draws: Numbers) -> Numbers:
    """Lay rectangles along the ground track, counter-clockwise and closed; near the poles a degree of longitude is short."""
    turn = math.radians(heading)
    width = satellite.swath / np.cos(np.radians(off_nadir))
    length = satellite.length * (1 + draws[:, 2])
    across, along = np.outer(width, [-0.5, 0.5, 0.5, -0.5]), np.outer(length, [-0.5, -0.5, 0.5, 0.5])
    jitter = satellite.swath * 0.25
    east = across * math.cos(turn) + along * math.sin(turn) + (draws[:, :1] - 0.5) * jitter
    north = along * math.cos(turn) - across * math.sin(turn) + (draws[:, 1:2] - 0.5) * jitter
    lat = np.clip(target[1] + north / _KM_PER_DEGREE, -89.9, 89.9)
    lon = target[0] + east / (_KM_PER_DEGREE * np.cos(np.radians(lat)))
    corners = np.round(np.stack([lon, lat], axis=2), 6)
    return np.concatenate([corners, corners[:, :1]], axis=1)


def _cloud(lat: float, draw: float) -> float:
    """Draw a cloud cover: clear in the subtropics, overcast at the equator and in high latitudes."""
    mean = 0.32 + 0.20 * math.cos(math.radians(6 * min(abs(lat), 60)))
    return round(100.0 * float(draw ** (1 / mean - 1)), 1)


def _sun(lat: float, lon: float, moment: datetime) -> tuple[float, float]:
    """Return the sun's elevation and azimuth in degrees."""
    day = moment.timetuple().tm_yday
    declination = math.radians(-23.44 * math.cos(2 * math.pi * (day + 10) / 365))
    hour = math.radians(15 * (moment.hour + moment.minute / 60 + lon / 15 - 12))
    phi = math.radians(lat)
    sine = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour)
    azimuth = math.atan2(-math.sin(hour), math.tan(declination) * math.cos(phi) - math.sin(phi) * math.cos(hour))
    return round(math.degrees(math.asin(sine)), 2), round(math.degrees(azimuth) % 360, 2)


def _grid_name(lon: float, lat: float) -> str:
    return f"{'N' if lat >= 0 else 'S'}{abs(lat) * 100:04.0f}{'E' if lon >= 0 else 'W'}{abs(lon) * 100:05.0f}"
