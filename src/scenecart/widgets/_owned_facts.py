"""What of a cart is owned already, as facts to decide by: which capture, which share, which order, when, under which licence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._cart.owned import WHOLE, owned_parts
from scenecart._util.text import clean_text
from scenecart.client import known_holdings
from scenecart.exceptions import InvalidCart, ScenecartError
from scenecart.widgets._capture_text import day_texts

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart.client import Client
    from scenecart.exceptions import AlreadyOwned

_COLUMNS = ("ordered", "license_type", "status", "project")


@dataclass(frozen=True)
class OwnedFact:
    """What one order holds of one capture; the share is None if the service does not state the area."""

    capture: str
    acquired: str
    share: float | None
    order: str
    ordered: str
    license_type: str
    status: str
    project: str


@dataclass(frozen=True)
class OwnedFacts:
    """What of a cart is owned, or may be.

    Attributes
    ----------
    facts : tuple of OwnedFact
        One for each capture and order.
    captures : frozenset of str
        The ids of these captures.
    whole : frozenset of str
        Those that are owned entirely.
    is_certain : bool
        Whether the orders certainly contain this area: only then can it be left out.
    rest : Estimate or None
        The price of the cart without owned areas; None if nothing is left, or if it cannot be left out.
    projects, licenses : tuple of str
        Those of the organization's orders, to choose from.
    budgets : tuple of (str or None, int)
        The project of each budget, None for all, and the credits that are left of it.
    """

    facts: tuple[OwnedFact, ...] = ()
    captures: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    is_certain: bool = True
    rest: Estimate | None = None
    projects: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    budgets: tuple[tuple[str | None, int], ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left to buy."""
        return bool(self.facts) and self.is_certain and self.rest is None


def find_owned(client: Client, cart: Cart) -> OwnedFacts:
    """Return what of a cart is owned, with the price of the rest; the list of orders is at most a minute old. Nothing is bought."""
    holdings = known_holdings(client)
    return replace(
        _compared(cart, holdings),
        projects=_texts(holdings["project"]),
        licenses=_texts(holdings["license_type"]),
        budgets=_budgets(client),
    )


def _budgets(client: Client) -> tuple[tuple[str | None, int], ...]:
    """Return what is left of each budget; none if they cannot be counted, which refuses the order itself."""
    try:
        table = client.budgets()
    except ScenecartError:
        return ()
    return tuple((row["project"], int(row["left"])) for row in table.to_dict("records"))


def _texts(column: pd.Series[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clean_text(value, 80) for value in column if isinstance(value, str)))


def _compared(cart: Cart, holdings: gpd.GeoDataFrame) -> OwnedFacts:
    rows = np.flatnonzero(cart.captures["id"].isin(set(holdings["id"])).to_numpy())
    if not len(rows):
        return OwnedFacts()
    captures = cart.captures.iloc[rows]
    parts = owned_parts(captures, cart.clipped().to_numpy()[rows], holdings)
    if not len(parts.row):
        return OwnedFacts()
    rows_of = {(row["order"], row["id"]): row for row in pd.DataFrame(holdings.drop(columns="geometry")).to_dict("records")}
    names = captures["id"].to_numpy()[parts.row].tolist()
    found = [rows_of.get((order, name), {}) for order, name in zip(parts.order, names, strict=True)]
    table = pd.DataFrame({"id": names, "order": parts.order, "share": parts.share})
    for column in _COLUMNS:
        table[column] = [row.get(column) for row in found]
    together = {names_of: min(1.0, part) for names_of, part in _shares(captures, parts, cart, rows).items()}
    whole = frozenset(name for name, share in together.items() if share >= WHOLE)
    return _facts(table, cart, whole, is_certain=bool(parts.is_certain.all()))


def refused_as_owned(error: AlreadyOwned, cart: Cart) -> OwnedFacts:
    """Return the facts of a purchase that was refused because part of it is owned; the rest is priced again."""
    table = pd.DataFrame(error.owned.drop(columns="geometry"))
    whole = frozenset(table["id"][table["share"] >= WHOLE])
    return _facts(table, cart, whole, is_certain=error.certain)


def _shares(captures: gpd.GeoDataFrame, parts: Any, cart: Cart, rows: Any) -> dict[str, float]:
    clipped = cart.clipped().to_numpy()[rows]
    return {str(captures["id"].iloc[row]): owned.area / clipped[row].area for row, owned in parts.owned_geometries().items()}


def _facts(table: pd.DataFrame, cart: Cart, whole: frozenset[str], *, is_certain: bool) -> OwnedFacts:
    acquired = dict(zip(cart.captures["id"], day_texts(cart.captures), strict=True))
    facts = tuple(_fact(row, acquired.get(row["id"], "")) for row in table.to_dict("records"))
    rest = None
    if is_certain:
        try:
            rest = cart.without_owned().estimate()
        except InvalidCart as error:
            if error.code != "cart_all_owned":
                raise
    return OwnedFacts(facts, frozenset(table["id"]), whole, is_certain, rest)


def _fact(row: dict[Any, Any], acquired: str) -> OwnedFact:
    def text(name: str, limit: int = 80) -> str:
        return clean_text(row[name], limit) if isinstance(row.get(name), str) else ""

    ordered = row.get("ordered")
    return OwnedFact(
        clean_text(row["id"], 120),
        acquired,
        None if pd.isna(row["share"]) else float(row["share"]),
        text("order"),
        "" if ordered is None or pd.isna(ordered) else f"{ordered.day} {ordered:%b %Y}",
        text("license_type", 60),
        text("status", 60),
        text("project"),
    )
