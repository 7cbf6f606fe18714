"""What a request is answered with: complete responses, and replies that are evidence for an order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scenecart._util.json import NotJson, loads
from scenecart._util.tracebacks import hide_frames
from scenecart.exceptions import ScenecartError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scenecart._api.credentials import Secret


@dataclass(frozen=True)
class Response:
    """A complete response."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """The response to one request, with any status: the evidence that an order's outcome is judged by.

    Attributes
    ----------
    status : int
        HTTP status.
    media_type : str
        The media type, as stated.
    headers : Mapping of str to str
        Headers, names in lower case.
    document : Any
        The JSON document; None if the body is not JSON.
    error : ScenecartError or None
        The error that the status stands for; None for 2xx.
    token : Secret
        The token that was sent.
    """

    status: int
    media_type: str
    headers: Mapping[str, str]
    document: Any = field(repr=False)
    error: ScenecartError | None
    token: Secret = field(repr=False)


@hide_frames
def decoded(response: Response, name: str, key: str | None) -> Any:
    """Return the JSON document of a response."""
    try:
        return loads(response.body)
    except NotJson as error:
        if response.body.strip():
            failed = unreadable(f"The response to {name} is not valid JSON ({error}).", response, name, code="response_not_json")
        else:
            failed = unreadable(f"The response to {name} is empty.", response, name, code="response_empty")
        failed.idempotency_key, failed.money_may_have_moved = key, key is not None
        raise failed from None


def unreadable(message: str, response: Response, name: str, *, code: str) -> ServiceError:
    """Return the error of a response that cannot be read, with its status and media type."""
    return ServiceError(
        f"{message.removesuffix('.')}: status {response.status}, {response.media_type}.",
        code=code,
        hint="Check that the base URL is the ordering service, and that no proxy is in between.",
        operation=name,
        status=response.status,
    )
