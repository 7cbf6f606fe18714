"""The guard before purchases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import scenecart
from _expect import raises
from scenecart import CardDeclined, NotApproved, OverBudget
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


def test_guard_is_asked_again_by_retry(tmp_path: Path):
    """A purchase that could not be paid is guarded once more by retry(): its budget may be used up by then."""
    with Sandbox(pace="instant", captures=3_000) as box, box.client("declined", home=tmp_path, say=lambda _: None) as client:
        estimate = client.cart(client.search("aurora", collections="aurora-50cm", limit=1)).estimate()
        client.budget(credits=estimate.total_credits)
        try:
            estimate.place()
        except CardDeclined as error:
            retry = error.retry
        client.budget(credits=estimate.total_credits - 1)
        with raises(OverBudget, "over_budget"):
            retry()
        client.budget(credits=estimate.total_credits)
        box.attach_card("declined", "good")
        assert retry().total_credits == estimate.total_credits


def test_guard_approval_is_checked_without_required_keys(tmp_path: Path):
    """A client without required approvals still refuses what differs from an approval that is passed."""
    scenecart.new_approver_key(tmp_path / "key.pem")
    with Sandbox(pace="instant", captures=3_000) as box, box.client("other", home=tmp_path, say=lambda _: None) as client:
        captures = client.search("aurora", collections="aurora-50cm", limit=2)
        approved, other = (client.cart(captures.iloc[[row]]).estimate() for row in range(2))
        path = scenecart.approve(approved, tmp_path / "a.json", key=tmp_path / "key.pem", up_to=10**6)
        with raises(NotApproved, "approval_of_another_cart"):
            other.place(approval=path)
        assert approved.place(approval=path).total_credits == approved.total_credits
