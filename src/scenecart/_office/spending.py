"""Spending: what an organization's orders cost, by project, month, tag, host or person."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._api import operations
from scenecart._api.fields import credits_of, first, id_text, named
from scenecart._api.order_states import DELIVERED, ENDED
from scenecart._api.schemas import purchased_captures
from scenecart._orders.tables import parse_time
from scenecart._util.json import NotJson, loads
from scenecart._util.validate import check_choice, check_text, shown_value
from scenecart.exceptions import InvalidRequest, ScenecartError, ServiceError, warn

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from scenecart._api.http import Session
    from scenecart._api.schemas import OrderRecord
    from scenecart._office.order_totals import OrderTotals
    from scenecart._orders.journal import Journal

BY = ("project", "month", "tag", "host", "person")
COLUMNS = ("orders", "reserved", "charged", "refunded", "credits", "aud")
_UNKNOWN = "unknown"
_PAGE, _MOST_PAGES = 500, 40
# movements of credits that return what an order had reserved or charged, in the words of services
_RETURNS = frozenset({"refund", "refunded", "void", "reverse", "release", "released", "credit"})


class Spending(pd.DataFrame):
    """What orders cost: a table with a report; :meth:`Client.spending` returns one.

    Attributes
    ----------
    by : str
        What its rows are: ``"project"``, ``"month"``, ``"tag"``, ``"host"`` or ``"person"``.
    """

    by: str
    _metadata = ("by",)

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        # a part of the table is a plain DataFrame
        return pd.DataFrame

    def to_report(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write a report with a plot; the suffix of the path sets the format.

        Parameters
        ----------
        path
            The file to write: ``.html .pdf .xlsx .md .csv .parquet .geojson .gpkg``; the last two have rows without geometry.
        title
            The title of the report.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InvalidRequest
            If the suffix is not a supported format, or the file cannot be written.
        MissingExtra
            If the packages for reports are not installed.

        Examples
        --------
        >>> import tempfile, pathlib, scenecart
        >>> spending = scenecart.connect("sandbox").spending(by="project")
        >>> spending.to_report(pathlib.Path(tempfile.mkdtemp()) / "spending.csv").name
        'spending.csv'
        """
        from scenecart import report  # noqa: PLC0415  # an extra: the core works without it

        return report.write_spending(self, path, title=title)


class SpendingReader:
    """Reads what orders cost.

    Parameters
    ----------
    session
        The connection to the service.
    order_totals
        Reads the organization's orders.
    journal
        The record of placements of this machine, which knows the hosts of what it bought.
    """

    def __init__(self, session: Session, order_totals: OrderTotals, journal: Journal) -> None:
        self._session = session
        self._order_totals = order_totals
        self._journal = journal

    def read(self, by: str, since: Any = None, project: str | None = None) -> Spending:
        """Return the spending; see :meth:`Client.spending`."""
        check_choice(by, "by", BY)
        if project is not None:
            check_text(project, "project")
        start = _start(since)
        records = [
            record
            for record in (self._order_totals.orders() if start is None else self._order_totals.orders(start))
            if project is None or record.project == project
        ]
        returned = self._returned()
        hosts = self._hosts(records) if by == "host" else {}
        rows: dict[str, list[Any]] = {}
        for record in records:
            price = record.total_credits or 0
            reserved, charged = (
                (price, 0) if record.phase not in {DELIVERED, ENDED} else (0, price if record.phase == DELIVERED else 0)
            )
            refunded = returned.get(record.id, price if record.phase == ENDED else 0)
            charged = max(0, charged - refunded) if record.phase == DELIVERED else charged
            aud = (record.total_aud or Decimal(0)) if record.phase != ENDED else Decimal(0)
            for key, share in _keys(record, by, hosts):
                row = rows.setdefault(key, [0, 0, 0, 0, 0, Decimal(0)])
                parts = [_share(amount, share) for amount in (reserved, charged, refunded)]
                row[0] += 1
                row[1], row[2], row[3] = row[1] + parts[0], row[2] + parts[1], row[3] + parts[2]
                row[4] += parts[0] + parts[1]
                row[5] += (aud * share.numerator / share.denominator).quantize(Decimal("0.01")) if share != 1 else aud
        table = Spending(
            [rows[key] for key in sorted(rows)], columns=list(COLUMNS), index=pd.Index(sorted(rows), name=by, dtype="object")
        )
        table.by = by
        return table

    def _returned(self) -> dict[str, int]:
        """Return the credits that were returned of each order; empty if this sign-in may not read them."""
        returned: Counter[str] = Counter()
        try:
            for page in range(_MOST_PAGES):
                body = {"limit": _PAGE, "offset": page * _PAGE}
                fields = named(self._session.call(operations.TRANSACTIONS, body))
                entries = first(fields, "transactions", "content", "data", "items")
                entries = entries if isinstance(entries, list) else []
                for entry in map(named, entries):
                    order, amount = id_text(first(entry, "orderid", "order")), credits_of(first(entry, "amountcredits", "credits"))
                    if str(first(entry, "reason", "kind", "type")).lower() in _RETURNS and order and amount is not None:
                        returned[order] += abs(amount)
                if len(entries) < _PAGE:
                    break
        except ScenecartError as error:
            warn(
                f"The movements of credits cannot be read ({error.message.rstrip('.')}). "
                "Refunds are those of orders that ended undelivered.",
                code="spending_without_transactions",
                hint="Sign in with an account that may read the billing.",
            )
            return {}
        return dict(returned)

    def _hosts(self, records: Iterable[OrderRecord]) -> dict[str, Counter[str]]:
        """Return the hosts of the captures of each order, as far as this machine or the service knows them."""
        bodies = {placement.order_id: placement.body for placement in self._journal.placements(self._session.base_url, ("placed",))}
        found: dict[str, Counter[str]] = {}
        for record in records:
            try:
                document = loads(bodies[record.id]) if record.id in bodies else record.raw
                captures = purchased_captures(document)
            except (NotJson, AttributeError, KeyError, TypeError, ValueError):
                continue
            hosts = [capture.host for capture in captures if capture is not None and capture.host]
            if hosts:
                found[record.id] = Counter(hosts)
        return found


def entries_frame(document: Any, name: str) -> pd.DataFrame:
    """Return a list of the service as a table with the service's columns.

    Raises
    ------
    ServiceError
        If the document is not a list.
    """
    fields = named(document)
    entries = document if isinstance(document, list) else first(fields, name, "content", "data", "items", "results")
    if not isinstance(entries, list):
        raise ServiceError(f"The service returned an unreadable list of {name}.", code="list_unreadable")
    return pd.DataFrame([entry for entry in entries if isinstance(entry, dict)])


def _keys(record: OrderRecord, by: str, hosts: Mapping[str, Counter[str]]) -> list[tuple[str, Any]]:
    """Return the rows that an order counts in, each with its share."""
    if by == "month":
        created = parse_time(record.created)
        return [(_UNKNOWN if created is None else f"{created:%Y-%m}", 1)]
    if by == "tag":
        return [(tag, 1) for tag in dict.fromkeys(record.tags)] or [("untagged", 1)]
    if by == "host":
        counts = hosts.get(record.id, Counter())
        total = counts.total()
        return [(host, Fraction(count, total)) for host, count in counts.items()] or [(_UNKNOWN, 1)]
    value = record.project if by == "project" else record.person
    return [(value or _UNKNOWN, 1)]


def _share(amount: int, share: Any) -> int:
    return amount if share == 1 else round(amount * share)


def _start(since: Any) -> dt.datetime | None:
    if since is None:
        return None
    try:
        moment = pd.Timestamp(since)
        if pd.isna(moment) or isinstance(since, bool | int | float):
            raise ValueError(since)  # noqa: TRY301  # one error for each malformed value
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            f"must be a day or a time, got {shown_value(since)}.",
            argument="since",
            code="since_invalid",
            hint='For example: "2026-01-01".',
        ) from error
    moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
    return moment.to_pydatetime()


Spending.__module__ = "scenecart"
