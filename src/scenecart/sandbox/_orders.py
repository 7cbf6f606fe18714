"""Orders: placed once a key, moved by the clock, with the money moving in the same transaction as the state."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._pricing import CREDITS_PER_AUD, Prices, estimate
from scenecart.sandbox._problem import Invalid, Problem
from scenecart.sandbox._shapes import geojson

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scenecart.sandbox._auth import Caller
    from scenecart.sandbox._catalog import Catalog
    from scenecart.sandbox._storage import Storage

LICENSES = ("standard", "extended", "internal")
# seconds an order takes, and seconds more for each capture
PACES = {"instant": (0.0, 0.0), "demo": (2.0, 0.25), "real": (600.0, 30.0)}
_CANCELLABLE_SHARE = 0.6
_CLAIM_SECONDS = 24 * 3_600
_LONGEST_KEY = 255
_PAGE, _LARGEST_PAGE = 20, 500


class Orders:
    """The orders of all organizations."""

    def __init__(self, storage: Storage, catalog: Catalog, clock: Callable[[], float], pace: str) -> None:
        self._storage = storage
        self._catalog = catalog
        self._clock = clock
        self.pace = pace

    def once(  # noqa: PLR0917  # who, where, which key, what, how, and how it is answered
        self,
        caller: Caller,
        path: str,
        key: str | None,
        body: Any,
        work: Callable[[sqlite3.Connection], Any],
        status: int,
    ) -> tuple[int, bytes]:
        """Do some work once for a key: the claim, the work and its answer are one transaction."""
        if key is None:
            with self._storage.write() as database:
                return status, _encode(work(database))
        if not 0 < len(key) <= _LONGEST_KEY:
            raise Problem(400, "an Idempotency-Key has 1 to 255 characters")
        request = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        now = self._clock()
        with self._storage.write() as database:
            where = (caller.organization, path, key)
            found = database.execute("SELECT * FROM claim WHERE organization = ? AND path = ? AND key = ?", where).fetchone()
            if found is not None and now - found["created"] < _CLAIM_SECONDS:
                if found["request"] != request:
                    raise Problem(409, "this Idempotency-Key was used with another body")
                return int(found["status"]), bytes(found["answer"])
            answer = _encode(work(database))
            database.execute("INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)", (*where, request, status, answer, now))
        return status, answer

    def placing(self, caller: Caller, body: Any) -> Callable[[sqlite3.Connection], Any]:
        """Check and price an order; what is returned writes it down."""
        project, license_type = self._check(caller, body)
        prices = estimate(self._catalog, self._storage, body)
        if prices.errors:
            raise Invalid(*((f"captures.{entry['id']}", entry["detail"]) for entry in prices.errors))
        return lambda database: self._place(database, caller, project, license_type, body, prices)

    def get(self, caller: Caller, body: Any) -> dict[str, Any]:
        """Return one order of the caller's organization."""
        return self._document(self._row(caller, body))

    def page(self, caller: Caller, body: Any) -> dict[str, Any]:
        """Return a page of the organization's orders."""
        size, page = body.get("size", _PAGE), body.get("page", 0)
        for name, value, least, most in (("size", size, 1, _LARGEST_PAGE), ("page", page, 0, 10**6)):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise Invalid((name, f"a whole number from {least} to {most}"))
        where, values = "organization = ?", [caller.organization]
        for name, column in (("workspaceId", "project"), ("projectId", "project"), ("status", "status")):
            if body.get(name) is not None:
                where += f" AND {column} = ?"
                values.append(str(body[name]).lower() if name == "status" else str(body[name]))
        if body.get("orderIds") is not None:
            ids = body["orderIds"].split(",") if isinstance(body["orderIds"], str) else list(body["orderIds"])
            where += f" AND id IN ({', '.join('?' * len(ids))})"
            values += [str(entry) for entry in ids]
        direction = "ASC" if str(body.get("sort", "")).lower().endswith(",asc") else "DESC"
        read = self._storage.read
        (total,) = read.execute(f'SELECT count(*) FROM "order" WHERE {where}', values).fetchone()  # noqa: S608  # built from fixed parts
        rows = read.execute(
            f'SELECT * FROM "order" WHERE {where} ORDER BY created {direction}, rowid {direction} LIMIT ? OFFSET ?',  # noqa: S608  # likewise
            [*values, size, size * page],
        )
        pages = -(-total // size)
        return {"content": [self._document(row) for row in rows], "totalElements": total, "totalPages": pages}

    def cancelling(self, caller: Caller, body: Any) -> Callable[[sqlite3.Connection], Any]:
        """Check that an order is the caller's; what is returned cancels it."""
        row = self._row(caller, body)
        return lambda database: self._cancel(database, str(row["id"]))

    def finish(self, database: sqlite3.Connection, order: Any, reason: str | None) -> None:
        """End an order that was worked on: delivered, or failed with a reason; the money moves with it."""
        status, kind = ("delivered", "settle") if reason is None else ("failed", "refund")
        database.execute(
            'UPDATE "order" SET status = ?, reason = ?, updated = ? WHERE id = ?',
            (status, reason, self._clock(), order["id"]),
        )
        self._move(database, kind, order["organization"], order["id"], order["credits"])

    def due(self) -> list[Any]:
        """Return the orders whose time has come."""
        return self._storage.read.execute(
            "SELECT * FROM \"order\" WHERE status = 'processing' AND due <= ? ORDER BY due", (self._clock(),)
        ).fetchall()

    def balance(self, caller: Caller) -> dict[str, Any]:
        """Return the organization's credits."""
        rows = self._storage.read.execute("SELECT kind, balance FROM account WHERE organization = ?", (caller.organization,))
        found = {row["kind"]: row["balance"] for row in rows}
        return {
            "balance_credits": found["available"],
            "reserved_credits": found["reserved"],
            "spent_credits": found["income"],
            "currency": "AUD",
            "balance_aud": found["available"] / CREDITS_PER_AUD,
        }

    def _check(self, caller: Caller, body: Any) -> tuple[str, str]:
        if not isinstance(body, dict):
            raise Invalid(("", "an order is an object"))
        project, license_type = body.get("projectId"), body.get("licenseType", LICENSES[0])
        if not isinstance(project, str) or not project:
            raise Invalid(("projectId", "a project is needed"))
        if license_type not in LICENSES:
            raise Invalid(("licenseType", f"one of {', '.join(LICENSES)}"))
        if not isinstance(body.get("captures"), list) or not body["captures"]:
            raise Invalid(("captures", "at least one capture"))
        found = self._storage.read.execute(
            "SELECT 1 FROM project WHERE id = ? AND organization = ?", (project, caller.organization)
        ).fetchone()
        if found is None:
            raise Problem(404, "there is no such project")
        return project, str(license_type)

    def _place(  # noqa: PLR0917  # what an order consists of
        self, database: sqlite3.Connection, caller: Caller, project: str, license_type: str, body: Any, prices: Prices
    ) -> dict[str, Any]:
        now = self._clock()
        seconds, each = PACES[self.pace]
        duration = seconds + each * len(prices.wanted)
        order_id = str(uuid.uuid4())
        captures = [
            {
                "id": capture.name,
                "host_name": capture.row["host"],
                "collection": capture.row["collection"],
                "geometry": geojson(capture.shape),
            }
            for capture in prices.wanted
        ]
        available = database.execute(
            "SELECT balance FROM account WHERE organization = ? AND kind = 'available'", (caller.organization,)
        ).fetchone()["balance"]
        if prices.credits > available:
            raise Problem(
                402,
                f"the order needs {prices.credits} credits and the balance is {available}",
                type_="https://api.geopera.com/problems/insufficient-credits",
                required_credits=prices.credits,
                balance_credits=available,
            )
        database.execute(
            'INSERT INTO "order" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)',
            (
                order_id,
                caller.organization,
                project,
                "processing",
                caller.billing_mode,
                license_type,
                bool(body.get("splitByDate")),
                prices.credits,
                json.dumps(prices.groups),
                json.dumps(captures),
                now,
                now,
                now + _CANCELLABLE_SHARE * duration,
                now + duration,
            ),
        )
        self._move(database, "reserve", caller.organization, order_id, prices.credits)
        row = database.execute('SELECT * FROM "order" WHERE id = ?', (order_id,)).fetchone()
        return self._document(row)

    def _cancel(self, database: sqlite3.Connection, order_id: str) -> dict[str, Any]:
        order = database.execute('SELECT * FROM "order" WHERE id = ?', (order_id,)).fetchone()
        if order["status"] != "processing":
            raise Problem(409, f"the order is {order['status']} and can no longer be cancelled")
        if self._clock() >= order["no_return"]:
            raise Problem(409, "the order is past the point where it can be cancelled")
        database.execute("UPDATE \"order\" SET status = 'cancelled', updated = ? WHERE id = ?", (self._clock(), order_id))
        self._move(database, "refund", order["organization"], order_id, order["credits"])
        return {"orderId": order_id, "status": "cancelled", "refundedCredits": order["credits"]}

    def _move(self, database: sqlite3.Connection, kind: str, organization: str, order_id: str, amount: int) -> None:
        source, target = {
            "reserve": ("available", "reserved"),
            "settle": ("reserved", "income"),
            "refund": ("reserved", "available"),
        }[kind]
        database.execute(
            'INSERT INTO transfer (kind, "order", source, target, credits, created)'
            " SELECT ?, ?, a.id, b.id, ?, ? FROM account a, account b"
            " WHERE a.organization = ? AND b.organization = ? AND a.kind = ? AND b.kind = ?",
            (kind, order_id, amount, self._clock(), organization, organization, source, target),
        )

    def _row(self, caller: Caller, body: Any) -> Any:
        name = body.get("id") or body.get("order_id") if isinstance(body, dict) else None
        if not isinstance(name, str):
            raise Invalid(("order_id", "the order's id"))
        row = self._storage.read.execute(
            'SELECT * FROM "order" WHERE id = ? AND organization = ?', (name, caller.organization)
        ).fetchone()
        if row is None:
            raise Problem(404, "there is no such order")
        return row

    @staticmethod
    def _document(row: Any) -> dict[str, Any]:
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
            "captures": [capture["id"] for capture in json.loads(row["captures"])],
            "createdAt": _moment(row["created"]),
            "updatedAt": _moment(row["updated"]),
        }
        if row["reason"] is not None:
            document["failureReason"] = row["reason"]
        return document


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
