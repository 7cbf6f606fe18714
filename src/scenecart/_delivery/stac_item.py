"""STAC items of deliveries on disk: the service's items with relative paths, and with metadata read from the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import shapely
from shapely.geometry import shape

from scenecart._api import operations
from scenecart._imagery.describe import describe_raster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scenecart._delivery.checksums import Checksum
    from scenecart._imagery.describe import Band

ITEM_FILE = "item.json"
CATALOG_FILE = "catalog.json"
JSON_TYPE, GEOJSON_TYPE = "application/json", "application/geo+json"
VERIFIED = "scenecart:verified"
_STAC_VERSION = "1.0.0"
_FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
_PROJECTION_EXTENSION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_BAND_EXTENSIONS = {
    "raster:bands": "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "eo:bands": "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
}
# links of the service's own catalog, which is not on disk
_CATALOG_LINKS = frozenset({"self", "root", "parent", "collection", "item", "items", "child", "next", "prev"})
# addresses of the file elsewhere, which may be signed
_REMOTE_FIELDS = frozenset({"href", "alternate", "storage:refs", "auth:refs"})
_SECRET_WORDS = ("sig", "token", "expires", "credential", "secret", "password", "key")


@dataclass(frozen=True)
class ReceivedFile:
    """A downloaded file, and how it was verified.

    Attributes
    ----------
    asset_id : str
        The key of its asset.
    path : pathlib.Path
        Its path.
    size : int
        Its size in bytes.
    checksum : Checksum or None
        Its checksum, computed from the file; None if the file existed before and was not read.
    verified : str
        ``"checksum"``, ``"size"`` or ``"none"``: what was compared with what the service announces.
    """

    asset_id: str
    path: Path
    size: int
    checksum: Checksum | None
    verified: str


def new_item(served: Mapping[str, Any], order_id: str, base_url: str) -> dict[str, Any]:
    """Return the service's item in the form that is stored on disk, without assets.

    Parameters
    ----------
    served
        The item, as the service lists it.
    order_id
        The order that delivered it, which becomes its property ``order:id``.
    base_url
        The service's URL, for the link to the order.
    """
    properties = served.get("properties")
    extensions = served.get("stac_extensions")
    # without `collection`: the service's collection is not on disk, and a STAC item must link the one it names
    kept = {name: value for name, value in served.items() if name not in {"assets", "links", "collection"}}
    item = {
        **kept,
        "type": "Feature",
        "stac_version": str(served.get("stac_version") or _STAC_VERSION),
        "stac_extensions": [name for name in extensions if isinstance(name, str)] if isinstance(extensions, list) else [],
        "geometry": served.get("geometry"),
        "properties": {"datetime": None, **(properties if isinstance(properties, dict) else {}), "order:id": order_id},
        "links": _links_of(served, order_id, base_url),
        "assets": {},
    }
    bounds = _bounds(item["geometry"])
    if "bbox" not in item and bounds is not None:
        item["bbox"] = bounds
    return item


def asset_on_disk(asset: Mapping[str, Any], file: ReceivedFile, item: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return an asset with the metadata of its file, and the STAC extensions that it needs.

    Metadata that the service states is kept. Other metadata is read from the file if rasterio is installed.

    Parameters
    ----------
    asset
        The asset, as the service lists it.
    file
        Its file.
    item
        The item of the asset, whose properties also apply to its assets.
    """
    kept = {name: value for name, value in asset.items() if name not in _REMOTE_FIELDS}
    measured: dict[str, Any] = {"file:size": file.size, VERIFIED: file.verified}
    if file.checksum is not None:
        measured["file:checksum"] = file.checksum.multihash
    else:
        kept.pop("file:checksum", None)
    found: dict[str, Any] = {"href": f"./{quote(file.path.name)}", **kept, **measured}
    extensions = [_FILE_EXTENSION]
    raster = describe_raster(file.path)
    if raster is not None:
        stated = {**item["properties"], **kept}
        projection = {name: value for name, value in raster.projection.items() if name not in stated}
        if "proj:epsg" in stated:
            projection.pop("proj:code", None)
        found |= projection
        extensions += [_PROJECTION_EXTENSION] if projection else []
        bands = _bands(raster.bands, is_old=item["stac_version"].startswith("1.0"))
        if not isinstance(stated.get("bands"), list):
            new = {name: fields for name, fields in bands.items() if not isinstance(stated.get(name), list)}
            found |= new
            extensions += [extension for name, extension in _BAND_EXTENSIONS.items() if name in new]
    return found, extensions


def _bands(bands: Sequence[Band], *, is_old: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the bands in the form of STAC 1.1, or of the extensions of STAC 1.0."""
    pixels = [
        {
            "data_type": band.data_type,
            **({} if band.nodata is None else {"nodata": band.nodata}),
            **({"scale": band.scale, "offset": band.offset} if (band.scale, band.offset) != (1.0, 0.0) else {}),
        }
        for band in bands
    ]
    names = [{"name": band.name or f"band-{number}"} for number, band in enumerate(bands, 1)]
    if not is_old:
        return {"bands": [{**name, **pixel} for name, pixel in zip(names, pixels, strict=True)]}
    colours = [{"common_name": band.common_name} if band.common_name else {} for band in bands]
    return {"raster:bands": pixels, "eo:bands": [{**name, **colour} for name, colour in zip(names, colours, strict=True)]}


def add_extensions(item: dict[str, Any], extensions: list[str]) -> None:
    """Add extensions to an item unless it names them already, in any version."""
    named = {_family(name) for name in item["stac_extensions"]}
    item["stac_extensions"] += [name for name in dict.fromkeys(extensions) if _family(name) not in named]


def _family(extension: str) -> str:
    """Return the URL of an extension without its version."""
    return extension.removesuffix("/schema.json").rpartition("/")[0]


def _links_of(served: Mapping[str, Any], order_id: str, base_url: str) -> list[dict[str, Any]]:
    links = served.get("links")
    kept = [link for link in links if _is_kept(link)] if isinstance(links, list) else []
    if not any(link["rel"] == "derived_from" for link in kept):
        href = f"{base_url}{operations.GET_ORDER.path}?id={quote(order_id, safe='')}"
        kept.append({"rel": "derived_from", "type": JSON_TYPE, "href": href})
    catalog = f"../{CATALOG_FILE}"
    own = [{"rel": rel, "type": JSON_TYPE, "href": catalog} for rel in ("root", "parent")]
    return [*own, *kept]


def _is_kept(link: Any) -> bool:
    """Return whether a link of the service is kept: no link of its own catalog, and no signed URL."""
    if not isinstance(link, dict) or not isinstance(link.get("rel"), str) or not isinstance(link.get("href"), str):
        return False
    try:
        query = urlsplit(link["href"]).query.lower()
    except ValueError:
        return False
    names = [pair.partition("=")[0] for pair in query.split("&")]
    return link["rel"] not in _CATALOG_LINKS and not any(word in name for name in names for word in _SECRET_WORDS)


def _bounds(geometry: Any) -> list[float] | None:
    try:
        return None if geometry is None else [float(value) for value in shape(geometry).bounds]
    except (AttributeError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError):
        return None
