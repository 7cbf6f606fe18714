"""JSON bytes become features, decoded only as far as every reader needs.

The names of the properties are learned from the first features of an answer, so that the rest is decoded into slots
instead of dicts; geometry, assets and links stay raw. What does not fit what was learned is decoded the general way:
slower, and the same.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from scenecart._errors import ServiceError
from scenecart._json import NotJson, loads

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBED_BYTES, _PROBED_FEATURES, _MOST_NAMES = 64 * 2**10, 20, 500


class Geometry(msgspec.Struct, gc=False):
    """A geometry whose coordinates are still text."""

    type: Any = None
    coordinates: msgspec.Raw = msgspec.Raw(b"null")
    geometries: msgspec.Raw | None = None


class Feature(msgspec.Struct, gc=False):
    """One capture as it came. ``geometry`` is a :class:`Geometry`, or raw where it is none."""

    type: Any = None
    id: Any = None
    collection: Any = None
    properties: Any = None
    geometry: Any = None
    assets: msgspec.Raw = msgspec.Raw(b"{}")
    links: msgspec.Raw = msgspec.Raw(b"[]")
    stac_version: Any = None
    stac_extensions: Any = None


class _General(Feature, gc=False):
    geometry: msgspec.Raw = msgspec.Raw(b"null")


class _Envelope(msgspec.Struct, gc=False):
    """A feature collection without its features' inside."""

    features: list[msgspec.Raw]
    next: Any = None
    links: Any = None


_general = msgspec.json.Decoder(_General)
_envelope = msgspec.json.Decoder(_Envelope)


class Slots(msgspec.Struct, gc=False):
    """Properties in slots; ``names`` says which slot is which property, and a slot may be unset."""


class Reader:
    """Reads the features of one search, and learns their properties' names on the way."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._page: msgspec.json.Decoder[Any] | None = None
        self._list: msgspec.json.Decoder[Any] | None = None

    def page(self, data: bytes, operation: str) -> tuple[list[Feature], int, Mapping[str, Any]]:
        """Decode a feature collection.

        Returns
        -------
        features, skipped, rest
            The features, how many entries were none, and the collection's ``next`` and ``links``.

        Raises
        ------
        ServiceError
            If the bytes are no feature collection: never taken for "no imagery".
        """
        if not self._names:
            self._learn(_probe(data))
        with collector_paused():
            if self._page is not None:
                try:
                    found = self._page.decode(data)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    pass
                else:
                    if all(feature.type == "Feature" for feature in found.features):
                        return found.features, 0, {"next": found.next, "links": found.links}
            return self._general_page(data, operation)

    def lines(self, lines: Sequence[bytes]) -> list[Feature] | None:
        """Decode lines that hold a feature each, or return None when one of them holds something else."""
        if self._list is None:
            return None
        with collector_paused():
            try:
                found: list[Feature] = self._list.decode(b"[" + b",".join(lines) + b"]")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return None
        # a line that holds two values would be two entries
        return found if len(found) == len(lines) and all(feature.type == "Feature" for feature in found) else None

    def learn_from(self, features: Sequence[Feature]) -> None:
        """Take up names that were not known yet."""
        sets = [feature.properties for feature in features if isinstance(feature.properties, dict)]
        fresh = dict.fromkeys(name for name in chain.from_iterable(sets) if name not in self._names)
        if fresh:
            self._learn(fresh)

    def _general_page(self, data: bytes, operation: str) -> tuple[list[Feature], int, Mapping[str, Any]]:
        try:
            envelope = _envelope.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _read_odd_page(data, operation)
        features: list[Feature] = []
        skipped = 0
        for raw in envelope.features:
            feature = read_feature(raw)
            if feature is None or not isinstance(feature.properties, dict | None):
                skipped += 1
            else:
                features.append(feature)
        self.learn_from(features)
        return features, skipped, {"next": envelope.next, "links": envelope.links}

    def _learn(self, names: Mapping[str, Any]) -> None:
        """Take up names and the decoders for all known so far; where there can be none, the general way remains."""
        self._names.update(dict.fromkeys(names))
        self._page, self._list = _decoders(tuple(self._names))


@lru_cache(maxsize=32)
def _decoders(names: tuple[str, ...]) -> tuple[msgspec.json.Decoder[Any] | None, msgspec.json.Decoder[Any] | None]:
    """Return decoders of pages and of lists whose features have these properties, or None where names cannot be slots."""
    if not 0 < len(names) <= _MOST_NAMES:
        return None, None
    slots = {f"slot{number}": name for number, name in enumerate(names)}
    try:
        properties = msgspec.defstruct(
            "Properties",
            [(slot, Any, msgspec.UNSET) for slot in slots],
            bases=(Slots,),
            rename=slots,
            gc=False,
            forbid_unknown_fields=True,
            namespace={"names": names},
        )
        feature = msgspec.defstruct(
            "LearnedFeature",
            [("properties", properties | None, None), ("geometry", Geometry | None, None)],
            bases=(Feature,),
            gc=False,
        )
        page = msgspec.defstruct(
            "LearnedPage",
            [("features", list[feature]), ("next", Any, None), ("links", Any, None)],  # type: ignore[valid-type]  # made just now
            gc=False,
        )
        return msgspec.json.Decoder(page), msgspec.json.Decoder(list[feature])  # type: ignore[valid-type]  # likewise
    except (ValueError, TypeError):
        # a name that no slot can be called by, such as one with a quote in it
        return None, None


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector from looking at a million new objects that hold no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_feature(data: bytes | msgspec.Raw) -> Feature | None:
    """Decode one feature the general way, or return None for JSON that is none.

    Raises
    ------
    NotJson
        If the bytes are no JSON.
    """
    try:
        feature: Feature = _general.decode(data)
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = loads(bytes(data))
        if not isinstance(document, Mapping):
            return None
        return _feature_of(document)
    return feature if feature.type == "Feature" or feature.type is None else None


def read_page(data: bytes, operation: str) -> tuple[list[Feature], int, Mapping[str, Any]]:
    """Decode one feature collection by itself; see :meth:`Reader.page`."""
    return Reader().page(data, operation)


def columns_of(features: Sequence[Feature]) -> dict[str, list[Any]]:
    """Turn the properties of features into one list a property, in the order in which names first come up.

    A list may hold ``msgspec.UNSET`` where a feature does not have the property.
    """
    kinds = {type(feature.properties) for feature in features}
    learned = next((kind for kind in kinds if issubclass(kind, Slots)), None)
    if learned is not None and len(kinds) == 1:
        names: tuple[str, ...] = learned.names  # type: ignore[attr-defined]  # given when it was made
        sets = [feature.properties for feature in features]
        return {name: list(map(attrgetter(slot), sets)) for name, slot in zip(names, learned.__struct_fields__, strict=True)}
    dicts = [_as_dict(feature.properties) for feature in features]
    found: dict[str, None] = {}
    for properties in dicts:
        if not found.keys() >= properties.keys():
            found.update(dict.fromkeys(properties))
    return {name: [properties.get(name) for properties in dicts] for name in found}


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


def _as_dict(properties: Any) -> dict[str, Any]:
    if isinstance(properties, Slots):
        values = (getattr(properties, slot) for slot in properties.__struct_fields__)
        names: tuple[str, ...] = properties.names  # type: ignore[attr-defined]  # given when it was made
        return {name: value for name, value in zip(names, values, strict=True) if value is not msgspec.UNSET}
    return properties if isinstance(properties, dict) else {}


def _probe(data: bytes) -> dict[str, None]:
    """Return the names in the first features of a page, without decoding the rest."""
    start = data.find(b'"features"')
    start = data.find(b"[", start) + 1 if start >= 0 else 0
    if start <= 0:
        return {}
    text = data[start : start + _PROBED_BYTES].decode("utf-8", "ignore")
    decoder = json.JSONDecoder()
    found: dict[str, None] = {}
    position = 0
    for _ in range(_PROBED_FEATURES):
        while position < len(text) and text[position] in ", \r\n\t":
            position += 1
        try:
            feature, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if isinstance(properties, dict):
            found.update(dict.fromkeys(properties))
    return found


def _read_odd_page(data: bytes, operation: str) -> tuple[list[Feature], int, Mapping[str, Any]]:
    try:
        document = loads(data)
    except NotJson as error:
        what = f"no JSON ({error})" if data.strip() else "an empty body"
        raise ServiceError(f"{operation} answered {what}.", hint="Is base_url the ordering service?", operation=operation) from None
    if not isinstance(document, Mapping) or not isinstance(document.get("features"), list):
        raise ServiceError(
            f"{operation} answered JSON that is no feature collection.",
            hint="Is base_url the ordering service?",
            operation=operation,
        )
    features = [_feature_of(entry) for entry in document["features"] if isinstance(entry, Mapping)]
    return features, len(document["features"]) - len(features), document


def _feature_of(document: Mapping[str, Any]) -> Feature:
    """Build a feature from a document that the typed decoder would not take, such as one with lone surrogates."""

    def raw(name: str, default: str) -> msgspec.Raw:
        value = document.get(name)
        return msgspec.Raw((default if value is None else json.dumps(value)).encode())

    return Feature(
        type=document.get("type"),
        id=document.get("id"),
        collection=document.get("collection"),
        properties=document.get("properties"),
        geometry=raw("geometry", "null"),
        assets=raw("assets", "{}"),
        links=raw("links", "[]"),
        stac_version=document.get("stac_version"),
        stac_extensions=document.get("stac_extensions"),
    )
