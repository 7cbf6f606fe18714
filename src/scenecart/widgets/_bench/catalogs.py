"""The hosts and collections to choose from: what the client knows, what the service lists, and what was used before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._util.text import clean_text
from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenecart.client import Client

_LISTS = ("catalog.vendors.list", "catalog.sources.list")
_HOST_FIELDS = ("host", "vendor", "vendor_name", "provider", "slug", "name", "id")
_COLLECTION_FIELDS = ("collections", "collection_names", "collection_ids")
_COLLECTION = ("collection", "collection_name", "collection_id")
_MOST, _LONGEST = 500, 120


def listed_hosts(client: Client) -> dict[str, list[str]]:
    """Return the hosts that the service lists, each with its collections; empty where it lists none."""
    found: dict[str, list[str]] = {}
    for operation in _LISTS:
        try:
            answer = client.call(operation)
        except ScenecartError:
            # not every service has these lists
            continue
        for host, collections in hosts_in(answer).items():
            known = found.setdefault(host, [])
            known += [name for name in collections if name not in known]
    return found


def hosts_in(answer: Any) -> dict[str, list[str]]:
    """Return hosts and collections of an answer, whose field names differ between services.

    Examples
    --------
    >>> hosts_in({"vendors": [{"name": "aurora", "collections": [{"id": "aurora-50cm"}]}, {"name": "lumen"}]})
    {'aurora': ['aurora-50cm'], 'lumen': []}
    >>> hosts_in([{"host": "aurora", "collection": "aurora-30cm"}])
    {'aurora': ['aurora-30cm']}
    """
    found: dict[str, list[str]] = {}
    for entry in _entries(answer):
        host = _text(entry, _HOST_FIELDS)
        if host is None or len(found) >= _MOST:
            continue
        known = found.setdefault(host, [])
        listed: list[Any] = next((entry[name] for name in _COLLECTION_FIELDS if isinstance(entry.get(name), list)), [])
        names = [one if isinstance(one, str) else _text(one, ("id", "name", *_COLLECTION)) for one in listed[:_MOST]]
        single = _text(entry, _COLLECTION)
        for name in [*names, single]:
            if name is not None and name not in known:
                known.append(clean_text(name, _LONGEST))
    return found


def _entries(answer: Any) -> Iterator[dict[str, Any]]:
    rows = answer if isinstance(answer, list) else []
    if isinstance(answer, dict):
        rows = next((value for value in answer.values() if isinstance(value, list)), [])
    yield from (row for row in rows[:_MOST] if isinstance(row, dict))


def _text(entry: Any, names: tuple[str, ...]) -> str | None:
    if not isinstance(entry, dict):
        return None
    return next((clean_text(entry[name], _LONGEST) for name in names if isinstance(entry.get(name), str) and entry[name]), None)
