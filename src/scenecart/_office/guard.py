"""The guard before purchases: approvals and budgets, checked before anything is written or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._office.signing import checked_public_keys, require
from scenecart._util.text import clean_text, first_names
from scenecart.exceptions import NotApproved, ScenecartError, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._office.budgets import Budgets
    from scenecart._orders.order import Order
    from scenecart._orders.placement_request import PlacementRequest

_MOST_NAMED = 3


class PurchaseGuard:
    """Refuses orders that are not approved or exceed a budget; a purchase that is ordered already is returned in any case.

    An order that no budget limits, although there are budgets of other projects, is a warning.

    Parameters
    ----------
    budgets
        The budgets.
    keys
        Public keys of approvers whose approval every order needs; None needs none.
    existing
        Returns the order that placing a request would give back, or None.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(
        self, budgets: Budgets, keys: Any, existing: Callable[[PlacementRequest], Order | None], now: Callable[[], float]
    ) -> None:
        self._budgets = budgets
        self._keys = () if keys is None else checked_public_keys(keys)
        self._existing = existing
        self._now = now
        if self._keys:
            require()

    def of(self, approval: Any) -> Callable[[PlacementRequest], None]:
        """Return the check of one order, with its approval file or None."""
        # a retry checks again, but is the same order
        is_noticed = False

        def check(request: PlacementRequest) -> None:
            nonlocal is_noticed
            refusal = self._refusal(request, approval)
            if refusal is not None and not self._is_ordered(request):
                raise refusal
            if refusal is None and not is_noticed:
                is_noticed = self._notice_other_budgets(request)

        return check

    def _refusal(self, request: PlacementRequest, approval: Any) -> ScenecartError | None:
        if approval is not None or self._keys:
            from scenecart._office.approvals import check_approval  # noqa: PLC0415  # loads files of carts; most orders need none

            try:
                check_approval(request, approval, self._keys, self._now())
            except NotApproved as error:
                return error
        return self._budgets.refusal(request)

    def _notice_other_budgets(self, request: PlacementRequest) -> bool:
        """Warn if there are budgets, but none limits this order, as with a project's name in place of its id."""
        project = request.purchase.project
        others = self._budgets.others_than(project) if request.estimate.total_credits else []
        if not others or self._is_ordered(request):
            return False
        budgeted = first_names(others, _MOST_NAMED)
        warn(
            f"No budget limits this order: it is for project {clean_text(project, 80)}, and the budgets are for {budgeted}.",
            code="budget_not_applied",
            hint="Set a budget for the id of this project, or one without a project for the whole organization.",
        )
        return True

    def _is_ordered(self, request: PlacementRequest) -> bool:
        """Return whether nothing would be bought, because the order exists."""
        if request.again is not False:
            return False
        try:
            return self._existing(request) is not None
        except ScenecartError:
            return False
