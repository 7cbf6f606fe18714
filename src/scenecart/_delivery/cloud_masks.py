"""Cloud cover of an area from delivered masks: which assets are cloud masks, and which of their values mean cloud."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from scenecart._api.operations import whole_number
from scenecart._delivery.bands import band_names
from scenecart._delivery.catalog import items_in
from scenecart._delivery.items import capture_of
from scenecart._delivery.opened import file_of
from scenecart.exceptions import InvalidRequest, missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Cloudy = Callable[[NDArray[Any]], NDArray[np.bool_]]

_FULL = 100.0
_MOST_BITS = 64


def masks_in(folders: Iterable[Path]) -> dict[str, list[tuple[Path, Mapping[str, Any]]]]:
    """Return the cloud masks in folders of deliveries: their files and STAC assets, by the id of the capture."""
    found: dict[str, list[tuple[Path, Mapping[str, Any]]]] = {}
    for folder in folders:
        for name, item in items_in(folder):
            capture = capture_of(item)
            for asset in item["assets"].values():
                if capture is not None and isinstance(asset, dict) and rule_of(asset) is not None:
                    path = file_of(folder / name, asset)
                    if path is not None:
                        found.setdefault(capture, []).append((path, asset))
    return found


def cloud_in_masks(masks: Iterable[tuple[Path, Mapping[str, Any]]], area: BaseGeometry) -> float | None:
    """Return the cloud cover of an area (EPSG:4326) in percent of the valid mask pixels inside it; None if there are none."""
    try:
        from scenecart._imagery.cloud_mask import pixels_inside  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Reading delivered masks needs", error, "raster") from error
    cloudy = clear = 0
    for path, asset in masks:
        found = rule_of(asset)
        if found is None:
            continue
        band, rule, fill = found
        try:
            values, nodata = pixels_inside(path, area, band)
        except InvalidRequest:
            # a damaged mask is not used
            continue
        empty = fill | ({nodata} if nodata is not None else set())
        is_cloud = rule(values) & ~np.isin(values, list(empty))
        cloudy += int(is_cloud.sum())
        clear += int((~is_cloud & ~np.isin(values, list(empty))).sum())
    return _FULL * cloudy / (cloudy + clear) if cloudy + clear else None


def rule_of(asset: Mapping[str, Any]) -> tuple[int, Cloudy, set[float]] | None:
    """Return how an asset encodes cloud: the number of its band, a test for cloud values, and the nodata values.

    Classes and bit fields of the Classification extension are read, and bands named "cloud". None if the asset has none of these.

    Examples
    --------
    >>> asset = {"classification:classes": [{"value": 1, "name": "clear"}, {"value": 2, "name": "cloud"}]}
    >>> band, rule, fill = rule_of(asset)
    >>> band, rule(np.array([1, 2, 1])).tolist()
    (1, [False, True, False])
    """
    for number, holder in enumerate(_holders(asset)):
        band = max(1, number)
        classes = _named(holder.get("classification:classes"), "value")
        cloud = [value for value, name in classes if _is_cloud(name)]
        if cloud:
            fill = {float(value) for value, name in classes if _is_fill(name)} | _nodata(asset)
            return band, lambda values, cloud=cloud: np.isin(values, cloud), fill
        bits = _cloud_bits(holder.get("classification:bitfields"))
        if bits is not None:
            return band, lambda values, bits=bits: (values >> bits[0]) & ((1 << bits[1]) - 1) == bits[2], _nodata(asset)
    names = [name.lower() for name in band_names(asset)]
    return (names.index("cloud") + 1, lambda values: values > 0, _nodata(asset)) if "cloud" in names else None


def _holders(asset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the objects that can have classes: the asset, then each of its bands."""
    yield asset
    for field in ("bands", "raster:bands"):
        bands = asset.get(field)
        if isinstance(bands, list) and all(isinstance(band, dict) for band in bands):
            yield from bands
            return


def _named(classes: Any, key: str) -> list[tuple[int, str]]:
    entries = [one for one in classes if isinstance(one, dict)] if isinstance(classes, list) else []
    found = [(whole_number(one.get(key)), str(one.get("name") or one.get("description") or "")) for one in entries]
    return [(value, name) for value, name in found if value is not None]


def _cloud_bits(fields: Any) -> tuple[int, int, int] | None:
    """Return offset, length and value of the bit field for cloud."""
    for field in fields if isinstance(fields, list) else ():
        if not isinstance(field, dict) or str(field.get("name")).lower() != "cloud":
            continue
        offset, width = whole_number(field.get("offset")), whole_number(field.get("length"))
        value = next((value for value, name in _named(field.get("classes"), "value") if _is_cloud(name)), None)
        if offset is not None and width is not None and value is not None and 0 <= offset < offset + width <= _MOST_BITS:
            return offset, width, value
    return None


def _is_cloud(name: str) -> bool:
    words = set(re.split(r"[^a-z]+", name.lower()))
    return bool(words & {"cloud", "clouds", "cloudy"}) and not words & {"not", "no", "shadow", "shadows", "free"}


def _is_fill(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()) in {"nodata", "fill", "missing", "unusable"}


def _nodata(asset: Mapping[str, Any]) -> set[float]:
    bands = asset.get("raster:bands")
    values = [band.get("nodata") for band in bands if isinstance(band, dict)] if isinstance(bands, list) else []
    return {float(value) for value in values if isinstance(value, int | float)}
