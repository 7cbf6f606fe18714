"""Areas of interest: one checked geometry in degrees (EPSG:4326), read from any supported format."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.validation import explain_validity

from scenecart._geo.formats import check_layer, read_geometry
from scenecart._geo.geometry import (
    MAX_LON,
    POLYGONAL,
    REPAIR_HINT,
    SWAP_HINT,
    around_world_bounds,
    geodesic_km2,
    geojson,
    have_empty_parts,
    split_at_antimeridian,
)
from scenecart._geo.unwrap import outline_rings
from scenecart._util import html
from scenecart._util.style import AREA
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_PICTURE, _MARGIN = (240.0, 160.0), 4.0
_POLYGON_HINT = "Pass a polygon or a bounding box."


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
        A path to any file that geopandas reads; a GeoDataFrame or GeoSeries in any CRS (several features are merged); a
        shapely polygon; a GeoJSON geometry, Feature or FeatureCollection; ``(west, south, east, north)`` in degrees,
        where ``west > east`` crosses the antimeridian; WKT, also with ``SRID=…;``; or an :class:`Area`. Data without a CRS
        is read as EPSG:4326: longitude and latitude in degrees.
    layer
        The layer to read from a file with several, such as a GeoPackage or KML. Default: the first with geometry.

    Returns
    -------
    Area
        The checked area, EPSG:4326; it can be passed as ``aoi`` to every function.

    Raises
    ------
    InvalidArea
        If it cannot be read, has no such layer, is empty, is outside the world, crosses itself or covers 0 km².

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
    geometry = as_geometry(value, argument=argument, layer=layer)
    if geometry.geom_type not in POLYGONAL:
        raise InvalidArea(
            f"must be a polygon, got a {geometry.geom_type}.", argument=argument, code="area_not_a_polygon", hint=_POLYGON_HINT
        )
    area = Area(geometry)
    if not area.km2 > 0:
        raise _zero_size(argument)
    return area


# coordinates that are NaN or overflow are refused by a check of their own
@np.errstate(over="ignore", invalid="ignore")
def as_geometry(value: Any, *, argument: str = "intersects", layer: str | None = None) -> BaseGeometry:
    """Read and check a geometry of any type, in the formats that :func:`as_area` accepts.

    Raises
    ------
    InvalidArea
        As :func:`as_area`, but points and lines are allowed.
    """
    if isinstance(value, Area) and layer is None:
        return value.geometry
    try:
        geometry = read_geometry(value, argument, layer)
    except RecursionError:
        raise InvalidArea("is nested too deeply.", argument=argument, code="area_nested_too_deeply") from None
    if geometry is None or geometry.is_empty:
        raise _empty(argument)
    geometry = shapely.force_2d(geometry)
    _check_position(geometry, argument)
    if have_empty_parts(np.array([geometry], dtype=object)):
        raise InvalidArea("has an empty part or ring.", argument=argument, code="area_empty_part", hint=REPAIR_HINT)
    geometry = split_at_antimeridian(geometry, argument)
    if geometry.is_empty:
        raise _zero_size(argument)
    if not geometry.is_valid:
        raise _invalid(geometry, argument)
    return geometry


def _check_position(geometry: BaseGeometry, argument: str) -> None:
    coordinates = shapely.get_coordinates(geometry)
    if not len(coordinates):
        raise _empty(argument)
    if not np.isfinite(coordinates).all():
        raise InvalidArea("has a coordinate that is not a finite number.", argument=argument, code="area_coordinates_not_finite")
    lon, lat = np.abs(coordinates).max(axis=0)
    if lat > 90:  # noqa: PLR2004  # the poles
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
    return InvalidArea("is empty: it has no feature with a geometry.", argument=argument, code="area_empty", hint=_POLYGON_HINT)


def _zero_size(argument: str) -> InvalidArea:
    return InvalidArea("covers 0 km².", argument=argument, code="area_zero_size", hint=_POLYGON_HINT)


def _invalid(geometry: BaseGeometry, argument: str) -> InvalidArea:
    """Return the error for an invalid geometry; no width or a crossing outline are the common cases."""
    reason, _, point = explain_validity(geometry).removesuffix("]").partition("[")
    if reason.startswith("Too few points"):
        return _zero_size(argument)
    lon, _, lat = point.partition(" ")
    at = f" at longitude {lon}, latitude {lat}" if lat else ""
    if "self-intersection" in reason.lower():
        return InvalidArea(f"crosses or touches itself{at}.", argument=argument, code="area_self_intersecting", hint=REPAIR_HINT)
    return InvalidArea(f"is not a valid geometry: {reason}{at}.", argument=argument, code="area_invalid", hint=REPAIR_HINT)


Area.__module__ = "scenecart"
read_area.__module__ = "scenecart"
