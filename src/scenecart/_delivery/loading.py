"""Delivered rasters as arrays: one asset, or a stack of bands in time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scenecart._delivery.bands import band_names, default_bands, find_bands, known_bands
from scenecart._imagery.raster import open_raster
from scenecart._imagery.stack import Layer, load_stack, require_odc
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import is_number, shown_value
from scenecart.exceptions import InvalidRequest, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import xarray as xr

    from scenecart._imagery.ranges import RangeReader
    from scenecart._imagery.stack import StackOptions

    Source = Path | RangeReader
    SourceOf = Callable[[Mapping[str, Any], str], Source]

_MOST_NAMED = 5


def choose_item(items: Sequence[dict[str, Any]], asset: str, item: str | None) -> dict[str, Any]:
    """Return the only item that has an asset and, if given, this id.

    Raises
    ------
    InvalidRequest
        If there is no such item, or several.
    """
    with_asset = sorted((one for one in items if asset in one["assets"]), key=lambda one: str(one["id"]))
    matching = [one for one in with_asset if item in {None, one["id"]}]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(clean_text(one["id"], 80) for one in with_asset)
    details = {"items": names}
    if matching:
        raise InvalidRequest(
            f"Several items have an asset {asset!r}: {names}.",
            code="asset_ambiguous",
            hint=f'Choose one: open({asset!r}, item="…").',
            details=details,
        )
    if not with_asset:
        raise InvalidRequest(f"No item has an asset {shown_value(asset)}.", code="asset_unknown")
    raise InvalidRequest(
        f"Item {clean_text(item, 80)!r} has no asset {asset!r}. Items that have it: {names}.",
        code="item_without_asset",
        details=details,
    )


def open_asset(
    source: Source, asset: Mapping[str, Any], *, masked: bool = False, scaled: bool = False, resolution: float | None = None
) -> xr.DataArray:
    """Open one asset as an array; see ``Order.open``."""
    if resolution is not None and (not is_number(resolution) or resolution <= 0):
        raise InvalidRequest(
            f"must be a number above 0, in units of the file's CRS, got {shown_value(resolution)}.",
            code="resolution_invalid",
            argument="resolution",
        )
    return open_raster(source, names=band_names(asset), masked=masked, scaled=scaled, resolution=resolution)


def stack_items(
    items: Sequence[Mapping[str, Any]], bands: str | Iterable[str] | None, source_of: SourceOf, options: StackOptions
) -> xr.Dataset:
    """Stack bands of items in time; see ``Order.stack``.

    Parameters
    ----------
    items
        The items.
    bands
        Names of bands; None takes those of the asset with the most bands.
    source_of
        Returns the file of an item's asset, or a reader of the remote file.
    options
        The grid, chunk sizes, and the conversion of pixels.
    """
    require_odc()
    options.checked()
    wanted = _checked_bands(bands)
    if wanted is None:
        wanted = default_bands(max(items, key=lambda one: len(known_bands(one)))) if items else []
    placed = [(item, find_bands(item, wanted)) for item in items]
    complete = [(item, found) for item, found in placed if len(found) == len(wanted)]
    if not complete or not wanted:
        lacking = [name for name in wanted if not any(name in found for _, found in placed)]
        known = ", ".join(dict.fromkeys(clean_text(name, 40) for item in items for name in known_bands(item)))
        raise InvalidRequest(
            f"must be bands that one item has, got {', '.join(map(repr, wanted))}; the items have {known or 'no named bands'}."
            if not lacking
            else f"must be bands of the items, got {', '.join(map(repr, lacking))}; the items have {known or 'no named bands'}.",
            code="band_unknown",
            argument="bands",
            details={"bands": known},
        )
    if len(complete) < len(items):
        names = [clean_text(item["id"], 80) for item, found in placed if len(found) < len(wanted)]
        warn(
            f"{pluralize(len(names), 'item')} without all of these bands {'is' if len(names) == 1 else 'are'} not in the stack: "
            f"{', '.join(names[:_MOST_NAMED])}{'…' if len(names) > _MOST_NAMED else ''}.",
            code="items_without_bands",
            hint="Choose other bands.",
        )
    layers = []
    for item, places in complete:
        sources = {key: source_of(item, key) for key in {place.asset for place in places.values()}}
        found = {
            name: Layer(sources[place.asset], place.number, item["assets"][place.asset], place.alpha)
            for name, place in places.items()
        }
        layers.append((item, found))
    return load_stack(layers, options)


def _checked_bands(bands: Any) -> list[str] | None:
    if bands is None:
        return None
    names = [bands] if isinstance(bands, str) else list(bands) if isinstance(bands, Iterable) else [bands]
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise InvalidRequest(
            f"must be names of bands, each once, got {shown_value(bands)}.", code="bands_invalid", argument="bands"
        )
    return names
