"""Items of one table: values of mixed types become JSON text, and notes record which, so that they can be restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from scenecart._captures.frame import OWN_COLUMNS, prefixed_column
from scenecart._captures.json_columns import JSON_COLUMNS, from_text, is_writable_type, to_text
from scenecart._captures.properties import TIMES
from scenecart._captures.times import utc_times

if TYPE_CHECKING:
    import geopandas as gpd

_ASSETS, _LINKS, _FOREIGN = "scenecart:json_assets", "scenecart:json_links", "scenecart:foreign_members"
_TIME_NAMES = {*TIMES, "unpublished"}
_FOREIGN_PREFIX = "foreign_members:"
_TAKEN = {*OWN_COLUMNS, *_TIME_NAMES, "foreign_members"}
_WITHOUT_FIELDS = {"href": None}


def fit_names(items: list[dict[str, Any]], members: frozenset[str]) -> dict[str, Any]:
    """Rename properties and foreign members whose names a table cannot store; return the names of foreign members by column.

    A table has only one column for a property and a foreign member of the same name, and reads some names as times.
    """
    names = dict.fromkeys(name for item in items for name in item["properties"])
    renamed = {name: prefixed_column(name) for name in names if name in members or _is_unreadable_time(items, name)}
    foreign: dict[str, str] = {}
    for item in items:
        properties = item["properties"]
        item["properties"] = {renamed.get(name, name): value for name, value in properties.items()} if renamed else properties
        for name in item.keys() - members:
            column = _FOREIGN_PREFIX + name if name in names or name in _TAKEN else name
            foreign[column] = name
            item[column] = item.pop(name)
    return {_FOREIGN: foreign} if foreign else {}


def fit_types(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Convert the values of each column to one type, and return notes for :func:`restore_members`."""
    names = dict.fromkeys(name for item in items for name in item["properties"])
    mixed = [name for name in names if not _fits([item["properties"].get(name) for item in items])]
    for item in items:
        item["properties"] |= {name: to_text(item["properties"][name]) for name in mixed if name in item["properties"]}
    values: dict[tuple[str, str], list[Any]] = {}
    for item in items:
        item["assets"] = {key: _part(asset) for key, asset in item["assets"].items()}
        for key, asset in item["assets"].items():
            for name, value in asset.items():
                values.setdefault((key, name), []).append(value)
    mixed_fields = [field for field, found in values.items() if not _fits(found)]
    for item in items:
        for key, name in mixed_fields:
            if name in item["assets"].get(key, {}):
                item["assets"][key] = {**item["assets"][key], name: to_text(item["assets"][key][name])}
    has_mixed_links = not _fits([item["links"] for item in items])
    if has_mixed_links:
        for item in items:
            item["links"] = [{name: to_text(value) for name, value in _part(link).items()} for link in item["links"]]
    notes = {JSON_COLUMNS: mixed, _ASSETS: [list(field) for field in mixed_fields], _LINKS: has_mixed_links}
    return {key: note for key, note in notes.items() if note}


def fits_table(table: pa.Table) -> bool:
    """Return whether Parquet can store a table of items; ``assets`` may be empty."""
    return all(
        is_writable_type(field.type) or (pa.types.is_struct(field.type) and not field.type.num_fields) for field in table.schema
    )


def restore_members(item: dict[str, Any], notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as it was before :func:`fit_names` and :func:`fit_types`, by their notes."""
    for key, name in notes.get(_ASSETS, ()):
        asset = item["assets"].get(key)
        if isinstance(asset, dict) and name in asset:
            asset[name] = from_text(asset[name])
    if notes.get(_LINKS):
        item["links"] = [{name: from_text(value) for name, value in link.items()} for link in item["links"]]
    columns = notes.get(_FOREIGN, ())
    # version 0.1.0 wrote a list of members that are columns of their own names
    names = columns if isinstance(columns, Mapping) else dict.fromkeys(columns)
    properties = item["properties"]
    foreign = {name or column: properties.pop(column) for column, name in names.items() if column in properties}
    return {**foreign, **item}


def notes_of(captures: gpd.GeoDataFrame) -> dict[str, Any]:
    """Return the notes of a table that was read."""
    return {key: captures.attrs[key] for key in (_ASSETS, _LINKS, _FOREIGN) if key in captures.attrs}


def _part(value: Any) -> dict[str, Any]:
    """Return an asset or a link as an object with at least one field, because Parquet cannot store an object without fields."""
    if isinstance(value, Mapping):
        return dict(value) or dict(_WITHOUT_FIELDS)
    return {"href": value}


def _is_unreadable_time(items: list[dict[str, Any]], name: str) -> bool:
    if name not in _TIME_NAMES:
        return False
    given = [value for item in items if (value := item["properties"].get(name)) is not None]
    are_texts = all(isinstance(value, str) for value in given)
    return not are_texts or bool(utc_times(pd.Series(given, dtype=object)).isna().any())


def _fits(values: list[Any]) -> bool:
    try:
        # within an object, Arrow infers types in another way
        return is_writable_type(pa.array([{"value": value} for value in values]).type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError, RecursionError):
        return False
