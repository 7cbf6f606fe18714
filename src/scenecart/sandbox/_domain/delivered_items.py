"""Delivered captures as STAC items, with the bands, the grid and the scale of their files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import shapely
from rasterio import Affine

from scenecart.sandbox._data import imagery, products
from scenecart.sandbox._data.geometry import parse_geometry, rfc7946_bbox
from scenecart.sandbox._data.ground import BANDS
from scenecart.sandbox._data.synthetic import EO_EXTENSION, VIEW_EXTENSION
from scenecart.sandbox._data.times import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROJECTION_EXTENSION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
RASTER_EXTENSION = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"
CLASSIFICATION_EXTENSION = "https://stac-extensions.github.io/classification/v1.1.0/schema.json"
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_RADAR_PREFIX = "sar:"
_CLASSES = [
    {"value": products.CLEAR, "name": "clear", "description": "Clear"},
    {"value": products.CLOUD, "name": "cloud", "description": "Cloud"},
]


def scene_of(row: Any, properties: Mapping[str, Any], area: Any = None) -> imagery.Scene:
    """Return the scene of a capture, from which its pictures are drawn; ``area`` replaces a missing footprint."""
    footprint = area if row["shape"] is None else shapely.from_wkb(row["shape"])
    percent = row["cloud"] if _is_cloud_cover(row["cloud"]) else None
    is_radar = any(name.startswith(_RADAR_PREFIX) for name in properties)
    return imagery.Scene(row["id"], percent, footprint, row["begins"], is_radar)


def new_item(  # noqa: PLR0917  # what a delivered item is made of
    order: Any, item_id: str, folder: str, capture: Mapping[str, Any], row: Any, properties: Mapping[str, Any], captures: int
) -> dict[str, Any]:
    """Return the STAC item of a capture that is delivered now. Its files are not written yet, so it has no sizes and checksums.

    Parameters
    ----------
    order, item_id
        The order, and the id of the item.
    folder
        Where its files will be, relative to the folder of deliveries.
    capture
        The capture as it was ordered.
    row, properties
        The capture in the catalog.
    captures
        How many captures the order has.
    """
    area = parse_geometry(capture["geometry"])
    scene = scene_of(row, properties, area)
    known = {name: properties[name] for name, is_valid in _COPIED.items() if name in properties and is_valid(properties[name])}
    crs, projected = imagery.projected_area(area)
    grid = products.plan_grid(crs, projected, known.get("gsd"), captures=captures)
    extensions = [PROJECTION_EXTENSION, FILE_EXTENSION, RASTER_EXTENSION, EO_EXTENSION]
    if not scene.is_radar:
        extensions.append(CLASSIFICATION_EXTENSION)
    if any(name.startswith("view:") for name in known):
        extensions.append(VIEW_EXTENSION)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": extensions,
        "id": item_id,
        "collection": f"project-{order['project']}",
        "geometry": capture["geometry"],
        "bbox": rfc7946_bbox(area),
        "properties": {
            "datetime": to_rfc3339(row["begins"]),
            **known,
            "proj:code": crs,
            "order:id": order["id"],
            "order:status": "succeeded",
            "capture:id": capture["id"],
            "capture:host": capture["host_name"],
            "capture:collection": capture["collection"],
        },
        "assets": {
            name.partition(".")[0]: {"href": f"{folder}/{name}", **fields} for name, fields in _asset_fields(scene, grid).items()
        },
        "links": [],
    }


def files_of(item: Mapping[str, Any], row: Any, properties: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of an item, by the keys of its assets."""
    area = parse_geometry(item["geometry"])
    _, projected = imagery.projected_area(area)
    visual = item["assets"]["visual"]
    grid = imagery.Grid(item["properties"]["proj:code"], Affine(*visual["proj:transform"]), *visual["proj:shape"])
    found = products.files(scene_of(row, properties, area), projected, grid)
    return {name.partition(".")[0]: content for name, content in found.items()}


def file_fields(content: bytes) -> dict[str, Any]:
    """Return size and checksum of a file; the checksum is a multihash of SHA-256."""
    return {"file:size": len(content), "file:checksum": "1220" + hashlib.sha256(content).hexdigest()}


def _asset_fields(scene: imagery.Scene, grid: imagery.Grid) -> dict[str, dict[str, Any]]:
    """Return the fields of each file of a delivery, by the name of the file."""
    raster = {"type": _COG, "proj:shape": [grid.height, grid.width], "proj:transform": [*grid.affine][:6], "proj:bbox": grid.bounds}
    eight_bits = {"data_type": "uint8"}
    visual = {
        **raster,
        "title": "Natural colour",
        "roles": ["data", "visual"],
        "eo:bands": [_band(name) for name in products.VISUAL_BANDS],
        "raster:bands": [eight_bits] * len(products.VISUAL_BANDS),
    }
    thumbnail = {"type": "image/png", "title": "Thumbnail", "roles": ["thumbnail"]}
    if scene.is_radar:
        return {"visual.tif": visual, "thumbnail.png": thumbnail}
    number = {"data_type": "uint16", "nodata": products.NO_DATA, "scale": imagery.SCALE, "offset": imagery.OFFSET, "unit": "1"}
    analytic = {
        **raster,
        "title": "Surface reflectance",
        "roles": ["data", "reflectance"],
        "eo:bands": [_band(name) for name in BANDS],
        "raster:bands": [number] * len(BANDS),
    }
    mask = {
        **raster,
        "title": "Mask of clouds",
        "roles": ["cloud", "data-mask"],
        "eo:bands": [{"name": "udm"}],
        "raster:bands": [{**eight_bits, "nodata": products.NO_DATA}],
        "classification:classes": _CLASSES,
    }
    return {"visual.tif": visual, "analytic.tif": analytic, "udm.tif": mask, "thumbnail.png": thumbnail}


def _band(name: str) -> dict[str, str]:
    common = {"nir": "nir08"}.get(name, name)
    return {"name": name} if name == "alpha" else {"name": name, "common_name": common}


def _number_within(low: float, high: float) -> Callable[[Any], bool]:
    def is_valid(value: Any) -> bool:
        # a huge integer has no float, and no comparison with NaN is true
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return is_valid


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


_is_cloud_cover = _number_within(0, 100)
# properties that a delivery has from its capture, as far as they are valid there
_COPIED: dict[str, Callable[[Any], bool]] = {
    "gsd": _number_within(1e-6, 1e6),
    "platform": _is_text,
    "constellation": _is_text,
    "instruments": _are_texts,
    "eo:cloud_cover": _is_cloud_cover,
    "view:off_nadir": _number_within(0, 90),
    "view:incidence_angle": _number_within(0, 90),
    "view:azimuth": _number_within(0, 360),
    "view:sun_azimuth": _number_within(0, 360),
    "view:sun_elevation": _number_within(-90, 90),
}
