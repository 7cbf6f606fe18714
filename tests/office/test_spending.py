"""Spending: what an organization's orders cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd
import pytest

from _expect import raises, warns
from scenecart import InvalidRequest
from scenecart.report import _spending
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import scenecart

mpl.use("agg")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Start a sandbox."""
    with Sandbox(pace="real", captures=3_000) as running:
        running.rate_limits = None
        yield running


@pytest.fixture(scope="module")
def client(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[scenecart.Client]:
    """Return a client with three orders: one delivered, one that failed, and one that is processing."""
    with box.client("other", home=tmp_path_factory.mktemp("home"), say=lambda _: None) as connected:
        captures = connected.search("aurora", collections="aurora-50cm", limit=3)
        estimates = [connected.cart(captures.iloc[[row]]).estimate() for row in range(3)]
        estimates[0].place(tags=["a", "b"])
        box.advance(3_600)
        box.fail_next_order("no image")
        estimates[1].place(tags=["a"])
        box.advance(3_600)
        for _ in range(600):
            if set(connected.orders()["status"]) == {"delivered", "failed"}:
                break
            time.sleep(0.05)
        estimates[2].place()
        yield connected


def prices(client: scenecart.Client) -> dict[str, int]:
    """Return the price of the order in each state."""
    orders = client.orders()
    return dict(zip(orders["status"], orders["total_credits"].astype(int), strict=True))


def test_spending_agrees_with_the_ledger(client: scenecart.Client):
    """What is reserved, charged and refunded is what the service's balance and orders say."""
    price, balance = prices(client), client.balance()
    (row,) = client.spending().to_dict("records")
    assert row["orders"] == 3
    assert row["charged"] == price["delivered"] == balance["spent_credits"]
    assert row["reserved"] == price["processing"] == balance["reserved_credits"]
    assert row["refunded"] == price["failed"]
    assert row["credits"] == row["reserved"] + row["charged"] == float(row["aud"]) * 100


@pytest.mark.parametrize(
    ("by", "keys"),
    [("tag", ["a", "b", "untagged"]), ("host", ["aurora"]), ("month", None), ("person", None), ("project", None)],
)
def test_spending_rows_are_what_was_asked_for(client: scenecart.Client, by: str, keys: list[str] | None):
    """Rows are tags, hosts, months, persons or projects; an order with two tags counts in both."""
    found = client.spending(by)
    assert keys is None or found.index.tolist() == keys
    assert found.index.name == found.by == by
    assert found["orders"].sum() == (4 if by == "tag" else 3)
    assert type(found.head(1)) is pd.DataFrame


def test_spending_of_a_time_or_project_without_orders_is_empty(client: scenecart.Client):
    """Orders before a time, or of other projects, do not count."""
    assert client.spending(since="2999-01-01").empty
    assert client.spending(project="another").empty


def test_spending_without_billing_is_said(client: scenecart.Client, box: Sandbox):
    """If movements of credits may not be read, refunds are those of orders that ended, with a warning."""
    box.faults.add("403", operation="billing.credits.transactions")
    with warns("spending_without_transactions"):
        found = client.spending()
    assert found["refunded"].tolist() == [prices(client)["failed"]]


@pytest.mark.parametrize(
    ("options", "code"),
    [({"by": "colour"}, "not_a_choice"), ({"since": "soon"}, "since_invalid"), ({"since": 5}, "since_invalid")],
)
def test_spending_invalid_is_refused(client: scenecart.Client, options: dict[str, Any], code: str):
    """Another kind of row and a time that is none are refused."""
    with raises(InvalidRequest, code):
        client.spending(**options)


def test_spending_report_is_written_in_each_format(client: scenecart.Client, tmp_path: Path):
    """Each format of reports is written, with a row for each tag, and none runs what a tag says."""
    found = client.spending("tag")
    found.index = pd.Index(["=1+1", "<b>b</b>", "untagged"], name="tag", dtype="object")
    for suffix in _spending._WRITERS:
        path = found.to_report(tmp_path / f"spending{suffix}", title="Q2")
        assert path.stat().st_size > 0
    assert "'=1+1" in (tmp_path / "spending.csv").read_text("utf-8-sig")
    assert "<b>" not in (tmp_path / "spending.html").read_text("utf-8")
    assert "<svg" in (tmp_path / "spending.html").read_text("utf-8")
    client.spending(since="2999-01-01").to_report(tmp_path / "empty.pdf")
    with raises(InvalidRequest, "report_format_unknown"):
        found.to_report(tmp_path / "spending.doc")


def test_commitments_and_invoices_are_the_services(box: Sandbox, tmp_path: Path):
    """An organization that is invoiced sees its commitment and its invoices."""
    with box.client("enterprise", home=tmp_path / "home", say=lambda _: None) as client:
        captures = client.search("aurora", collections="aurora-50cm", limit=1)
        order = client.cart(captures).estimate().place()
        box.advance(7_200)
        order.wait(timeout=60, progress=False)
        assert client.invoices()["credits"].tolist() == client.commitments()["used_credits"].tolist() == [order.total_credits]
