"""Log filters that hide signed URLs and headers of responses in the records of httpx and httpcore."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# a filter sees only the records of its own logger, not those of loggers below it
LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
# whether this thread sends a request of ours now, and whether its URL is signed
_request: ContextVar[str] = ContextVar("scenecart_request", default="")


class _Redact(logging.Filter):
    """Hides what a request of this library must not write into a log; requests of other programs are not changed."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = _request.get()
        if request and record.name == "httpx":
            if request == "signed" and isinstance(record.args, tuple):
                record.args = tuple(_without_query(value) for value in record.args)
        elif request:
            record.msg, record.args = _without_secrets(record.name, record.getMessage()), ()
        return True


def _without_secrets(logger: str, message: str) -> str:
    """Return a message of httpcore without headers of a response, the text of an error, and what is sent to a SOCKS proxy."""
    if logger == "httpcore.socks":
        return message.partition(" ")[0]
    # a redirect is signed, a cookie is a secret, and an error repeats the line that it is about
    message = re.sub(r"(return_value=[^\[]*)\[.*", r"\1[headers])", message, flags=re.DOTALL)
    return re.sub(r"exception=(\w*)\(.*", r"exception=\1", message, flags=re.DOTALL)


def _without_query(value: object) -> object:
    text = str(value)
    return f"{text.partition('?')[0]}?[signed]" if "://" in text and "?" in text else value


@functools.cache
def _install() -> None:
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_Redact())


@contextlib.contextmanager
def redacted_logs(*, is_signed: bool) -> Iterator[None]:
    """Hide the headers of responses, and the query of a signed URL, in log records of this thread."""
    _install()
    token = _request.set("signed" if is_signed else "plain")
    try:
        yield
    finally:
        _request.reset(token)
