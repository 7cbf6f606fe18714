"""Many processes download one order into one folder, from a store that fails: every file arrives once and whole."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pystac
import pytest

from _scripted_service import Answer, RecordedRequest, ScriptedService, answer, feature, page

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, ITEMS, ASSETS = 8, 20, ("visual", "analytic")
FILE_BYTES = 200_000
# of the requests for files, this share fails in one of these ways
SHARE = 0.1
FAULTS: dict[str, Answer] = {
    "429": Answer(b"slow down", 429, {"Retry-After": "0"}),
    "403": Answer(b"too many flows", 403),
    "410": Answer(b"expired", 410),
    "500": Answer(b"", 500),
    "503": Answer(b"", 503),
    "dropped": Answer(None),
    "a page": Answer(b"<!doctype html><title>Maintenance</title>", 200, {"Content-Type": "text/html"}),
    "nothing": Answer(b"", 200),
}
# the library is loaded once, as eight kernels that run already would have it
DOWNLOAD = """
import os, sys
import scenecart, scenecart._delivery.download, rasterio, pystac
from scenecart._imagery import opening

url, home, folder, processes = sys.argv[1:4] + [int(sys.argv[4])]
children = []
for number in range(processes):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with scenecart.connect(base_url=url, token="t", home=f"{home}/{number}") as client:
                files = client.order("o").download(folder, progress=False)
                # in one piece, since the processes share the pipe
                os.write(1, f"{len(files)} {len({path.read_bytes() for path in files})}\\n".encode())
                code = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    children.append(child)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


class Store:
    """A store of files that resumes by ranges, fails now and then, and counts what it sends."""

    def __init__(self, files: dict[str, bytes], seed: int) -> None:
        self.faults: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self._files = files
        self._random = random.Random(seed)  # noqa: S311  # the same faults in every run
        self._lock = threading.Lock()

    def __call__(self, request: RecordedRequest) -> Answer:
        name = request.path.split("?")[0].removeprefix("/files/")
        content, etag = self._files[name], f'"{name}"'
        start = int(request.headers["range"].removeprefix("bytes=")[:-1]) if "range" in request.headers else 0
        with self._lock:
            kind = self._random.choice([*FAULTS, "cut"]) if self._random.random() < SHARE else None
            if kind is not None:
                self.faults[kind] += 1
            if kind in FAULTS:
                return FAULTS[kind]
            rest = content[start:]
            arrives = rest[: len(rest) // 2] if kind == "cut" else rest
            self.sent[name] += len(arrives)
        headers = {"ETag": etag, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return Answer(arrives, 206 if start else 200, headers, promised=len(rest) if kind == "cut" else None)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked, so that each is not loaded anew")
@pytest.mark.parametrize("seed", [1])
def test_many_processes_download_each_file_once(service: ScriptedService, tmp_path: Path, seed: int):
    """Eight processes and a store that fails for a tenth of the requests: each of forty files is right, and sent only once."""
    made = random.Random(seed)  # noqa: S311  # any bytes
    files = {f"{number}-{asset}": b"II*\0" + made.randbytes(FILE_BYTES) for number in range(ITEMS) for asset in ASSETS}
    store = Store(files, seed)
    service.put("orders.get", answer({"id": "o", "status": "delivered", "captures": [f"c{number}" for number in range(ITEMS)]}))
    service.put("orders.list_assets", answer(page(*(item(number, files) for number in range(ITEMS)))))
    service.put("items.asset.download", lambda request: answer({"url": url_of(service, request.json)}))
    for name in files:
        service.put(f"/files/{name}", store)
    command = [sys.executable, "-c", DOWNLOAD, service.url, str(tmp_path / "home"), str(tmp_path / "out"), str(PROCESSES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [f"{len(files)} {len(files)}"] * PROCESSES
    assert store.faults.total() > 0
    assert store.sent == Counter({name: len(content) for name, content in files.items()}), store.faults
    check_folder(tmp_path / "out", files)


def check_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Check that a folder has the files, their items and their catalog, and nothing else."""
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert len(names) == len(files) + 2
    assert not [name for name in names if not name.endswith((".tif", ".json"))]
    items = list(pystac.Catalog.from_file(str(folder / "catalog.json")).get_items())
    assert len(items) == ITEMS
    for entry in items:
        for key, asset in entry.assets.items():
            content = files[f"{int(entry.id.removeprefix('item-'))}-{key}"]
            (path,) = folder.glob(f"*/*_c{int(entry.id.removeprefix('item-'))}_{key}.tif")
            assert path.read_bytes() == content
            assert json.loads((path.parent / "item.json").read_text(encoding="utf-8"))["id"] == entry.id
            assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()


def item(number: int, files: dict[str, bytes]) -> dict[str, Any]:
    """Return an item as the service lists it; only half of its files have a checksum."""
    assets = {
        asset: {
            "href": f"https://x.example/{number}.tif",
            "type": "image/tiff",
            "file:size": len(files[f"{number}-{asset}"]),
            **({"file:checksum": "1220" + hashlib.sha256(files[f"{number}-{asset}"]).hexdigest()} if asset == "visual" else {}),
        }
        for asset in ASSETS
    }
    return {**feature(f"item-{number}", **{"capture:id": f"c{number}"}), "stac_version": "1.0.0", "assets": assets}


def url_of(service: ScriptedService, reference: dict[str, Any]) -> str:
    number = reference["item_id"].removeprefix("item-")
    return f"{service.url}/files/{number}-{reference['asset_id']}?signature=s"
