"""A complete search over loopback, compared with a download and a frame built after it."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import httpx
import msgspec

import scenecart
from benchmarks.features import lines, synthetic_features
from benchmarks.sizes import FULL
from scenecart._captures import search
from scenecart._captures.query import Query

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "A search over loopback"
ABOUT = """Another process sends a stream of captures, 1.8 kB each, over a socket. Ratios are to a download of the same bytes with
httpx, with the frame built after it."""
SIZES = {10_000: 5, 100_000: 5, 1_000_000: 1} if FULL else {10_000: 5, 100_000: 3}
# from_features needs about 9 GB at the largest size
_LARGEST_SIZE = 1_000_000
LARGEST = ("httpx, then the frame", "client.search", "first frame")
BODY = {"host_name": "aurora", "collections": ["c"]}


def table() -> Iterator[str]:
    """Measure, and give the lines of a table in Markdown."""
    yield from ("| captures | method | seconds | ratio |", "|---:|---|---:|---:|")
    for size, runs in SIZES.items():
        server = subprocess.Popen([sys.executable, "-m", "benchmarks.loopback", str(size)], stdout=subprocess.PIPE, text=True)  # noqa: S603  # this module
        try:
            if server.stdout is None:
                raise RuntimeError("the server has no output")
            yield from _rows(f"http://127.0.0.1:{server.stdout.readline().strip()}", size, runs)
        finally:
            server.terminate()
            server.wait(10)


def _rows(url: str, size: int, runs: int) -> list[str]:
    def download_first() -> Any:
        data = httpx.post(f"{url}/v1/op/catalog.search_stream", json=BODY, timeout=60).content
        return search.build_frame([data], "lines", Query("aurora", {}))

    def search_all() -> Any:
        with scenecart.connect(base_url=url, token="t") as client:  # noqa: S106  # not checked by the server
            return client.search("aurora", collections="c")

    def first_frame() -> Any:
        with scenecart.connect(base_url=url, token="t") as client:  # noqa: S106  # not checked by the server
            return next(client.search_stream("aurora", collections="c"))

    def from_features() -> Any:
        with httpx.stream("POST", f"{url}/v1/op/catalog.search_stream", json=BODY, timeout=60) as answer:
            return gpd.GeoDataFrame.from_features([msgspec.json.decode(line) for line in answer.iter_lines()], crs=4326)

    methods = {
        "httpx, then the frame": download_first,
        "client.search": search_all,
        "httpx lines, from_features": from_features,
        "first frame": first_frame,
    }
    names = list(methods) if size < _LARGEST_SIZE else list(LARGEST)
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            gc.collect()
            began = time.perf_counter()
            found = methods[name]()
            times[name].append(time.perf_counter() - began)
            if len(found) != size and name != "first frame":
                raise RuntimeError(f"{name} lost captures")
            del found
    base = statistics.median(times["httpx, then the frame"])
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    return [f"| {size:,} | {name} | {median:.3f} | {median / base:.2f}× |" for name, median in medians.items()]


def serve(size: int) -> None:
    """Answer every request with the same captures from memory."""
    body = lines(synthetic_features(size))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except ConnectionError:
                # the client has closed the stream early
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
