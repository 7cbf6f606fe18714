"""Pictures of captures: surface and clouds on any grid, and quicklooks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import shapely
from rasterio import Affine
from rasterio.features import geometry_mask
from rasterio.io import MemoryFile
from rasterio.warp import transform, transform_geom
from shapely.errors import GEOSException
from shapely.geometry import Polygon, mapping, shape

from scenecart.sandbox._data.clouds import Clouds
from scenecart.sandbox._data.drawing import drawn_once
from scenecart.sandbox._data.geometry import bounding_boxes
from scenecart.sandbox._data.ground import Ground
from scenecart.sandbox._data.noise import strips

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Numbers = NDArray[np.float64]
    Pixels = NDArray[np.uint16]
    Picture = NDArray[np.uint8]

# digital numbers are reflectances: reflectance = SCALE * number + OFFSET; 0 is no data
SCALE, OFFSET = 0.0001, -0.1
_CLOUD_REFLECTANCE = np.array((0.78, 0.77, 0.76, 0.74), np.float32)
_UTM_SPAN, _UTM_LATITUDE = 6.0, 84.0
_KM_PER_DEGREE = 111.32
# number of points along each side of a grid at which positions are computed exactly; others are interpolated
_NODES = 33
_MOST_SAMPLES = 2_048
_CORNERS = 4
_SMALL = 256
_DARK, _BRIGHT = 0.02, 0.34


@dataclass(frozen=True)
class Scene:
    """The properties of a capture on which its pictures depend."""

    name: str
    """Id of the capture."""
    percent: float | None
    """Cloud cover of the footprint in percent; None if it is unknown."""
    footprint: BaseGeometry
    """Degrees (EPSG:4326); two polygons where it crosses the antimeridian."""
    time: float
    """When it was taken: Unix time in seconds."""
    is_radar: bool = False

    @property
    def day(self) -> float:
        """The approximate day of the year of the acquisition."""
        return self.time / 86_400 % 365.25

    @cached_property
    def clouds(self) -> Clouds | None:
        """The clouds of the capture; None if there are none."""
        return Clouds(self.name, self.percent, unwrapped(self.footprint)) if self.percent and not self.is_radar else None


@dataclass(frozen=True)
class Grid:
    """The pixels of a raster: a coordinate system, its transform from pixels to coordinates, rows and columns."""

    crs: str
    affine: Affine
    height: int
    width: int

    @property
    def bounds(self) -> list[float]:
        """West, south, east and north in the CRS of the grid."""
        west, north = self.affine.c, self.affine.f
        return [west, north + self.height * self.affine.e, west + self.width * self.affine.a, north]

    def inside(self, projected: BaseGeometry) -> NDArray[np.bool_]:
        """Return which pixels are inside a geometry in the CRS of the grid."""
        found = geometry_mask([mapping(projected)], (self.height, self.width), self.affine, all_touched=True, invert=True)
        return np.asarray(found)

    def nodes(self) -> tuple[Numbers, Numbers]:
        """Return longitudes and latitudes at evenly spread points, the corners included."""
        count = 2 if self.crs == "EPSG:4326" else _NODES
        columns, rows = np.meshgrid(np.linspace(0, self.width, count), np.linspace(0, self.height, count))
        x, y = self.affine @ (columns.ravel(), rows.ravel())
        if self.crs != "EPSG:4326":
            x, y = transform(self.crs, "EPSG:4326", x, y)
        lon, lat = np.reshape(x, (count, count)), np.reshape(y, (count, count))
        # on one side of the antimeridian
        middle = lon[count // 2, count // 2]
        return (lon - middle + 180) % 360 - 180 + middle if self.crs != "EPSG:4326" else lon, lat


def look(scene: Scene, nodes: tuple[Numbers, Numbers], height: int, width: int) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return what a capture shows: digital numbers of blue, green, red and near infrared, and where clouds are.

    Parameters
    ----------
    scene
        The capture.
    nodes
        Longitudes and latitudes at evenly spread points of the picture, the corners included.
    height, width
        Rows and columns of the picture.
    """
    lon, lat = nodes
    columns, rows = _axis(lon, width), _axis(lat, height)[::-1]
    ground, clouds = Ground(columns, rows, scene.day), scene.clouds
    density = None if clouds is None else clouds.density(columns, rows)
    # the bands of a pixel are adjacent in memory, so that they are read together
    pixels = np.empty((len(rows), len(columns), len(_CLOUD_REFLECTANCE)), np.uint16)
    clouded = np.zeros(pixels.shape[:2], bool)
    for part in strips(len(rows), len(columns)):
        found = ground.reflectance(part)
        if clouds is not None and density is not None:
            cover = clouds.opacity(density.values(part))
            clouded[part] = cover > 0
            found += cover * (_CLOUD_REFLECTANCE[:, None, None] - found)
        found -= np.float32(OFFSET)
        found /= np.float32(SCALE)
        np.moveaxis(pixels[part], -1, 0)[...] = np.clip(found, 1, 65_535, out=found)
    if scene.is_radar:
        pixels[...] = _as_radar(pixels)[..., None]
    row = _indexes((rows[0] - lat) / (rows[0] - rows[-1]), len(rows), height, width)
    column = _indexes((lon - columns[0]) / (columns[-1] - columns[0]), len(columns), height, width)
    flat = row * len(columns) + column
    picked = np.take(pixels.view(np.uint64).ravel(), flat, mode="clip")
    numbers = np.moveaxis(picked[..., None].view(np.uint16), -1, 0)
    return numbers, np.take(clouded.ravel(), flat, mode="clip")


def as_colours(numbers: Pixels) -> Picture:
    """Return digital numbers as a natural-colour picture of 8 bits: red, green and blue."""
    return np.asarray(_levels()[numbers[[2, 1, 0]]])


@cache
def _levels() -> Picture:
    """Return the 8-bit level for each digital number."""
    levels = (np.arange(65_536) * SCALE + OFFSET - _DARK) / (_BRIGHT - _DARK)
    return np.asarray(255 * np.clip(levels, 0, 1) ** 0.7, np.uint8)


def quicklook(scene: Scene, side: int, layout: str, kind: str) -> bytes:
    """Return a small picture of a whole capture.

    Parameters
    ----------
    scene
        The capture.
    side
        Pixels of the longer side.
    layout
        ``"frame"``: the frame as the sensor saw it, whose corners are the corners of the footprint. ``"utm"``: north-up in the
        footprint's UTM zone, with black around it. ``"degrees"``: north-up in EPSG:4326, transparent around it.
    kind
        ``"PNG"`` or ``"JPEG"``.
    """
    draw = _draw_small if side <= _SMALL else _draw_large
    return draw(scene, side, layout, kind)


def _draw_quicklook(scene: Scene, side: int, layout: str, kind: str) -> bytes:
    corners = _frame_corners(scene.footprint) if layout == "frame" else None
    if corners is not None:
        across, down = _length(corners[0], corners[1]), _length(corners[1], corners[2])
        scale = side / max(across, down)
        height, width = max(1, round(down * scale)), max(1, round(across * scale))
        numbers, _ = look(scene, (corners[[[0, 1], [3, 2]], 0], corners[[[0, 1], [3, 2]], 1]), height, width)
        return encoded(as_colours(numbers), kind)
    crs, projected = projected_area(scene.footprint) if layout == "utm" else ("EPSG:4326", unwrapped(scene.footprint))
    grid = grid_of(crs, projected, side, stretch=crs == "EPSG:4326")
    numbers, _ = look(scene, grid.nodes(), grid.height, grid.width)
    inside = grid.inside(projected)
    colours = np.where(inside, as_colours(numbers), 0)
    if layout == "utm":
        return encoded(colours, kind)
    return encoded(np.concatenate([colours, np.where(inside, 255, 0).astype(np.uint8)[None]]), "PNG")


# small pictures, which are drawn quickly, do not wait for large ones
_draw_small, _draw_large = drawn_once(64)(_draw_quicklook), drawn_once(64)(_draw_quicklook)


def encoded(image: Picture, kind: str) -> bytes:
    """Encode bands of a picture as PNG or JPEG."""
    bands, height, width = image.shape
    # an arbitrary transform: rasterio warns about an image without one
    profile = {"driver": kind, "dtype": "uint8", "count": bands, "height": height, "width": width}
    options = {"quality": 85} if kind == "JPEG" else {"zlevel": 3}
    with environment(), MemoryFile() as memory:
        with memory.open(**profile, **options, transform=Affine(1.0, 0.0, 0.5, 0.0, -1.0, 0.5)) as file:
            file.write(image)
        return bytes(memory.read())


def grid_of(crs: str, projected: BaseGeometry, most: int, *, stretch: bool = False) -> Grid:
    """Return a north-up grid over a geometry, with so many pixels along its longer side.

    Parameters
    ----------
    crs, projected
        The geometry in the grid's coordinates.
    most
        Pixels of the longer side.
    stretch
        Make pixels about square on the ground, not in degrees.
    """
    west, south, east, north = projected.bounds
    # an extent without width or height has one pixel
    x_extent, y_extent = max(east - west, 1e-9), max(north - south, 1e-9)
    narrowing = max(0.05, math.cos(math.radians((south + north) / 2))) if stretch else 1.0
    size = max(x_extent * narrowing / most, y_extent / most)
    width, height = max(1, round(x_extent * narrowing / size)), max(1, round(y_extent / size))
    return Grid(crs, Affine(x_extent / width, 0.0, west, 0.0, -y_extent / height, north), height, width)


def projected_area(area: BaseGeometry) -> tuple[str, BaseGeometry]:
    """Project an area to its UTM zone or a polar CRS; a wider area stays in EPSG:4326."""
    sides = bounding_boxes(area)
    south, north = min(side[1] for side in sides), max(side[3] for side in sides)
    west, east = sides[0][0], sides[-1][2] + (360 if len(sides) > 1 else 0)
    if east - west <= _UTM_SPAN and south > -_UTM_LATITUDE and north < _UTM_LATITUDE:
        zone = int(((west + east) / 2 + 180) // 6) % 60 + 1
        crs = f"EPSG:{(32600 if (south + north) / 2 >= 0 else 32700) + zone}"
    elif south > 60 or north < -60:  # noqa: PLR2004  # where the polar projections begin
        crs = "EPSG:3413" if south > 0 else "EPSG:3031"
    else:
        return "EPSG:4326", unwrapped(area)
    return crs, shape(transform_geom("EPSG:4326", crs, mapping(shapely.segmentize(area, 0.5))))


def unwrapped(area: BaseGeometry) -> BaseGeometry:
    """Return an area across the antimeridian as one geometry with longitudes beyond 180, and any other unchanged."""
    if len(bounding_boxes(area)) == 1:
        return area
    moved = shapely.transform(area, lambda xy: xy + np.where(xy[:, :1] < 0, [[360.0, 0.0]], [[0.0, 0.0]]))
    try:
        return shapely.union_all(shapely.get_parts(moved))
    except GEOSException:
        # edges along the antimeridian that meet except for rounding
        return moved


def environment() -> rasterio.Env:
    """Return GDAL settings without network access, sidecar files and debug output."""
    return rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO", CPL_DEBUG="OFF")


def _axis(positions: Numbers, count: int) -> Numbers:
    """Return positions over the whole extent, about as dense as the pixels."""
    low, high = float(positions.min()), float(positions.max())
    steps = [np.abs(np.diff(positions, axis=axis)).mean() * (positions.shape[axis] - 1) for axis in (0, 1)]
    samples = min(_MOST_SAMPLES, max(2, math.ceil(count * (high - low) / max(1e-12, *steps)) + 1))
    return np.linspace(low, max(high, low + 1e-9), samples)


def _indexes(shares: Numbers, samples: int, height: int, width: int) -> NDArray[np.intp]:
    """Return for each pixel the index of the sample at its centre, from the shares of the extent at the nodes."""
    between_rows, between_columns = _weights(shares.shape[0], height), _weights(shares.shape[1], width)
    found = between_rows @ (shares * (samples - 1)).astype(np.float32) @ between_columns.T
    return np.asarray(np.clip(np.rint(found), 0, samples - 1), np.intp)


def _weights(nodes: int, pixels: int) -> NDArray[np.float32]:
    """Return the weight of each node at the centre of each pixel, for linear interpolation."""
    where = (np.arange(pixels) + 0.5) / pixels * (nodes - 1)
    return np.asarray(np.clip(1 - np.abs(where[:, None] - np.arange(nodes)), 0, 1), np.float32)


def _as_radar(pixels: Pixels) -> Pixels:
    """Return one radar band for all four: bright where the surface is rough, with speckle."""
    brightness = (pixels[..., 2].astype(np.float32) + 0.35 * pixels[..., 3]) / 1.35
    speckle = np.random.Generator(np.random.PCG64(0)).gamma(4.0, 0.25, brightness.shape).astype(np.float32)
    return np.clip(brightness * speckle, 1, 65_535).astype(np.uint16)


def _frame_corners(footprint: BaseGeometry) -> Numbers | None:
    """Return the upper left, upper right, lower right and lower left corner of a frame in degrees; None without four corners."""
    whole = unwrapped(footprint).simplify(1e-9)
    if not isinstance(whole, Polygon) or len(whole.interiors) or len(whole.exterior.coords) != _CORNERS + 1:
        return None
    ring = shapely.get_coordinates(shapely.orient_polygons(whole))[:_CORNERS]
    # counter-clockwise, and the edge in the north is the upper one
    first = int(np.argmax(ring[:, 1] + np.roll(ring[:, 1], -1)))
    right, left, lower_left, lower_right = np.roll(ring, -first, axis=0)
    return np.array([left, right, lower_right, lower_left])


def _length(start: Numbers, end: Numbers) -> float:
    """Return the distance in km of two close points in degrees."""
    narrowing = math.cos(math.radians((start[1] + end[1]) / 2))
    return max(1e-6, _KM_PER_DEGREE * math.hypot((end[0] - start[0]) * narrowing, end[1] - start[1]))
