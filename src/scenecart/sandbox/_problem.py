"""What the service says when something is wrong (RFC 7807)."""

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


class SandboxError(RuntimeError):
    """The sandbox cannot be started as asked; the message says why and what to do."""


class Problem(Exception):  # it is an answer, not a fault of the sandbox
    """An answer that is an error.

    Parameters
    ----------
    status
        The HTTP status.
    detail
        One sentence for whoever asked.
    type_
        The kind of problem, where clients tell kinds apart.
    headers
        Headers to answer with.
    **members
        Further members of the problem.
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


class Invalid(Problem):
    """A body that parses and still cannot be used: 422, with the fields.

    Parameters
    ----------
    fields
        Where in the body, and what is wrong there.
    """

    def __init__(self, *fields: tuple[str, str]) -> None:
        super().__init__(422, "invalid")
        self.document = {
            "detail": [
                {"loc": ["body", *filter(None, name.split("."))], "msg": message, "type": "value_error"} for name, message in fields
            ]
        }
        self.sentence = "; ".join(f"{name}: {message}" if name else message for name, message in fields)
