"""Open STAC APIs, through pystac-client: the one file that names it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import InvalidQuery, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HINT = 'It looks like "2024-01/2024-06", "2024-03-05", ("2024-01-01", None) or a datetime.'


def interval(value: Any) -> str:
    """Write a time or a range as pystac-client does, so that what works there works here; and days, which do not."""
    from pystac_client import ItemSearch  # noqa: PLC0415  # a fifth of a second, and few searches lack a time

    try:
        text = ItemSearch(url="http://localhost", datetime=_of_days(value)).get_parameters().get("datetime")
    except Exception as error:
        raise InvalidQuery(f"datetime cannot be read: {error}.", hint=_HINT) from error
    if not isinstance(text, str) or not text.strip("./"):
        raise InvalidQuery("datetime is empty, or open at both ends.", hint=f"Leave it out to search all times. {_HINT}")
    start, slash, end = text.partition("/")
    if slash and ".." not in {start, end} and start > end:
        raise InvalidQuery(f"datetime is reversed: {start} is after {end}.", hint="The earlier one comes first.")
    return text


def _of_days(value: Any) -> Any:
    """Write days as texts, alone or in a pair: each stands for all of its hours."""
    if isinstance(value, list | tuple):
        return [_of_days(one) for one in value]
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def pages(url: str, criteria: Mapping[str, Any], headers: Mapping[str, str] | None) -> Iterator[dict[str, Any]]:
    """Yield the pages of a search of a STAC API.

    Raises
    ------
    ServiceError
        If it cannot be reached, is no STAC API, or breaks off.
    """
    import requests  # noqa: PLC0415  # what pystac-client speaks through; only its errors are wanted
    from pystac_client import Client  # noqa: PLC0415  # as above
    from pystac_client.errors import ClientTypeError  # noqa: PLC0415  # as above
    from pystac_client.exceptions import APIError  # noqa: PLC0415  # as above

    try:
        catalog = Client.open(url, headers=dict(headers or {}))
        yield from catalog.search(**criteria).pages_as_dicts()
    except (APIError, requests.RequestException) as error:
        status = getattr(error, "status_code", None)
        what = f" with status {status}" if status else ""
        raise ServiceError(f"The STAC API at {_host(url)} cannot be searched{what} ({type(error).__name__}).") from error
    except (ClientTypeError, KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise ServiceError(f"{_host(url)} is no STAC API that can be searched ({type(error).__name__}).") from error


def _host(url: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415  # only for an error's text

    return urlsplit(url).hostname or "this address"
