"""What a delivered order leaves: files, STAC items, signed addresses, and where everything came from."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import shapely

from scenecart.sandbox._data import imagery
from scenecart.sandbox._data.geometry import bbox, read_shape
from scenecart.sandbox._data.synthetic import EO_EXTENSION, VIEW_EXTENSION
from scenecart.sandbox._domain.ledger import moment
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
    from scenecart.sandbox._domain.orders import Orders
    from scenecart.sandbox._http.schemas import Provenance

SIGNED_SECONDS = 900
_LONGEST_NUMBER = 15
_THUMBNAIL = 256
_LOOK_SECONDS = 0.05
_KEPT = ("gsd", "platform", "constellation", "instruments", "eo:cloud_cover", "view:off_nadir", "view:azimuth",
         "view:sun_elevation", "view:sun_azimuth")  # fmt: skip
_EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    EO_EXTENSION,
    VIEW_EXTENSION,
]


class Delivery:
    """Delivers orders whose time has come, and hands out what was delivered."""

    def __init__(self, storage: Storage, catalog: Catalog, orders: Orders, folder: Path, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._catalog = catalog
        self._orders = orders
        self._folder = folder
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sandbox-delivery", daemon=True)
        self._secret = (storage.setting("file-secret") or "").encode()
        self.failures: list[BaseException] = []

    def start(self) -> None:
        """Begin to deliver."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being written, and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def items(self, caller: Caller, order_id: str) -> dict[str, Any]:
        """Return an order's items."""
        order = self._orders.row(caller, order_id)
        rows = self._storage.read.execute('SELECT * FROM item WHERE "order" = ? ORDER BY number', (order["id"],))
        return {"type": "FeatureCollection", "features": [self.item(row) for row in rows]}

    def item_of(self, caller: Caller, item_id: str, base_url: str | None = None) -> dict[str, Any]:
        """Return one item, with addresses under another base where one is given."""
        moved: dict[str, Any] = replace_base(self.item(self._row(caller, item_id)), self._catalog.url, base_url)
        return moved

    def item(self, row: Any) -> dict[str, Any]:
        """Return an item as STAC, with this server's addresses."""
        item: dict[str, Any] = json.loads(row["body"])
        url = self._catalog.url
        for key, asset in item["assets"].items():
            asset["href"] = f"{url}/v2/assets/{quote(item['id'], safe='')}/{key}"
        collection = f"{url}/stac/collections/{quote(item['collection'])}"
        item["links"] = [
            {"rel": "self", "type": "application/geo+json", "href": f"{collection}/items/{quote(item['id'])}"},
            {"rel": "collection", "type": "application/json", "href": collection},
            {"rel": "parent", "type": "application/json", "href": collection},
            {"rel": "root", "type": "application/json", "href": f"{url}/stac/"},
            {"rel": "derived_from", "type": "application/json", "href": f"{url}/v1/op/orders.get?id={row['order']}"},
        ]
        return item

    def signed(self, caller: Caller, item_id: str, asset_id: str) -> dict[str, Any]:
        """Return an address that opens one file for a while."""
        item = json.loads(self._row(caller, item_id)["body"])
        asset = item["assets"].get(asset_id)
        if asset is None:
            raise Problem(404, "the item has no such asset")
        path = asset["href"]
        expires = int(self._clock() + SIGNED_SECONDS)
        query = urlencode({"expires": expires, "signature": self._sign(path, expires)})
        return {"url": f"{self._catalog.url}/files/{quote(path)}?{query}", "expires_at": moment(expires)}

    def open_signed(self, path: str, expires: str, signature: str) -> Path:
        """Return the file of a signed address.

        Raises
        ------
        Problem
            403 when the signature is wrong, 410 when it has expired, 404 when there is no such file.
        """
        is_number = expires.isdecimal() and expires.isascii() and len(expires) <= _LONGEST_NUMBER
        if not is_number or not hmac.compare_digest(self._sign(path, int(expires)).encode(), signature.encode()):
            raise Problem(403, "the signature is wrong")
        if int(expires) <= self._clock():
            raise Problem(410, "the address has expired")
        found = (self._folder / path).resolve()
        if not found.is_relative_to(self._folder.resolve()) or not found.is_file():
            raise Problem(404, "there is no such file")
        return found

    def provenance(self, caller: Caller, asked: Provenance) -> dict[str, Any]:
        """Return where an item came from, or what came of an order or a capture."""
        where = {"item": "id = ?", "order": '"order" = ?', "capture": "capture = ?"}[asked.entity_type]
        rows = self._storage.read.execute(
            f"SELECT * FROM item WHERE {where} AND organization = ? ORDER BY number",  # noqa: S608  # conditions above
            (asked.entity_id, caller.organization),
        ).fetchall()
        if not rows and not self._is_known(caller, asked):
            raise Problem(404, "there is no such entity")
        root = (asked.entity_type, asked.entity_id)
        nodes: dict[tuple[str, str], int] = {root: 0}
        edges: dict[tuple[tuple[str, str], tuple[str, str]], int] = {}
        for row in rows:
            chain = [("item", row["id"]), ("order", row["order"]), ("capture", row["capture"])]
            start = [kind for kind, _ in chain].index(asked.entity_type)
            steps = [(n, n - start + 1) for n in range(start, len(chain) - 1)] if asked.direction != "down" else []
            steps += [(n, start - n) for n in range(start)] if asked.direction != "up" else []
            for number, depth in steps:
                if depth <= asked.max_depth:
                    further = chain[number + 1] if number >= start else chain[number]
                    nodes.setdefault(further, depth)
                    edges.setdefault((chain[number], chain[number + 1]), depth)
        return {
            "root": {"entity_type": root[0], "entity_id": root[1]},
            "direction": asked.direction,
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

    def _is_known(self, caller: Caller, asked: Provenance) -> bool:
        """Tell whether there is such an order or capture, though nothing came of it yet."""
        if asked.entity_type == "item":
            return False
        if asked.entity_type == "capture":
            return self._catalog.capture(None, None, asked.entity_id) is not None
        found = self._storage.read.execute(
            'SELECT 1 FROM "order" WHERE id = ? AND organization = ?', (asked.entity_id, caller.organization)
        )
        return found.fetchone() is not None

    def quicklook(self, host: str, name: str, side: int) -> bytes:
        """Return a small picture of a capture."""
        row = self._catalog.capture(host, None, name)
        if row is None:
            raise Problem(404, "there is no such capture")
        with imagery.environment():
            return imagery.png(imagery.draw(name, row["cloud"], side, side))

    def _work(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            for order in self._orders.due():
                if self._stop.is_set():
                    return
                try:
                    self._deliver(order)
                except Exception as error:  # noqa: BLE001  # one order that cannot be delivered must not stop the others
                    self.failures.append(error)
                    self._fail(order, "the imagery could not be produced")

    def _deliver(self, order: Any) -> None:
        captures = json.loads(order["captures"])
        made = []
        for number, capture in enumerate(captures, 1):
            row = self._catalog.capture(capture["host_name"], capture["collection"], capture["id"])
            properties = {} if row is None else self._catalog.properties(row)
            if row is None or properties.get("sandbox:fails"):
                self._fail(order, f"the archive no longer holds {capture['id']}")
                return
            made.append(self._produce(order, number, capture, row, properties))
        with self._storage.write() as database:
            if self._orders.finish(database, order, None):
                database.executemany(
                    'INSERT INTO item (id, organization, project, "order", capture, begins, shape, body)'
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    made,
                )

    def _fail(self, order: Any, reason: str) -> None:
        with self._storage.write() as database:
            self._orders.finish(database, order, reason)

    def _produce(self, order: Any, number: int, capture: dict[str, Any], row: Any, properties: dict[str, Any]) -> tuple[Any, ...]:
        """Write one capture's files and return its item's row."""
        ground = read_shape(capture["geometry"])
        digest = hashlib.sha256(f"{order['id']}/{number}/{capture['id']}".encode()).hexdigest()[:12]
        item_id = f"{capture['id']}_{digest}"
        folder = self._folder / order["id"] / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        with imagery.environment():
            crs, shape, transform, extent = imagery.write_geotiff(folder / "visual.tif", capture["id"], row["cloud"], ground)
            (folder / "thumbnail.png").write_bytes(imagery.png(imagery.draw(capture["id"], row["cloud"], _THUMBNAIL, _THUMBNAIL)))
        item = {
            "type": "Feature",
            "stac_version": "1.0.0",
            "stac_extensions": _EXTENSIONS,
            "id": item_id,
            "collection": f"project-{order['project']}",
            "geometry": capture["geometry"],
            "bbox": bbox(ground),
            "properties": {
                "datetime": moment(row["begins"]),
                "created": moment(self._clock()),
                **{name: properties[name] for name in _KEPT if properties.get(name) is not None},
                "proj:code": crs,
                "order:id": order["id"],
                "order:status": "succeeded",
                "capture:id": capture["id"],
                "capture:host": capture["host_name"],
                "capture:collection": capture["collection"],
            },
            "assets": {
                "visual": {
                    **_file(self._folder, folder / "visual.tif"),
                    "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                    "title": "Natural colour",
                    "roles": ["data", "visual"],
                    "proj:shape": shape,
                    "proj:transform": transform,
                    "proj:bbox": extent,
                },
                "thumbnail": {
                    **_file(self._folder, folder / "thumbnail.png"),
                    "type": "image/png",
                    "title": "Thumbnail",
                    "roles": ["thumbnail"],
                },
            },
        }
        owner = (order["organization"], order["project"], order["id"])
        return item_id, *owner, capture["id"], row["begins"], shapely.to_wkb(ground), json.dumps(item)

    def _row(self, caller: Caller, item_id: str) -> Any:
        row = self._storage.read.execute(
            "SELECT * FROM item WHERE id = ? AND organization = ?", (item_id, caller.organization)
        ).fetchone()
        if row is None:
            raise Problem(404, "there is no such item")
        return row

    def _sign(self, path: str, expires: int) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def replace_base(document: Any, url: str, base_url: str | None) -> Any:
    """Return a document with this server's addresses put under another base."""
    if not base_url:
        return document
    if isinstance(document, dict):
        return {name: replace_base(value, url, base_url) for name, value in document.items()}
    if isinstance(document, list):
        return [replace_base(value, url, base_url) for value in document]
    if isinstance(document, str) and document.startswith(url):
        return base_url.rstrip("/") + document.removeprefix(url)
    return document


def _file(root: Path, path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "href": path.relative_to(root).as_posix(),
        "file:size": len(content),
        "file:checksum": "1220" + hashlib.sha256(content).hexdigest(),
    }
