"""The guard before purchases."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

import scenecart
from _expect import raises, warns
from scenecart import CardDeclined, NotApproved, OverBudget, ScenecartWarning
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


def test_guard_budgets_of_other_projects_only_are_a_warning(tmp_path: Path):
    """Before a purchase that no budget limits is sent, one warning names its project and three that have budgets; it goes on."""
    with Sandbox(pace="instant", captures=3_000) as box, box.client("other", home=tmp_path, say=lambda _: None) as client:
        captures = client.search("aurora", collections="aurora-50cm", limit=2)
        first, second = (client.cart(captures.iloc[[row]]).estimate() for row in range(2))
        for name in ("Harbour", "Roads", "Rail", "Parks"):
            client.budget(name, credits=0)
        with warns("budget_not_applied") as caught:
            order = first.place()
        assert f"project {client.project}, and the budgets are for Harbour, Roads, Rail and 1 more." in str(caught[0].message)
        # what is ordered already is given back, and what a budget limits has no warning
        assert first.place().id == order.id
        client.budget(client.project, credits=second.total_credits + first.total_credits)
        second.place()
        client.budget(client.project, credits=None)
        with warnings.catch_warnings(action="error"), raises(ScenecartWarning, "budget_not_applied"):
            first.place(again="one more")
        assert len(client.placements()) == 2


def test_guard_budget_not_applied_is_one_warning_with_retry(tmp_path: Path):
    """A retry of the same order does not warn again."""
    with Sandbox(pace="instant", captures=3_000) as box, box.client("declined", home=tmp_path, say=lambda _: None) as client:
        estimate = client.cart(client.search("aurora", collections="aurora-50cm", limit=1)).estimate()
        client.budget("another project", credits=0)
        with warns("budget_not_applied"), pytest.raises(CardDeclined) as caught:
            estimate.place()
        box.attach_card("declined", "good")
        assert caught.value.retry().total_credits == estimate.total_credits


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
