"""Open STAC APIs, through pystac-client."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scenecart._captures.times import instant
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DATETIME_HINT = 'For example: "2024-03-05", "2024-01/2024-06" or "2024-01-01/..".'


def as_interval(value: Any) -> str:
    """Return a time or a range as a STAC interval.

    Takes what pystac-client takes, and dates.
    """
    from pystac_client import ItemSearch  # noqa: PLC0415  # takes 0.2 s to import

    try:
        text = ItemSearch(url="http://localhost", datetime=_dates_as_text(value)).get_parameters().get("datetime")
    except Exception as error:
        raise invalid_datetime(value) from error
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
    """Return dates, single or in a pair, as text: each stands for its whole day."""
    if isinstance(value, list | tuple):
        return [_dates_as_text(part) for part in value]
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def pages(url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None) -> Iterator[dict[str, Any]]:
    """Yield the pages of a search of a STAC API.

    Raises
    ------
    ServiceError
        If the API cannot be reached, is not a STAC API, or fails on the way.
    """
    import requests  # noqa: PLC0415  # the HTTP library of pystac-client; needed for its errors
    from pystac_client import Client  # noqa: PLC0415  # takes 0.2 s to import
    from pystac_client.errors import ClientTypeError  # noqa: PLC0415  # as above
    from pystac_client.exceptions import APIError  # noqa: PLC0415  # as above

    # a URL may contain a key, so errors name the host alone
    host = urlsplit(url).hostname or "this URL"
    try:
        catalog = Client.open(url, headers=dict(headers or {}))
        yield from catalog.search(**body).pages_as_dicts()
    except (APIError, requests.RequestException) as error:
        status = getattr(error, "status_code", None)
        reason = f"status {status}" if status else type(error).__name__
        raise ServiceError(f"The search of the STAC API at {host} failed ({reason}).", code="stac_search_failed") from error
    except (ClientTypeError, KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise ServiceError(
            f"{host} is not a searchable STAC API ({type(error).__name__}).",
            code="stac_api_invalid",
            hint="Check that the URL is that of the API's landing page.",
        ) from error
