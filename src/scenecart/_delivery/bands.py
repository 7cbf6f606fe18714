"""Bands of delivered items: which asset contains a band, and its number in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# assets for display, not for computation
_FOR_EYES = frozenset({"visual", "thumbnail", "overview"})
_PICTURES = frozenset({"thumbnail", "overview"})
_RASTER_TYPES = ("image/tiff", "image/jp2", "image/vnd.stac.geotiff")
_ALPHA = "alpha"


@dataclass(frozen=True)
class Place:
    """The position of a band: the key of its asset, and its number in the file, from 1."""

    asset: str
    number: int
    alpha: int | None = None
    """The number of the file's alpha band."""


def band_names(asset: Mapping[str, Any]) -> list[str]:
    """Return the names of an asset's bands in the order of the file; empty if the item does not name them.

    Examples
    --------
    >>> band_names({"eo:bands": [{"name": "red"}, {"name": "B08", "common_name": "nir"}]})
    ['red', 'B08']
    """
    bands = _bands_of(asset)
    names = [str(band.get("name") or band.get("eo:common_name") or band.get("common_name") or "") for band in bands]
    return names if all(names) else []


def find_bands(item: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Place]:
    """Return the position of each wanted band that an item has, by the wanted name.

    A wanted name is the name of a band, its common name, the key of an asset with one band, or key and band such as
    ``"visual.red"``. If several assets have the band, one for computation is preferred to one for display.
    """
    assets = _by_preference(item)
    found = {}
    for name in wanted:
        place = next((place for key, asset in assets if (place := _place(key, asset, name)) is not None), None)
        if place is not None:
            found[name] = place
    return found


def default_bands(item: Mapping[str, Any]) -> list[str]:
    """Return the band names of the asset with the most bands; assets for computation are preferred to those for display."""
    named = [(key, [name for name in band_names(asset) if name != _ALPHA]) for key, asset in _by_preference(item)]
    data = [(key, names) for key, names in named if names and key not in _FOR_EYES] or [one for one in named if one[1]]
    return max(data, key=lambda one: len(one[1]))[1] if data else [key for key, _ in named]


def known_bands(item: Mapping[str, Any]) -> list[str]:
    """Return the band names of an item that ``find_bands`` accepts."""
    assets = _by_preference(item)
    return list(dict.fromkeys(name for key, asset in assets for name in (band_names(asset) or [key])))


def _by_preference(item: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the raster assets of an item, those for computation first."""
    rasters = [(key, asset) for key, asset in item["assets"].items() if isinstance(asset, dict) and _is_raster(key, asset)]
    return sorted(rasters, key=lambda one: bool(_FOR_EYES & {one[0], *_roles(one[1])}))


def _is_raster(key: str, asset: Mapping[str, Any]) -> bool:
    media_type = str(asset.get("type") or "").lower()
    is_picture = bool(_PICTURES & {key, *_roles(asset)})
    return not is_picture and (media_type.startswith(_RASTER_TYPES) or (not media_type and bool(_bands_of(asset))))


def _place(key: str, asset: Mapping[str, Any], name: str) -> Place | None:
    """Return the position of a band in an asset; None if the asset does not have it."""
    owner, _, rest = name.partition(".")
    wanted = rest if owner == key and rest else name
    bands = _bands_of(asset)
    spellings = [{str(band.get(field)) for field in ("name", "common_name", "eo:common_name") if band.get(field)} for band in bands]
    alpha = next((number for number, names in enumerate(spellings, 1) if _ALPHA in names), None)
    number = next((number for number, names in enumerate(spellings, 1) if wanted in names), None)
    if number is None and wanted == key and len(bands) <= 1:
        number = 1
    return None if number is None else Place(key, number, None if number == alpha else alpha)


def _bands_of(asset: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return next(_band_lists(asset), [])


def _band_lists(asset: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
    for field in ("bands", "eo:bands", "raster:bands"):
        bands = asset.get(field)
        if isinstance(bands, list) and bands and all(isinstance(band, dict) for band in bands):
            yield bands


def _roles(asset: Mapping[str, Any]) -> list[str]:
    roles = asset.get("roles")
    return [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []
