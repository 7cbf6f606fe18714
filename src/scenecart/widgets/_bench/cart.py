"""The cart in the Workbench: rows, the exact price, the purchase to be confirmed, and what was bought."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from scenecart._cart.checks import keys_of
from scenecart._cart.price_lines import priced_km2
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidCart
from scenecart.widgets._bench.owned_shares import OwnedShares
from scenecart.widgets._bench.part import Part, style_of
from scenecart.widgets._bench.pictures import PictureSender, picture_key, script_with_pictures
from scenecart.widgets._capture_text import day_texts, owned_text
from scenecart.widgets._facets import EXACT_PRICE, PAID_KM2
from scenecart.widgets._money import dollars, dollars_of_credits
from scenecart.widgets._notes import NOTHING_ORDERED, Note, failure_note, note_fields
from scenecart.widgets._purchase import ALL, CONFIRM, PLACING, REST, STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._cart.estimate import Estimate
    from scenecart.widgets._jobs import Runner
    from scenecart.widgets._order_list import OrderList
    from scenecart.widgets._owned_facts import OwnedFact, OwnedFacts
    from scenecart.widgets._purchase import CompletedPurchase, Offer, Purchase

MOST_ROWS = 200
_MOST_FACTS = 4
_THUMB = (80, 76)
_NO_DATE = "no date"
_CENT = 0.01
_TRAITS = ["revision", "estimate", "project", "license_type"]


class CartPart(Part):
    """The cart, drawn by ``cart.js``. What it shows is :func:`cart_state`, what it does is done by a :class:`Purchase`.

    Parameters
    ----------
    purchase
        The cart and its purchase.
    runner
        Makes the pictures of the rows.
    on_request
        Called with the kind and the fields of events that concern other parts: ``"results"``, ``"orders"``.
    orders
        The orders, to show when the files of the purchase have arrived.
    **options
        Further keys of the state: ``has_bench`` offers the ways to other parts.
    """

    _esm = script_with_pictures("cart")
    _css = style_of("cart")

    def __init__(
        self,
        purchase: Purchase,
        runner: Runner,
        on_request: Callable[[str, dict[str, Any]], object] | None = None,
        *,
        orders: OrderList | None = None,
        **options: Any,
    ) -> None:
        self._purchase, self._on_request, self._orders, self._options = purchase, on_request, orders, options
        self._owned = OwnedShares(purchase, runner, lambda: self._redraw(None), MOST_ROWS)
        super().__init__("sc-cart", **self._content())
        self._pictures = PictureSender(self, purchase.client, runner, self._captures_shown, _THUMB)
        self.on_event(self._act)
        self.on_error(purchase.set_note)
        self._is_following = True
        purchase.observe(self._redraw, _TRAITS)
        if orders is not None:
            orders.observe(self._orders_changed, "revision")
        self.read_owned()

    def close(self) -> None:
        """Stop following the purchase."""
        if self._is_following:
            self._is_following = False
            self._owned.release()
            self._purchase.unobserve(self._redraw, _TRAITS)
            if self._orders is not None:
                self._orders.unobserve(self._orders_changed, "revision")
        super().close()

    def read_owned(self) -> None:
        """Compare the captures with the orders again, such as after a purchase."""
        self._owned.read()

    def redraw(self, **options: Any) -> None:
        """Draw the cart again, with other options."""
        self._options |= options
        self.state = self._content()

    def _content(self) -> dict[str, Any]:
        return {
            **cart_state(self._purchase, self._owned),
            "arrived": arrived_state(self._purchase.bought, self._orders),
            **self._options,
        }

    def _orders_changed(self, _: Any) -> None:
        # the order of a purchase that is displayed may have been delivered
        if self._purchase.bought is not None:
            content = self._content()
            if content != self.state:
                self.state = content

    def _redraw(self, _: Any) -> None:
        self.state = self._content()

    def _captures_shown(self) -> tuple[Any, Any]:
        return self._purchase.captures.head(MOST_ROWS), self._purchase.aoi

    def _act(self, kind: str, fields: dict[str, Any]) -> None:
        purchase = self._purchase
        actions: dict[str, Callable[[], object]] = {
            "remove": lambda: purchase.remove_keys([_key(fields.get("key"))]),
            "undo": purchase.undo,
            "remove-unpriced": purchase.remove_unpriced,
            "price": purchase.price_again,
            "split": lambda: setattr(purchase, "split_by_date", bool(fields.get("value"))),
            "order": purchase.open_offer,
            "not-now": purchase.close_offer,
            "choose": lambda: purchase.choose(str(fields.get("value"))),
            "project": lambda: setattr(purchase, "project", str(fields.get("value", ""))[:200]),
            "license": lambda: setattr(purchase, "license_type", str(fields.get("value", ""))[:80] or STANDARD),
            "buy": lambda: purchase.buy(_credits(fields.get("credits"))),
            "retry": purchase.placer.retry,
            "check-outcome": purchase.placer.check_now,
            "next": purchase.start_next,
            "pictures": lambda: self._pictures.request(fields.get("keys")),
        }
        if kind in actions:
            actions[kind]()
        elif self._on_request is not None:
            self._on_request(kind, fields)


def cart_state(purchase: Purchase, owned: OwnedShares) -> dict[str, Any]:
    """Return what the page shows of a cart and its purchase, as JSON."""
    captures, count = purchase.captures, len(purchase.captures)
    step = purchase.step
    return {
        "step": step,
        "count": count,
        "rows": _rows(purchase, owned) if count else [],
        "more": max(0, count - MOST_ROWS),
        "area": _area_text(purchase),
        "total": _total(purchase) if count else None,
        "note": note_fields(purchase.note or _pricing_note(purchase)),
        "can_price": purchase.pricing_error is not None and not isinstance(purchase.pricing_error, InvalidCart),
        "unpriced": 0 if purchase.estimate is None else min(len(purchase.estimate.refused), count - 1),
        "retry": purchase.placer.retry_label if purchase.placer.can_retry else "",
        "is_outcome_unknown": purchase.placer.is_outcome_unknown,
        "order": f"Order {pluralize(count, 'capture')}…",
        "can_order": purchase.is_orderable,
        "can_undo": purchase.can_undo,
        "can_report": purchase.estimate is not None,
        "split": purchase.split_by_date,
        "groups": [] if purchase.estimate is None else _groups(purchase.estimate),
        "busy": "Placing the order…" if step == PLACING else "",
        "offer": offer_state(purchase, purchase.offer) if step == CONFIRM and purchase.offer is not None else None,
        "bought": None if purchase.bought is None or step in {CONFIRM, PLACING} else bought_state(purchase.bought),
        "dates": sorted({text for text in day_texts(captures) if text}) if 0 < count <= MOST_ROWS else [],
    }


def offer_state(purchase: Purchase, offer: Offer) -> dict[str, Any]:
    """Return what the page shows of a purchase that is to be confirmed."""
    chosen, owned = offer.chosen, offer.owned
    count = 0 if chosen is None else len(chosen.cart)
    price = "" if chosen is None else dollars(chosen.total_aud)
    return {
        "is_checked": offer.is_checked,
        "refused": offer.refused,
        "note": note_fields(offer.note),
        "owned": None if owned is None or not owned.facts else _owned_state(offer, owned),
        "rows": _offer_rows(offer, purchase.captures),
        "total": price,
        "facts": [*_facts(purchase, chosen), *_budget_facts(purchase, offer)],
        "project": purchase.project,
        "license": purchase.license_type,
        "projects": list(dict.fromkeys([*([purchase.project] if purchase.project else []), *(owned.projects if owned else ())])),
        "licenses": list(dict.fromkeys([STANDARD, purchase.license_type, *(owned.licenses if owned else ())])),
        "credits": None if chosen is None else chosen.total_credits,
        "can_buy": chosen is not None and offer.is_checked,
        "button": "Nothing is left to buy" if chosen is None else f"Buy {pluralize(count, 'capture')} for {price}",
    }


def bought_state(bought: CompletedPurchase) -> dict[str, Any]:
    """Return what the page shows of a purchase that went through."""
    order, balance = bought.order, bought.balance
    left = balance.get("balance_credits")
    reserved = balance.get("reserved_credits")
    held = "Held now, spent on delivery. " if reserved and not order.is_finished else ""
    price = dollars(order.total_aud) or dollars_of_credits(order.total_credits, "a price that is not stated")
    title = f"Bought: {pluralize(bought.captures, 'capture')} for {price}"
    return {
        "kind": "good" if bought.is_new else "info",
        "title": title if bought.is_new else "Nothing was bought now.",
        "order": clean_text(order.id, 80),
        "text": f"{held}Left: {dollars_of_credits(left)}." if isinstance(left, int | float) and bought.is_new else "",
        "notice": "" if order.note is None else clean_text(order.note.message, 400),
    }


def arrived_state(bought: CompletedPurchase | None, orders: OrderList | None) -> dict[str, str] | None:
    """Return what the page shows once files of what was bought are on this machine, with the code that opens them."""
    entry = (
        None if bought is None or orders is None else next((one for one in orders.entries if one.order.id == bought.order.id), None)
    )
    if entry is None or orders is None or not entry.files:
        return None
    count, folder = len(entry.order.captures), str(orders.directory)
    arrived = len({one.path.parent for one in entry.files})
    checked = "Files are checked and in" if all(one.is_verified for one in entry.files) else "Files are in"
    return {
        "title": f"{arrived:,} of {pluralize(count, 'capture')} {'has' if arrived == 1 else 'have'} arrived",
        "text": f"{checked} {folder}.",
        "code": f"import scenecart\n\ndelivery = scenecart.open_delivery({folder!r})\ndelivery.items()",
    }


def _rows(purchase: Purchase, owned: OwnedShares) -> list[dict[str, Any]]:
    captures, estimate = purchase.captures.head(MOST_ROWS), purchase.estimate
    prices = {} if estimate is None else {one: price for one, (_, price) in _individual_prices(estimate, purchase.captures).items()}
    problems = {} if estimate is None else dict(estimate.refused)
    rows = zip(captures.to_dict("records"), keys_of(captures), day_texts(captures), strict=True)
    return [
        {
            "key": list(key),
            "picture": picture_key(purchase.aoi, row),
            "id": clean_text(row["id"], 120),
            "day": day or _NO_DATE,
            "price": prices.get(row["id"], ""),
            "owned": owned_text(owned.share(key)),
            "problem": clean_text(problems.get(row["id"], ""), 200) or _problem(row),
        }
        for row, key, day in rows
    ]


def _problem(row: dict[Any, Any]) -> str:
    """Return why a capture cannot be ordered; empty if it can."""
    reason = row.get("not_orderable_reason")
    return clean_text(reason, 200) if isinstance(reason, str) else ""


def _individual_prices(estimate: Estimate, captures: Any) -> dict[str, tuple[float | None, str]]:
    """Return the km² and the price of captures, where the service states them; the price of a group is not divided.

    The captures of a group have prices of their own if those that the service gave for each alone add up to the group's.
    """
    # an earlier estimate has the captures without the columns of individual prices
    known: dict[str, tuple[float, float]] = {}
    if {EXACT_PRICE, PAID_KM2} <= set(captures.columns):
        known = {name: (km2, aud) for name, km2, aud in zip(captures["id"], captures[PAID_KM2], captures[EXACT_PRICE], strict=True)}
    found: dict[str, tuple[float | None, str]] = {}
    for group in estimate.price_groups:
        if len(group.ids) == 1:
            found[group.ids[0]] = group.aoi_km2, dollars(group.aud)
        elif abs(sum(known.get(name, (math.nan, math.nan))[1] for name in group.ids) - float(group.aud)) < _CENT / 2:
            found |= {name: (known[name][0], dollars(known[name][1])) for name in group.ids}
    return found


def _groups(estimate: Estimate) -> list[dict[str, str]]:
    return [
        {"captures": pluralize(len(group.ids), "capture"), "km2": _km2(group.aoi_km2), "price": dollars(group.aud)}
        for group in estimate.price_groups[:MOST_ROWS]
    ]


def _total(purchase: Purchase) -> dict[str, str]:
    estimate = purchase.estimate
    if estimate is None:
        return {"label": "Asking for the price…" if purchase.is_pricing else "No price", "value": ""}
    km2 = priced_km2(estimate.price_groups)
    label = "Exact price" if estimate.is_complete else f"Without {pluralize(len(estimate.refused), 'capture')}"
    hint = f"{estimate.total_credits:,} credits, priced at {estimate.priced_at:%H:%M} UTC"
    # the number, its unit and its meaning stay on one line
    label += "" if km2 is None else f" · {km2:,.2f}\N{NO-BREAK SPACE}km²\N{NO-BREAK SPACE}priced"
    return {"label": label, "value": dollars(estimate.total_aud), "hint": hint}


def _pricing_note(purchase: Purchase) -> Note | None:
    error = purchase.pricing_error
    if error is None or not len(purchase.captures):
        return None
    if isinstance(error, InvalidCart):
        return failure_note(error)
    return failure_note(error, f"{NOTHING_ORDERED} The price cannot be checked until the service answers.")


def _area_text(purchase: Purchase) -> str:
    return "whole footprints" if purchase.aoi is None else f"clipped to {_km2(purchase.aoi.km2)}"


def _owned_state(offer: Offer, owned: OwnedFacts) -> dict[str, Any]:
    count, total = len(owned.captures), len(offer.estimate.cart)
    is_one = count == 1
    verb = ("is" if is_one else "are") if owned.is_certain else "may be"
    part = "" if not owned.is_certain or owned.captures <= owned.whole else ", wholly or in part"
    all_price, rest = dollars(offer.estimate.total_aud), owned.rest
    rest_price = dollars(0.0) if rest is None else dollars(rest.total_aud)
    it = "it" if is_one else "them"
    leave = f"Leave {it} out" if owned.is_certain else "Buy nothing"
    again = f"Buy {it} again" if owned.is_certain else "Buy all the same"
    dearer = rest is not None and rest.total_credits > offer.estimate.total_credits
    return {
        "title": f"{count:,} of {pluralize(total, 'capture')} {verb} ours already{part}",
        "notice": NOTHING_ORDERED if offer.refused else "",
        "facts": [_fact_text(fact) for fact in owned.facts[:_MOST_FACTS]],
        "more": max(0, len(owned.facts) - _MOST_FACTS),
        "hint": "A smaller area can cost more, because services have minimum areas."
        if dearer
        else ("" if owned.is_certain else "The service does not state which area is owned."),
        "choices": [
            {"value": REST, "label": leave, "price": rest_price, "on": offer.choice == REST},
            {"value": ALL, "label": again, "price": all_price, "on": offer.choice == ALL},
        ],
    }


def _fact_text(fact: OwnedFact) -> dict[str, str]:
    share = "perhaps" if fact.share is None else f"{int(100 * fact.share + 0.01)} % of this area"
    share = share if fact.order else "outcome not known yet"
    parts = [share, f"bought {fact.ordered}" if fact.ordered else "", f"licence {fact.license_type}" if fact.license_type else ""]
    return {"text": f"{fact.acquired or fact.capture}: {', '.join(part for part in parts if part)}.", "order": fact.order}


def _offer_rows(offer: Offer, captures: Any) -> list[dict[str, Any]]:
    """Return what is bought and what is left out, in the order of the cart; a group with one price is at its first capture."""
    whole, chosen = offer.estimate.cart, offer.chosen
    days = dict(zip(whole.captures["id"], day_texts(whole.captures), strict=True))
    place = {name: number for number, name in enumerate(captures["id"])}
    blocks: list[tuple[int, list[dict[str, Any]]]] = []
    alone = {} if chosen is None else _individual_prices(chosen, captures)

    def position(name: str) -> int:
        return place.get(name, len(place))

    for group in () if chosen is None else chosen.price_groups:
        names = sorted(group.ids, key=position)
        if all(name in alone for name in names):
            for name in names[:MOST_ROWS]:
                km2, price = alone[name]
                blocks.append((position(name), [{**_offer_row(name, days, offer), "km2": _km2(km2), "price": price}]))
        else:
            together = {"id": "", "day": f"{pluralize(len(names), 'capture')} together", "owned": "", "is_left_out": False}
            first = {**together, "km2": _km2(group.aoi_km2), "price": dollars(group.aud)}
            members = [{**_offer_row(name, days, offer), "is_part": True} for name in names[:MOST_ROWS]]
            blocks.append((position(names[0]), [first, *members]))
    kept = set() if chosen is None else set(chosen.cart.ids)
    for name in whole.ids:
        if name not in kept:
            row = {**_offer_row(name, days, offer), "km2": "–", "price": dollars(0.0), "is_left_out": True}
            blocks.append((position(name), [row]))
    return [row for _, rows in sorted(blocks, key=lambda block: block[0]) for row in rows][:MOST_ROWS]


def _offer_row(name: str, days: dict[str, str], offer: Offer) -> dict[str, Any]:
    return {
        "id": clean_text(name, 120),
        "day": days.get(name) or _NO_DATE,
        "owned": _owned_label(name, offer),
        "km2": "",
        "price": "",
        "is_left_out": False,
    }


def _owned_label(name: str, offer: Offer) -> str:
    """Return what happens to a capture that is owned; empty for others."""
    owned = offer.owned
    if owned is None or name not in owned.captures:
        return ""
    if not owned.is_certain:
        return "perhaps owned"
    is_whole = name in owned.whole
    if offer.choice == ALL:
        return "bought again" if is_whole else "owned part bought again"
    return "owned, left out" if is_whole else "owned part left out"


def _facts(purchase: Purchase, chosen: Estimate | None) -> list[list[str]]:
    balance = purchase.estimate.balance_credits if purchase.estimate is not None else None
    facts = [["Paid by", "the organization's credits" if balance is not None else "card or invoice, as the account is billed"]]
    facts.append(["Area", "whole footprints" if purchase.aoi is None else _km2(purchase.aoi.km2)])
    if purchase.directory is not None:
        facts.append(["Files go to", str(purchase.directory)])
    if balance is not None and chosen is not None:
        left = balance - chosen.total_credits
        facts.append(
            ["Left after this", dollars_of_credits(left) if left >= 0 else f"not enough: {dollars_of_credits(balance)} now"]
        )
    return facts


def _budget_facts(purchase: Purchase, offer: Offer) -> list[list[str]]:
    """Return what is left of each budget of this purchase."""
    found, chosen = () if offer.owned is None else offer.owned.budgets, offer.chosen
    facts = []
    for project, left in found:
        if chosen is not None and project in {None, purchase.project}:
            rest = left - chosen.total_credits
            text = dollars_of_credits(rest) if rest >= 0 else f"not enough: {dollars_of_credits(max(left, 0))} now"
            facts.append(["Left of the budget" if project is None else "Left of the project's budget", text])
    return facts


def _km2(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f} km²"


def _key(value: Any) -> Any:
    """Return the key of a capture, as a page sends it."""
    return tuple(value) if isinstance(value, list) else ()


def _credits(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
