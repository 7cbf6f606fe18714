"""Delivering orders: imagery files, STAC items, signed download URLs and provenance."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import shapely

from scenecart.sandbox._data import imagery
from scenecart.sandbox._data.geometry import parse_geometry
from scenecart.sandbox._data.times import to_rfc3339
from scenecart.sandbox._domain.delivered_items import file_fields, files_of, new_item, scene_of
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
    from scenecart.sandbox._domain.orders import Orders
    from scenecart.sandbox._http.schemas import Provenance

SIGNED_SECONDS = 900
_MOST_DIGITS = 15
_POLL_SECONDS = 0.05
# seconds for which files are written while a list of items is requested; the other items have no sizes and checksums at first
_SHORT_LIST = 24
_MOST_SECONDS = 1.0
# number of items whose files are written at the same time
_WRITERS = 8


class Delivery:
    """Delivers due orders in a thread, and serves the delivered items."""

    def __init__(self, storage: Storage, catalog: Catalog, orders: Orders, folder: Path, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._catalog = catalog
        self._orders = orders
        self._folder = folder
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-delivery", daemon=True)
        self._writing = [threading.Lock() for _ in range(_WRITERS)]
        self._to_write: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_later, name="sandbox-files", daemon=True)
        self._secret = (storage.setting("file-secret") or "").encode()
        self.failures: list[BaseException] = []

    def start(self) -> None:
        """Start the delivery thread."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        self._writer.start()

    def stop(self) -> None:
        """Stop the threads once the order and the item in work are done."""
        self._stop.set()
        self._to_write.put(None)
        for thread in (self._thread, self._writer):
            if thread.is_alive():
                thread.join(30)

    def order_items(self, caller: Caller, order_id: str) -> dict[str, Any]:
        """Return the STAC items of an order."""
        order = self._orders.find(caller, order_id)
        # read completely: SQLite refuses the write after the files while a query is open
        rows = self._storage.read.execute('SELECT * FROM item WHERE "order" = ? ORDER BY number', (order["id"],)).fetchall()
        return {"type": "FeatureCollection", "features": self.list_stac(rows)}

    def numbered_ids(self) -> list[tuple[int, str, str]]:
        """Return number, id and order of every item."""
        rows = self._storage.read.execute('SELECT number, id, "order" FROM item ORDER BY number')
        return [(row["number"], row["id"], row["order"]) for row in rows]

    def find_item(self, caller: Caller, item_id: str, base_url: str | None = None) -> dict[str, Any]:
        """Return one STAC item, with its URLs rebased to ``base_url`` if it is given."""
        rebased: dict[str, Any] = replace_base(self.to_stac(self._row(caller, item_id)), self._catalog.url, base_url)
        return rebased

    def list_stac(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Return items as STAC. Of a long list, items whose files are not written yet have no sizes and checksums at first."""
        until = time.monotonic() + _MOST_SECONDS
        items = [self.to_stac(row, write=len(rows) <= _SHORT_LIST or time.monotonic() < until) for row in rows]
        for row, item in zip(rows, items, strict=True):
            if not _has_files(item):
                self._to_write.put(row)
        return items

    def to_stac(self, row: Any, *, write: bool = True) -> dict[str, Any]:
        """Return an item as STAC, with the URLs of this server; without ``write``, its files may not be written yet."""
        item = self._with_files(row, write=write)
        url = self._catalog.url
        for key, asset in item["assets"].items():
            asset["href"] = f"{url}/v2/assets/{quote(item['id'], safe='')}/{key}"
        collection = f"{url}/stac/collections/{quote(item['collection'])}"
        item["links"] = [
            {"rel": "self", "type": "application/geo+json", "href": f"{collection}/items/{quote(item['id'], safe='')}"},
            {"rel": "collection", "type": "application/json", "href": collection},
            {"rel": "parent", "type": "application/json", "href": collection},
            {"rel": "root", "type": "application/json", "href": f"{url}/stac/"},
            {"rel": "derived_from", "type": "application/json", "href": f"{url}/v1/op/orders.get?id={row['order']}"},
        ]
        return item

    def sign_download(self, caller: Caller, item_id: str, asset_id: str) -> dict[str, Any]:
        """Return a signed URL that opens one file for 15 minutes."""
        item = self._with_files(self._row(caller, item_id))
        asset = item["assets"].get(asset_id)
        if asset is None:
            raise Problem(404, "the item has no such asset")
        path = asset["href"]
        expires = int(self._clock() + SIGNED_SECONDS)
        query = urlencode({"expires": expires, "signature": self._sign(path, expires)})
        return {"url": f"{self._catalog.url}/files/{quote(path)}?{query}", "expires_at": to_rfc3339(expires)}

    def resolve_signed(self, path: str, expires: str, signature: str) -> Path:
        """Return the file of a signed URL.

        Raises
        ------
        Problem
            403 if the signature is wrong, 410 if it has expired, 404 if the file does not exist.
        """
        is_number = expires.isdecimal() and expires.isascii() and len(expires) <= _MOST_DIGITS
        if not is_number or not hmac.compare_digest(self._sign(path, int(expires)).encode(), signature.encode()):
            raise Problem(403, "the signature is wrong")
        if int(expires) <= self._clock():
            raise Problem(410, "the URL has expired")
        found = (self._folder / path).resolve()
        if not found.is_relative_to(self._folder.resolve()) or not found.is_file():
            raise Problem(404, "there is no such file")
        return found

    def provenance(self, caller: Caller, request: Provenance) -> dict[str, Any]:
        """Return the provenance graph of an item, an order or a capture."""
        where = {"item": "id = ?", "order": '"order" = ?', "capture": "capture = ?"}[request.entity_type]
        rows = self._storage.read.execute(
            f"SELECT * FROM item WHERE {where} AND organization = ? ORDER BY number",  # noqa: S608  # one of the conditions above
            (request.entity_id, caller.organization),
        ).fetchall()
        if not rows and not self._exists(caller, request):
            raise Problem(404, "there is no such entity")
        root = (request.entity_type, request.entity_id)
        nodes: dict[tuple[str, str], int] = {root: 0}
        edges: dict[tuple[tuple[str, str], tuple[str, str]], int] = {}
        for row in rows:
            chain = [("item", row["id"]), ("order", row["order"]), ("capture", row["capture"])]
            start = [kind for kind, _ in chain].index(request.entity_type)
            steps = [(n, n - start + 1) for n in range(start, len(chain) - 1)] if request.direction != "down" else []
            steps += [(n, start - n) for n in range(start)] if request.direction != "up" else []
            for number, depth in steps:
                if depth <= request.max_depth:
                    further = chain[number + 1] if number >= start else chain[number]
                    nodes.setdefault(further, depth)
                    edges.setdefault((chain[number], chain[number + 1]), depth)
        return {
            "root": {"entity_type": root[0], "entity_id": root[1]},
            "direction": request.direction,
            "nodes": [{"entity_type": kind, "entity_id": name, "depth": depth} for (kind, name), depth in nodes.items()],
            "edges": [
                {
                    "depth": depth,
                    "src_type": source[0],
                    "src_id": source[1],
                    "dst_type": target[0],
                    "dst_id": target[1],
                    "relation": "derived_from",
                }
                for (source, target), depth in edges.items()
            ],
        }

    def _exists(self, caller: Caller, request: Provenance) -> bool:
        """Return whether an order or capture without items exists."""
        if request.entity_type == "item":
            return False
        if request.entity_type == "capture":
            return self._catalog.find_capture(None, None, request.entity_id) is not None
        found = self._storage.read.execute(
            'SELECT 1 FROM "order" WHERE id = ? AND organization = ?', (request.entity_id, caller.organization)
        )
        return found.fetchone() is not None

    def quicklook(self, host: str, name: str, side: int, kind: str) -> bytes:
        """Return a small picture of a whole capture, as PNG or JPEG."""
        row = self._catalog.find_capture(host, None, name)
        if row is None:
            raise Problem(404, "there is no such capture")
        if row["shape"] is None:
            raise Problem(404, "there is no image of this capture")
        layout = self._catalog.layout(row)
        return imagery.quicklook(scene_of(row, self._catalog.properties(row)), side, layout, kind)

    def _run(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            for order in self._orders.due_orders():
                if self._stop.is_set():
                    return
                try:
                    self._deliver(order)
                except Exception as error:  # noqa: BLE001  # an order that cannot be delivered must not stop the others
                    self.failures.append(error)
                    self._fail(order, "the imagery could not be written")

    def _deliver(self, order: Any) -> None:
        if order["will_fail"] is not None:
            self._fail(order, order["will_fail"])
            return
        captures = json.loads(order["captures"])
        items = []
        for number, capture in enumerate(captures, 1):
            row = self._catalog.find_capture(capture["host_name"], capture["collection"], capture["id"])
            properties = {} if row is None else self._catalog.properties(row)
            if row is None or properties.get("sandbox:fails"):
                self._fail(order, f"the archive no longer has {capture['id']}")
                return
            digest = hashlib.sha256(f"{order['id']}/{number}/{capture['id']}".encode()).hexdigest()[:12]
            item_id = f"{capture['id']}_{digest}"
            item = new_item(order, item_id, f"{order['id']}/{number}", capture, row, properties, len(captures))
            item["properties"]["created"] = to_rfc3339(self._clock())
            owner = (order["organization"], order["project"], order["id"])
            wkb = shapely.to_wkb(parse_geometry(capture["geometry"]))
            items.append((item_id, *owner, capture["id"], row["begins"], wkb, json.dumps(item)))
        with self._storage.write() as database:
            if self._orders.finish(database, order, None):
                database.executemany(
                    'INSERT INTO item (id, organization, project, "order", capture, begins, shape, body)'
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    items,
                )

    def _fail(self, order: Any, reason: str) -> None:
        with self._storage.write() as database:
            self._orders.finish(database, order, reason)

    def _write_later(self) -> None:
        while (row := self._to_write.get()) is not None and not self._stop.is_set():
            try:
                self._with_files(row)
            except Exception as error:  # noqa: BLE001  # the files are asked for again when the item is
                self.failures.append(error)

    def _with_files(self, row: Any, *, write: bool = True) -> dict[str, Any]:
        """Return the stored item of a row. Its files are written when it is first read: most orders are never read."""
        item: dict[str, Any] = json.loads(row["body"])
        if _has_files(item) or not write:
            return item
        with self._writing[row["number"] % _WRITERS]:
            item = json.loads(self._storage.read.execute("SELECT body FROM item WHERE id = ?", (row["id"],)).fetchone()["body"])
            if _has_files(item):
                return item
            source = (item["properties"][f"capture:{name}"] for name in ("host", "collection", "id"))
            capture = self._catalog.find_capture(*source)
            if capture is None:
                raise Problem(404, "the archive no longer has this capture")
            for key, content in files_of(item, capture, self._catalog.properties(capture)).items():
                asset = item["assets"][key]
                path = self._folder / asset["href"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                asset |= file_fields(content)
            with self._storage.write() as database:
                database.execute("UPDATE item SET body = ? WHERE id = ?", (json.dumps(item), row["id"]))
        return item

    def _row(self, caller: Caller, item_id: str) -> Any:
        row = self._storage.read.execute(
            "SELECT * FROM item WHERE id = ? AND organization = ?", (item_id, caller.organization)
        ).fetchone()
        if row is None:
            raise Problem(404, "there is no such item")
        return row

    def _sign(self, path: str, expires: int) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _has_files(item: dict[str, Any]) -> bool:
    return all("file:size" in asset for asset in item["assets"].values())


def replace_base(document: Any, url: str, base_url: str | None) -> Any:
    """Return a document with the URLs of this server rebased to ``base_url``."""
    if not base_url:
        return document
    if isinstance(document, dict):
        return {name: replace_base(value, url, base_url) for name, value in document.items()}
    if isinstance(document, list):
        return [replace_base(value, url, base_url) for value in document]
    if isinstance(document, str) and document.startswith(url):
        return base_url.rstrip("/") + document.removeprefix(url)
    return document
