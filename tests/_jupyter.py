"""JupyterLab and Voila as subprocesses, pages in them, and their kernels."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import nbformat
from jupyter_client import BlockingKernelClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from scenecart.sandbox import Sandbox

_START_SECONDS = 90.0
_BIN = Path(sys.executable).parent
_SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
    "docmanager-extension/plugin": {"autosave": False},
}


def notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells, and return its path."""
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    document.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(document, path)
    return path


def environment_of(sandbox: Sandbox, account: str = "analyst") -> dict[str, str]:
    """Return the environment variables of an account that is signed in to a sandbox."""
    who = sandbox.principals[account]
    return {
        "SCENECART_BASE_URL": sandbox.url,
        "SCENECART_USERNAME": str(who["username"]),
        "SCENECART_PASSWORD": str(who["password"]),
        "SCENECART_PROJECT": str(who["project"]),
    }


class Jupyter:
    """A notebook server: ``"lab"`` for a folder, or ``"voila"`` for one notebook.

    With ``dark=None``, the theme is that of the browser.
    """

    def __init__(self, kind: str, root: Path, folder: Path, *, dark: bool | None = False, **environ: str) -> None:
        self.kind, self.root, self.folder = kind, root, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        settings = dict(_SETTINGS)
        if dark is None:
            settings["apputils-extension/themes"] = {"adaptive-theme": True}
        elif dark:
            settings["apputils-extension/themes"] = {"theme": "JupyterLab Dark"}
        for name, value in settings.items():
            path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))
        self._environ = {
            **os.environ,
            "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}",
            "SCENECART_BASEMAP": "none",
            "SCENECART_HOME": str(folder / "scenecart"),
            **environ,
        }

    def __enter__(self) -> Self:
        log = (self.folder / "server.log").open("w")
        self._process = subprocess.Popen(
            self._command(), env=self._environ, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=self.folder
        )
        log.close()
        probe = self.url + ("api/status" if self.kind == "lab" else "voila/static/voila.js")
        deadline = time.monotonic() + _START_SECONDS
        while True:
            assert self._process.poll() is None, (self.folder / "server.log").read_text()
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(probe, timeout=2).close()  # noqa: S310  # our own server on this machine
                return self
            assert time.monotonic() < deadline, (self.folder / "server.log").read_text()
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        # the server and its kernels are one process group
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)

    def open(self, page: Page, name: str = "") -> None:
        """Open a notebook and run all its cells."""
        if self.kind == "voila":
            page.goto(self.url, wait_until="domcontentloaded")
            page.wait_for_selector(".jupyter-widgets")
            return
        page.goto(f"{self.url}doc/tree/{name}?reset")
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context")
        page.wait_for_function("() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")

    def kernel(self) -> Kernel:
        """Return a connection to the newest kernel."""
        deadline = time.monotonic() + 90
        while not (found := sorted(self.folder.rglob("kernel-*.json"), key=lambda path: path.stat().st_mtime)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return Kernel(found[-1])

    def _command(self) -> list[str]:
        if self.kind == "voila":
            root = f"--Voila.connection_dir_root={self.folder}"
            return [str(_BIN / "voila"), str(self.root), "--no-browser", "--Voila.ip=127.0.0.1", f"--port={self.port}", root]
        return [
            str(_BIN / "jupyter-lab"),
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.root}",
            "--IdentityProvider.token=",
            "--ServerApp.password=",
            "--ServerApp.disable_check_xsrf=True",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
        ]


class Kernel:
    """A connection to the kernel of a notebook, beside the browser's."""

    def __init__(self, connection: Path) -> None:
        self._client = BlockingKernelClient(connection_file=str(connection))
        self._client.load_connection_file()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def value(self, expression: str) -> Any:
        """Return the value of an expression, through JSON."""
        request = self._client.execute(
            "", user_expressions={"it": f"__import__('json').dumps({expression})"}, store_history=False, silent=True
        )
        deadline = time.monotonic() + 120
        while True:
            reply = self._client.get_shell_msg(timeout=max(0.1, deadline - time.monotonic()))
            if reply["parent_header"].get("msg_id") == request:
                break
        result = reply["content"]["user_expressions"]["it"]
        assert result["status"] == "ok", result
        return json.loads(ast.literal_eval(result["data"]["text/plain"]))

    def start(self, code: str) -> None:
        """Run code in a cell, without waiting for its end."""
        self._client.execute(code, store_history=False, silent=True)

    def wait(self, expression: str, condition: Callable[[Any], bool] = bool, seconds: float = 90.0) -> Any:
        """Wait until the value of an expression meets a condition, and return it."""
        deadline = time.monotonic() + seconds
        while not condition(value := self.value(expression)):
            assert time.monotonic() < deadline, f"{expression} is {value!r}"
            time.sleep(0.05)
        return value

    def close(self) -> None:
        """Close the connection; the kernel goes on."""
        self._client.stop_channels()
