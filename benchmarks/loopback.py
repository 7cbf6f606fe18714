"""A whole search over loopback: the service's stream to a frame, beside what the bytes and the frame cost apart."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import geopandas as gpd
import httpx
import msgspec

import scenecart
from benchmarks.features import invented, lines
from scenecart._captures import search
from scenecart._captures.query import Query

TITLE = "A search over loopback"
ABOUT = """Another process sends a stream of captures, 1.8 kB each, over a real socket. The floor is the same bytes downloaded with
httpx and made a frame after that."""
SIZES = {10_000: 5, 100_000: 5, 1_000_000: 1}
# the careful way holds some nine gigabytes of them
LARGEST = ("httpx, then the frame", "client.search", "first frame")
ASKED = {"host_name": "aurora", "collections": ["c"]}


def table() -> str:
    """Measure, and return a table in Markdown."""
    rows = ["| captures | way | seconds | of the floor |", "|---:|---|---:|---:|"]
    for size, runs in SIZES.items():
        server = subprocess.Popen([sys.executable, "-m", "benchmarks.loopback", str(size)], stdout=subprocess.PIPE, text=True)  # noqa: S603  # ourselves
        try:
            if server.stdout is None:
                raise RuntimeError("the server says nothing")
            rows += _rows(f"http://127.0.0.1:{server.stdout.readline().strip()}", size, runs)
        finally:
            server.terminate()
            server.wait(10)
    return "\n".join(rows)


def _rows(url: str, size: int, runs: int) -> list[str]:
    def floor() -> Any:
        data = httpx.post(f"{url}/v1/op/catalog.search_stream", json=ASKED, timeout=60).content
        return search.assemble([data], "lines", Query("aurora", {}))

    def whole() -> Any:
        with scenecart.connect(base_url=url, token="t") as client:  # noqa: S106  # nobody looks at it
            return client.search("aurora", collections="c")

    def first() -> Any:
        with scenecart.connect(base_url=url, token="t") as client:  # noqa: S106  # nobody looks at it
            return next(client.search_stream("aurora", collections="c"))

    def careful() -> Any:
        with httpx.stream("POST", f"{url}/v1/op/catalog.search_stream", json=ASKED, timeout=60) as answer:
            return gpd.GeoDataFrame.from_features([msgspec.json.decode(line) for line in answer.iter_lines()], crs=4326)

    ways = {"httpx, then the frame": floor, "client.search": whole, "httpx lines, from_features": careful, "first frame": first}
    names = list(ways) if size < max(SIZES) else list(LARGEST)
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            gc.collect()
            began = time.perf_counter()
            found = ways[name]()
            times[name].append(time.perf_counter() - began)
            if len(found) != size and name != "first frame":
                raise RuntimeError(f"{name} lost captures")
            del found
    base = statistics.median(times["httpx, then the frame"])
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    return [f"| {size:,} | {name} | {median:.3f} | {median / base:.2f}× |" for name, median in medians.items()]


def serve(size: int) -> None:
    """Answer every request with the same captures, from memory."""
    body = lines(invented(size))

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
                # who has seen enough hangs up
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
