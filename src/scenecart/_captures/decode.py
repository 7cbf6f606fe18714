"""Decoding of features from the JSON of catalogs.

The property names are learned from the first features of a response, so that the others are decoded into slots instead of
dicts; geometry, assets and links stay raw JSON. Features that do not fit the learned names are decoded generically: slower,
with the same result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from scenecart._api import paging
from scenecart._captures.features import MEMBERS, NULL, UNREADABLE, Feature, ForeignFeature, Geometry, Slots
from scenecart._util.collector import collector_paused
from scenecart._util.json import NotJson, loads
from scenecart.exceptions import ServiceError

_PROBED_BYTES, _PROBED_FEATURES, _MAX_NAMES = 64 * 2**10, 4, 500
_LARGE_PAGE_BYTES, _PIECE_BYTES, _BATCH_SIZE = 4 * 2**20, 2**20, 1_000
_FIRST_FEATURE = re.compile(rb'"features"\s*:\s*\[\s*(?P<mark>\{\s*"type"\s*:\s*"Feature"\s*,)')
_HINT = "Check that the base URL is the ordering service, and that no proxy is in between."


class _GenericFeature(Feature, gc=False, forbid_unknown_fields=True):
    """A feature decoded without learned names."""

    geometry: msgspec.Raw = NULL
    type: Any = None


_PAGING = [(name, Any, None) for name in paging.MEMBERS]
_Envelope = msgspec.defstruct("_Envelope", [("features", list[msgspec.Raw]), *_PAGING], gc=False)
"""A feature collection with its features as raw JSON."""


Batch = tuple[list[Feature], int]
"""Features, and how many other entries were skipped."""

_generic_decoder = msgspec.json.Decoder(_GenericFeature)
_envelope_decoder = msgspec.json.Decoder(_Envelope)


class Page:
    """One page of results; ``paging`` contains the members that may announce another page."""

    def __init__(self, parts: Iterable[Batch], paging: Mapping[str, Any]) -> None:
        self._parts = parts
        self.paging = paging

    def batches(self) -> Iterator[Batch]:
        """Yield the features in batches; a large page is decoded in several steps."""
        yield from self._parts

    def features(self) -> tuple[list[Feature], int]:
        """Return all features, and how many entries were skipped."""
        parts = list(self._parts)
        return [feature for features, _ in parts for feature in features], sum(skipped for _, skipped in parts)


class Reader:
    """Decodes the features of one search, and learns the names of their properties while it does."""

    def __init__(self) -> None:
        self._names: dict[str, bool] = {}
        self._foreign: dict[str, None] = {}
        self._page: msgspec.json.Decoder[Any] | None = None
        self._list: msgspec.json.Decoder[Any] | None = None

    def page(self, data: bytes, operation: str) -> Page:
        """Decode a feature collection.

        Raises
        ------
        ServiceError
            If the bytes are not a feature collection; they are never read as an empty result.
        """
        # the pieces of a large page are checked one by one
        if len(data) < _LARGE_PAGE_BYTES and not _is_utf8(data):
            return _read_page_leniently(data, operation)
        if not self._names:
            self._learn_names(_probe_names(data))
        if self._page is not None and len(data) < _LARGE_PAGE_BYTES:
            with collector_paused():
                try:
                    page = self._page.decode(data)
                except UNREADABLE:
                    pass
                else:
                    if not page.features:
                        _check_empty_collection(data, operation)
                    return Page([(page.features, 0)], _paging_of(page))
        if len(data) >= _LARGE_PAGE_BYTES:
            return self._split_large_page(data, operation) or self._read_generic_page(data, operation)
        generic = self._read_generic_page(data, operation)
        return Page(list(generic.batches()), generic.paging)

    def lines(self, lines: Sequence[bytes | msgspec.Raw], *, one_each: bool = True) -> list[Feature] | None:
        """Decode lines with one feature each, or with several; return None if a line is something else."""
        if self._list is None:
            return None
        joined = b"[" + b",".join(lines) + b"]"
        if not _is_utf8(joined):
            return None
        with collector_paused():
            try:
                features: list[Feature] = self._list.decode(joined)
            except UNREADABLE:
                return None
        # a line of two values would be two features
        return features if len(features) == len(lines) or not one_each else None

    def learn_from(self, features: Sequence[Feature]) -> None:
        """Learn names that are new."""
        sets = [feature.properties for feature in features if isinstance(feature.properties, dict)]
        known: dict[str, bool] = {}
        for properties in sets:
            if not known.keys() >= properties.keys():
                known.update(_nested_by_name(properties))
        foreign = dict.fromkeys(name for feature in features if isinstance(feature, ForeignFeature) for name in feature.foreign)
        if not self._names.keys() >= known.keys() or not self._foreign.keys() >= foreign.keys():
            self._learn_names((known, foreign))

    def _split_large_page(self, data: bytes, operation: str) -> Page | None:
        """Split a large page between features, without decoding it first; None if that is not possible.

        A piece ends before the text that the first feature starts with. Quotes in strings are escaped, so no string contains
        that text; if it occurs deeper inside a feature, the piece is not valid JSON and is not used.
        """
        match = _FIRST_FEATURE.search(data, 0, _PROBED_BYTES)
        if match is None or self._page is None:
            return None
        mark, first = match["mark"], match.start("mark")
        last = data.rfind(mark)
        try:
            head = self._page.decode(data[:first] + b"]}")
            tail = self._page.decode(b'{"features":[' + data[last:])
        except UNREADABLE:
            return None
        at_end = {name: value for name, value in _paging_of(tail).items() if value is not None}
        return Page(self._decode_pieces(data, mark, (first, last), tail.features, operation), {**_paging_of(head), **at_end})

    def _decode_pieces(
        self, data: bytes, mark: bytes, span: tuple[int, int], tail: list[Feature], operation: str
    ) -> Iterator[Batch]:
        start, last = span
        while start < last:
            end = data.find(mark, min(start + _PIECE_BYTES, last))
            piece = data[start:end].rstrip().removesuffix(b",")
            features = self.lines([piece], one_each=False)
            if features is not None:
                yield features, 0
            else:
                try:
                    page = self._read_generic_page(b'{"features":[' + piece + b"]}", operation)
                except ServiceError:
                    # the mark is inside a feature, or the page is damaged: decode the rest generically
                    yield from self._read_generic_page(b'{"features":[' + data[start:], operation).batches()
                    return
                yield from page.batches()
            start = end
        yield tail, 0

    def _read_generic_page(self, data: bytes, operation: str) -> Page:
        with collector_paused():
            try:
                envelope: Any = _envelope_decoder.decode(data)
            except UNREADABLE:
                return _read_page_leniently(data, operation)
        if not envelope.features:
            _check_empty_collection(data, operation)
        return Page(self._decode_entries(envelope.features, operation), _paging_of(envelope))

    def _decode_entries(self, entries: list[msgspec.Raw], operation: str) -> Iterator[Batch]:
        for start in range(0, len(entries), _BATCH_SIZE):
            raws = entries[start : start + _BATCH_SIZE]
            features = self.lines(raws)
            if features is not None:
                yield features, 0
                continue
            entries_read = [_read_entry(raw, operation) for raw in raws]
            features = [feature for feature in entries_read if feature is not None]
            self.learn_from(features)
            yield features, len(entries_read) - len(features)

    def _learn_names(self, names: tuple[Mapping[str, bool], Mapping[str, Any]]) -> None:
        """Add names, and make decoders for all names so far; if that is impossible, features are decoded generically."""
        properties, foreign = names
        self._names = {**properties, **self._names}
        self._foreign.update(dict.fromkeys(foreign))
        self._page, self._list = _decoders(tuple(self._names.items()), tuple(self._foreign))


@lru_cache(maxsize=32)
def _decoders(
    properties: tuple[tuple[str, bool], ...], foreign: tuple[str, ...]
) -> tuple[msgspec.json.Decoder[Any] | None, msgspec.json.Decoder[Any] | None]:
    """Return decoders of pages and of lists of features with these names; None if a name cannot be a slot."""
    if not 0 < len(properties) + len(foreign) <= _MAX_NAMES:
        return None, None
    names = tuple(name for name, _ in properties)
    slots = {f"slot{number}": name for number, name in enumerate(names)}
    foreign_slots = {f"foreign{number}": name for number, name in enumerate(foreign)}
    try:
        kind = msgspec.defstruct(
            "Properties",
            [
                (slot, msgspec.Raw, NULL) if nested else (slot, Any, None)
                for slot, (_, nested) in zip(slots, properties, strict=True)
            ],
            bases=(Slots,),
            rename=slots,
            gc=False,
            forbid_unknown_fields=True,
            namespace={"names": names, "nested": frozenset(name for name, nested in properties if nested)},
        )
        feature = msgspec.defstruct(
            "LearnedFeature",
            [
                # a msgspec tag would be optional
                ("type", Literal["Feature"]),
                ("properties", kind | None, None),
                ("geometry", Geometry | None, None),
                *((slot, msgspec.Raw, NULL) for slot in foreign_slots),
            ],
            bases=(Feature,),
            rename=foreign_slots,
            gc=False,
            kw_only=True,
            forbid_unknown_fields=True,
            namespace={"foreign_names": foreign},
        )
        page = msgspec.defstruct(
            "LearnedPage",
            [("features", list[feature]), *_PAGING],  # type: ignore[valid-type]  # created at run time
            gc=False,
        )
        return msgspec.json.Decoder(page), msgspec.json.Decoder(list[feature])  # type: ignore[valid-type]  # as above
    except (ValueError, TypeError):
        # a name that msgspec does not accept, such as one with a quote
        return None, None


def read_feature(data: bytes | msgspec.Raw, *, typed: bool = False) -> Feature | None:
    """Decode one feature generically, or return None for other JSON; with ``typed``, its type must be "Feature".

    Raises
    ------
    NotJson
        If the bytes are not JSON.
    """
    if not _is_utf8(data):
        raise NotJson("not UTF-8")
    try:
        feature: _GenericFeature = _generic_decoder.decode(data)
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = loads(bytes(data))
        return _feature_of(document) if _is_feature(document, typed=typed) else None
    members = {
        "type": feature.type,
        "id": feature.id,
        "geometry": bytes(feature.geometry) != b"null" or None,
        "properties": feature.properties,
    }
    return feature if _is_feature(members, typed=typed) else None


def read_page(data: bytes, operation: str) -> tuple[list[Feature], int, Mapping[str, Any]]:
    """Decode one feature collection; return its features, how many entries were skipped, and its paging members.

    Raises as :meth:`Reader.page`.
    """
    page = Reader().page(data, operation)
    return *page.features(), page.paging


def _paging_of(page: Any) -> dict[str, Any]:
    """Return the members of a decoded page that may announce more results."""
    return {name: getattr(page, name) for name in paging.MEMBERS}


def _is_utf8(data: bytes | msgspec.Raw) -> bool:
    """Return whether bytes are UTF-8; raw JSON is not checked by its decoder."""
    data = bytes(data)
    try:
        return data.isascii() or data.decode() is not None
    except UnicodeDecodeError:
        return False


def _nested_by_name(properties: Mapping[str, Any]) -> dict[str, bool]:
    """Return the properties that are lists or objects; they are decoded later, each distinct value once."""
    return {name: isinstance(value, list | dict) for name, value in properties.items()}


def _probe_names(data: bytes) -> tuple[dict[str, bool], dict[str, None]]:
    """Return the names in the first features of a page, without decoding the others."""
    start = data.find(b'"features"')
    start = data.find(b"[", start) + 1 if start >= 0 else 0
    found: dict[str, bool] = {}
    foreign: dict[str, None] = {}
    if start <= 0:
        return found, foreign
    text = data[start : start + _PROBED_BYTES].decode("utf-8", "ignore")
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(_PROBED_FEATURES):
        while position < len(text) and text[position] in ", \r\n\t":
            position += 1
        try:
            feature, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        if isinstance(feature, dict) and isinstance(feature.get("properties"), dict):
            for name, nested in _nested_by_name(feature["properties"]).items():
                found[name] = found.get(name, False) or nested
            foreign.update(dict.fromkeys(name for name in feature if name not in MEMBERS))
    return found, foreign


def _read_page_leniently(data: bytes, operation: str) -> Page:
    try:
        document = loads(data)
    except NotJson as error:
        raise _unreadable(data, operation, str(error)) from None
    if not isinstance(document, Mapping) or not isinstance(document.get("features"), list):
        raise _not_a_collection(operation)
    if not document["features"]:
        _check_empty_collection(data, operation)
    features = [_feature_of(entry) for entry in document["features"] if _is_feature(entry, typed=False)]
    return Page([(features, len(document["features"]) - len(features))], document)


def _unreadable(data: bytes, operation: str, reason: str) -> ServiceError:
    code, problem = ("response_not_json", f"not valid JSON ({reason})") if data.strip() else ("response_empty", "empty")
    return ServiceError(f"The response to {operation} is {problem}.", code=code, hint=_HINT, operation=operation)


def _not_a_collection(operation: str) -> ServiceError:
    return ServiceError(
        f"The response to {operation} is not a feature collection.",
        code="response_not_feature_collection",
        hint=_HINT,
        operation=operation,
    )


def _check_empty_collection(data: bytes, operation: str) -> None:
    """Accept a response without features only if it is strictly a feature collection with exactly one ``features``.

    The fast decoders ignore unknown members, and of two members with the same name they use the last.
    """
    try:
        members: list[tuple[str, Any]] = json.loads(data.decode("utf-8-sig"), object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise _unreadable(data, operation, type(error).__name__) from None
    if [name for name, _ in members].count("features") != 1 or (
        dict(members).get("type", "FeatureCollection") != "FeatureCollection"
    ):
        raise _not_a_collection(operation)


def _read_entry(raw: msgspec.Raw, operation: str) -> Feature | None:
    try:
        return read_feature(raw)
    except NotJson as error:
        raise ServiceError(
            f"A feature in the response to {operation} is not valid JSON ({error}).", code="response_not_json", operation=operation
        ) from None


def _is_feature(document: Any, *, typed: bool) -> bool:
    """Return whether JSON is a feature: by its type or, unless ``typed``, by members that only features have."""
    if not isinstance(document, Mapping):
        return False
    kind = document.get("type")
    has_some = any(document.get(name) is not None for name in ("id", "geometry", "properties"))
    return kind == "Feature" or (kind is None and not typed and has_some)


def _feature_of(document: Mapping[str, Any]) -> Feature:
    """Build a feature from a document that msgspec cannot decode, such as one with lone surrogates."""

    def raw(name: str, default: str) -> msgspec.Raw:
        value = document.get(name)
        return msgspec.Raw((default if value is None else json.dumps(value)).encode())

    return ForeignFeature(
        id=document.get("id"),
        collection=document.get("collection"),
        properties=document.get("properties"),
        geometry=raw("geometry", "null"),
        assets=raw("assets", "{}"),
        links=raw("links", "[]"),
        bbox=raw("bbox", "null"),
        stac_version=document.get("stac_version"),
        stac_extensions=raw("stac_extensions", "null"),
        foreign={name: value for name, value in document.items() if name not in MEMBERS},
    )
