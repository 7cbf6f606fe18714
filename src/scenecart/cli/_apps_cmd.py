"""Commands that run a program: demo, sandbox, lab and app."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from scenecart._util.files import FREE_SPACE, as_path, is_full
from scenecart._util.text import clean_text
from scenecart.cli import _io
from scenecart.connection import APP_SANDBOX_VARIABLE
from scenecart.exceptions import ConfigurationError, InvalidRequest, missing_extra

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

_PACKAGE = Path(__file__).resolve().parents[1]
_APP = "app.ipynb"


def demo(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    from scenecart.cli._demo import run  # noqa: PLC0415  # keeps --help fast

    run(
        directory=Path(arguments.directory), items=arguments.items, aoi=arguments.aoi, console=Console(highlight=False, emoji=False)
    )
    return 0


def sandbox(arguments: argparse.Namespace) -> int:
    """Run the sandbox."""
    try:
        from scenecart.sandbox import Sandbox, SandboxError, serve  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise missing_extra("The sandbox needs", error, "sandbox") from error
    if "help" in arguments.dialect:
        for name, description in Sandbox.dialects.items():
            print(f"{name}: {description}")
        return 0
    try:
        serve(
            port=arguments.port,
            data=arguments.data,
            items=arguments.items,
            pace=arguments.pace,
            **({} if arguments.captures is None else {"captures": arguments.captures}),
            dialect=arguments.dialect,
            ready_file=arguments.ready_file,
            print_line=lambda line: print(line, flush=True),
        )
    except SandboxError as error:
        raise ConfigurationError(str(error), code="sandbox_not_started") from error
    return 0


def app(arguments: argparse.Namespace) -> int:
    """Open the workbench in a browser tab."""
    _require("The app", ("voila", "ipyleaflet", "anywidget"))
    if arguments.port is not None:
        _check_port(arguments.port)
    if arguments.profile != "sandbox":
        # Voilà would show this error as a page of its own
        with _io.connect(arguments) as client:
            client.whoami()
    from scenecart.cli._app_server import serve  # noqa: PLC0415  # an optional extra

    into = as_path(arguments.into, "into").expanduser().resolve()
    os.environ["SCENECART_APP_PROFILE"] = arguments.profile or ""
    os.environ["SCENECART_APP_INTO"] = str(into)
    if arguments.profile == "sandbox":
        os.environ[APP_SANDBOX_VARIABLE] = str(_shared_sandbox())
    serve(
        _notebooks() / _APP,
        port=arguments.port,
        base_url=f"/{arguments.base_path.strip('/')}/".replace("//", "/"),
        hosts=arguments.host_name,
        idle_seconds=arguments.idle_timeout,
        opens_browser=not arguments.no_browser,
    )
    return 0


def _shared_sandbox() -> Path:
    """Start a sandbox for all pages of the app, and return the file with its address."""
    try:
        from scenecart.sandbox import Sandbox  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise missing_extra("The sandbox needs", error, "sandbox") from error
    running = Sandbox().start()
    ready = running.data / "app.json"
    # it holds the passwords of the sandbox
    ready.touch(mode=0o600)
    ready.write_text(json.dumps({**running.ready(), "home": str(running.data / "client")}), encoding="utf-8")
    return ready


def lab(arguments: argparse.Namespace) -> int:
    """Open JupyterLab on a folder with the example notebooks."""
    _require("JupyterLab", ("jupyterlab", "ipyleaflet", "anywidget"))
    if not arguments.allow_root and hasattr(os, "geteuid") and os.geteuid() == 0:
        raise ConfigurationError("As root, JupyterLab starts only with --allow-root.", code="jupyterlab_as_root")
    folder = as_path(arguments.directory)
    for path in copy_notebooks(folder):
        print(f"Copied {path}")
    listen = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={arguments.port}", f"--ServerApp.root_dir={folder.resolve()}"]
    listen += ["--allow-root"] if arguments.allow_root else []
    return _run("jupyterlab", listen, arguments, {})


def copy_notebooks(folder: Path) -> list[Path]:
    """Copy the example notebooks into a folder and return the copies; existing files are kept.

    Raises
    ------
    InvalidRequest
        If the folder cannot be written.
    """
    copied = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sorted(_notebooks().glob("*.ipynb")):
            target = folder / source.name
            if not target.exists():
                shutil.copyfile(source, target)
                copied.append(target)
    except OSError as error:
        raise InvalidRequest(
            f"The notebooks cannot be copied to {folder}: {error.strerror}.",
            code="notebooks_not_copied",
            hint=FREE_SPACE if is_full(error) else "Choose another folder, or fix its permissions.",
        ) from error
    return copied


def _notebooks() -> Path:
    """Return the folder of the notebooks: in the installed package, or in the source checkout."""
    shipped = _PACKAGE / "notebooks"
    return shipped if shipped.is_dir() else _PACKAGE.parents[1] / "notebooks"


def _check_port(port: int) -> None:
    with socket.socket() as listener:
        # as servers do, so that a port is not refused in the minute after one stopped
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise InvalidRequest(
                f"{port} cannot be used: {clean_text(error.strerror or 'unknown reason')}.",
                code="port_unavailable",
                argument="port",
                hint="Choose another port, or leave it out to get a free one.",
            ) from error


def _require(program: str, names: Sequence[str]) -> None:
    missing = next((name for name in names if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        raise missing_extra(f"{program} needs", ModuleNotFoundError(name=missing), "all,lab")


def _run(module: str, words: Sequence[str], arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", module, *words, *(["--no-browser"] if arguments.no_browser else [])]
    return subprocess.call(command, env={**os.environ, **environ})  # noqa: S603  # fixed programs and the options of this command
