"""The registry of hosts and licences, and the commitments and invoices of organizations."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._data.times import to_rfc3339
from scenecart.sandbox._domain.ledger import CREDITS_PER_AUD
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller

_TITLES = {"aurora": "Aurora", "lumen": "Lumen", "openterra": "OpenTerra", "archive": "Archive of the given items"}
_GSD = {"aurora-50cm": 0.5, "aurora-30cm": 0.3, "aurora-legacy": 1.0, "lumen-spot": 1.0, "openterra-10m": 10.0}
_SENSORS = {
    "aurora-50cm": ["Aurora-1", "Aurora-2"],
    "aurora-30cm": ["Aurora-3"],
    "aurora-legacy": ["Aurora-0"],
    "lumen-spot": ["Lumen-1"],
    "openterra-10m": ["Terra-A"],
}
_RADAR = frozenset({"lumen-spot"})
_EULA = "eula-{host}"
_DOCUMENT = "licence-{host}-1"
_TEXT = (
    "{title} imagery is licensed to the ordering organization, not sold. Standard licence: internal use by the organization and "
    'its contractors; derived products without the pixels may be published with the credit "© {title}".'
)
_FREE = 'Free to use with the credit "contains {title} data".'
_COMMITTED = 10_000_000


class Registry:
    """Hosts and their licences, and the commitments and invoices of organizations."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        with storage.write() as database:
            # folders of older versions have no such table
            database.execute(
                "CREATE TABLE IF NOT EXISTS acceptance (organization TEXT NOT NULL, document TEXT NOT NULL,"
                " accepted_by TEXT NOT NULL, accepted_at REAL NOT NULL, PRIMARY KEY (organization, document)) STRICT"
            )

    def vendors(self) -> dict[str, Any]:
        """Return the hosts of the catalog, with the names under which they are priced."""
        hosts = dict.fromkeys(row["host"] for row in self._products())
        vendors = [{"host_name": host, "name": host, "title": _title(host), "vendor_id": f"vendor-{host}"} for host in hosts]
        return {"vendors": vendors, "total": len(vendors)}

    def sources(self, data_type: str | None, scope: str | None, country: str | None) -> dict[str, Any]:
        """Return the hosts that match the filters, with their collections."""
        sources: dict[str, dict[str, Any]] = {}
        for row in self._products():
            host, kind = row["host"], "sar" if row["collection"] in _RADAR else "optical"
            source = sources.setdefault(host, _source(row))
            if data_type in {None, kind}:
                source["collections"].append(_collection(row, kind))
        is_found = scope in {None, "global"} and country is None
        return {"sources": [one for one in sources.values() if one["collections"]] if is_found else []}

    def eulas(self, caller: Caller, term: str | None, page: int, size: int) -> dict[str, Any]:
        """Return a page of licences, each with whether the organization accepted it."""
        found = [one for one in self._eulas(caller) if term is None or term.lower() in one["name"].lower()]
        content = found[page * size : (page + 1) * size]
        return {"content": content, "totalElements": len(found), "totalPages": -(-len(found) // size)}

    def eula_documents(self, caller: Caller, eula: str) -> dict[str, Any]:
        """Return the documents of a licence."""
        documents = next((one["documents"] for one in self._eulas(caller) if one["id"] == eula), None)
        if documents is None:
            raise Problem(404, "there is no such licence")
        return {"content": documents, "totalElements": len(documents), "totalPages": 1}

    def accept_document(self, caller: Caller, eula: str, document: str, *, is_accepted: bool) -> dict[str, Any]:
        """Record an acceptance, and return the document."""
        names = {one["id"] for one in self.eula_documents(caller, eula)["content"]}
        if document not in names:
            raise Problem(404, "there is no such document")
        with self._storage.write() as database:
            if is_accepted:
                values = (caller.organization, document, caller.subject, self._clock())
                database.execute("INSERT OR REPLACE INTO acceptance VALUES (?, ?, ?, ?)", values)
            else:
                database.execute("DELETE FROM acceptance WHERE organization = ? AND document = ?", (caller.organization, document))
        return next(one for one in self.eula_documents(caller, eula)["content"] if one["id"] == document)

    def not_accepted(self, caller: Caller, hosts: set[str]) -> list[str]:
        """Return the documents of some hosts that the organization has not accepted."""
        return [one["documents"][0]["id"] for one in self._eulas(caller) if one["host_name"] in hosts and not one["isAccepted"]]

    def commitments(self, caller: Caller) -> dict[str, Any]:
        """Return the minimum commitments of an organization that is invoiced, and how much of them is used."""
        if caller.billing_mode != "enterprise":
            return {"commitments": [], "total": 0}
        year = datetime.fromtimestamp(self._clock(), UTC).year
        used = sum(self._billed(caller, f"{year}-").values())
        commitment = {
            "id": f"commitment-{year}",
            "name": f"Minimum commitment {year}",
            "start": f"{year}-01-01",
            "end": f"{year}-12-31",
            "committed_credits": _COMMITTED,
            "used_credits": used,
            "remaining_credits": max(0, _COMMITTED - used),
        }
        return {"commitments": [commitment], "total": 1}

    def invoices(self, caller: Caller, limit: int) -> dict[str, Any]:
        """Return the invoices of an organization, newest first: one for each month of delivered orders."""
        if caller.billing_mode != "enterprise":
            return {"invoices": [], "total": 0}
        months = sorted(self._billed(caller, "").items(), reverse=True)
        invoices = [
            {"id": f"invoice-{month}", "period": month, "credits": billed, "aud": billed / CREDITS_PER_AUD, "status": "open"}
            for month, billed in months
        ]
        return {"invoices": invoices[:limit], "total": len(invoices)}

    def _billed(self, caller: Caller, period: str) -> Counter[str]:
        rows = self._storage.read.execute(
            "SELECT created, credits FROM \"order\" WHERE organization = ? AND status = 'delivered'", (caller.organization,)
        )
        billed: Counter[str] = Counter()
        for row in rows:
            month = datetime.fromtimestamp(row["created"], UTC).strftime("%Y-%m")
            if month.startswith(period):
                billed[month] += row["credits"]
        return billed

    def _eulas(self, caller: Caller) -> list[dict[str, Any]]:
        accepted = {
            row["document"]: row
            for row in self._storage.read.execute("SELECT * FROM acceptance WHERE organization = ?", (caller.organization,))
        }
        eulas = []
        for source in self.sources(None, None, None)["sources"]:
            host, document = source["id"], _DOCUMENT.format(host=source["id"])
            row = accepted.get(document)
            entry = {
                "id": document,
                "title": f"{source['title']} licence, version 1",
                "text": source["license_text"],
                "isAccepted": row is not None,
                "acceptedAt": None if row is None else to_rfc3339(row["accepted_at"]),
                "acceptedBy": None if row is None else row["accepted_by"],
            }
            eulas.append(
                {
                    "id": _EULA.format(host=host),
                    "name": f"{source['title']} licence",
                    "host_name": host,
                    "isAccepted": row is not None,
                    "documents": [entry],
                }
            )
        return eulas

    def _products(self) -> list[Any]:
        return self._storage.read.execute("SELECT * FROM product ORDER BY host, collection").fetchall()


def _title(host: str) -> str:
    return _TITLES.get(host, host)


def _source(row: Any) -> dict[str, Any]:
    is_free = not row["credits_per_km2"]
    title = _title(row["host"])
    return {
        "id": row["host"],
        "title": title,
        "description": f"Captures of {title} in the sandbox.",
        "access_model": "open" if is_free else "commercial",
        "scope": "global",
        "countries": [],
        "attribution": f"© {title}",
        "license": "open" if is_free else "standard, extended, internal",
        "license_text": (_FREE if is_free else _TEXT).format(title=title),
        "collections": [],
    }


def _collection(row: Any, kind: str) -> dict[str, Any]:
    times = {name: None if row[name] is None else to_rfc3339(row[name]) for name in ("first", "last")}
    return {
        "id": row["collection"],
        "title": row["collection"],
        "data_type": kind,
        "render_strategy": "quicklook",
        "access_model": "retired" if row["retired"] else "commercial" if row["credits_per_km2"] else "open",
        "gsd": _GSD.get(row["collection"]),
        "render_params": {},
        "sensors": _SENSORS.get(row["collection"], []),
        "extent": {
            "bbox": [row["west"], row["south"], row["east"], row["north"]],
            "interval": [times["first"], times["last"]],
        },
        "pricing": {
            "credits_per_km2": row["credits_per_km2"],
            "minimum_credits": row["least_credits"],
            "minimum_km2": row["least_km2"],
        },
    }
