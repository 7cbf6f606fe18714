"""Captures of invented satellites on simulated orbits; the same seed gives the same captures.

A satellite on a circular, sun-synchronous orbit crosses each latitude once on its descending pass. The longitude follows from the
inclination, the precession of the orbit and the rotation of the Earth. A place within reach of the pass may be imaged; its distance
from the ground track gives the off-nadir angle. Source: D. A. Vallado, Fundamentals of Astrodynamics, chapters 9 and 11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart.sandbox._data.geometry import rfc7946_bbox, split_at_antimeridian, to_geojson
from scenecart.sandbox._data.times import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

BEGIN = datetime(2021, 1, 1, tzinfo=UTC).timestamp()
END = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
COUNT = 240_000
# a ring of places is generated completely unless that exceeds the number of captures by this many
_LARGEST_EXCESS = 1.25
_MU, _RADIUS, _J2 = 398_600.4418, 6_378.137, 1.08262668e-3  # km³/s², km, none
_SUN_RATE = 2 * np.pi / 365.2422 / 86_400  # radians a second
_KM_PER_DEGREE = 111.32
_HINTERLAND_KM = (60.0, 190.0)
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True)
class Satellite:
    """One satellite. Altitude, swath and length in km, GSD in m, angles in degrees, local time in hours."""

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

    @property
    def platform(self) -> str:
        """The value of the STAC property ``platform``."""
        return self.name.lower()


@dataclass(frozen=True)
class Product:
    """The price rules of a collection."""

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
BY_PLATFORM = {satellite.platform: satellite for satellite in SATELLITES}

PRODUCTS = (
    Product("aurora", "aurora-50cm", 1_250, 0.1, 5_000, unites_one_date=True),
    Product("aurora", "aurora-30cm", 2_200, 0.1, 8_000, unites_one_date=True),
    Product("aurora", "aurora-legacy", 600, 0.1, 2_500, unites_one_date=True, retired=True),
    Product("lumen", "lumen-spot", 900, 0.5, 10_000, unites_one_date=False),
    Product("openterra", "openterra-10m", 0, 0.0, 0, unites_one_date=True),
)
_RATES = {product.collection: product.credits_per_km2 for product in PRODUCTS}

# Ports, cities, and places at the antimeridian and near the poles: longitude and latitude in degrees.
PORTS = np.array([
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


@dataclass(frozen=True)
class Passes:
    """The descending passes of a satellite, sorted by the longitude of the descending node."""

    satellite: Satellite
    times: Numbers
    longitudes: Numbers
    inclination: float
    period: float


def generate(seed: int, count: int) -> Iterator[tuple[Any, ...]]:
    """Yield about ``count`` captures as rows of the table, newest first within a host.

    Yields
    ------
    tuple
        host, collection, id, begins, ends, cloud, west, south, east, north, shape (WKB), platform, gsd, off_nadir, azimuth,
        sun_elevation, sun_azimuth.
    """
    orbits = [_orbit(satellite) for satellite in SATELLITES]
    batch = len(PORTS)
    rows: list[tuple[Any, ...]] = []
    for ring in range(1_000):
        places = _places(ring)
        found: list[tuple[int, tuple[Any, ...]]] = []
        for number, orbit in enumerate(orbits):
            random = np.random.Generator(np.random.PCG64([seed, number, ring]))
            found += _captures(orbit, places, random)
        if len(rows) + len(found) > _LARGEST_EXCESS * count:
            # as many places as needed, in order, so that the same count always gives the same captures
            found = sorted(found, key=itemgetter(0))[: count - len(rows)]
        rows += map(itemgetter(1), found)
        if len(rows) >= count or batch * ring > 50 * count:
            break
    rows.sort(key=lambda row: (row[0], -row[3], row[2]))
    yield from rows


def _places(ring: int) -> Numbers:
    """Return the longitudes and latitudes of places: ring 0 is the ports, each further ring is places around them."""
    if ring == 0:
        return PORTS
    near, far = _HINTERLAND_KM
    angle = ring * _GOLDEN_ANGLE + np.arange(len(PORTS))
    distance = near + (far - near) * np.sqrt((ring * 0.618034 + 0.1) % 1)
    lat = np.clip(PORTS[:, 1] + distance * np.cos(angle) / _KM_PER_DEGREE, -80, 80)
    lon = PORTS[:, 0] + distance * np.sin(angle) / (_KM_PER_DEGREE * np.cos(np.radians(lat)))
    return np.stack([(lon + 180) % 360 - 180, lat], axis=1)


def _orbit(satellite: Satellite) -> Passes:
    axis = _RADIUS + satellite.altitude
    motion = np.sqrt(_MU / axis**3)
    oblateness = 1.5 * _J2 * (_RADIUS / axis) ** 2
    inclination = float(np.arccos(-_SUN_RATE / (oblateness * motion)))
    period = float(2 * np.pi / (motion * (1 + oblateness * (3 - 4 * np.sin(inclination) ** 2))))
    nodes = BEGIN + np.arange((END - BEGIN) // period) * period
    # sun-synchronous: the local time at the node is always the same
    longitudes = 15.0 * (satellite.local_hour - nodes % 86_400 / 3_600) % 360
    order = np.argsort(longitudes, kind="stable")
    return Passes(satellite, nodes[order], longitudes[order], inclination, period)


def _captures(orbit: Passes, places: Numbers, random: np.random.Generator) -> list[tuple[int, tuple[Any, ...]]]:
    """Return the captures of an orbit as rows, each with the number of its place."""
    satellite = orbit.satellite
    lon, lat = places.T
    ratio = np.sin(np.radians(lat)) / np.sin(orbit.inclination)
    reached = np.abs(ratio) < 1
    along = -np.arcsin(np.where(reached, ratio, 0.0))  # from the descending node, negative north of the equator
    later = along / (2 * np.pi) * orbit.period
    turned = np.degrees(np.arctan2(np.cos(orbit.inclination) * np.sin(along), np.cos(along))) - 15.0 * later / 3_600
    heading = 180 - np.degrees(np.arcsin(np.clip(np.cos(orbit.inclination) / np.cos(np.radians(lat)), -1, 1)))
    km_east = _KM_PER_DEGREE * np.cos(np.radians(lat)) * np.cos(np.radians(heading - 180))
    within = satellite.altitude * math.tan(math.radians(satellite.reach)) / np.maximum(1e-6, km_east)
    place, index, apart = [], [], []
    for number in np.flatnonzero(reached):
        width = min(float(within[number]), 179.9)
        middle = (lon[number] - turned[number]) % 360
        for shift in (-360.0, 0.0, 360.0):
            low, high = np.searchsorted(orbit.longitudes, [middle + shift - width, middle + shift + width])
            found = np.arange(low, high)
            found = found[random.random(len(found)) < satellite.share]
            place.append(np.full(len(found), number))
            index.append(found)
            apart.append(middle + shift - orbit.longitudes[found])
    places_of, passes, degrees = np.concatenate(place), np.concatenate(index), np.concatenate(apart)
    off_nadir = np.degrees(np.arctan2(degrees * km_east[places_of], satellite.altitude))
    kept = np.abs(off_nadir) >= satellite.least_off_nadir
    places_of, passes, off_nadir = places_of[kept], passes[kept], off_nadir[kept]
    times = np.round(orbit.times[passes] + later[places_of], 3)
    rows = _rows(satellite, lon[places_of], lat[places_of], heading[places_of], times, off_nadir, random.random((len(times), 4)))
    return list(zip(places_of.tolist(), rows, strict=True))


def _rows(  # noqa: PLR0917  # columns of one table
    satellite: Satellite, lon: Numbers, lat: Numbers, heading: Numbers, times: Numbers, off_nadir: Numbers, draws: Numbers
) -> list[tuple[Any, ...]]:
    count = len(times)
    rings = _rings(satellite, lon, lat, heading, off_nadir, draws)
    shapes = np.atleast_1d(np.asarray(shapely.polygons(rings)))
    bounds = shapely.bounds(shapes)
    for number in np.flatnonzero(np.abs(bounds[:, [0, 2]]).max(axis=1) > 180):  # noqa: PLR2004  # the antimeridian
        shapes[number] = split_at_antimeridian(shapes[number])
        bounds[number] = rfc7946_bbox(shapes[number])
    stamps = np.datetime_as_string((times * 1000).astype("datetime64[ms]"), unit="s")
    prefix = satellite.name.replace("-", "").upper()
    names = [
        f"{prefix}_{stamp.replace('-', '').replace(':', '')}_{'N' if y >= 0 else 'S'}{abs(y) * 100:04.0f}"
        f"{'E' if x >= 0 else 'W'}{abs(x) * 100:05.0f}"
        for stamp, x, y in zip(stamps.tolist(), lon.tolist(), lat.tolist(), strict=True)
    ]
    nothing = [None] * count
    clouds = nothing if satellite.radar else _cloud(lat, draws[:, 3]).tolist()
    elevation, azimuth = (nothing, nothing) if satellite.radar else (numbers.tolist() for numbers in _sun(lat, lon, times))
    return list(
        zip(
            [satellite.host] * count,
            [satellite.collection] * count,
            names,
            times.tolist(),
            times.tolist(),
            clouds,
            *bounds.T.tolist(),
            shapely.to_wkb(shapes).tolist(),
            [satellite.platform] * count,
            np.round(satellite.gsd / np.cos(np.radians(off_nadir)) ** 2, 2).tolist(),
            np.round(np.abs(off_nadir), 2).tolist(),
            np.round((heading + np.where(off_nadir > 0, 90, 270)) % 360, 1).tolist(),
            elevation,
            azimuth,
            strict=True,
        )
    )


def feature(row: Any) -> dict[str, Any]:
    """Return a capture as a STAC item without assets and links, which depend on the server's URL."""
    satellite = BY_PLATFORM[row["platform"]]
    shape = shapely.from_wkb(row["shape"])
    if shape.geom_type == "Polygon":
        geometry: dict[str, Any] = {"type": "Polygon", "coordinates": [shapely.get_coordinates(shape).tolist()]}
    else:
        geometry = to_geojson(shape)
    properties: dict[str, Any] = {
        "datetime": to_rfc3339(row["begins"]),
        "created": to_rfc3339(row["begins"] // 1 + 7_200 + row["number"] * 37 % 3_600, "seconds"),
        "platform": row["platform"],
        "constellation": satellite.host,
        "instruments": [satellite.instrument.lower()],
        "gsd": row["gsd"],
        "view:off_nadir": row["off_nadir"],
        "view:azimuth": row["azimuth"],
    }
    extensions = [VIEW_EXTENSION]
    if row["cloud"] is not None:
        extensions.append(EO_EXTENSION)
        properties["eo:cloud_cover"] = row["cloud"]
        properties["view:sun_elevation"] = row["sun_elevation"]
        properties["view:sun_azimuth"] = row["sun_azimuth"]
    else:
        extensions.append(SAR_EXTENSION)
        properties |= RADAR
    rate = _RATES[row["collection"]]
    if rate:
        properties |= {"price:credits_per_km2": rate, "price:currency": "AUD"}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": extensions,
        "id": row["id"],
        "collection": row["collection"],
        "geometry": geometry,
        "bbox": [row["west"], row["south"], row["east"], row["north"]],
        "properties": properties,
    }


EO_EXTENSION = "https://stac-extensions.github.io/eo/v1.1.0/schema.json"
VIEW_EXTENSION = "https://stac-extensions.github.io/view/v1.0.0/schema.json"
SAR_EXTENSION = "https://stac-extensions.github.io/sar/v1.0.0/schema.json"
RADAR: dict[str, Any] = {
    "sar:instrument_mode": "spotlight",
    "sar:frequency_band": "X",
    "sar:polarizations": ["VV"],
    "sar:product_type": "SLC",
}

# The properties of a generated capture as SQL expressions, for searches.
PROPERTIES = {
    "datetime": "strftime('%Y-%m-%dT%H:%M:%fZ', begins, 'unixepoch')",
    "created": "strftime('%Y-%m-%dT%H:%M:%SZ', CAST(begins AS INTEGER) + 7200 + number * 37 % 3600, 'unixepoch')",
    "eo:cloud_cover": "cloud",
    "gsd": "gsd",
    "platform": "platform",
    "constellation": "host",
    "view:off_nadir": "off_nadir",
    "view:azimuth": "azimuth",
    "view:sun_elevation": "sun_elevation",
    "view:sun_azimuth": "sun_azimuth",
    "sar:instrument_mode": f"CASE WHEN cloud IS NULL THEN '{RADAR['sar:instrument_mode']}' END",
    "sar:frequency_band": f"CASE WHEN cloud IS NULL THEN '{RADAR['sar:frequency_band']}' END",
    "sar:product_type": f"CASE WHEN cloud IS NULL THEN '{RADAR['sar:product_type']}' END",
    "price:credits_per_km2": "CASE collection "
    + " ".join(f"WHEN '{name}' THEN {rate}" for name, rate in _RATES.items() if rate)
    + " END",
    "price:currency": "CASE WHEN host != 'openterra' THEN 'AUD' END",
}


def _rings(  # noqa: PLR0917  # likewise
    satellite: Satellite, lon: Numbers, lat: Numbers, heading: Numbers, off_nadir: Numbers, draws: Numbers
) -> Numbers:
    """Return footprints: closed, counter-clockwise rectangles along the ground track."""
    turn = np.radians(heading)[:, None]
    width = satellite.swath / np.cos(np.radians(off_nadir))
    length = satellite.length * (1 + draws[:, 2])
    across = width[:, None] * np.array([-0.5, 0.5, 0.5, -0.5])
    along = length[:, None] * np.array([-0.5, -0.5, 0.5, 0.5])
    jitter = satellite.swath * 0.25
    east = across * np.cos(turn) + along * np.sin(turn) + (draws[:, :1] - 0.5) * jitter
    north = along * np.cos(turn) - across * np.sin(turn) + (draws[:, 1:2] - 0.5) * jitter
    y = np.clip(lat[:, None] + north / _KM_PER_DEGREE, -89.9, 89.9)
    x = lon[:, None] + east / (_KM_PER_DEGREE * np.cos(np.radians(y)))
    corners = np.round(np.stack([x, y], axis=2), 6)
    return np.concatenate([corners, corners[:, :1]], axis=1)


def _cloud(lat: Numbers, draw: Numbers) -> Numbers:
    """Return random cloud cover in percent: low in the subtropics, high at the equator and in high latitudes."""
    mean = 0.32 + 0.20 * np.cos(np.radians(6 * np.minimum(np.abs(lat), 60)))
    return np.asarray(np.round(100.0 * draw ** (1 / mean - 1), 1))


def _sun(lat: Numbers, lon: Numbers, times: Numbers) -> tuple[Numbers, Numbers]:
    """Return the sun's elevation and azimuth in degrees."""
    days = (times - BEGIN) / 86_400 % 365.25
    declination = np.radians(-23.44 * np.cos(2 * np.pi * (days + 11) / 365.25))
    hour = np.radians(15 * (times % 86_400 / 3_600 + lon / 15 - 12))
    phi = np.radians(lat)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
    azimuth = np.arctan2(-np.sin(hour), np.tan(declination) * np.cos(phi) - np.sin(phi) * np.cos(hour))
    return np.round(np.degrees(np.arcsin(sine)), 2), np.round(np.degrees(azimuth) % 360, 2)
