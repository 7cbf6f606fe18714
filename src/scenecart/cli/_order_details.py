"""What `scenecart order` prints of one order: who placed it, its captures and price, what has arrived, and the next step."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._api.order_states import DELIVERED, ENDED, is_on_hold
from scenecart._cart.price_lines import priced_km2
from scenecart._orders.order_state import paid_how
from scenecart._util.text import clean_text, pluralize
from scenecart.cli import _output, _table
from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from datetime import datetime

    from scenecart._delivery.download import ReceivedItems
    from scenecart._orders.order import Order

# an order is shown without what cannot be looked up in this time
_SECONDS = 20.0


@dataclass(frozen=True)
class OrderedCapture:
    """One capture of an order.

    Attributes
    ----------
    host, collection, acquired
        As far as they are known; ``acquired`` is in UTC.
    group : int or None
        The number of its price group, from 1; None if the service does not state groups.
    """

    id: str
    host: str | None = None
    collection: str | None = None
    acquired: datetime | None = None
    group: int | None = None


@dataclass(frozen=True)
class OrderDetails:
    """What is known of an order, besides its own document.

    Attributes
    ----------
    license_type : str or None
        The licence, of the service or of this machine's journal.
    captures : tuple of OrderedCapture
        Its captures.
    arrived : ReceivedItems or None
        What has arrived; None if the order has ended, or it is not known.
    unknown : str
        Why it is not known; empty otherwise.
    """

    order: Order
    license_type: str | None
    captures: tuple[OrderedCapture, ...]
    arrived: ReceivedItems | None
    unknown: str = ""

    def next_step(self, *, has_files: bool) -> str:
        """Return what to do next, as a sentence or a command; empty if there is nothing to do."""
        order, name = self.order, clean_text(self.order.id, 80)
        if order.phase == ENDED:
            return "to buy the captures after all, scenecart place FILE --again"
        if has_files and not (self.arrived and self.arrived.missing):
            return ""
        if is_on_hold(order.status):
            return "see the service's console: the order is on hold"
        fetch = f"scenecart download {name} DIR"
        if order.phase == DELIVERED:
            return fetch
        some = f"; what has arrived: {fetch}" if self.arrived and self.arrived.items and not has_files else ""
        return f"scenecart wait {name}{some}"

    def document(self, *, has_files: bool) -> dict[str, Any]:
        """Return it as JSON."""
        from scenecart._captures.json_columns import rfc3339  # noqa: PLC0415  # keeps --help fast

        arrived = self.arrived
        return {
            "license_type": self.license_type,
            "captures": [
                {**vars(one), "acquired": None if one.acquired is None else rfc3339(one.acquired)} for one in self.captures
            ],
            "items": None if arrived is None else list(arrived.items),
            "assets": None if arrived is None else list(arrived.assets),
            "missing": None if arrived is None else list(arrived.missing),
            "folder": None if arrived is None or arrived.folder is None else str(arrived.folder),
            "next": self.next_step(has_files=has_files) or None,
        }

    def print(self, *, has_files: bool) -> None:
        """Print it in lines and a table."""
        _table.print_pairs((name, value) for name, value in self._facts() if value)
        groups = self.order.price_groups
        if self.captures:
            print()
            _output.bought_table(self._rows(), has_groups=any(len(group.ids) > 1 for group in groups))
            if any(len(group.ids) > 1 for group in groups):
                print("Captures of a group are priced together; its first line has the km² and the price.")
        step = self.next_step(has_files=has_files)
        if step:
            print(f"\nNext: {step}")

    def _facts(self) -> list[tuple[str, str]]:
        order = self.order
        who = f" by {clean_text(order.person, 80)}" if order.person else ""
        placed = "" if order.created is None else f"{order.created:%Y-%m-%d %H:%M} UTC"
        labels = (order.name, ", ".join(order.tags), order.reference)
        return [
            ("Placed", f"{placed or 'at an unknown time'}{who}" if placed or who else ""),
            ("Labels", " · ".join(clean_text(one, 120) for one in labels if one)),
            ("Project", order.project or ""),
            ("Licence", self.license_type or ""),
            ("Price", self._price()),
            ("Captures", self._count()),
            ("Delivered", self._delivered()),
            ("Kept in", "" if self.arrived is None or self.arrived.folder is None else str(self.arrived.folder)),
        ]

    def _price(self) -> str:
        order = self.order
        if order.total_credits is None:
            return "not stated by the service"
        aud = "" if order.total_aud is None else f" (A${order.total_aud:,.2f})"
        paid = f", {clean_text(paid_how(order.billing_mode), 80)}" if order.billing_mode else ""
        return f"{order.total_credits:,} credits{aud}{paid}"

    def _count(self) -> str:
        if not self.captures:
            return "not stated by the service"
        km2 = priced_km2(self.order.price_groups)
        return f"{len(self.captures):,}{'' if km2 is None else f', {km2:,.2f} km² priced'}"

    def _delivered(self) -> str:
        if self.order.phase == ENDED:
            return "nothing: the order ended without delivery"
        if self.arrived is None:
            return f"not known: {self.unknown}"
        items, missing = self.arrived.items, self.arrived.missing
        if not items:
            return "nothing yet"
        rest = f", {len(missing):,} of {pluralize(len(self.captures), 'capture')} not arrived" if missing else ""
        return f"{pluralize(len(items), 'item')}{rest}; assets {', '.join(self.arrived.assets) or 'none'}"

    def _rows(self) -> list[tuple[str, ...]]:
        """Return the rows of the table of captures, those of a group together."""
        groups = self.order.price_groups
        missing = None if self.arrived is None else set(self.arrived.missing)
        rows: list[tuple[str, ...]] = []
        priced = set()
        for one in sorted(self.captures, key=lambda one: one.group or 0):
            group = None if one.group is None or one.group in priced else groups[one.group - 1]
            priced.add(one.group)
            rows.append(
                (
                    one.id,
                    one.collection or "",
                    "" if one.acquired is None else f"{one.acquired:%Y-%m-%d %H:%M}",
                    "" if one.group is None else str(one.group),
                    "" if group is None or group.aoi_km2 is None else f"{group.aoi_km2:,.2f}",
                    "" if group is None else f"{group.credits:,}",
                    "" if group is None else f"{group.aud:,.2f}",
                    "" if missing is None or not self.arrived or not self.arrived.items else "no" if one.id in missing else "yes",
                )
            )
        return rows


def look_up(order: Order) -> OrderDetails:
    """Return what is known of an order; what cannot be read is left out, with the reason."""
    from scenecart._api.deadline import limited_to  # noqa: PLC0415  # keeps --help fast
    from scenecart._orders.delivered_order import arrived_of  # noqa: PLC0415  # likewise

    arrived, unknown = None, ""
    with limited_to(_SECONDS, time.monotonic):
        license_type, captures = _bought(order)
        if order.phase != ENDED:
            try:
                arrived = arrived_of(order)
            except ScenecartError as error:
                unknown = error.message
    return OrderDetails(order, license_type, captures, arrived, unknown)


def _bought(order: Order) -> tuple[str | None, tuple[OrderedCapture, ...]]:
    """Return the licence and the captures of an order; ids alone if nobody states more."""
    import pandas as pd  # noqa: PLC0415  # keeps --help fast

    from scenecart._captures.times import acquisition_times  # noqa: PLC0415  # likewise
    from scenecart._cart.checks import keys_of  # noqa: PLC0415  # likewise
    from scenecart._orders.order import purchase_details_of  # noqa: PLC0415  # likewise

    group_of = {name: number for number, group in enumerate(order.price_groups, 1) for name in group.ids}
    try:
        known = purchase_details_of(order)
    except ScenecartError:
        known = None
    license_type = order.license_type if known is None else known.license_type
    if known is None or known.cart is None:
        names = order.captures or list(group_of)
        return license_type, tuple(OrderedCapture(name, group=group_of.get(name)) for name in names)
    captures = known.cart.captures
    return license_type, tuple(
        OrderedCapture(key[2], key[0], key[1], None if pd.isna(moment) else moment.to_pydatetime(), group_of.get(key[2]))
        for key, moment in zip(keys_of(captures), acquisition_times(captures), strict=True)
    )
