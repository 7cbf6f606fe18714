"""A log filter that hides signed URLs."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenecart._api.credentials import Secret


class _HideSignedUrls(logging.Filter):
    """A log filter that removes the query from URLs of running downloads: its signature opens the file."""

    # a list, since threads may download the same URL
    active: list[str] = []  # noqa: RUF012  # shared: there is one filter on one logger

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                str(value).split("?")[0] + "?[signed]" if str(value) in self.active else value for value in record.args
            )
        return True


@contextlib.contextmanager
def hidden_from_logs(url: Secret) -> Iterator[None]:
    """Hide the query of a URL in the log records of httpx."""
    logger = logging.getLogger("httpx")
    if not any(isinstance(installed, _HideSignedUrls) for installed in logger.filters):
        logger.addFilter(_HideSignedUrls())
    _HideSignedUrls.active.append(url.reveal())
    try:
        yield
    finally:
        _HideSignedUrls.active.remove(url.reveal())
