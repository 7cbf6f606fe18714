"""The sandbox as a command, with the sign-ins that other programs need."""

from __future__ import annotations

import json
import os
import shlex
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._data.synthetic import COUNT
from scenecart.sandbox._http.serving import listen
from scenecart.sandbox._problem import SandboxError
from scenecart.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def serve(
    *,
    port: int = 8900,
    data: str | os.PathLike[str] | None = None,
    items: str | os.PathLike[str] | None = None,
    pace: str = "demo",
    captures: int = COUNT,
    dialect: str | Sequence[str] | None = None,
    ready_file: str | os.PathLike[str] | None = None,
    print_line: Callable[[str], object] = lambda _: None,
) -> None:
    """Run the sandbox until it is interrupted or terminated.

    Parameters
    ----------
    port, data, items, pace, captures, dialect
        As for :class:`Sandbox`.
    ready_file
        File to write when the sandbox accepts requests: JSON with url, stac_url, hosts and principals, readable only by its
        owner. It is written atomically.
    print_line
        Called with each line of the welcome text: the URL, and the sign-in of the analyst.

    Raises
    ------
    SandboxError
        If an argument is not valid, or the folder, the items, the port or the ready file cannot be used.
    """
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    # Ctrl+C also works while the catalog is generated, and when a script started this in the background with SIGINT ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    box = Sandbox(data, items=items, port=port, pace=pace, captures=captures, dialect=dialect)
    if port:
        # checked before the catalog is generated, which takes a moment
        listen(port).close()
    print_line("Preparing the catalog …" if items is None else f"Reading the catalog from {items} …")
    with box:
        signal.signal(signal.SIGINT, lambda *_: stopped.set())
        ready = box.ready()
        if ready_file is not None:
            _write_ready_file(Path(ready_file), json.dumps(ready, indent=2))
        for line in _welcome(ready, ready_file):
            print_line(line)
        stopped.wait()


def _welcome(ready: dict[str, Any], ready_file: str | os.PathLike[str] | None) -> Iterator[str]:
    """Yield how to use the sandbox from another terminal; tokens are not printed, programs read them from the ready file."""
    analyst = ready["principals"]["analyst"]
    yield f"The sandbox is running at {ready['url']}. Press Ctrl+C to stop it."
    yield "To use it in another terminal as the analyst, paste:"
    yield ""
    variables = {"BASE_URL": ready["url"], **{name.upper(): analyst[name] for name in ("username", "password", "project")}}
    for name, value in variables.items():
        yield f"export SCENECART_{name}={shlex.quote(str(value))}"
    yield ""
    for host, collections in ready["hosts"].items():
        yield f"Host {host}: {', '.join(collections)}"
    others = ", ".join(name for name in ready["principals"] if name != "analyst")
    yield f"Other principals: {others}"
    where = (
        "To get all sign-ins and tokens as JSON, add --ready-file FILE." if ready_file is None else f"All sign-ins: {ready_file}"
    )
    yield where


def _write_ready_file(path: Path, text: str) -> None:
    """Write the ready file atomically, readable only by its owner."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError as error:
        raise SandboxError(f"The ready file {path} cannot be written: {error.strerror}.") from error
