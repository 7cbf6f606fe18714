"""Areas of interest: a validated geometry in degrees (EPSG:4326), read from any supported format."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely import affinity
from shapely.errors import ShapelyError

from scenecart._geo.formats import Source, check_layer, polygons_of, read_source
from scenecart._geo.geometry import (
    MAX_LON,
    SWAP_HINT,
    are_plain,
    around_world_bounds,
    geodesic_km2,
    geojson,
    have_empty_parts,
    union,
)
from scenecart._geo.globe import (
    FULL_TURN,
    GRID_DEGREES,
    HALF_TURN,
    LONGEST_EDGE,
    POLE,
    POLYGONAL,
    REPAIR_HINT,
    ZERO_SIZE_HINT,
    invalid_area,
    is_nearly_a_band,
    is_valid,
    split_at_antimeridian,
    zero_size,
)
from scenecart._geo.unwrap import outline_rings
from scenecart._util import html
from scenecart._util.style import AREA
from scenecart.exceptions import InvalidArea, issue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapely.geometry.base import BaseGeometry

    from scenecart.exceptions import ScenecartWarning

_PICTURE, _MARGIN = (240.0, 160.0), 4.0


@dataclass(frozen=True)
class Area:
    """A checked area of interest; :func:`read_area` reads one from any supported format.

    Attributes
    ----------
    geometry : shapely geometry
        Valid, two-dimensional, EPSG:4326 (longitude, latitude), cut into parts at the antimeridian if it crosses 180°
        (RFC 7946, 3.1.9).

    Examples
    --------
    >>> area = read_area((151.2, -33.9, 151.3, -33.8))
    >>> round(area.km2), area.bounds, area.to_geojson()["type"]
    (103, (151.2, -33.9, 151.3, -33.8), 'Polygon')
    """

    geometry: BaseGeometry

    @functools.cached_property
    def km2(self) -> float:
        """Area in km² on the WGS84 ellipsoid."""
        return geodesic_km2(self.geometry)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """``(west, south, east, north)`` in degrees; west is greater than east across the antimeridian."""
        return around_world_bounds(self.geometry)

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """The geometry as a GeoJSON mapping, which shapely, geopandas and folium read."""
        return self.to_geojson()

    def to_geojson(self) -> dict[str, Any]:
        """Return the geometry as GeoJSON (RFC 7946), longitude before latitude."""
        return geojson(self.geometry)

    def __repr__(self) -> str:
        return f"Area({html.km2(self.km2)} km², {self._edges()})"

    def _repr_html_(self) -> str:
        width, height = _PICTURE
        outline = outline_rings(self.geometry, width - 2 * _MARGIN, height - 2 * _MARGIN)
        rings = [[f"{x + _MARGIN:.1f},{y + _MARGIN:.1f}" for x, y in ring] for ring in outline]
        path = " ".join(f"M{' '.join(ring)}Z" for ring in rings)
        return html.render(
            "area.html", km2=self.km2, edges=self._edges(), path=path, color=AREA, width=f"{width:g}", height=f"{height:g}"
        )

    def _edges(self) -> str:
        west, south, east, north = self.bounds
        return f"west {west:.4f}, south {south:.4f}, east {east:.4f}, north {north:.4f}"


def read_area(source: Any, *, layer: str | None = None) -> Area:
    """Read an area of interest in any format that the ``aoi`` parameter accepts, to see its size and outline before a search.

    Parameters
    ----------
    source
        A path to a file in GeoJSON, GeoPackage, Shapefile (all its files, or a zip of them), KML, KMZ, FlatGeobuf, file
        geodatabase or GeoParquet; a GeoDataFrame or GeoSeries in any CRS; a shapely polygon; a GeoJSON geometry, Feature
        or FeatureCollection; ``(west, south, east, north)`` in degrees, where only ``west > east`` crosses the
        antimeridian; WKT, also with ``SRID=…;``; or an :class:`Area`. Several features are merged; points and lines beside
        polygons are left out, with a warning. Data without a CRS is read as EPSG:4326: longitude and latitude in degrees.
    layer
        The layer to read from a file with several, such as a GeoPackage, a KML with folders or a zip of Shapefiles. Default:
        all layers together, with a warning that names them.

    Returns
    -------
    Area
        The checked area, EPSG:4326; it can be passed as ``aoi`` to every function.

    Raises
    ------
    InvalidArea
        If it cannot be read, has no such layer, is empty, is outside the world, crosses itself or covers 0 km².

    Notes
    -----
    An edge of more than 180 and less than 360 degrees of longitude crosses the antimeridian. A rectangle with such an edge is
    refused if it may as well be the box of its corners; pass that as a bounding box. Straight edges in a projected CRS get points
    where they are curves in degrees, and whether a polygon encloses a pole is seen in its own CRS.

    Examples
    --------
    >>> area = read_area((151.2, -33.9, 151.3, -33.8))
    >>> area
    Area(103 km², west 151.2000, south -33.9000, east 151.3000, north -33.8000)
    >>> client = connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", aoi=area, limit=5)
    """
    check_layer(layer)
    return as_area(source, argument="source", layer=layer)


def as_area(value: Any, *, argument: str = "aoi", layer: str | None = None) -> Area:
    """Read and check a polygon in any supported format.

    Parameters
    ----------
    value
        See :func:`read_area`.
    argument
        The name of the argument, for messages.
    layer
        The layer of a file.

    Raises
    ------
    InvalidArea
        If it cannot be read, is empty, is outside the world, crosses itself or covers 0 km².

    Examples
    --------
    >>> as_area((151.2, -33.9, 151.3, -33.8)).km2 > 100
    True
    """
    area, notices = read_with_notices(value, argument=argument, layer=layer)
    for notice in notices:
        issue(notice)
    return area


def read_with_notices(value: Any, *, argument: str = "aoi", layer: str | None = None) -> tuple[Area, list[ScenecartWarning]]:
    """Return an area as :func:`as_area` does, and its assumptions as warnings that are returned and not issued."""
    if isinstance(value, Area) and layer is None:
        return value, []
    source = _read(value, argument, layer)
    geometry = _united(polygons_of(source), argument)
    if geometry.geom_type not in POLYGONAL:
        raise InvalidArea(
            f"must be a polygon, got a {geometry.geom_type}.", argument=argument, code="area_not_a_polygon", hint=ZERO_SIZE_HINT
        )
    area = Area(geometry)
    if not area.km2 > 0:
        raise zero_size(argument)
    return area, source.notices


def drawn_area(shapes: Iterable[BaseGeometry], *, argument: str = "aoi") -> Area:
    """Return shapes drawn on a web map as one area. Their edges are kept as drawn, in any copy of the world.

    Raises
    ------
    InvalidArea
        As :func:`as_area`.
    """
    literal = []
    for drawn in shapes:
        if not is_valid(drawn):
            # GEOS repairs what it adds points to
            raise invalid_area(drawn, argument)
        if not drawn.is_empty:
            copy = math.floor((drawn.bounds[0] + HALF_TURN) / FULL_TURN)
            literal.append(shapely.segmentize(affinity.translate(drawn, xoff=-FULL_TURN * copy), LONGEST_EDGE))
    geometry = _united(literal, argument)
    if not geodesic_km2(geometry) > 0:
        raise zero_size(argument)
    return Area(geometry)


def as_geometry(value: Any, *, argument: str = "intersects", layer: str | None = None) -> BaseGeometry:
    """Read and check a geometry of any type, in the formats that :func:`as_area` accepts.

    Raises
    ------
    InvalidArea
        As :func:`as_area`, but points and lines are allowed.
    """
    if isinstance(value, Area) and layer is None:
        return value.geometry
    source = _read(value, argument, layer)
    geometry = _united(source.shapes, argument)
    for notice in source.notices:
        issue(notice)
    return geometry


def _read(value: Any, argument: str, layer: str | None) -> Source:
    # coordinates that are NaN or overflow are refused by a separate check
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            return read_source(value, argument, layer)
        except RecursionError:
            raise InvalidArea("is nested too deeply.", argument=argument, code="area_nested_too_deeply") from None


@np.errstate(over="ignore", invalid="ignore")
def _united(given: list[BaseGeometry], argument: str) -> BaseGeometry:
    """Return the union of shapes; each is validated and split at the antimeridian before."""
    shapes = shapely.force_2d(np.array([one for one in given if not one.is_empty], dtype=object))
    if not len(shapes):
        raise _empty(argument)
    _check_position(shapes, argument)
    if have_empty_parts(shapes):
        raise InvalidArea("has an empty part or ring.", argument=argument, code="area_empty_part", hint=REPAIR_HINT)
    for row in np.flatnonzero(~are_plain(shapes)).tolist():
        _check_long_edges(shapes[row], argument)
        shapes[row] = split_at_antimeridian(shapes[row], argument)
        if shapes[row].is_empty:
            raise zero_size(argument)
        if not is_valid(shapes[row]):
            raise invalid_area(shapes[row], argument)
    if len(shapes) == 1:
        geometry: BaseGeometry = shapes[0]
        return geometry
    try:
        return shapely.union_all(shapes)
    except ShapelyError:
        # GEOS can fail where corners are closer than its arithmetic
        return union(shapes)


def _check_long_edges(geometry: BaseGeometry, argument: str) -> None:
    """Refuse a rectangle that can be read in two ways: as an area across the antimeridian, or as the box between its corners.

    The outer ring of a polygon is counter-clockwise (RFC 7946). A rectangle that is counter-clockwise as written may therefore be
    the box, and an area across the antimeridian is narrow.
    """
    for part in shapely.get_parts(geometry):
        west, _, east, _ = part.bounds
        if part.geom_type != "Polygon" or not HALF_TURN < east - west < FULL_TURN - GRID_DEGREES:
            continue
        ring = shapely.get_coordinates(part.exterior)
        is_rectangle = (np.abs(np.diff(ring[:, 0])) > HALF_TURN).any() and shapely.equals(part, shapely.box(*part.bounds))
        is_wide = FULL_TURN - (east - west) > LONGEST_EDGE or is_nearly_a_band(part)
        if is_rectangle and (is_wide or shapely.is_ccw(part.exterior)):
            raise InvalidArea(
                f"is a rectangle with an edge of {east - west:g} degrees of longitude, which can be read in two ways.",
                argument=argument,
                code="area_rectangle_ambiguous",
                hint=f"Pass a bounding box, ({west:g}, …, {east:g}, …), or ({east:g}, …, {west:g}, …) across the antimeridian.",
            )


def _check_position(shapes: np.ndarray[Any, Any], argument: str) -> None:
    coordinates = shapely.get_coordinates(shapes)
    if not np.isfinite(coordinates).all():
        raise InvalidArea("has a coordinate that is not a finite number.", argument=argument, code="area_coordinates_not_finite")
    lon, lat = np.abs(coordinates).max(axis=0)
    if lat > POLE:
        looks_projected = lat > MAX_LON or lon > MAX_LON
        raise InvalidArea(
            f"must have latitudes from -90 to 90, got {max(coordinates[:, 1], key=abs):g}.",
            argument=argument,
            code="area_outside_world",
            hint="Reproject it to EPSG:4326; its coordinates look like metres." if looks_projected else SWAP_HINT,
        )
    if lon > MAX_LON:
        raise InvalidArea(
            f"must have longitudes from -{MAX_LON:g} to {MAX_LON:g}, got {max(coordinates[:, 0], key=abs):g}.",
            argument=argument,
            code="area_outside_world",
            hint="Reproject it to EPSG:4326.",
        )


def _empty(argument: str) -> InvalidArea:
    return InvalidArea("is empty: it has no feature with a geometry.", argument=argument, code="area_empty", hint=ZERO_SIZE_HINT)


Area.__module__ = "scenecart"
read_area.__module__ = "scenecart"
