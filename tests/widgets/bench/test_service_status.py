"""The status of the service in the Workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scenecart
from _widgets import act, wait_for
from scenecart.widgets._bench.drawer import Drawer
from scenecart.widgets._bench.footer import Footer
from scenecart.widgets._bench.header import Header
from scenecart.widgets._bench.service_status import ServiceStatus, text_of
from scenecart.widgets._jobs import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenecart.sandbox import Sandbox


@pytest.fixture
def watch(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceStatus]:
    """Return the status of a client that does not try again."""
    parts, runner = (Header(), Drawer(), Footer()), Runner()
    with sandbox.client("analyst", home=tmp_path_factory.mktemp("home"), retry=scenecart.Retry(attempts=1)) as client:
        recovered: list[bool] = []
        made = ServiceStatus(client, runner, parts, lambda: recovered.append(True), lambda _: None)
        made.recovered_calls = recovered  # type: ignore[attr-defined]  # for the tests alone
        yield made
        runner.close()
    for part in parts:
        part.close()


def test_service_status_reads_who_is_signed_in_and_the_balance(watch: ServiceStatus):
    """The header shows the account and its balance."""
    watch.start()
    watch.read()
    wait_for(lambda: watch._header.state["user"])
    state = wait_for(lambda: watch._header.state if watch._header.state["balance"] else None)
    assert state["user"] == "analyst"
    assert not state["is_unavailable"]


def test_service_status_page_opened_later_shows_the_balance_of_then(watch: ServiceStatus):
    """No balance is read before a page is shown; each page reads it once, and does not show the one read before."""
    shown: list[object] = []
    watch._header.observe(lambda change: shown.append(change["new"]["balance"]), "state")
    asked: list[bool] = []
    balance = watch._client.balance
    watch._client.balance = lambda: asked.append(True) or balance()  # type: ignore[method-assign]  # counts only
    watch.start()
    wait_for(lambda: watch._header.state["user"])
    assert set(shown) == {None}
    for number in (1, 2):
        del shown[:]
        act(watch._header, "$shown")
        wait_for(lambda: watch._header.state["balance"])
        assert len(asked) == number
    assert shown[0] is None


def test_service_status_failed_start_is_made_up_for(watch: ServiceStatus, sandbox: Sandbox):
    """The account is read again with the balance if the service did not respond at the start."""
    sandbox.faults.add("drop-before")
    watch.start()
    wait_for(lambda: watch._needs_user)
    assert watch._drawer.state["banner"] is None
    act(watch._header, "$shown")
    assert wait_for(lambda: watch._header.state["user"]) == "analyst"


def test_service_status_outage_is_shown_and_recovers(watch: ServiceStatus, sandbox: Sandbox):
    """An outage is shown everywhere, with growing pauses between tries; once the service responds, the messages are removed."""
    sandbox.faults.add("drop-before", operation="billing.credits.balance", times=2)
    watch.read()
    first = wait_for(lambda: watch._drawer.state["banner"])
    assert first["retries"]
    assert watch._header.state["is_unavailable"]
    watch.read()
    second = wait_for(lambda: (b := watch._drawer.state["banner"]) and b != first and b)
    assert second["until"] > first["until"] + 10
    watch.read()
    wait_for(lambda: watch._drawer.state["banner"] is None)
    assert not watch.is_unavailable
    assert watch.recovered_calls == [True]  # type: ignore[attr-defined]  # as above


def test_service_status_answered_request_recovers(watch: ServiceStatus):
    """Once another request was answered, such as a search, what had failed is repeated, once."""
    watch.fail(scenecart.ConnectionFailed("The connection was lost.", code="connection_failed"))
    watch.mark_available()
    watch.mark_available()
    assert not watch.is_unavailable
    assert watch.recovered_calls == [True]  # type: ignore[attr-defined]  # as above


def test_service_status_other_errors_are_shown_without_a_retry(watch: ServiceStatus):
    """An error that a retry cannot fix is shown with its hint."""
    watch.fail(scenecart.InvalidQuery("must be a host.", argument="host", code="host_missing", hint="Enter one."))
    assert not watch._drawer.state["banner"]["retries"]
    assert not watch.is_unavailable


def test_text_of_unexpected_error_names_its_type():
    """An error that is not ours is shown as it is."""
    assert text_of(KeyError("a")) == "KeyError: 'a'"
