"""Dialects as values: functions that rewrite the responses, and a few requests, of named operations."""

from __future__ import annotations

import json
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scenecart.sandbox._http.operations import Service

PROBLEM_MEDIA = "application/problem+json"
ORDER_OPERATIONS = ("orders.archive.place", "orders.get", "orders.list", "orders.update")


@dataclass
class Exchange:
    """One request of an operation, which dialects can read and change.

    Attributes
    ----------
    operation : str
        Operation id; ``token`` and ``userinfo`` for sign-in, ``*`` for any other path.
    body : dict
        The JSON object, the form, or the query of a GET with one text for each name.
    headers : dict
        The request headers, in lower case.
    notes : dict
        Values that a dialect stores about the request, for its response.
    """

    service: Service
    operation: str
    method: str
    body: dict[str, Any]
    headers: dict[str, str]
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def order_id(self) -> str:
        """The order that the request is about, or an empty text."""
        return str(self.body.get("order_id") or self.body.get("id") or "")


@dataclass(frozen=True)
class Reply:
    """A response: a JSON document, or other content; a lost one closes the connection."""

    status: int
    content: bytes = b""
    media: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    is_lost: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the response is a JSON document of status 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES and "json" in self.media and bool(self.content)

    @property
    def document(self) -> Any:
        """The JSON document."""
        return json.loads(self.content)

    def with_document(self, document: Any, status: int | None = None, media: str | None = None) -> Reply:
        """Return a response with another document, and perhaps another status."""
        content = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        return replace(self, content=content, status=status or self.status, media=media or self.media)


def problem(status: int, detail: str) -> Reply:
    """Return an error response."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Reply(status, media=PROBLEM_MEDIA).with_document(document)


@dataclass(frozen=True, eq=False)
class Dialect:
    """A deviation from the service's usual responses, as functions that rewrite requests and responses.

    Attributes
    ----------
    name, summary : str
        Its name, and one line about it.
    variants : tuple of str
        The names of its variants. They take turns by call or by order, or the first is used; ``"name:variant"`` fixes one.
    requests : mapping
        For an operation, a function that changes the request before the service sees it.
    replies : mapping
        For an operation, a function that returns the response to send instead of the service's.
    policy : mapping
        Fields of ``OrderPolicy`` that differ from the defaults.
    """

    name: str
    summary: str
    variants: tuple[str, ...] = ()
    requests: Mapping[str, Callable[[ActiveDialect, Exchange], None]] = field(default_factory=dict)
    replies: Mapping[str, Callable[[ActiveDialect, Exchange, Reply], Reply]] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """The summary with the names of the variants."""
        return f"{self.summary} Variants: {', '.join(self.variants)}." if self.variants else self.summary


class ActiveDialect:
    """A dialect in one sandbox: its variant, the number of calls, and values stored between requests."""

    def __init__(self, definition: Dialect, variant: str | None) -> None:
        self.definition = definition
        self._variant = variant
        self._calls: Counter[str] = Counter()
        self._values: dict[str, Any] = {}
        self._lock = threading.Lock()

    def variant(self) -> str:
        """Return the variant of a dialect whose variants do not take turns: the chosen one, or the first."""
        return self._variant or self.definition.variants[0]

    def variant_of_call(self, number: int) -> str:
        """Return the variant for the call with this number, from 0; the variants take turns unless one is chosen."""
        return self._variant or self.definition.variants[number % len(self.definition.variants)]

    def variant_of_order(self, service: Service, order_id: str) -> str:
        """Return the variant for an order, the same for each call about it; the variants take turns by order."""
        number = service.orders.number_of(order_id)
        return self.variant_of_call(zlib.crc32(order_id.encode("utf-8", "surrogatepass")) if number is None else number - 1)

    def count_call(self, name: str) -> int:
        """Count a call, and return its number, from 0."""
        with self._lock:
            self._calls[name] += 1
            return self._calls[name] - 1

    def stored(self, name: str, value: Any) -> Any:
        """Return the value stored under a name; store this one if there is none."""
        with self._lock:
            return self._values.setdefault(name, value)

    def store(self, name: str, value: Any) -> None:
        """Store a value under a name."""
        with self._lock:
            self._values[name] = value


def rewrite_each_order(
    rewrite: Callable[[ActiveDialect, Exchange, dict[str, Any]], dict[str, Any]],
) -> Callable[[ActiveDialect, Exchange, Reply], Reply]:
    """Return a function that rewrites the order of a response, or each order of a list."""

    def reply_with(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
        if not reply.is_success:
            return reply
        document = reply.document
        if exchange.operation == "orders.list":
            content = [rewrite(dialect, exchange, order) for order in document["content"]]
            return reply.with_document({**document, "content": content})
        return reply.with_document(rewrite(dialect, exchange, document))

    return reply_with


def replace_values(document: Any, values: Mapping[str, Any]) -> Any:
    """Return a document in which texts that equal a key are replaced, at any depth."""
    if isinstance(document, dict):
        return {name: replace_values(value, values) for name, value in document.items()}
    if isinstance(document, list):
        return [replace_values(value, values) for value in document]
    return values.get(document, document) if isinstance(document, str) else document


def as_number(value: Any) -> int | None:
    """Return an id that is a whole number, also as text; None for any other."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    is_short = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 15  # noqa: PLR2004  # far below 64 bits
    return int(value) if is_short else None
