"""JSON bytes become features, decoded only as far as every reader needs.

The names of the properties are learned from the first features of an answer, so that the rest is decoded into slots
instead of dicts; geometry, assets and links stay raw. What does not fit what was learned is decoded the general way:
slower, and the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from scenecart._util.json import NotJson, collector_paused, loads
from scenecart.exceptions import ServiceError

_PROBED_BYTES, _PROBED_FEATURES, _MOST_NAMES = 64 * 2**10, 4, 500
_LARGE_PAGE, _PIECE_BYTES, _AT_ONCE = 4 * 2**20, 2**20, 1_000
_FIRST_FEATURE = re.compile(rb'"features"\s*:\s*\[\s*(?P<mark>\{\s*"type"\s*:\s*"Feature"\s*,)')
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NULL = msgspec.Raw(b"null")


class Geometry(msgspec.Struct, gc=False):
    """A geometry whose coordinates are still text."""

    type: Any = None
    coordinates: msgspec.Raw = _NULL
    geometries: msgspec.Raw | None = None


class Feature(msgspec.Struct, gc=False):
    """One capture as it came. ``geometry`` is a :class:`Geometry`, or raw where it is none."""

    id: Any = None
    collection: Any = None
    properties: Any = None
    geometry: Any = None
    assets: msgspec.Raw = msgspec.Raw(b"{}")
    links: msgspec.Raw = msgspec.Raw(b"[]")
    bbox: msgspec.Raw = _NULL
    stac_version: Any = None
    stac_extensions: msgspec.Raw = _NULL


class _Loose(Feature, gc=False, forbid_unknown_fields=True):
    """A feature whose properties are not known yet."""

    geometry: msgspec.Raw = _NULL
    type: Any = None


class _Odd(Feature, gc=False, kw_only=True):
    """A feature with members that no feature has by the standards."""

    foreign: dict[str, Any]


class _Envelope(msgspec.Struct, gc=False):
    """A feature collection without its features' inside."""

    features: list[msgspec.Raw]
    next: Any = None
    links: Any = None


Batch = tuple[list[Feature], int]
"""Features, and how many entries beside them were none."""

_MEMBERS = frozenset({*Feature.__struct_fields__, "type"})
_loose = msgspec.json.Decoder(_Loose)
_envelope = msgspec.json.Decoder(_Envelope)


class Slots(msgspec.Struct, gc=False):
    """Properties in slots; ``names`` says which slot is which property. Those in ``nested`` are still text."""


class Page:
    """One answer: ``rest`` is its ``next`` and ``links``; ``features`` counts what it holds."""

    def __init__(self, parts: Iterable[Batch], rest: Mapping[str, Any]) -> None:
        self._parts = parts
        self.rest = rest

    def batches(self) -> Iterator[Batch]:
        """Yield the features some at a time, each time with how many entries were none; a large page is decoded on the way."""
        yield from self._parts

    def features(self) -> tuple[list[Feature], int]:
        """Return all features, and how many entries were none."""
        parts = list(self._parts)
        return [feature for features, _ in parts for feature in features], sum(skipped for _, skipped in parts)


class Reader:
    """Reads the features of one search, and learns their properties' names on the way."""

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
            If the bytes are no feature collection: never taken for "no imagery".
        """
        # the pieces of a large page are looked at one by one
        if len(data) < _LARGE_PAGE and not _is_utf8(data):
            return _read_odd_page(data, operation)
        if not self._names:
            self._learn(_probe(data))
        if self._page is not None and len(data) < _LARGE_PAGE:
            with collector_paused():
                try:
                    found = self._page.decode(data)
                except _UNREADABLE:
                    pass
                else:
                    if not found.features:
                        _believe_nothing(data, operation)
                    return Page([(found.features, 0)], {"next": found.next, "links": found.links})
        if len(data) >= _LARGE_PAGE:
            return self._cut_at_marks(data, operation) or self._slowly(data, operation)
        page = self._slowly(data, operation)
        return Page(list(page.batches()), page.rest)

    def lines(self, lines: Sequence[bytes | msgspec.Raw], *, alone: bool = True) -> list[Feature] | None:
        """Decode texts that hold a feature each (``alone``) or several, or return None when one of them holds something else."""
        if self._list is None:
            return None
        joined = b"[" + b",".join(lines) + b"]"
        if not _is_utf8(joined):
            return None
        with collector_paused():
            try:
                found: list[Feature] = self._list.decode(joined)
            except _UNREADABLE:
                return None
        # a line that holds two values would be two entries
        return found if len(found) == len(lines) or not alone else None

    def learn_from(self, features: Sequence[Feature]) -> None:
        """Take up names that were not known yet."""
        sets = [feature.properties for feature in features if isinstance(feature.properties, dict)]
        known: dict[str, bool] = {}
        for properties in sets:
            if not known.keys() >= properties.keys():
                known.update(_kinds(properties))
        foreign = dict.fromkeys(name for feature in features if isinstance(feature, _Odd) for name in feature.foreign)
        if not self._names.keys() >= known.keys() or not self._foreign.keys() >= foreign.keys():
            self._learn((known, foreign))

    def _cut_at_marks(self, data: bytes, operation: str) -> Page | None:
        """Cut a large page where features begin, without reading it first; None where that cannot be told.

        A quote within a text is escaped, so the mark that every feature begins with stands in none; where it stands deeper
        inside a feature, the piece that ends there is no list and is not taken for one.
        """
        begin = _FIRST_FEATURE.search(data, 0, _PROBED_BYTES)
        if begin is None or self._page is None:
            return None
        mark, first = begin["mark"], begin.start("mark")
        last = data.rfind(mark)
        try:
            head = self._page.decode(data[:first] + b"]}")
            tail = self._page.decode(b'{"features":[' + data[last:])
        except _UNREADABLE:
            return None
        rest = {"next": head.next if tail.next is None else tail.next, "links": head.links if tail.links is None else tail.links}
        return Page(self._between(data, mark, (first, last), tail.features, operation), rest)

    def _between(self, data: bytes, mark: bytes, span: tuple[int, int], tail: list[Feature], operation: str) -> Iterator[Batch]:
        start, last = span
        while start < last:
            end = data.find(mark, min(start + _PIECE_BYTES, last))
            piece = data[start:end].rstrip().removesuffix(b",")
            features = self.lines([piece], alone=False)
            if features is not None:
                yield features, 0
            else:
                try:
                    page = self._slowly(b'{"features":[' + piece + b"]}", operation)
                except ServiceError:
                    # the mark stood inside a feature, or the page is broken: everything from here
                    yield from self._slowly(b'{"features":[' + data[start:], operation).batches()
                    return
                yield from page.batches()
            start = end
        yield tail, 0

    def _slowly(self, data: bytes, operation: str) -> Page:
        with collector_paused():
            try:
                envelope = _envelope.decode(data)
            except _UNREADABLE:
                return _read_odd_page(data, operation)
        if not envelope.features:
            _believe_nothing(data, operation)
        return Page(self._cut(envelope.features, operation), {"next": envelope.next, "links": envelope.links})

    def _cut(self, entries: list[msgspec.Raw], operation: str) -> Iterator[Batch]:
        for start in range(0, len(entries), _AT_ONCE):
            raws = entries[start : start + _AT_ONCE]
            features = self.lines(raws)
            if features is not None:
                yield features, 0
                continue
            found = [_read_entry(raw, operation) for raw in raws]
            features = [feature for feature in found if feature is not None]
            self.learn_from(features)
            yield features, len(found) - len(features)

    def _learn(self, names: tuple[Mapping[str, bool], Mapping[str, Any]]) -> None:
        """Take up names and the decoders for all known so far; where there can be none, the general way remains."""
        properties, foreign = names
        self._names = {**properties, **self._names}
        self._foreign.update(dict.fromkeys(foreign))
        self._page, self._list = _decoders(tuple(self._names.items()), tuple(self._foreign))


@lru_cache(maxsize=32)
def _decoders(
    properties: tuple[tuple[str, bool], ...], foreign: tuple[str, ...]
) -> tuple[msgspec.json.Decoder[Any] | None, msgspec.json.Decoder[Any] | None]:
    """Return decoders of pages and of lists whose features have these names, or None where names cannot be slots."""
    if not 0 < len(properties) + len(foreign) <= _MOST_NAMES:
        return None, None
    names = tuple(name for name, _ in properties)
    slots = {f"slot{number}": name for number, name in enumerate(names)}
    others = {f"foreign{number}": name for number, name in enumerate(foreign)}
    try:
        kind = msgspec.defstruct(
            "Properties",
            [
                (slot, msgspec.Raw, _NULL) if nested else (slot, Any, None)
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
                # as a tag it could be left out
                ("type", Literal["Feature"]),
                ("properties", kind | None, None),
                ("geometry", Geometry | None, None),
                *((slot, msgspec.Raw, _NULL) for slot in others),
            ],
            bases=(Feature,),
            rename=others,
            gc=False,
            kw_only=True,
            forbid_unknown_fields=True,
            namespace={"foreign_names": foreign},
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


def read_feature(data: bytes | msgspec.Raw, *, typed: bool = False) -> Feature | None:
    """Decode one feature the general way, or return None for JSON that is none; ``typed`` wants it to say that it is one.

    Raises
    ------
    NotJson
        If the bytes are no JSON.
    """
    if not _is_utf8(data):
        raise NotJson("it is not UTF-8")
    try:
        feature: _Loose = _loose.decode(data)
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = loads(bytes(data))
        return _feature_of(document) if _is_feature(document, typed=typed) else None
    told = {"type": feature.type, "id": feature.id, "geometry": bytes(feature.geometry) != b"null" or None}
    return feature if _is_feature({**told, "properties": feature.properties}, typed=typed) else None


def read_page(data: bytes, operation: str) -> tuple[list[Feature], int, Mapping[str, Any]]:
    """Decode one feature collection by itself: its features, how many entries were none, and the rest; see :meth:`Reader.page`."""
    page = Reader().page(data, operation)
    return *page.features(), page.rest


def columns_of(features: Sequence[Feature]) -> dict[str, list[Any]]:
    """Turn the properties of features into one list a property, in the order in which names first come up."""
    kinds = {type(feature.properties) for feature in features}
    learned = next((kind for kind in kinds if issubclass(kind, Slots)), None)
    if learned is not None and len(kinds) == 1:
        rows = [msgspec.structs.astuple(feature.properties) for feature in features]
        columns = dict(zip(_names_of(learned), map(list, zip(*rows, strict=True)), strict=True))
        for name in learned.nested:  # type: ignore[attr-defined]  # given when it was made
            columns[name] = decode_each(columns[name])
        return columns
    dicts = [_as_dict(feature.properties) for feature in features]
    found: dict[str, None] = {}
    for properties in dicts:
        if not found.keys() >= properties.keys():
            found.update(dict.fromkeys(properties))
    return {name: [properties.get(name) for properties in dicts] for name in found}


def decode_each(values: Sequence[msgspec.Raw]) -> list[Any]:
    """Decode JSON texts; those that say the same share what they became, as most rows of a catalog do."""
    texts = list(map(bytes, values))
    unique = list(dict.fromkeys(texts))
    try:
        decoded = msgspec.json.decode(b"[" + b",".join(unique) + b"]")
    except _UNREADABLE:
        decoded = [_decode_odd(text) for text in unique]
    if len(unique) == len(texts):
        return list(decoded)
    known = dict(zip(unique, decoded, strict=True))
    return [known[text] for text in texts]


def _is_utf8(data: bytes | msgspec.Raw) -> bool:
    """Tell whether bytes are a text; what stays raw would be found out later, or never."""
    data = bytes(data)
    try:
        return data.isascii() or data.decode() is not None
    except UnicodeDecodeError:
        return False


def _decode_odd(text: bytes) -> Any:
    try:
        return loads(text)
    except NotJson:
        return text.decode("utf-8", "replace")


def foreign_of(features: Sequence[Feature]) -> list[dict[str, Any]] | None:
    """Return each feature's members that no feature has by the standards, or None where there are none at all."""
    if not any(issubclass(kind, _Odd) or getattr(kind, "foreign_names", ()) for kind in set(map(type, features))):
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
    names: tuple[str, ...] = kind.names  # type: ignore[attr-defined]  # given when it was made
    return names


def _as_dict(properties: Any) -> dict[str, Any]:
    if isinstance(properties, Slots):
        names, values = _names_of(type(properties)), msgspec.structs.astuple(properties)
        return {
            name: decode_each([value])[0] if isinstance(value, msgspec.Raw) else value
            for name, value in zip(names, values, strict=True)
        }
    return properties if isinstance(properties, dict) else {}


def _foreign(feature: Feature) -> dict[str, Any]:
    if isinstance(feature, _Odd):
        return feature.foreign
    names: tuple[str, ...] = getattr(feature, "foreign_names", ())
    raws = ((name, getattr(feature, f"foreign{number}")) for number, name in enumerate(names))
    return {name: decode_each([raw])[0] for name, raw in raws if bytes(raw) != b"null"}


def _kinds(properties: Mapping[str, Any]) -> dict[str, bool]:
    """Tell which properties are lists or objects; those are decoded after the rest, alike ones once."""
    return {name: isinstance(value, list | dict) for name, value in properties.items()}


def _probe(data: bytes) -> tuple[dict[str, bool], dict[str, None]]:
    """Return the names in the first features of a page, without decoding the rest."""
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
            for name, nested in _kinds(feature["properties"]).items():
                found[name] = found.get(name, False) or nested
            foreign.update(dict.fromkeys(name for name in feature if name not in _MEMBERS))
    return found, foreign


def _read_odd_page(data: bytes, operation: str) -> Page:
    try:
        document = loads(data)
    except NotJson as error:
        what = f"no JSON ({error})" if data.strip() else "an empty body"
        raise _not_read(f"{operation} answered {what}.", operation) from None
    if not isinstance(document, Mapping) or not isinstance(document.get("features"), list):
        raise _not_read(f"{operation} answered JSON that is no feature collection.", operation)
    if not document["features"]:
        _believe_nothing(data, operation)
    features = [_feature_of(entry) for entry in document["features"] if _is_feature(entry, typed=False)]
    return Page([(features, len(document["features"]) - len(features))], document)


def _not_read(message: str, operation: str) -> ServiceError:
    return ServiceError(message, hint="Is base_url the ordering service?", operation=operation)


def _believe_nothing(data: bytes, operation: str) -> None:
    """Believe an answer without features only if it says so once, as a feature collection, in JSON to its last letter.

    The quick readers pass over what they need not know, and of two members of one name they take the last.
    """
    try:
        members: list[tuple[str, Any]] = json.loads(data.decode("utf-8-sig"), object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise _not_read(f"{operation} answered no JSON ({type(error).__name__}).", operation) from None
    if [name for name, _ in members].count("features") != 1:
        raise _not_read(f"{operation} answered JSON that names its features twice.", operation)
    if dict(members).get("type", "FeatureCollection") != "FeatureCollection":
        raise _not_read(f"{operation} answered JSON that is no feature collection.", operation)


def _read_entry(raw: msgspec.Raw, operation: str) -> Feature | None:
    try:
        return read_feature(raw)
    except NotJson as error:
        raise ServiceError(f"{operation} answered a capture that is no JSON ({error}).", operation=operation) from None


def _is_feature(document: Any, *, typed: bool) -> bool:
    """Tell whether JSON is a feature: it says so, or, unless it is to be ``typed``, it has what only features have."""
    if not isinstance(document, Mapping):
        return False
    kind = document.get("type")
    has_some = any(document.get(name) is not None for name in ("id", "geometry", "properties"))
    return kind == "Feature" or (kind is None and not typed and has_some)


def _feature_of(document: Mapping[str, Any]) -> Feature:
    """Build a feature from a document that the typed decoder would not take, such as one with lone surrogates."""

    def raw(name: str, default: str) -> msgspec.Raw:
        value = document.get(name)
        return msgspec.Raw((default if value is None else json.dumps(value)).encode())

    return _Odd(
        id=document.get("id"),
        collection=document.get("collection"),
        properties=document.get("properties"),
        geometry=raw("geometry", "null"),
        assets=raw("assets", "{}"),
        links=raw("links", "[]"),
        bbox=raw("bbox", "null"),
        stac_version=document.get("stac_version"),
        stac_extensions=raw("stac_extensions", "null"),
        foreign={name: value for name, value in document.items() if name not in _MEMBERS},
    )
