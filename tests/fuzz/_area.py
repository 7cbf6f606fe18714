"""Random areas: each input is one valid geometry inside the world, or an InvalidArea."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import geopandas as gpd
import numpy as np
import shapely

from fuzz import _mutate
from fuzz._engine import Place, WithFolder
from scenecart import Area, InvalidArea
from scenecart._geo.area import as_area, as_geometry
from scenecart._util.json import NotJson, loads

if TYPE_CHECKING:
    from random import Random

_TEXTS = (
    "POLYGON((0 0,1 0,1 1,0 1,0 0))",
    "SRID=3857;POLYGON((0 0,1000 0,1000 1000,0 1000,0 0))",
    "SRID=2193;POLYGON((1000000 5000000,1001000 5000000,1001000 5001000,1000000 5000000))",
    "MULTIPOLYGON(((179 0,181 0,181 1,179 1,179 0)),((5 5,6 5,6 6,5 5)))",
    "POLYGON Z((0 0 1,1 0 1,1 1 1,0 0 1))",
    "GEOMETRYCOLLECTION(POINT(1 1),POLYGON((0 0,1 0,1 1,0 0)))",
    "POLYGON EMPTY",
    "LINESTRING(0 0,1 1)",
    "~/harbour.geojson",
    "harbour.kml",
)
_CRS = ("EPSG:3857", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:32756", "EPSG:5773", "EPSG:4978", "x")
_BOXES: tuple[list[Any], ...] = (
    [151.18, -33.99, 151.24, -33.94],
    [179, -1, -179, 1],
    [0, 0, 0, 1, 1, 9],
    [-180, -90, 180, 90],
    [10, 20, 5, 30],
)
_KML = """<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/hostname">]><kml xmlns="http://www.opengis.net/kml/2.2">
<Placemark><name>&x;</name><Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 1,0 1,1 0,0</coordinates></LinearRing>
</outerBoundaryIs></Polygon></Placemark></kml>"""
_SUFFIXES = (".kml", ".csv", ".gml", ".fgb", ".parquet", ".wkt", "")
_CHECKED_SHARE = 16
_LEAST_KM2 = 1e-6


class Areas(WithFolder):
    """An input is a word for its form, a newline, and the content."""

    def open(self, place: Place) -> None:
        """Write one file of each vector format, to be mutated."""
        self._folder = Path(tempfile.mkdtemp(dir=place.given))
        frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
        frame.to_parquet(self._folder / "seed.parquet")
        frame.to_file(self._folder / "seed.fgb", driver="FlatGeobuf")
        self._files = {suffix: (self._folder / f"seed{suffix}").read_bytes() for suffix in (".parquet", ".fgb")}

    def make(self, pick: Random) -> bytes:
        """Return an area in one form."""
        kind = pick.choices(("text", "json", "geojson", "wkb", "frame", "file"), (20, 45, 20, 12, 1, 2))[0]
        if kind == "text":
            text = pick.choice(_TEXTS).encode()
            if pick.randrange(6) == 0:
                text = _mutate.encode(pick, _mutate.document(pick, _geojson(pick)))
            return b"text\n" + (_mutate.data(pick, text, _TEXTS[0].encode()) if pick.randrange(6) else text)
        if kind in {"json", "geojson"}:
            document = list(pick.choice(_BOXES)) if pick.randrange(4) == 0 and kind == "json" else _geojson(pick)
            text = _mutate.encode(pick, _mutate.document(pick, document) if pick.randrange(8) else document)
            return kind.encode() + b"\n" + (_mutate.data(pick, text, text) if pick.randrange(4) == 0 else text)
        if kind == "wkb":
            shape = shapely.from_wkt(pick.choice(_TEXTS[4:7]))
            return b"wkb\n" + _mutate.data(pick, shapely.to_wkb(shape))
        if kind == "frame":
            return f"frame\n{pick.choice(_CRS)}\n{pick.choice(_TEXTS[3:8])}".encode()
        suffix = pick.choice(_SUFFIXES)
        seed = self._files.get(suffix, _KML.encode() if suffix in {".kml", ".gml"} else f"WKT\n{_TEXTS[0]}".encode())
        return f"file{suffix}\n".encode() + _mutate.data(pick, seed, seed)

    def check(self, data: bytes) -> str:
        """Read an input, and check the area or the error."""
        head, _, content = data.partition(b"\n")
        kind = head.decode()
        try:
            value = self._value(kind, content)
        except (NotJson, shapely.errors.ShapelyError, ValueError, NotImplementedError):
            return f"{kind[:4]}: no input"
        try:
            area = as_area(value)
        except InvalidArea as error:
            assert len(str(error)) < 2_000, "a message without end"
            if crc32(data) % _CHECKED_SHARE == 0:
                with contextlib.suppress(InvalidArea):
                    assert as_geometry(value).is_valid
            return f"{kind[:4]}: refused"
        _check_area(area)
        return f"{kind[:4]}: read"

    def _value(self, kind: str, content: bytes) -> Any:
        if kind == "text":
            return content.decode("utf-8", "surrogateescape")
        if kind == "json":
            return loads(content)
        if kind == "wkb":
            with np.errstate(over="ignore", invalid="ignore"):
                return shapely.from_wkb(content)
        if kind == "frame":
            crs, _, text = content.decode().partition("\n")
            with contextlib.suppress(Exception):
                return gpd.GeoSeries([shapely.from_wkt(text)], crs=crs)
            return gpd.GeoSeries([shapely.from_wkt(text)])
        path = self._folder / f"x{'.geojson' if kind == 'geojson' else kind.removeprefix('file')}"
        path.write_bytes(content)
        return path


def _check_area(area: Area) -> None:
    """Check the promises about every area, and that it is the same when written and read again."""
    west, south, east, north = area.bounds
    assert -180 <= min(west, east) <= max(west, east) <= 180
    assert -90 <= south <= north <= 90
    assert area.geometry.is_valid
    assert not area.geometry.has_z
    assert 0 < area.km2 < 5.2e8
    if area.km2 < _LEAST_KM2:
        # rounding errors are larger than the area
        return
    reread = as_area(json.loads(json.dumps(area.to_geojson())))
    assert math.isclose(reread.km2, area.km2, rel_tol=1e-6, abs_tol=1e-9)


def _geojson(pick: Random) -> Any:
    """Return GeoJSON of any kind, sometimes with a CRS."""
    shape: Any = json.loads(json.dumps(pick.choice(_mutate.SHAPES)))
    kind = pick.randrange(4)
    if kind == 0:
        shape = {"type": "Feature", "properties": {"name": "é"}, "geometry": shape}
    if kind == 1:
        shape = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": shape}]}
    if pick.randrange(6) == 0:
        shape["crs"] = {"type": "name", "properties": {"name": pick.choice(_CRS)}}
    return shape
