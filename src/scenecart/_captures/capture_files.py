"""Files of captures: writes GeoParquet, GeoJSON and STAC items, and reads them back without loss."""

from __future__ import annotations

import io
import json
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from scenecart._captures.decode import read_page
from scenecart._captures.frame import CRS, column_from_values, to_frame
from scenecart._captures.json_columns import JSON_COLUMNS, json_value, not_for_arrow, restored, with_text
from scenecart._captures.parquet import geometry_document, to_items
from scenecart._captures.properties import TIMES
from scenecart._captures.times import utc_times
from scenecart._geo.vector_files import is_vector_file
from scenecart._util.files import arrow_buffer, as_path
from scenecart._util.json import NotJson, loads
from scenecart._util.text import clean_text, missing_file_hint
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest, ScenecartError, not_captures

if TYPE_CHECKING:
    import os
    from pathlib import Path

# the layer of captures in a GeoPackage that scenecart wrote
LAYER = "captures"
# its columns that are JSON text
LAYER_METADATA = "scenecart_json_columns"
# where pandas keeps frame.attrs in Parquet, and geopandas since 1.2
_ATTRS = b"PANDAS_ATTRS"
_HOST = "scenecart:host"
_JSON, _LINES = frozenset({".geojson", ".json"}), frozenset({".ndjson", ".jsonl"})
_MAX_LAYERS, _HALF_TURN = 20, 180.0
_SIDES = ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")


def checked_captures(captures: Any) -> gpd.GeoDataFrame:
    """Return captures with footprints in EPSG:4326, and with unique column names that are strings.

    Raises
    ------
    InvalidQuery
        If the captures are not a GeoDataFrame with footprints.
    InvalidRequest
        If two columns have the same name.
    """
    if not isinstance(captures, gpd.GeoDataFrame) or captures.active_geometry_name is None:
        raise not_captures(captures)
    found = captures.set_crs(CRS) if captures.crs is None else captures.to_crs(CRS)
    names = ["geometry" if name == found.geometry.name else str(name) for name in found.columns]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InvalidRequest(
            f"must have each column once, got {shown_value(repeated[0])} twice.", argument="captures", code="column_repeated"
        )
    return found.set_axis(names, axis="columns").set_geometry("geometry")


def to_parquet(captures: gpd.GeoDataFrame) -> bytes:
    """Return checked captures as GeoParquet; columns that it cannot store without loss are written as JSON text."""
    frame = with_text(captures, not_for_arrow(captures))
    stream = io.BytesIO()
    frame.to_parquet(stream)
    content = stream.getvalue()
    metadata = pq.read_schema(arrow_buffer(content)).metadata
    if not frame.attrs or _ATTRS in metadata:
        return content
    table = pq.read_table(arrow_buffer(content)).replace_schema_metadata({**metadata, _ATTRS: json.dumps(frame.attrs).encode()})
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def to_geojson(captures: gpd.GeoDataFrame) -> bytes:
    """Return checked captures as GeoJSON (RFC 7946): columns as properties, times as RFC 3339."""
    return json.dumps({"type": "FeatureCollection", "features": features_of(captures)}, default=str).encode()


def features_of(captures: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Return one GeoJSON feature for each row, with the columns as properties."""
    captures = restored(captures)
    names = [name for name in captures.columns if name != captures.geometry.name]
    columns = [[json_value(value) for value in captures[name].astype(object)] for name in names]
    rows = zip(*columns, strict=True) if names else [()] * len(captures)
    return [
        {"type": "Feature", "properties": dict(zip(names, row, strict=True)), "geometry": geometry_document(shape)}
        for row, shape in zip(rows, captures.geometry, strict=True)
    ]


def to_ndjson(captures: gpd.GeoDataFrame) -> bytes:
    """Return checked captures as STAC items, one per line; the host, which STAC does not have, is a property with a prefix."""
    hosts = captures["host"] if "host" in captures.columns else [None] * len(captures)
    lines = []
    for item, host in zip(to_items(captures), hosts, strict=True):
        if isinstance(host, str):
            item["properties"][_HOST] = host
        lines.append(json.dumps(item, default=str).encode() + b"\n")
    return b"".join(lines)


def read_captures(path: str | os.PathLike[str]) -> gpd.GeoDataFrame:
    """Read captures from a file that :func:`export` wrote, a STAC GeoParquet file, or STAC items as JSON or NDJSON.

    Values are read as they were written: ids that look like dates or numbers stay text. GDAL, and with it
    ``geopandas.read_file``, makes times of them.

    Parameters
    ----------
    path
        The file: ``.parquet .geojson .json .ndjson .gpkg``, or ``.shp .kml .fgb``. Of several layers,
        ``captures`` is read.

    Returns
    -------
    geopandas.GeoDataFrame
        EPSG:4326, with a column ``id``. Times are UTC.

    Raises
    ------
    InvalidRequest
        If there is no such file, it cannot be read, has no column ``id``, or has several layers and none is ``captures``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"id": ["2024-03-05"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    >>> path = export(captures, pathlib.Path(tempfile.mkdtemp()) / "captures.geojson")
    >>> read_captures(path)["id"].tolist()
    ['2024-03-05']
    """
    source = as_path(path, "path")
    if not source.is_file():
        raise InvalidRequest(f"There is no file {clean_text(source, 200)!r}.", code="file_missing", hint=missing_file_hint(source))
    try:
        captures = _read(source)
    except ScenecartError:
        raise
    except Exception as error:  # each reader fails in its own ways on a damaged file
        raise _unreadable(source) from error
    # a layer without geometries is a table
    if not isinstance(captures, gpd.GeoDataFrame):
        raise _unreadable(source)
    if "id" not in captures.columns:
        raise InvalidRequest(
            f"{source.name} is not a captures file: it has no column 'id'.",
            code="not_a_captures_file",
            hint="Pass a file that scenecart.export(…) wrote. An area of interest is another argument.",
        )
    captures = captures if captures.geometry.name == "geometry" else captures.rename_geometry("geometry")
    captures = captures.set_crs(CRS) if captures.crs is None else captures.to_crs(CRS)
    return captures.assign(**{name: _times(captures[name]) for name in captures.columns if name in TIMES})


def _read(source: Path) -> Any:
    suffix = source.suffix.lower()
    if suffix == ".parquet":
        path = source.absolute()
        captures = gpd.read_parquet(path)
        captures.attrs = captures.attrs or json.loads((pq.read_schema(path).metadata or {}).get(_ATTRS, b"{}"))
        return _with_published_boxes(restored(captures), path)
    if suffix in _JSON:
        return _from_documents(_features_in(loads(source.read_bytes())), source)
    if suffix in _LINES:
        lines = source.read_bytes().split(b"\n")
        return _from_documents([feature for line in lines if line.strip() for feature in _features_in(loads(line))], source)
    # GDAL opens what it finds, whatever the suffix, and some formats only name another file
    return _from_gdal(source) if is_vector_file(source) else None


def _with_published_boxes(captures: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    """Return captures of a file of items with the ``bbox`` of each item, which geopandas leaves out."""
    schema = pq.read_schema(path)
    kind = schema.field("bbox").type if "bbox" in schema.names else None
    fields = {field.name for field in kind} if isinstance(kind, pa.StructType) else set()
    if "stac_version" not in schema.names or "bbox:as_given" in schema.names or not {"xmin", "ymin", "xmax", "ymax"} <= fields:
        return captures
    names = [name for name in _SIDES if name in fields]
    column = pq.read_table(path, columns=["bbox"], partitioning=None)["bbox"]
    boxes = [box and [box[name] for name in names] for box in column.to_pylist()]
    bounds = captures.geometry.bounds.to_numpy().tolist()
    # a box around the world may be that of a footprint across the antimeridian
    is_same = [
        box is None or (box == edges and edges[0] >= -_HALF_TURN and edges[2] <= min(_HALF_TURN, edges[0] + _HALF_TURN))
        for box, edges in zip(boxes, bounds, strict=True)
    ]
    if all(is_same):
        return captures
    texts = [None if same else json.dumps(box) for same, box in zip(is_same, boxes, strict=True)]
    return captures.assign(**{"bbox:as_given": pd.Series(texts, captures.index, dtype=object)})


def _from_gdal(source: Path) -> Any:
    import pyogrio  # type: ignore[import-untyped]  # noqa: PLC0415  # geopandas reads files with it, too

    layers = gpd.list_layers(source)
    names = [str(name) for name in layers["name"][layers["geometry_type"].notna()]]
    if len(names) > 1 and LAYER not in names:
        shown = ", ".join(shown_value(name) for name in names[:_MAX_LAYERS])
        raise InvalidRequest(
            f"{source.name} has several layers ({shown}).",
            code="captures_layers_ambiguous",
            hint="Save the layer with the captures as a file of its own, and pass that.",
        )
    layer = LAYER if LAYER in names else next(iter(names), None)
    with warnings.catch_warnings():
        # before version 3, pandas has no times beyond the year 2262: they are read as text
        warnings.filterwarnings("ignore", "Error parsing datetimes", UserWarning)
        captures = gpd.read_file(source, layer=layer)
    metadata = pyogrio.read_info(source, layer=layer).get("layer_metadata") or {}
    if isinstance(captures, gpd.GeoDataFrame) and LAYER_METADATA in metadata:
        captures.attrs[JSON_COLUMNS] = json.loads(metadata[LAYER_METADATA])
    return restored(captures) if isinstance(captures, gpd.GeoDataFrame) else captures


def _features_in(document: Any) -> list[dict[str, Any]]:
    """Return the features of a collection or of a list, or the document itself if it is a feature."""
    if isinstance(document, dict) and document.get("type") == "Feature":
        return [document]
    features = document if isinstance(document, list) else document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise NotJson("no features")
    return features


def _from_documents(features: list[dict[str, Any]], source: Path) -> gpd.GeoDataFrame:
    """Return features as captures: STAC items, or rows of a table whose columns are the properties."""
    if any("id" in feature and isinstance(feature.get("assets"), dict) for feature in features):
        found, _, _ = read_page(json.dumps({"type": "FeatureCollection", "features": features}).encode(), source.name)
        captures = to_frame(found)
        return captures.assign(host=captures.pop(_HOST)) if _HOST in captures.columns else captures
    given = [feature.get("properties") for feature in features]
    rows: list[dict[str, Any]] = [properties if isinstance(properties, dict) else {} for properties in given]
    for row, feature in zip(rows, features, strict=True):
        if "id" in feature:
            row.setdefault("id", feature["id"])
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: column_from_values(name, [row.get(name) for row in rows]) for name in names if name != "geometry"}
    shapes = np.array([None] * len(features), dtype=object)
    texts = [json.dumps(feature.get("geometry")) for feature in features]
    shapes[:] = shapely.from_geojson(np.array(texts, dtype=object), on_invalid="ignore")
    return gpd.GeoDataFrame(pd.DataFrame(columns, index=range(len(features))), geometry=shapes, crs=CRS)


def _times(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column as times in UTC; unchanged if one of its values is not a time."""
    times = utc_times(values)
    return times if (times.isna() == values.isna()).all() else values


def _unreadable(path: Path) -> InvalidRequest:
    return InvalidRequest(
        f"{path.name} is damaged, or is not a captures file.",
        code="captures_unreadable",
        hint="Pass a .parquet, .geojson, .json, .ndjson or .gpkg file that scenecart.export(…) wrote. Its tables and reports, "
        "such as .csv, .xlsx and .html, cannot be read back.",
    )


read_captures.__module__ = "scenecart"
