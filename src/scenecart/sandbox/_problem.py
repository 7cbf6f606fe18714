"""Errors of the sandbox: problem documents (RFC 7807) and SandboxError."""

from __future__ import annotations

from typing import Any

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Payload Too Large",
    416: "Range Not Satisfiable",
    421: "Misdirected Request",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}

# the header of a response that is repeated for an idempotency key
REPLAYED = "Idempotent-Replayed"


class SandboxError(RuntimeError):
    """The sandbox cannot start, or an argument is not valid; the message states why and what to do."""


class Problem(Exception):
    """An error response of the service, as a problem document.

    Parameters
    ----------
    status
        The HTTP status.
    detail
        One sentence for the caller.
    type_
        The problem type, if clients distinguish several.
    headers
        Headers of the response.
    **members
        Additional members of the problem document.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        type_: str = "about:blank",
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}
        self.document = {"type": type_, "title": _TITLES.get(status, "Error"), "status": status, "detail": detail}
        self.document.update(members)


class RepeatedRefusal(Problem):
    """A refusal that the service has stored with an idempotency key, and repeats."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(status, str(document.get("detail")), headers={REPLAYED: "true"})
        self.document = document


class Invalid(Problem):
    """A validation error: 422 with one entry for each invalid field.

    Parameters
    ----------
    fields
        Pairs of a dotted field name and the message about it.
    """

    def __init__(self, *fields: tuple[str, str]) -> None:
        super().__init__(422, "invalid")
        self.document = {
            "detail": [
                {"loc": ["body", *filter(None, name.split("."))], "msg": message, "type": "value_error"} for name, message in fields
            ]
        }
        self.summary = "; ".join(f"{name}: {message}" if name else message for name, message in fields)
