"""The status of the service in the Workbench: the account, the balance, and messages while the service does not respond."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import ConnectionFailed, ScenecartError, ServiceError
from scenecart.widgets._bench.catalogs import listed_hosts
from scenecart.widgets._bench.header import balance_state
from scenecart.widgets._hints import hint_of, message_of
from scenecart.widgets._jobs import synchronized

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.client import Client
    from scenecart.widgets._bench.drawer import Drawer
    from scenecart.widgets._bench.footer import Footer
    from scenecart.widgets._bench.header import Header
    from scenecart.widgets._jobs import Runner

_RETRY_SECONDS = (15.0, 30.0, 60.0)
_NAMES = ("preferred_username", "email", "name")
_LONGEST_NAME = 60


class ServiceStatus:
    """Reads the account, and shows in the drawer, the header and the footer when the service does not respond.

    Parameters
    ----------
    client
        The connection.
    runner
        Reads in the background.
    parts
        Header, drawer and footer, which show it.
    recovered
        Called when the service responds again, to repeat what had failed.
    found_hosts
        Called with the hosts that the service lists.
    """

    def __init__(
        self,
        client: Client,
        runner: Runner,
        parts: tuple[Header, Drawer, Footer],
        recovered: Callable[[], object],
        found_hosts: Callable[[dict[str, list[str]]], object],
    ) -> None:
        self._client, self._runner = client, runner
        self._header, self._drawer, self._footer = parts
        self._recovered, self._found_hosts = recovered, found_hosts
        self._failures = 0
        self._balance: dict[str, Any] | None = None
        self._with_hosts = self._needs_user = False
        self._header.on_shown(self._page_shown)

    @property
    def is_unavailable(self) -> bool:
        """Whether the service did not respond to the last request."""
        return self._failures > 0

    def start(self, *, with_hosts: bool = False) -> None:
        """Read the user and the hosts in the background; the balance is read when a page shows the header, which may be later."""
        self._with_hosts = with_hosts
        self._runner.start("user", lambda _: self._who(), self._show_user, self._start_failed)

    def read(self) -> None:
        """Read the balance in the background, and what could not be read at the start."""

        def work(_: Any) -> tuple[dict[str, Any], tuple[dict[str, Any], dict[str, list[str]]]]:
            return self._optional(self._client.balance), self._who() if self._needs_user else ({}, {})

        self._runner.start("account", work, self._show, self.fail)

    def _who(self) -> tuple[dict[str, Any], dict[str, list[str]]]:
        return self._optional(self._client.whoami), listed_hosts(self._client) if self._with_hosts else {}

    @synchronized
    def _page_shown(self) -> None:
        """Read the balance again: something may have been bought since the kernel started."""
        self._header.update(balance=None)
        self.read()

    def _optional(self, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a response, empty if the account may not read it."""
        try:
            return read()
        except ConnectionFailed:
            raise
        except ScenecartError:
            return {}

    def _show(self, found: tuple[dict[str, Any], tuple[dict[str, Any], dict[str, list[str]]]]) -> None:
        balance, who = found
        now = dt.datetime.now().astimezone().strftime("%H:%M")
        self._balance = balance_state(balance, now)
        self._header.update(balance=self._balance, is_unavailable=False)
        if any(who):
            self._show_user(who)
        if self.is_unavailable:
            self._footer.announce("The service answers again.")
            self.mark_available()

    def _show_user(self, found: tuple[dict[str, Any], dict[str, list[str]]]) -> None:
        user, hosts = found
        self._needs_user = False
        name = next((user[key] for key in _NAMES if isinstance(user.get(key), str)), self._header.state["user"])
        self._header.update(user=name[:_LONGEST_NAME])
        if hosts:
            self._found_hosts(hosts)

    def _start_failed(self, error: Exception) -> None:
        self._needs_user = True
        # a service that does not respond is reported by the page's own request
        if not isinstance(error, ConnectionFailed | ServiceError):
            self.fail(error)

    @synchronized
    def mark_available(self) -> None:
        """Remove the messages: the service has responded."""
        was_unavailable, self._failures = self.is_unavailable, 0
        self._header.update(is_unavailable=False)
        self._drawer.update(banner=None)
        if was_unavailable:
            self._recovered()

    @synchronized
    def fail(self, error: BaseException) -> None:
        """Show an error. The page tries again after a while if the service did not respond."""
        if not isinstance(error, ConnectionFailed | ServiceError):
            self._drawer.update(banner={"title": "That did not work.", "text": text_of(error), "retries": False})
            return
        pause = _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)]
        self._failures += 1
        banner = {"title": "The service is not answering.", "text": "What was found stays here.", "retries": True}
        self._drawer.update(banner={**banner, "until": time.time() + pause})
        # the header says when it was read
        self._header.update(is_unavailable=True, balance=self._balance)
        since = (self._balance or {}).get("time")
        self._footer.announce(f"The service has not answered{f' since {since}' if since else ''}. Nothing was lost.")


def text_of(error: BaseException) -> str:
    """Return an error and its hint, in one line."""
    if isinstance(error, ScenecartError):
        return " ".join(filter(None, (message_of(error), hint_of(error))))
    return f"{type(error).__name__}: {error}"
