"""Decoded features, and their properties as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from scenecart._util.json import NotJson, loads

if TYPE_CHECKING:
    from collections.abc import Sequence

# errors of msgspec about a document that the standard library may still read
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NULL = msgspec.Raw(b"null")


class Geometry(msgspec.Struct, gc=False):
    """A geometry with its coordinates as raw JSON."""

    type: Any = None
    coordinates: msgspec.Raw = NULL
    geometries: msgspec.Raw | None = None


class Feature(msgspec.Struct, gc=False):
    """One capture of a catalog; ``geometry`` is a :class:`Geometry`, or raw JSON if it is malformed."""

    id: Any = None
    collection: Any = None
    properties: Any = None
    geometry: Any = None
    assets: msgspec.Raw = msgspec.Raw(b"{}")
    links: msgspec.Raw = msgspec.Raw(b"[]")
    bbox: msgspec.Raw = NULL
    stac_version: Any = None
    stac_extensions: msgspec.Raw = NULL


class ForeignFeature(Feature, gc=False, kw_only=True):
    """A feature with foreign members, which are defined neither by GeoJSON nor by STAC."""

    foreign: dict[str, Any]


class Slots(msgspec.Struct, gc=False):
    """The properties of a feature as slots, in the order of ``names``; those in ``nested`` are raw JSON."""


MEMBERS = frozenset({*Feature.__struct_fields__, "type"})
"""Members of a feature by GeoJSON and STAC; any other is foreign."""


def columns_of(features: Sequence[Feature]) -> dict[str, list[Any]]:
    """Return one list of values for each property, in order of first occurrence."""
    kinds = {type(feature.properties) for feature in features}
    learned = next((kind for kind in kinds if issubclass(kind, Slots)), None)
    if learned is not None and len(kinds) == 1:
        rows = [msgspec.structs.astuple(feature.properties) for feature in features]
        columns = dict(zip(_names_of(learned), map(list, zip(*rows, strict=True)), strict=True))
        for name in learned.nested:  # type: ignore[attr-defined]  # set by _decoders
            columns[name] = decode_each(columns[name])
        return columns
    dicts = [properties_of(feature.properties) for feature in features]
    found: dict[str, None] = {}
    for properties in dicts:
        if not found.keys() >= properties.keys():
            found.update(dict.fromkeys(properties))
    return {name: [properties.get(name) for properties in dicts] for name in found}


def decode_each(values: Sequence[msgspec.Raw]) -> list[Any]:
    """Decode JSON texts; equal texts share one result, since most rows of a catalog repeat them."""
    texts = list(map(bytes, values))
    unique = list(dict.fromkeys(texts))
    try:
        decoded = msgspec.json.decode(b"[" + b",".join(unique) + b"]")
    except UNREADABLE:
        decoded = [_decode_leniently(text) for text in unique]
    if len(unique) == len(texts):
        return list(decoded)
    known = dict(zip(unique, decoded, strict=True))
    return [known[text] for text in texts]


def _decode_leniently(text: bytes) -> Any:
    try:
        return loads(text)
    except NotJson:
        return text.decode("utf-8", "replace")


def foreign_of(features: Sequence[Feature]) -> list[dict[str, Any]] | None:
    """Return the foreign members of each feature, or None if no feature has any."""
    if not any(issubclass(kind, ForeignFeature) or getattr(kind, "foreign_names", ()) for kind in set(map(type, features))):
        return None
    found = [_foreign(feature) for feature in features]
    return found if any(found) else None


def geometry_text(feature: Feature) -> str:
    """Return a feature's geometry as JSON text."""
    geometry = feature.geometry
    if geometry is None:
        return "null"
    if isinstance(geometry, Geometry):
        geometry = msgspec.json.encode({"type": geometry.type, "coordinates": geometry.coordinates}
                                       if geometry.geometries is None
                                       else {"type": geometry.type, "geometries": geometry.geometries})  # fmt: skip
    return bytes(geometry).decode("utf-8", "replace")


def _names_of(kind: type[Slots]) -> tuple[str, ...]:
    names: tuple[str, ...] = kind.names  # type: ignore[attr-defined]  # set by _decoders
    return names


def properties_of(properties: Any) -> dict[str, Any]:
    """Return the properties of a feature as a dict; empty if they are malformed."""
    if isinstance(properties, Slots):
        names, values = _names_of(type(properties)), msgspec.structs.astuple(properties)
        return {
            name: decode_each([value])[0] if isinstance(value, msgspec.Raw) else value
            for name, value in zip(names, values, strict=True)
        }
    return properties if isinstance(properties, dict) else {}


def _foreign(feature: Feature) -> dict[str, Any]:
    if isinstance(feature, ForeignFeature):
        return feature.foreign
    names: tuple[str, ...] = getattr(feature, "foreign_names", ())
    raws = ((name, getattr(feature, f"foreign{number}")) for number, name in enumerate(names))
    return {name: decode_each([raw])[0] for name, raw in raws if bytes(raw) != b"null"}
