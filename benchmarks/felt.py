"""What is waited for in a new kernel: the first search, the first report, and what a purchase sends."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from benchmarks.sizes import FULL
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "What is waited for"
ABOUT = """Each measurement is a new Python process, as a new kernel is, with a sandbox on the same machine. It imports geopandas
first, which shows how fast the machine is just now. The time of the processor is what remains on a machine that does other work.
Nearly all of the first search is imports: scenecart itself half, httpx and what it loads a third. The first report compiles its
templates and loads Pillow."""
_TIMES = 9 if FULL else 5
_START = """
import time
def lap():
    global wall, cpu
    print(f"{1000 * (time.perf_counter() - wall):.1f} {1000 * (time.process_time() - cpu):.1f}")
    wall, cpu = time.perf_counter(), time.process_time()
wall, cpu = time.perf_counter(), time.process_time()
import geopandas
lap()
"""
_OURS = """
import os, scenecart
client = scenecart.connect(base_url=os.environ["URL"], token=os.environ["TOKEN"], project=os.environ["PROJECT"], home="home")
captures = client.search("aurora", collections="aurora-50cm", datetime="2024", limit=30)
lap()
client.search("aurora", collections="aurora-50cm", datetime="2024", limit=30)
lap()
estimate = client.cart(captures[captures["orderable"]].head(10)).estimate()
lap()
estimate.to_report("first.html")
lap()
estimate.to_report("second.html")
lap()
"""
# as for a user, a process keeps what it compiled
_ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_WHAT = (
    ("importing geopandas, without scenecart", ""),
    ("first search of 30 captures", "≤ 150 ms"),
    ("second search", ""),
    ("price of 10 captures", ""),
    ("first HTML report, with quicklooks", "≤ 400 ms"),
    ("second HTML report", ""),
)


class _Noting(httpx.HTTPTransport):
    """A real transport that notes the operations it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Note and send a request."""
        self.sent.append(request.url.path.rpartition("/")[2])
        return super().handle_request(request)


def table() -> Iterator[str]:
    """Measure, and give the lines of two tables."""
    with Sandbox(pace="instant") as box, tempfile.TemporaryDirectory() as folder:
        box.rate_limits = None
        analyst = box.principals["analyst"]
        environ = {**_ENVIRON, "URL": box.url, "TOKEN": str(analyst["token"]), "PROJECT": str(analyst["project"])}
        yield "| what | milliseconds | of the processor | promised |"
        yield "|---|---:|---:|---:|"
        times = [_laps(_OURS, environ, Path(folder) / str(number)) for number in range(_TIMES)]
        for (what, promised), laps in zip(_WHAT, zip(*times, strict=True), strict=True):
            wall, cpu = (statistics.median(values) for values in zip(*laps, strict=True))
            yield f"| {what} | {wall:.0f} | {cpu:.0f} | {promised} |"
        yield ""
        yield f"Requests of a purchase after its price: {_sent(box, Path(folder) / 'home')}."


def _laps(code: str, environ: dict[str, str], folder: Path) -> list[tuple[float, float]]:
    """Run code in a new process, and return the wall-clock and processor milliseconds of its laps."""
    folder.mkdir()
    command = [sys.executable, "-c", _START + code]
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603  # code from above
    return [(float(wall), float(cpu)) for wall, cpu in (line.split() for line in done.stdout.splitlines())]


def _sent(box: Sandbox, home: Path) -> str:
    transport = _Noting()
    with box.client(home=home, transport=transport) as client:
        captures = client.search("aurora", collections="aurora-50cm", datetime="2023", limit=10)
        estimate = client.cart(captures[captures["orderable"]].head(1)).estimate()
        transport.sent.clear()
        estimate.place()
    return ", ".join(f"`{name}`" for name in transport.sent)
