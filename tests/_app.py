"""`scenecart app` as a process, requests to it as any program might send them, and its kernels."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Self

import psutil

from _cli import COMMAND, environment

if TYPE_CHECKING:
    from pathlib import Path


class App:
    """`scenecart app` with homes of its own; without variables that sign in, on the embedded sandbox."""

    def __init__(self, folder: Path, *options: str, **variables: str) -> None:
        self.folder = folder
        profile = [] if "SCENECART_BASE_URL" in variables else ["--profile", "sandbox"]
        self._options = [*profile, *options]
        names = ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "SCENECART_HOME")
        homes = {name: str(folder / name.lower()) for name in names}
        temporary = folder / "temporary"
        temporary.mkdir(exist_ok=True)
        self._environ = environment(**{"SCENECART_BASEMAP": "none", "TMPDIR": str(temporary), **homes, **variables})

    def __enter__(self) -> Self:
        with (self.folder / "app.log").open("w") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "app", *self._options],
                cwd=self.folder,
                env=self._environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._read_address()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _read_address(self) -> None:
        deadline = time.monotonic() + 180
        while "Ctrl+C" not in self.output:
            assert self._process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)
        found = re.search(r"(http://127\.0\.0\.1:(\d+)(/[^?\s]*))(?:\?token=(\S+))?", self.output)
        assert found, self.output
        self.address, self.port, self.path, self.token = found[1], int(found[2]), found[3], found[4]

    @property
    def output(self) -> str:
        """What it has printed."""
        return (self.folder / "app.log").read_text()

    def __exit__(self, *_: object) -> None:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)

    @property
    def url(self) -> str:
        """The URL with the token."""
        return f"{self.address}?token={self.token}"

    @property
    def sandbox(self) -> str:
        """The URL of the embedded sandbox."""
        (ready,) = self.folder.glob("temporary/*/app.json")
        return str(json.loads(ready.read_text())["url"])

    def stop(self, kind: int) -> int:
        """Send a signal, and return the exit code."""
        self._process.send_signal(kind)
        return self._process.wait(60)

    def status(self, path: str, method: str = "GET", body: str = "", **headers: str) -> tuple[int, str]:
        """Return the status and the beginning of the body of a request; headers are keywords with underscores for hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, path, body or None, named)
            response = connection.getresponse()
            # the stream of an open websocket does not end
            return response.status, "" if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS else response.read().decode()

    def cookie(self) -> str:
        """Sign in with the token, and return the cookie that a browser keeps."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", f"{self.path}login?token={self.token}")
            cookies = connection.getresponse().msg.get_all("Set-Cookie", [])
        return "; ".join(cookie.partition(";")[0] for cookie in cookies)

    def kernels(self) -> set[str]:
        """Return the ids of the kernels that run: those of open pages, and the one that waits for the next page."""
        found: set[str] = set()
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    words = " ".join(child.cmdline())
                    if "ipykernel_launcher" in words:
                        found |= set(re.findall(r"kernel-([0-9a-f-]{36})", words))
        return found

    def command_of(self, kernel: str) -> list[str]:
        """Return the words of the command that runs a kernel."""
        commands = [child.cmdline() for child in psutil.Process(self._process.pid).children(recursive=True)]
        return next(words for words in commands if any(kernel in word for word in words))

    def kill_kernel(self, kernel: str) -> None:
        """End a kernel at once, as running out of memory does."""
        for child in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if kernel in " ".join(child.cmdline()):
                    child.kill()

    def ready_kernel(self, seconds: float = 120.0, *, after: str = "") -> str:
        """Wait for the kernel that the next page will get, and return its id; no kernel of a page runs, nor `after`."""
        deadline = time.monotonic() + seconds
        while len(found := self.kernels()) != 1 or after in found:
            assert time.monotonic() < deadline, f"{len(found)} kernels run"
            time.sleep(0.1)
        return next(iter(found))

    def wait_for_end(self, kernel: str, seconds: float = 120.0) -> None:
        """Wait until a kernel has ended."""
        deadline = time.monotonic() + seconds
        while kernel in self.kernels():
            assert time.monotonic() < deadline, "the kernel still runs"
            time.sleep(0.1)
