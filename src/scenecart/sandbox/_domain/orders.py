"""Orders and idempotency keys: state and money change in the same transaction."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from scenecart.sandbox._data.geometry import to_geojson
from scenecart.sandbox._data.times import to_rfc3339
from scenecart.sandbox._domain.ledger import CREDITS_PER_AUD, ChallengeRequired
from scenecart.sandbox._domain.pricing import price_captures
from scenecart.sandbox._problem import Invalid, Problem, RepeatedRefusal, SandboxError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
    from scenecart.sandbox._domain.ledger import Ledger
    from scenecart.sandbox._domain.pricing import Quote
    from scenecart.sandbox._http.schemas import ArchivePlace, OrderChange, OrdersList

    # runs inside a write transaction; returns the response
    Transaction = Callable[[sqlite3.Connection, "RequestKey"], Any]

# seconds for an order, and additional seconds for each capture
PACES = {"instant": (0.0, 0.0), "demo": (2.0, 0.25), "real": (600.0, 30.0)}
_CANCELLABLE_SHARE = 0.6
CLAIM_SECONDS = 24 * 3_600.0
_LONGEST_KEY = 255
_MOST_FAILURES = 10_000
_SORTS = {"createdAt": "created", "updatedAt": "updated", "status": "status", "type": "created", "displayName": "display_name"}
# names of the states in other clients' convention
_STATE_ALIASES = {
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
class OrderPolicy:
    """How the service keeps idempotency keys and lists orders, in which services differ.

    Attributes
    ----------
    claim_seconds
        How long a key is kept.
    keeps_keys
        Whether keys are kept at all.
    keys_per_user
        Whether a key belongs to the principal who sent it, not to the whole organization.
    stores_refusals
        Whether a refusal is kept with its key, and repeated.
    lists_own_orders
        Whether a list has only the orders that the caller placed.
    """

    claim_seconds: float = CLAIM_SECONDS
    keeps_keys: bool = True
    keys_per_user: bool = False
    stores_refusals: bool = False
    lists_own_orders: bool = False


@dataclass(frozen=True)
class RequestKey:
    """The identity of a request that spends: a digest of path, key and body, and the idempotency key."""

    fingerprint: str
    key: str | None


@dataclass(frozen=True)
class PricedOrder:
    """An order that is validated and priced, but not placed."""

    project: str
    quote: Quote
    license_type: str = "standard"
    split_by_date: bool = False
    display_name: str = ""
    tags: list[str] = field(default_factory=list)
    data_product: str | None = None


class Orders:
    """The orders of all organizations."""

    def __init__(  # noqa: PLR0917  # the parts that it is made of, then how it behaves
        self,
        storage: Storage,
        catalog: Catalog,
        ledger: Ledger,
        clock: Callable[[], float],
        pace: str,
        policy: OrderPolicy | None = None,
    ) -> None:
        self.storage = storage
        self._catalog = catalog
        self._ledger = ledger
        self._clock = clock
        self.pace = pace
        self.policy = policy or OrderPolicy()
        # seconds for which a new order is missing from lists
        self.list_lag = 0.0
        # the documents that an organization must have accepted before it orders captures of a host
        self.required_licences: Callable[[Caller, set[str]], list[str]] | None = None
        self._failures: deque[str] = deque()

    def fail_next(self, reason: str) -> None:
        """Let the next order that is placed fail when it is due, for this reason.

        Raises
        ------
        SandboxError
            If 10,000 failures wait for an order.
        """
        if len(self._failures) >= _MOST_FAILURES:
            raise SandboxError(f"{_MOST_FAILURES:,} failures wait for an order. Place orders first.")
        self._failures.append(reason)

    def records(self) -> list[dict[str, Any]]:
        """Return the orders of all organizations as they are in the database, oldest first."""
        return [
            {
                "id": row["id"],
                "state": row["status"],
                "captures": json.loads(row["captures"]),
                "credits": row["credits"],
                "organization": row["organization"],
                "placed_by": row["principal"],
                "project": row["project"],
                "license_type": row["license_type"],
                "created": row["created"],
                "key": row["key"],
                "reason": row["reason"],
            }
            for row in self.storage.read.execute(
                'SELECT o.*, p.name AS principal FROM "order" o JOIN principal p ON p.subject = o.placed_by ORDER BY o.rowid'
            )
        ]

    def row(self, order_id: str) -> Any:
        """Return the row of an order of any organization, or None."""
        return self.storage.read.execute('SELECT * FROM "order" WHERE id = ?', (order_id,)).fetchone()

    def number_of(self, order_id: str) -> int | None:
        """Return the number of an order, from 1 in the order of placement, or None."""
        found = self.storage.read.execute('SELECT rowid FROM "order" WHERE id = ?', (order_id,)).fetchone()
        return None if found is None else int(found["rowid"])

    def numbered_ids(self) -> list[tuple[int, str]]:
        """Return number and id of every order."""
        rows = self.storage.read.execute('SELECT rowid, id FROM "order" ORDER BY rowid')
        return [(row["rowid"], row["id"]) for row in rows]

    def run_once(  # noqa: PLR0917  # who, where, which key, what, how to do it, and the status of success
        self, caller: Caller, path: str, key: str | None, body: Any, prepare: Callable[[], Transaction], status: int
    ) -> tuple[int, bytes]:
        """Run a transaction once per idempotency key; return status and body of the response.

        A stored response is returned before anything else is checked. Otherwise the claim of the key, the work and its response are
        one transaction: an error leaves nothing behind, and the key stays free unless the service stores refusals.
        """
        if key is not None and not 0 < len(key) <= _LONGEST_KEY:
            raise Problem(400, "the Idempotency-Key must have 1 to 255 characters")
        digest = _digest(body)
        fingerprint = hashlib.sha256(f"{path}\n{key or ''}\n{digest}".encode("utf-8", "surrogatepass")).hexdigest()
        claim = self._claim(caller, path, key)
        stored = self._stored_answer(self.storage.read, claim, digest)
        if stored is not None:
            return stored
        try:
            transaction = prepare()
            with self.storage.write() as database:
                stored = self._stored_answer(database, claim, digest)
                if stored is not None:
                    return stored
                answer = msgspec.json.encode(transaction(database, RequestKey(fingerprint, key)))
                self._store(database, claim, digest, status, answer)
        except ChallengeRequired as error:
            refusal = self._ledger.require_challenge(caller, fingerprint, error.credits)
            raise self.store_refusal(caller, path, key, body, refusal) from None
        except Problem as refusal:
            raise self.store_refusal(caller, path, key, body, refusal) from None
        return status, answer

    def store_refusal(self, caller: Caller, path: str, key: str | None, body: Any, refusal: Problem) -> Problem:
        """Store a refusal with its key if the policy says so; return the response: the refusal, or the one stored earlier."""
        claim = self._claim(caller, path, key)
        is_storable = HTTPStatus.BAD_REQUEST <= refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if not self.policy.stores_refusals or claim is None or not is_storable or refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
            return refusal
        digest = _digest(body)
        try:
            with self.storage.write() as database:
                # another request may have stored its response meanwhile
                if self._stored_answer(database, claim, digest) is None:
                    self._store(database, claim, digest, refusal.status, msgspec.json.encode(refusal.document))
        except Problem as stored:
            return stored
        return refusal

    def prepare_placement(self, caller: Caller, request: ArchivePlace) -> Transaction:
        """Validate and price an order; return the transaction that inserts it."""
        project = self.find_project(caller, request.projectId)
        quote = price_captures(self._catalog, self.storage, request.captures, by_date=bool(request.splitByDate))
        if quote.errors:
            raise Invalid(*((f"captures.{entry['id']}", entry["detail"]) for entry in quote.errors))
        if self.required_licences is not None:
            missing = self.required_licences(caller, {item.row["host"] for item in quote.items})
            if missing:
                detail = f"the organization has not accepted the licence {missing[0]}"
                raise Problem(403, detail, type_="licence-not-accepted", document_ids=missing)
        order = PricedOrder(
            project, quote, request.licenseType, bool(request.splitByDate), request.displayName or "", request.tags or []
        )
        return lambda database, request_key: self.document(self.insert(database, caller, order, request_key))

    def find_project(self, caller: Caller, name: str) -> str:
        """Return the id of a project of the caller's organization; the caller's own id stands for its default project.

        Raises
        ------
        Problem
            404 for any other project.
        """
        if name == caller.subject:
            return caller.project
        found = self.storage.read.execute(
            "SELECT 1 FROM project WHERE id = ? AND organization = ?", (name, caller.organization)
        ).fetchone()
        if found is None:
            raise Problem(404, "there is no such project")
        return name

    def insert(self, database: sqlite3.Connection, caller: Caller, order: PricedOrder, request_key: RequestKey) -> Any:
        """Insert an order, reserve its credits, and return its row."""
        now = self._clock()
        seconds, each = PACES[self.pace]
        duration = seconds + each * len(order.quote.items)
        order_id = str(uuid.uuid4())
        captures = [
            {
                "id": item.name,
                "host_name": item.row["host"],
                "collection": item.row["collection"],
                "geometry": to_geojson(item.shape),
            }
            for item in order.quote.items
        ]
        values = {
            "id": order_id,
            "organization": caller.organization,
            "placed_by": caller.subject,
            "project": order.project,
            "status": "processing",
            "billing_mode": caller.billing_mode,
            "license_type": order.license_type,
            "display_name": order.display_name,
            "tags": json.dumps(order.tags),
            "data_product": order.data_product,
            "split_by_date": order.split_by_date,
            "credits": order.quote.credits,
            "groups": json.dumps(order.quote.groups),
            "captures": json.dumps(captures),
            "created": now,
            "updated": now,
            "no_return": now + _CANCELLABLE_SHARE * duration,
            "due": now + duration,
            "key": request_key.key,
            "will_fail": self._failures[0] if self._failures else None,
        }
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        database.execute(f'INSERT INTO "order" ({columns}) VALUES ({marks})', list(values.values()))  # noqa: S608  # fixed names
        self._ledger.reserve(database, caller, order_id, order.quote.credits, request_key.fingerprint)
        # not before: if this order cannot be paid, the next one fails
        if self._failures:
            self._failures.popleft()
        return database.execute('SELECT * FROM "order" WHERE id = ?', (order_id,)).fetchone()

    def find(self, caller: Caller, name: str) -> Any:
        """Return the row of an order of the caller's organization.

        Raises
        ------
        Problem
            404 for any other order.
        """
        row = self.storage.read.execute(
            'SELECT * FROM "order" WHERE id = ? AND organization = ?', (name, caller.organization)
        ).fetchone()
        if row is None:
            raise Problem(404, "there is no such order")
        return row

    def page(self, caller: Caller, request: OrdersList) -> tuple[list[Any], dict[str, int]]:
        """Return a page of the organization's orders, with the total numbers of orders and pages."""
        where = "organization = ?"
        values: list[Any] = [caller.organization]
        if self.list_lag:
            where += " AND created <= ?"
            values.append(self._clock() - self.list_lag)
        if self.policy.lists_own_orders:
            where += " AND placed_by = ?"
            values.append(caller.subject)
        project = request.workspaceId or request.projectId
        if project is not None:
            where += " AND project = ?"
            values.append(caller.project if project == caller.subject else project)
        if request.type is not None and request.type.lower() != "archive":
            where += " AND 0"
        states = [_STATE_ALIASES.get(state.lower(), state.lower()) for state in _split_list(request.status)]
        for column, names in (
            ("status", states),
            ("id", _split_list(request.orderIds)),
            ("data_product", _split_list(request.dataProductIds)),
        ):
            if names:
                where += f" AND {column} IN ({', '.join('?' * len(names))})"
                values += names
        if request.displayName is not None:
            where += " AND instr(lower(display_name), lower(?))"
            values.append(request.displayName)
        for tag in _split_list(request.tags):
            where += " AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)"
            values.append(tag)
        name, _, direction = request.sort.partition(",")
        order = f"{_SORTS[name]} {direction or 'asc'}, rowid {direction or 'asc'}"
        read = self.storage.read
        (total,) = read.execute(f'SELECT count(*) FROM "order" WHERE {where}', values).fetchone()  # noqa: S608  # built from fixed parts
        rows = read.execute(
            f'SELECT * FROM "order" WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?',  # noqa: S608  # built from fixed parts
            [*values, request.size, request.size * request.page],
        )
        return rows.fetchall(), {"totalElements": total, "totalPages": -(-total // request.size)}

    def update(self, caller: Caller, name: str, request: OrderChange) -> None:
        """Change an order's tags and name."""
        row = self.find(caller, name)
        if request.tags is not None or request.displayName is not None:
            tags = row["tags"] if request.tags is None else json.dumps(request.tags)
            display_name = row["display_name"] if request.displayName is None else request.displayName
            with self.storage.write() as database:
                values = (tags, display_name, self._clock(), row["id"])
                database.execute('UPDATE "order" SET tags = ?, display_name = ?, updated = ? WHERE id = ?', values)

    def prepare_cancellation(self, caller: Caller, name: str) -> Transaction:
        """Check that the order belongs to the caller; return the transaction that cancels it."""
        order_id = str(self.find(caller, name)["id"])
        return lambda database, _request: self._cancel(database, order_id)

    def finish(self, database: sqlite3.Connection, order: Any, reason: str | None) -> bool:
        """Set an order to delivered or failed and move its credits; return whether it was still processing."""
        changed = database.execute(
            "UPDATE \"order\" SET status = ?, reason = ?, updated = ? WHERE id = ? AND status = 'processing'",
            ("delivered" if reason is None else "failed", reason, self._clock(), order["id"]),
        )
        if changed.rowcount == 1:
            self._ledger.finish(database, order, spent=reason is None)
        return changed.rowcount == 1

    def due_orders(self) -> list[Any]:
        """Return the processing orders whose delivery time has passed."""
        return self.storage.read.execute(
            "SELECT * FROM \"order\" WHERE status = 'processing' AND due <= ? ORDER BY due", (self._clock(),)
        ).fetchall()

    def is_cancellable(self, row: Any) -> bool:
        """Return whether an order can still be cancelled."""
        return bool(row["status"] == "processing" and self._clock() < row["no_return"])

    @staticmethod
    def document(row: Any) -> dict[str, Any]:
        """Return an order as JSON."""
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
            "createdAt": to_rfc3339(row["created"]),
            "updatedAt": to_rfc3339(row["updated"]),
        }
        if row["reason"] is not None:
            document["failureReason"] = row["reason"]
        return document

    def _cancel(self, database: sqlite3.Connection, order_id: str) -> dict[str, Any]:
        order = database.execute('SELECT * FROM "order" WHERE id = ?', (order_id,)).fetchone()
        if order["status"] != "processing":
            raise Problem(409, f"the order is {order['status']} and can no longer be cancelled")
        if not self.is_cancellable(order):
            raise Problem(409, "it is too late to cancel the order")
        database.execute("UPDATE \"order\" SET status = 'cancelled', updated = ? WHERE id = ?", (self._clock(), order_id))
        kind = self._ledger.finish(database, order, spent=False)
        credits_field = "refundedCredits" if kind == "refund" else "releasedCredits"
        return {"orderId": order_id, "status": "cancelled", credits_field: order["credits"]}

    def _claim(self, caller: Caller, path: str, key: str | None) -> tuple[str, str, str] | None:
        """Return the claim of a request with an idempotency key; None without a key, or if keys are ignored."""
        if key is None or not self.policy.keeps_keys:
            return None
        return (caller.subject if self.policy.keys_per_user else caller.organization, path, key)

    def _store(
        self, database: sqlite3.Connection, claim: tuple[str, str, str] | None, digest: str, status: int, answer: bytes
    ) -> None:
        if claim is not None:
            values = (*claim, digest, status, answer, self._clock())
            database.execute("INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def _stored_answer(
        self, database: sqlite3.Connection, claim: tuple[str, str, str] | None, digest: str
    ) -> tuple[int, bytes] | None:
        """Return the stored response of a key as long as it is kept; raise a stored refusal."""
        if claim is None:
            return None
        found = database.execute("SELECT * FROM claim WHERE owner = ? AND path = ? AND key = ?", claim).fetchone()
        if found is None or self._clock() - found["created"] >= self.policy.claim_seconds:
            return None
        if found["request"] != digest:
            raise Problem(409, "this Idempotency-Key was already used with another body")
        if found["status"] >= HTTPStatus.BAD_REQUEST:
            raise RepeatedRefusal(found["status"], json.loads(found["answer"]))
        return int(found["status"]), bytes(found["answer"])


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _split_list(value: str | list[str] | None) -> list[str]:
    """Return the values of a list, or of text separated by commas."""
    if value is None:
        return []
    return [name for part in ([value] if isinstance(value, str) else value) for name in part.split(",") if name]
