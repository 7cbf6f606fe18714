"""Search requests of STAC APIs, written by pystac-client; the only module that imports it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

import numpy as np

from scenecart._captures.times import instant
from scenecart._util.json import dumps
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery, ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_URL = 4_000
_CQL2 = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "<>", "in": "in"}
_EXTENSION_HINTS = {
    "sortby": 'For example: sortby="-properties.datetime"',
    "fields": 'For example: fields=["id", "geometry", "properties.datetime"]',
    "filter": """For example: filter="eo:cloud_cover < 10 AND platform = 'sentinel-2a'\"""",
}
_DAYS = re.compile(r"(?!0000|9999)\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_SIDES = 2
_DATETIME_HINT = 'For example: "2024-03-05", "2024-01/2024-06" or "2024-01-01/..".'


def as_interval(value: Any) -> str:
    """Return a time or a range as a STAC interval.

    Takes what pystac-client takes, and dates.
    """
    text = _days(value) or _interval_of_client(value)
    if not isinstance(text, str) or not text.strip("./"):
        raise unbounded_datetime(value)
    start, _, end = text.partition("/")
    try:
        moments = [instant(side) for side in (start, end) if side not in {"", ".."}]
    except ValueError as error:
        raise invalid_datetime(value) from error
    if moments[0] > moments[-1]:
        raise reversed_datetime(start, end)
    return text


def _days(value: Any) -> str | None:
    """Return the interval of whole years, months or days; None for anything else.

    The same as pystac-client returns, which takes a second to import where JupyterLab is installed.
    """
    sides = value.split("/") if isinstance(value, str) else []
    if not 1 <= len(sides) <= _SIDES or not all(_DAYS.fullmatch(side) for side in sides):
        return None
    try:
        first, last = np.datetime64(sides[0]), np.datetime64(sides[-1])
    except ValueError:
        return None
    # the start of the next year, month or day
    return f"{first.astype('datetime64[s]')}Z/{(last + 1).astype('datetime64[s]') - 1}Z"


def _interval_of_client(value: Any) -> Any:
    from pystac_client import ItemSearch  # noqa: PLC0415  # slow to import

    try:
        return ItemSearch(url="http://localhost", datetime=_dates_as_text(value)).get_parameters().get("datetime")
    except Exception as error:
        raise invalid_datetime(value) from error


def invalid_datetime(value: Any) -> InvalidQuery:
    """Return the error for a value that is not a time or a range."""
    message = f"must be a date, a time or a range, got {shown_value(value)}."
    return InvalidQuery(message, code="datetime_invalid", argument="datetime", hint=_DATETIME_HINT)


def unbounded_datetime(value: Any) -> InvalidQuery:
    """Return the error for a range that is open at both ends, or empty."""
    message = f"must have a start or an end, got {shown_value(value)}."
    return InvalidQuery(message, code="datetime_unbounded", argument="datetime", hint="For all times, omit it.")


def reversed_datetime(start: str, end: str) -> InvalidQuery:
    """Return the error for a range that ends before it starts."""
    first, last = start.removesuffix("T00:00:00Z"), end.removesuffix("T23:59:59Z")
    message = f"must have the start before the end, got {first} to {last}."
    return InvalidQuery(message, code="datetime_reversed", argument="datetime", hint="Put the earlier time first.")


def _dates_as_text(value: Any) -> Any:
    """Return dates, single or in a pair, as text; each date means the whole day."""
    if isinstance(value, list | tuple):
        return [_dates_as_text(part) for part in value]
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


@dataclass(frozen=True)
class SearchRequest:
    """One request of a search, to the API's search endpoint or to the link of a next page."""

    url: str
    method: str = "GET"
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None

    @property
    def key(self) -> bytes:
        """The identity of the request, to detect a repeated one."""
        return dumps([self.url, self.method, self.body])


class StacApi:
    """The landing page of a STAC API: the extensions that it supports, and its search endpoints.

    Parameters
    ----------
    landing
        The landing page.
    url
        Its URL.
    conforms_to
        The conformance classes of another document, if the landing page has none.
    """

    def __init__(self, landing: Mapping[str, Any], url: str, conforms_to: Sequence[Any] = ()) -> None:
        from pystac_client import Client  # noqa: PLC0415  # slow to import

        classes = landing.get("conformsTo") or conforms_to
        links = [{**link, "href": urljoin(url, link["href"])} for link in links_of(landing) if link["rel"] == "search"]
        # no other members of the landing page: pystac would follow some links and migrate old versions
        document: dict[str, Any] = {"type": "Catalog", "id": "", "description": "", "stac_version": "1.0.0", "links": links}
        document["conformsTo"] = [name for name in classes if isinstance(name, str)] if isinstance(classes, list) else []
        self._client = Client.from_dict(document, href=url)
        # reversed, so that the first link of each method is used
        self._urls = {str(link.get("method") or "GET").upper(): link["href"] for link in reversed(links)}
        if self._urls and not self._client.conforms_to("ITEM_SEARCH"):
            self._client.add_conforms_to("ITEM_SEARCH")

    def promises(self, extension: str) -> bool:
        """Return whether the API promises an extension, such as ``"QUERY"``, ``"FILTER"``, ``"SORT"`` or ``"FIELDS"``."""
        return bool(self._client.conforms_to(extension))

    def request(self, parameters: Mapping[str, Any], *, method: str | None = None) -> SearchRequest:
        """Return the first request of a search, by GET if the API offers nothing else and the URL is not too long."""
        expression = parameters.get("filter")
        language = None if expression is None else "cql2-text" if isinstance(expression, str) else "cql2-json"
        # by POST most APIs understand CQL2 as JSON only
        chosen = method or ("POST" if "POST" in self._urls and language != "cql2-text" else "GET")
        with warnings.catch_warnings():
            # warnings about methods and extensions that the API does not promise; scenecart has its own
            warnings.simplefilter("ignore")
            found = self._client.search(method=chosen, filter_lang=language, **parameters).get_parameters()
        url = self._urls.get(chosen) or next(iter(self._urls.values()))
        if chosen == "POST":
            return SearchRequest(url, "POST", found)
        query = urlencode(found)
        address = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
        if method is None and len(address) > _LONGEST_URL:
            return self.request(parameters, method="POST")
        return SearchRequest(address)


def checked_extensions(
    sortby: Any,
    fields: Any,
    filter: Any,  # noqa: A002  # the name of the STAC API
) -> dict[str, Any]:
    """Return the arguments of extensions in the forms that STAC APIs take.

    Raises
    ------
    InvalidQuery
        If one of them is malformed.
    """
    from pystac_client import ItemSearch  # noqa: PLC0415  # slow to import

    given: dict[str, Any] = {"sortby": sortby, "fields": fields, "filter": filter}
    for argument, value in given.items():
        if value is None:
            continue
        try:
            if argument == "filter" and not (isinstance(value, Mapping | str) and value):
                raise TypeError(argument)  # noqa: TRY301  # one error for each malformed form
            value = list(value) if isinstance(value, tuple) else value  # noqa: PLW2901  # as pystac-client takes it
            if argument == "filter":
                given[argument] = dict(value) if isinstance(value, Mapping) else value
                continue
            keyword: dict[str, Any] = {argument: value}
            found = ItemSearch(url="http://localhost", **keyword).get_parameters()[argument]
            given[argument] = found
            if argument == "sortby" and not all(isinstance(part.get("field"), str) and part["field"] for part in found):
                raise TypeError(argument)  # noqa: TRY301  # as above
        except Exception as error:
            raise InvalidQuery(
                f"is not valid, got {shown_value(value)}.",
                code="stac_argument_invalid",
                argument=argument,
                hint=_EXTENSION_HINTS[argument],
            ) from error
    return {argument: value for argument, value in given.items() if value is not None}


def as_cql2(conditions: Mapping[str, Mapping[str, Any]], expression: Any = None) -> dict[str, Any]:
    """Return conditions on properties as CQL2 JSON, together with another expression.

    Examples
    --------
    >>> from scenecart._captures.stac_api import as_cql2
    >>> as_cql2({"gsd": {"lte": 1}})
    {'op': '<=', 'args': [{'property': 'gsd'}, 1]}
    """
    parts = [] if expression is None else [dict(expression)]
    for name, operators in conditions.items():
        reference = {"property": name}
        parts += [{"op": _CQL2[operator], "args": [reference, value]} for operator, value in operators.items()]
    return parts[0] if len(parts) == 1 else {"op": "and", "args": parts}


def links_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the links of a document that have a relation and an address; malformed ones are left out."""
    links = document.get("links")
    return [
        dict(link)
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, Mapping) and isinstance(link.get("href"), str) and isinstance(link.get("rel"), str)
    ]


def not_an_api(url: str) -> ServiceError:
    """Return the error for a document that is neither the landing page of a STAC API, nor a catalog, nor items."""
    # a URL may contain a key, so errors name the host alone
    host = urlsplit(url).hostname or "This file"
    return ServiceError(
        f"{host} is not a searchable STAC API, nor a STAC catalog.",
        code="stac_api_invalid",
        hint="Check that the URL is that of the API's landing page, or of a catalog.json.",
    )
