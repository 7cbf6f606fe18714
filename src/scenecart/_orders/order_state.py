"""What the service states about one order: its id, state, price and captures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._api.order_states import DELIVERED, ENDED
from scenecart._orders.tables import parse_time
from scenecart._util import html
from scenecart._util.reportable import Reportable
from scenecart._util.text import clean_text

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from scenecart._api.schemas import OrderRecord, PriceGroup
    from scenecart._orders.notice import Notice

_PAID_BY = {"card": "by card", "enterprise": "by invoice"}
_PAID = {"credit": "from prepaid credits", "card": "by card", "enterprise": "by monthly invoice"}


class StatedOrder(Reportable):
    """One order, as the service last stated it."""

    def __init__(self, record: OrderRecord) -> None:
        self._record = record
        self.note: Notice | None = None

    @property
    def id(self) -> str:
        """The order's id."""
        return self._record.id

    @property
    def status(self) -> str:
        """``"processing"``, ``"delivered"``, ``"failed"`` or ``"cancelled"``; any other state as the service names it."""
        return self._record.state

    @property
    def sub_status(self) -> str | None:
        """Details of the state; None if the service gives none."""
        return self._record.sub_status

    @property
    def phase(self) -> str:
        """What the state means: ``"open"``, ``"delivered"``, ``"ended"`` (without delivery), or ``"unknown"``.

        A state that is not known counts as delivered once the service lists files of the order.
        """
        return self._record.phase

    @property
    def is_finished(self) -> bool:
        """Whether it is delivered, or has ended without delivery. An unknown state does not count as finished."""
        return self._record.phase in {DELIVERED, ENDED}

    @property
    def is_delivered(self) -> bool:
        """Whether its imagery can be downloaded."""
        return self._record.phase == DELIVERED

    @property
    def total_credits(self) -> int | None:
        """The price in credits."""
        return self._record.total_credits

    @property
    def total_aud(self) -> Decimal | None:
        """The price in Australian dollars."""
        return self._record.total_aud

    @property
    def currency(self) -> str | None:
        """The currency of the price, such as ``"AUD"``, if the service names it."""
        return self._record.currency

    @property
    def order_type(self) -> str | None:
        """The type of the order, such as ``"archive"``, if the service names it."""
        return self._record.order_type

    @property
    def license_type(self) -> str | None:
        """The licence that was bought, if the service names it."""
        return self._record.license_type

    @property
    def billing_mode(self) -> str | None:
        """How it is paid: ``"credit"``, ``"card"`` or ``"enterprise"`` (a monthly invoice); None if it is not stated."""
        return self._record.billing_mode

    @property
    def project(self) -> str | None:
        """The project that the imagery is delivered to."""
        return self._record.project

    @property
    def name(self) -> str | None:
        """The name of ``place(name=)``, or that of the service; None if it has none."""
        return self._record.name

    @property
    def tags(self) -> list[str]:
        """The tags of ``place(tags=)``, or those of the service."""
        return list(self._record.tags)

    @property
    def reference(self) -> str | None:
        """The reference of ``place(reference=)``; only on the machine that placed the order."""
        return self._record.reference

    @property
    def person(self) -> str | None:
        """Who placed it, as the service or the machine says that placed it; None if neither does."""
        return self._record.person

    @property
    def price_groups(self) -> tuple[PriceGroup, ...]:
        """The groups of captures that are priced together, if the service lists them."""
        return self._record.groups

    @property
    def captures(self) -> list[str]:
        """The ids of the ordered captures, if the service lists them."""
        return list(self._record.captures)

    @property
    def reason(self) -> str | None:
        """Why it failed, if the service states it."""
        return self._record.reason

    @property
    def created(self) -> datetime | None:
        """When it was placed, UTC."""
        return parse_time(self._record.created)

    @property
    def updated(self) -> datetime | None:
        """When it last changed, UTC, if the service states it."""
        return parse_time(self._record.updated)

    @property
    def raw(self) -> dict[str, Any]:
        """The order as the service sent it, with every field."""
        return dict(self._record.raw)

    def __repr__(self) -> str:
        price = "" if self.total_credits is None else f", {self.total_credits:,} credits"
        paid = f", paid {self._paid_by}" if price and self._paid_by else ""
        return f"Order({self.id}, {self.status}{price}{paid})"

    def _repr_html_(self) -> str:
        return html.render(
            "order.html",
            id=clean_text(self.id, 80),
            status=clean_text(self.status, 40),
            kind=self._kind,
            captures=len(self.captures),
            total_credits=self.total_credits,
            total_aud=self.total_aud,
            created="" if self.created is None else f"{self.created:%Y-%m-%d %H:%M} UTC",
            paid=self._paid_by,
            note=self.note,
            reason=self.reason,
        )

    @property
    def _kind(self) -> str:
        """What the state is displayed as."""
        if self._record.is_cancelled:
            return "cancelled"
        return {DELIVERED: "delivered", ENDED: "failed"}.get(self.phase, "processing")

    @property
    def _paid_by(self) -> str | None:
        """How it is paid, if not from the balance of credits."""
        return _PAID_BY.get(self.billing_mode or "")


def paid_how(billing_mode: str | None) -> str:
    """Return how an order is paid, in words; a mode that is not known stays as the service names it.

    Examples
    --------
    >>> from scenecart._orders.order_state import paid_how
    >>> paid_how("enterprise"), paid_how("barter"), paid_how(None)
    ('by monthly invoice', 'barter', '')
    """
    return _PAID.get(billing_mode or "", billing_mode or "")
