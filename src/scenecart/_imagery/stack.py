"""Stacks of rasters in time by odc-stac; scenecart opens the files and remote files."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from scenecart._imagery.raster import require_rioxarray
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest, missing_extra

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import xarray as xr

    from scenecart._imagery.ranges import RangeReader

_ALPHA = "scenecart-alpha-of-"
_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_HALF_TURN = 180.0
_NEAR = 1e-6
_RASTER = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"


@dataclass(frozen=True)
class Layer:
    """One band of one file.

    Attributes
    ----------
    source : pathlib.Path or RangeReader
        The file, or the reader of a remote one.
    band : int
        The number of the band in the file, from 1.
    fields : Mapping
        The STAC fields of the asset.
    alpha : int or None
        The alpha band of the file, from 1.
    """

    source: Path | RangeReader
    band: int
    fields: Mapping[str, Any]
    alpha: int | None = None

    @property
    def pixel(self) -> Mapping[str, Any]:
        """The pixel metadata of the band in the item: data_type, nodata, scale and offset."""
        for name in ("raster:bands", "bands"):
            bands = self.fields.get(name)
            if isinstance(bands, list) and len(bands) >= self.band and isinstance(bands[self.band - 1], dict):
                found: Mapping[str, Any] = bands[self.band - 1]
                return found
        return {}


@dataclass(frozen=True)
class StackOptions:
    """How rasters are stacked; see ``Order.stack``."""

    resolution: float | None = None
    crs: Any = None
    bbox: Sequence[float] | None = None
    chunks: Mapping[str, int] | None = None
    masked: bool = False
    scaled: bool = False

    def checked(self) -> dict[str, Any]:
        """Return the options of odc-stac.

        Raises
        ------
        InvalidRequest
            If one is not valid.
        """
        found: dict[str, Any] = {}
        if self.resolution is not None:
            if isinstance(self.resolution, bool) or not _is_positive(self.resolution):
                raise InvalidRequest(
                    f"must be a number above 0, in units of the CRS, got {shown_value(self.resolution)}.",
                    code="resolution_invalid",
                    argument="resolution",
                )
            found["resolution"] = float(self.resolution)
        if self.crs is not None:
            try:
                found["crs"] = CRS.from_user_input(self.crs).to_wkt()
            except CRSError:
                raise InvalidRequest(
                    f"must be a CRS such as 'EPSG:32756', got {shown_value(self.crs)}.", code="crs_invalid", argument="crs"
                ) from None
        if self.bbox is not None:
            found["bbox"] = _checked_bbox(self.bbox)
        if self.chunks is not None:
            if not isinstance(self.chunks, dict) or not set(self.chunks) <= {"time", "y", "x"}:
                raise InvalidRequest(
                    f"must be a dict of the sizes of 'time', 'y' and 'x', got {shown_value(self.chunks)}.",
                    code="chunks_invalid",
                    argument="chunks",
                )
            found["chunks"] = self.chunks
        return found


def require_odc() -> None:
    """Import odc-stac, and rioxarray for the accessor ``.rio`` of stacks.

    Raises
    ------
    MissingExtra
        If one of them is not installed.
    """
    require_rioxarray()
    try:
        import odc.stac  # noqa: F401, PLC0415  # an extra, of which this finds out whether it is there
    except ModuleNotFoundError as error:
        raise missing_extra("Stacking imagery needs", error, "raster") from error


def load_stack(items: Sequence[tuple[Mapping[str, Any], Mapping[str, Layer]]], options: StackOptions) -> xr.Dataset:
    """Return bands of items as a dataset with the dimensions time, y and x.

    Parameters
    ----------
    items
        STAC items, each with the same bands by name.
    options
        The grid, chunk sizes, and the conversion of pixels.

    Raises
    ------
    InvalidRequest
        If an option is not valid, no item lies within the bounding box, or the items do not state their grid.
    """
    require_odc()
    import odc.stac  # noqa: PLC0415  # an extra

    from scenecart._imagery.stack_driver import StackDriver  # noqa: PLC0415  # likewise

    arguments = options.checked()
    if options.bbox is not None:
        _check_crossing(arguments["bbox"], options.crs or _most_common_crs(items))
        items = [one for one in items if _touches(one[0], arguments["bbox"])]
        if not items:
            raise InvalidRequest(
                "must overlap the bounding box of an item.", code="bbox_outside", argument="bbox", hint="Choose another bbox."
            )
    is_masked = options.masked or options.scaled
    names = list(items[0][1])
    layers: dict[str, Layer] = {}
    stac = [_stac_item(item, bands, layers, with_alpha=is_masked) for item, bands in items]
    alphas = [f"{_ALPHA}{name}" for name in names if is_masked and any(bands[name].alpha for _, bands in items)]
    try:
        found = odc.stac.load(stac, bands=names + alphas, driver=StackDriver(layers), groupby="time", **arguments)
    except ValueError as error:
        if "auto-guess" not in str(error):
            raise
        raise InvalidRequest(
            "The items do not state the grid of their rasters.", code="stack_grid_unknown", hint="Pass crs= and resolution=."
        ) from error
    if not is_masked:
        return found
    for name in names:
        found[name] = _converted(found, name, items[0][1][name].pixel, scaled=options.scaled)
    return found.drop_vars(alphas)


def _converted(stack: xr.Dataset, name: str, pixel: Mapping[str, Any], *, scaled: bool) -> xr.DataArray:
    """Return a band with NaN where there is no data, and with its scale and offset applied if requested."""
    band = stack[name]
    nodata = band.attrs.get("nodata")
    attributes = {key: value for key, value in band.attrs.items() if key not in {"nodata", "_FillValue"}}
    values = band.astype("float32" if band.dtype.itemsize <= 2 else "float64")  # noqa: PLR2004  # bytes, exact in 32-bit floats
    if nodata is not None and not (isinstance(nodata, float) and math.isnan(nodata)):
        values = values.where(band != nodata)
    alpha = f"{_ALPHA}{name}"
    if alpha in stack:
        values = values.where(stack[alpha] != 0)
    if scaled:
        values = values * values.dtype.type(pixel.get("scale") or 1) + values.dtype.type(pixel.get("offset") or 0)
    return values.assign_attrs(attributes)


def _stac_item(item: Mapping[str, Any], bands: Mapping[str, Layer], layers: dict[str, Layer], *, with_alpha: bool) -> Any:
    """Return a pystac item with one asset for each band; its URLs are the keys of ``layers``."""
    import pystac  # noqa: PLC0415  # slow to import

    properties = {name: value for name, value in item["properties"].items() if name.startswith("proj:") or "datetime" in name}
    document: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [_PROJECTION, _RASTER],
        "id": item["id"],
        "geometry": item.get("geometry"),
        "bbox": item.get("bbox"),
        "properties": properties,
        "links": [],
        "assets": {},
    }
    for name, layer in bands.items():
        document["assets"][name] = _asset(layer, layers, layer.pixel)
        if with_alpha and layer.alpha is not None:
            alpha = Layer(layer.source, layer.alpha, layer.fields)
            document["assets"][f"{_ALPHA}{name}"] = _asset(alpha, layers, {"data_type": alpha.pixel.get("data_type", "uint8")})
    return pystac.Item.from_dict(document)


def _asset(layer: Layer, layers: dict[str, Layer], pixel: Mapping[str, Any]) -> dict[str, Any]:
    href = f"/{uuid.uuid4().hex}"
    layers[href] = layer
    projection = {name: value for name, value in layer.fields.items() if name.startswith("proj:")}
    kept = {name: pixel[name] for name in ("data_type", "nodata", "unit") if name in pixel}
    return {"href": href, "type": "image/tiff; application=geotiff", "roles": ["data"], "raster:bands": [kept], **projection}


def _touches(item: Mapping[str, Any], bbox: tuple[float, float, float, float]) -> bool:
    """Return whether the bounding boxes of an item and of a stack overlap; True for an item without one."""
    bounds = item.get("bbox")
    if not isinstance(bounds, list) or len(bounds) not in {4, 6}:
        return True
    west, south, east, north = bounds if len(bounds) == 4 else (*bounds[:2], *bounds[3:5])  # noqa: PLR2004  # without heights
    # a bounding box that crosses the antimeridian continues beyond 180
    is_beside = all(east + turn < bbox[0] or west + turn > bbox[2] for turn in (-360, 0, 360))
    return not (is_beside or north < bbox[1] or south > bbox[3]) or west > east


def _most_common_crs(items: Sequence[tuple[Mapping[str, Any], Mapping[str, Layer]]]) -> str | None:
    """Return the CRS of most rasters, in which they are stacked by default."""
    codes = Counter(
        str(code)
        for item, bands in items
        for layer in bands.values()
        if (code := layer.fields.get("proj:code") or item["properties"].get("proj:code"))
    )
    return codes.most_common(1)[0][0] if codes else None


def _check_crossing(bbox: tuple[float, float, float, float], crs: Any) -> None:
    """Refuse a bounding box that crosses the antimeridian in a CRS that ends there."""
    west, south, east, north = bbox
    if crs is None or east <= _HALF_TURN:
        return
    longitudes = [west, _HALF_TURN - _NEAR, _NEAR - _HALF_TURN, east - 2 * _HALF_TURN]
    project = Transformer.from_crs("EPSG:4326", CRS.from_user_input(crs), always_xy=True)
    x, _ = project.transform(longitudes, [(south + north) / 2] * len(longitudes))
    steps = np.diff(x)
    if not (np.isfinite(steps).all() and ((steps > 0).all() or (steps < 0).all())):
        raise InvalidRequest(
            f"crosses the antimeridian, where {CRS.from_user_input(crs).to_string()} ends.",
            code="stack_across_antimeridian",
            argument="bbox",
            hint="Pass crs= of a CRS that continues there, such as that of a UTM zone (EPSG:32760) or EPSG:3832.",
        )


def _checked_bbox(bbox: Any) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(number) for number in bbox)
    except (TypeError, ValueError):
        west = south = east = north = math.nan
    if west - east >= _HALF_TURN:
        # from 179 to -179, across the antimeridian
        east += 2 * _HALF_TURN
    is_finite = all(map(math.isfinite, (west, south, east, north)))
    if not (is_finite and west < east <= west + 2 * _HALF_TURN and -90 <= south < north <= 90):  # noqa: PLR2004  # degrees
        raise InvalidRequest(
            "must be west, south, east and north in degrees, with south < north, and west < east unless it crosses the "
            f"antimeridian; got {shown_value(bbox)}.",
            code="stack_bbox_invalid",
            argument="bbox",
        )
    return west, south, east, north


def _is_positive(value: Any) -> bool:
    try:
        return 0 < float(value) < math.inf
    except (TypeError, ValueError):
        return False
