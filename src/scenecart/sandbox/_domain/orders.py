"""Orders: placed once a key, moved by the clock, with the money moving in the same transaction as the state."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from scenecart.sandbox._data.geometry import geojson
from scenecart.sandbox._domain.ledger import CREDITS_PER_AUD, ChallengeNeeded, moment
from scenecart.sandbox._domain.pricing import price
from scenecart.sandbox._problem import Invalid, Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
    from scenecart.sandbox._domain.ledger import Ledger
    from scenecart.sandbox._domain.pricing import Prices
    from scenecart.sandbox._http.schemas import ArchivePlace, OrderChange, OrdersList

    # what is done in the transaction, given the name of the request
    Work = Callable[[sqlite3.Connection, str], Any]

# seconds an order takes, and seconds more for each capture
PACES = {"instant": (0.0, 0.0), "demo": (2.0, 0.25), "real": (600.0, 30.0)}
_CANCELLABLE_SHARE = 0.6
_CLAIM_SECONDS = 24 * 3_600
_LONGEST_KEY = 255
_SORTS = {"createdAt": "created", "updatedAt": "updated", "status": "status", "type": "created", "displayName": "display_name"}
# other words for the states, as other clients of the service know them
_STATES = {
    "created": "processing",
    "being_placed": "processing",
    "placed": "processing",
    "being_fulfilled": "processing",
    "fulfilled": "delivered",
    "failed_permanently": "failed",
    "placement_failed": "failed",
    "canceled": "cancelled",
}


@dataclass(frozen=True)
class Draft:
    """An order that is priced and checked, and not placed yet."""

    project: str
    prices: Prices
    license_type: str = "standard"
    split_by_date: bool = False
    display_name: str = ""
    tags: list[str] = field(default_factory=list)
    data_product: str | None = None


class Orders:
    """The orders of all organizations."""

    def __init__(self, storage: Storage, catalog: Catalog, ledger: Ledger, clock: Callable[[], float], pace: str) -> None:
        self.storage = storage
        self._catalog = catalog
        self._ledger = ledger
        self._clock = clock
        self.pace = pace

    def once(  # noqa: PLR0917  # who, where, which key, what, how, and how it is answered
        self, caller: Caller, path: str, key: str | None, body: Any, prepare: Callable[[], Work], status: int
    ) -> tuple[int, bytes]:
        """Do some work once for a key.

        What a key has been answered is answered again before anything else is looked at. Otherwise the claim, the work and its
        answer are one transaction: what fails leaves nothing, and the key stays free.
        """
        if key is not None and not 0 < len(key) <= _LONGEST_KEY:
            raise Problem(400, "an Idempotency-Key has 1 to 255 characters")
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        request = hashlib.sha256(f"{path}\n{key or ''}\n{digest}".encode("utf-8", "surrogatepass")).hexdigest()
        claim = None if key is None else (caller.organization, path, key)
        answered = self._answered(self.storage.read, claim, digest)
        if answered is not None:
            return answered
        work = prepare()
        try:
            with self.storage.write() as database:
                answered = self._answered(database, claim, digest)
                if answered is not None:
                    return answered
                answer = msgspec.json.encode(work(database, request))
                if claim is not None:
                    database.execute(
                        "INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)", (*claim, digest, status, answer, self._clock())
                    )
        except ChallengeNeeded as needed:
            raise self._ledger.challenge(caller, request, needed.credits) from None
        return status, answer

    def placing(self, caller: Caller, asked: ArchivePlace) -> Work:
        """Check and price an order; what is returned writes it down."""
        project = self.project(caller, asked.projectId)
        prices = price(self._catalog, self.storage, asked.captures, by_date=bool(asked.splitByDate))
        if prices.errors:
            raise Invalid(*((f"captures.{entry['id']}", entry["detail"]) for entry in prices.errors))
        draft = Draft(project, prices, asked.licenseType, bool(asked.splitByDate), asked.displayName or "", asked.tags or [])
        return lambda database, request: self.document(self.write(database, caller, draft, request))

    def project(self, caller: Caller, name: str) -> str:
        """Return a project of the caller's organization; the caller's own name stands for the project it works in.

        Raises
        ------
        Problem
            404 for any other.
        """
        if name == caller.subject:
            return caller.project
        found = self.storage.read.execute(
            "SELECT 1 FROM project WHERE id = ? AND organization = ?", (name, caller.organization)
        ).fetchone()
        if found is None:
            raise Problem(404, "there is no such project")
        return name

    def write(self, database: sqlite3.Connection, caller: Caller, draft: Draft, request: str) -> Any:
        """Write an order down and set its money aside, or nothing of both; return its row."""
        now = self._clock()
        seconds, each = PACES[self.pace]
        duration = seconds + each * len(draft.prices.wanted)
        order_id = str(uuid.uuid4())
        captures = [
            {
                "id": capture.name,
                "host_name": capture.row["host"],
                "collection": capture.row["collection"],
                "geometry": geojson(capture.shape),
            }
            for capture in draft.prices.wanted
        ]
        values = {
            "id": order_id,
            "organization": caller.organization,
            "project": draft.project,
            "status": "processing",
            "billing_mode": caller.billing_mode,
            "license_type": draft.license_type,
            "display_name": draft.display_name,
            "tags": json.dumps(draft.tags),
            "data_product": draft.data_product,
            "split_by_date": draft.split_by_date,
            "credits": draft.prices.credits,
            "groups": json.dumps(draft.prices.groups),
            "captures": json.dumps(captures),
            "created": now,
            "updated": now,
            "no_return": now + _CANCELLABLE_SHARE * duration,
            "due": now + duration,
        }
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        database.execute(f'INSERT INTO "order" ({columns}) VALUES ({marks})', list(values.values()))  # noqa: S608  # fixed names
        self._ledger.set_aside(database, caller, order_id, draft.prices.credits, request)
        return database.execute('SELECT * FROM "order" WHERE id = ?', (order_id,)).fetchone()

    def row(self, caller: Caller, name: str) -> Any:
        """Return an order of the caller's organization.

        Raises
        ------
        Problem
            404 for any other.
        """
        row = self.storage.read.execute(
            'SELECT * FROM "order" WHERE id = ? AND organization = ?', (name, caller.organization)
        ).fetchone()
        if row is None:
            raise Problem(404, "there is no such order")
        return row

    def page(self, caller: Caller, asked: OrdersList) -> tuple[list[Any], dict[str, int]]:
        """Return a page of the organization's orders, and how many there are."""
        where, values = "organization = ?", [caller.organization]
        project = asked.workspaceId or asked.projectId
        if project is not None:
            where += " AND project = ?"
            values.append(caller.project if project == caller.subject else project)
        if asked.type is not None and asked.type.lower() != "archive":
            where += " AND 0"
        states = [_STATES.get(state.lower(), state.lower()) for state in _words(asked.status)]
        for column, names in (("status", states), ("id", _words(asked.orderIds)), ("data_product", _words(asked.dataProductIds))):
            if names:
                where += f" AND {column} IN ({', '.join('?' * len(names))})"
                values += names
        if asked.displayName is not None:
            where += " AND instr(lower(display_name), lower(?))"
            values.append(asked.displayName)
        for tag in _words(asked.tags):
            where += " AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)"
            values.append(tag)
        name, _, direction = asked.sort.partition(",")
        order = f"{_SORTS[name]} {direction or 'asc'}, rowid {direction or 'asc'}"
        read = self.storage.read
        (total,) = read.execute(f'SELECT count(*) FROM "order" WHERE {where}', values).fetchone()  # noqa: S608  # built from fixed parts
        rows = read.execute(
            f'SELECT * FROM "order" WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?',  # noqa: S608  # likewise
            [*values, asked.size, asked.size * asked.page],
        )
        return rows.fetchall(), {"totalElements": total, "totalPages": -(-total // asked.size)}

    def change(self, caller: Caller, name: str, asked: OrderChange) -> None:
        """Change an order's tags."""
        order_id = self.row(caller, name)["id"]
        if asked.tags is not None:
            with self.storage.write() as database:
                values = (json.dumps(asked.tags), self._clock(), order_id)
                database.execute('UPDATE "order" SET tags = ?, updated = ? WHERE id = ?', values)

    def cancelling(self, caller: Caller, name: str) -> Work:
        """Check that an order is the caller's; what is returned cancels it."""
        order_id = str(self.row(caller, name)["id"])
        return lambda database, _request: self._cancel(database, order_id)

    def finish(self, database: sqlite3.Connection, order: Any, reason: str | None) -> bool:
        """End an order, delivered or failed with a reason, and move its money; tell whether it was still worked on."""
        changed = database.execute(
            "UPDATE \"order\" SET status = ?, reason = ?, updated = ? WHERE id = ? AND status = 'processing'",
            ("delivered" if reason is None else "failed", reason, self._clock(), order["id"]),
        )
        if changed.rowcount == 1:
            self._ledger.end(database, order, spent=reason is None)
        return changed.rowcount == 1

    def due(self) -> list[Any]:
        """Return the orders whose time has come."""
        return self.storage.read.execute(
            "SELECT * FROM \"order\" WHERE status = 'processing' AND due <= ? ORDER BY due", (self._clock(),)
        ).fetchall()

    def is_cancellable(self, row: Any) -> bool:
        """Tell whether an order can still be cancelled."""
        return bool(row["status"] == "processing" and self._clock() < row["no_return"])

    @staticmethod
    def document(row: Any) -> dict[str, Any]:
        """Return an order as the service answers it."""
        document = {
            "id": row["id"],
            "status": row["status"],
            "orderType": "archive",
            "billingMode": row["billing_mode"],
            "currency": "AUD",
            "totalAud": row["credits"] / CREDITS_PER_AUD,
            "totalCredits": row["credits"],
            "groups": json.loads(row["groups"]),
            "projectId": row["project"],
            "licenseType": row["license_type"],
            "displayName": row["display_name"],
            "tags": json.loads(row["tags"]),
            "captures": [capture["id"] for capture in json.loads(row["captures"])],
            "createdAt": moment(row["created"]),
            "updatedAt": moment(row["updated"]),
        }
        if row["reason"] is not None:
            document["failureReason"] = row["reason"]
        return document

    def _cancel(self, database: sqlite3.Connection, order_id: str) -> dict[str, Any]:
        order = database.execute('SELECT * FROM "order" WHERE id = ?', (order_id,)).fetchone()
        if order["status"] != "processing":
            raise Problem(409, f"the order is {order['status']} and can no longer be cancelled")
        if not self.is_cancellable(order):
            raise Problem(409, "the order is past the point where it can be cancelled")
        database.execute("UPDATE \"order\" SET status = 'cancelled', updated = ? WHERE id = ?", (self._clock(), order_id))
        kind = self._ledger.end(database, order, spent=False)
        given_back = "refundedCredits" if kind == "refund" else "releasedCredits"
        return {"orderId": order_id, "status": "cancelled", given_back: order["credits"]}

    def _answered(self, database: sqlite3.Connection, claim: tuple[str, str, str] | None, digest: str) -> tuple[int, bytes] | None:
        """Return what a key was answered within its day."""
        if claim is None:
            return None
        found = database.execute("SELECT * FROM claim WHERE organization = ? AND path = ? AND key = ?", claim).fetchone()
        if found is None or self._clock() - found["created"] >= _CLAIM_SECONDS:
            return None
        if found["request"] != digest:
            raise Problem(409, "this Idempotency-Key was used with another body")
        return int(found["status"]), bytes(found["answer"])


def _words(value: str | list[str] | None) -> list[str]:
    """Return a list that came as a list, or as text with commas."""
    if value is None:
        return []
    return [word for part in ([value] if isinstance(value, str) else value) for word in part.split(",") if word]
