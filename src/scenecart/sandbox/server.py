"""The sandbox as something that can be started and stopped, in this process or in a terminal."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shlex
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from scenecart.sandbox._data import archive
from scenecart.sandbox._data.storage import Storage, alone
from scenecart.sandbox._data.synthetic import COUNT
from scenecart.sandbox._domain.auth import Doorkeeper
from scenecart.sandbox._domain.catalog import Catalog
from scenecart.sandbox._domain.delivery import Delivery
from scenecart.sandbox._domain.faults import Faults
from scenecart.sandbox._domain.ledger import Ledger
from scenecart.sandbox._domain.orders import PACES, Orders
from scenecart.sandbox._http import control
from scenecart.sandbox._http.operations import Service
from scenecart.sandbox._http.resources import Resources
from scenecart.sandbox._http.serving import listen, serving
from scenecart.sandbox._http.stac import Archive, Delivered
from scenecart.sandbox._problem import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 20_240_101
_MOST_CAPTURES = 5_000_000
_LAST_SECOND = 221_845_000_000.0


class Sandbox:
    """The whole ordering service on this machine: a real server with a real database.

    Parameters
    ----------
    data
        Folder for its state, which then survives a restart; None uses a temporary one.
    items
        Real STAC items to use as the catalog instead of the invented one: JSON, NDJSON, GeoParquet, or a folder of them.
    port
        Where to listen on 127.0.0.1; 0 picks a free one.
    pace
        How fast orders move: ``"instant"``, ``"demo"`` (seconds) or ``"real"`` (minutes).
    seed
        The same seed gives the same captures.
    captures
        About how many captures to invent.
    clock
        Seconds since 1970; None is the machine's own.

    Raises
    ------
    SandboxError
        If it cannot be started as asked.

    Examples
    --------
    >>> with Sandbox(pace="instant") as box:
    ...     sorted(box.hosts)
    ['aurora', 'lumen', 'openterra']
    """

    def __init__(  # each is a setting of its own
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        items: str | os.PathLike[str] | None = None,
        port: int = 0,
        pace: str = "demo",
        seed: int = SEED,
        captures: int = COUNT,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not 1 <= captures <= _MOST_CAPTURES:
            raise SandboxError(f"The sandbox invents between 1 and {_MOST_CAPTURES:,} captures, not {captures:,}.")
        if pace not in PACES:
            raise SandboxError(f"There is no pace {pace!r}; there are {', '.join(PACES)}.")
        self._wanted_data = None if data is None else Path(data).expanduser()
        self._items = None if items is None else Path(items).expanduser()
        if self._items is not None and not self._items.exists():
            raise SandboxError(f"There are no items at {self._items}; give a file or folder that exists.")
        self._port = port
        self._pace = pace
        self._seed = seed
        self._captures = captures
        self._clock = clock or time.time
        self._ahead = 0.0
        self._stack: contextlib.ExitStack | None = None
        self._service: Service | None = None
        self._url = ""
        self._data: Path | None = None
        self.faults = Faults()

    @property
    def url(self) -> str:
        """Where it answers."""
        self._running()
        return self._url

    @property
    def stac_url(self) -> str:
        """Where its STAC API is."""
        return f"{self.url}/stac/"

    @property
    def data(self) -> Path:
        """The folder of its state."""
        self._running()
        if self._data is None:
            raise SandboxError("The sandbox has no folder.")
        return self._data

    @property
    def hosts(self) -> dict[str, list[str]]:
        """Every catalog host with its collections."""
        return self._running().catalog.hosts

    @property
    def principals(self) -> dict[str, dict[str, str | None]]:
        """Everyone who can sign in: token, api_key, username, password and project of each."""
        return self._running().doorkeeper.principals()

    def token(self, name: str = "analyst") -> str:
        """Return a fresh bearer token of a user.

        Raises
        ------
        SandboxError
            If there is no such principal.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     len(box.token("analyst").split("."))
        3
        """
        control.check_principal(self._running(), name)
        return self._running().doorkeeper.token(name)

    @property
    def token_seconds(self) -> int:
        """How long the tokens of the sign-in stay valid."""
        return self._running().doorkeeper.token_seconds

    @token_seconds.setter
    def token_seconds(self, seconds: int) -> None:
        self._running().doorkeeper.token_seconds = seconds

    @property
    def rate_limits(self) -> dict[str, int] | None:
        """Calls and places an organization may make a minute; None allows any number."""
        return self._running().doorkeeper.limits

    @rate_limits.setter
    def rate_limits(self, limits: dict[str, int] | None) -> None:
        self._running().doorkeeper.limits = limits

    def client(self, name: str = "analyst", **options: Any) -> Any:
        """Return a ``scenecart.Client`` that is signed in as one of the principals.

        Parameters
        ----------
        name
            Whose sign-in: one of ``principals``.
        **options
            As for ``scenecart.connect``.

        Raises
        ------
        SandboxError
            If there is no such principal.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     box.client("other", home=box.data / "journal").whoami()["preferred_username"]
        'other'
        """
        import scenecart  # noqa: PLC0415  # it hands out a client of the library, and reads nothing

        control.check_principal(self._running(), name)
        principal = self.principals[name]
        sign_in = ("api_key",) if principal["username"] is None else ("username", "password")
        given = {field: principal[field] for field in sign_in}
        return scenecart.connect(base_url=self.url, **given, project=principal["project"], **options)

    def top_up(self, name: str, credits: int) -> None:  # noqa: A002  # the unit of money here
        """Add credits to the balance of a principal's organization; 100 credits are one Australian dollar.

        Raises
        ------
        SandboxError
            If there is no such principal, or the credits are no whole number from 0 on.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     box.top_up("broke", 90)
        ...     box.client("broke", home=box.data / "journal").balance()["balance_credits"]
        100
        """
        control.top_up(self._running(), name, credits)

    def attach_card(self, name: str, card: str | None = "good") -> None:
        """Give a principal's organization a card: ``"good"``, ``"declined"``, ``"secure"``, or None for none.

        Raises
        ------
        SandboxError
            If there is no such card or principal.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     box.attach_card("card", "declined")
        """
        if card not in {"good", "declined", "secure", None}:
            raise SandboxError(f"There is no card {card!r}; there are good, declined and secure.")
        control.attach_card(self._running(), name, card)

    def complete_challenge(self, client_secret: str, *, accept: bool = True) -> None:
        """Answer the bank's challenge of a 402, as its page does.

        Raises
        ------
        SandboxError
            If there is no such challenge, or it has been answered.

        Examples
        --------
        >>> import scenecart
        >>> with Sandbox(captures=1_000) as box:
        ...     client = box.client("secure", home=box.data / "journal")
        ...     captures = client.search("aurora", collections="aurora-50cm", limit=1)
        ...     try:
        ...         client.cart(captures).estimate().place()
        ...     except scenecart.AuthenticationRequired as error:
        ...         box.complete_challenge(error.client_secret.reveal())
        ...         error.retry().status
        'processing'
        """
        control.complete(self._running(), client_secret, accept=accept)

    def change_prices(self, factor: float) -> None:
        """Let everything cost so many times what it cost at first, as a provider's new price list does.

        Parameters
        ----------
        factor
            From 0.01 to 100.

        Raises
        ------
        SandboxError
            If it is another one.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     client = box.client(home=box.data / "journal")
        ...     cart = client.cart(client.search("aurora", collections="aurora-50cm", limit=1))
        ...     before = cart.estimate().total_credits
        ...     box.change_prices(2.0)
        ...     cart.estimate().total_credits > before
        True
        """
        control.change_prices(self._running(), factor)

    def approve_device(self, user_code: str, name: str | None = "analyst") -> None:
        """Approve a sign-in that waits for it (RFC 8628) as one of the principals, as its page does; None refuses it.

        Raises
        ------
        SandboxError
            If no sign-in waits under this code, or there is no such principal.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     try:
        ...         box.approve_device("BCDF-GHJK")
        ...     except SandboxError as error:
        ...         print(error)
        No sign-in waits under this code.
        """
        control.approve(self._running(), user_code, name)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once: orders move, tokens and addresses expire.

        Raises
        ------
        SandboxError
            If that leads beyond the years that a calendar has.

        Examples
        --------
        >>> with Sandbox(captures=1_000, pace="real") as box:
        ...     client = box.client(home=box.data / "journal")
        ...     order = client.cart(client.search("openterra", collections="openterra-10m", limit=1)).estimate().place()
        ...     box.advance(3_600)
        ...     order.wait(timeout=60, progress=False).status
        'delivered'
        """
        if self._now() + seconds > _LAST_SECOND:
            raise SandboxError("Time does not pass beyond the year 9000 here.")
        self._ahead += seconds

    def ready(self) -> dict[str, Any]:
        """Return what another program needs to use it: url, stac_url, hosts and principals, as JSON has it.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     sorted(box.ready())
        ['hosts', 'principals', 'stac_url', 'url']
        """
        return {"url": self.url, "stac_url": self.stac_url, "hosts": self.hosts, "principals": self.principals}

    def start(self) -> Self:
        """Start it, and return when it answers; a ``with`` block does it too.

        Raises
        ------
        SandboxError
            If its folder or port cannot be used.

        Examples
        --------
        >>> box = Sandbox(captures=1_000).start()
        >>> box.url.startswith("http://127.0.0.1:")
        True
        >>> box.stop()
        """
        if self._stack is not None:
            return self
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(contextlib.closing(listen(self._port)))
            self._url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self._data = self._folder(stack)
            stack.enter_context(alone(self._data))
            keep = self._wanted_data is not None
            captures = archive.prepare(self._data, self._seed, self._captures, self._items, keep=keep)
            storage = Storage(self._data / "sandbox.sqlite", captures)
            stack.callback(storage.close)
            self._service = self._assemble(storage, self._data)
            self._service.delivery.start()
            stack.callback(self._service.delivery.stop)
            stack.enter_context(serving(self._service, listener))
            self._stack = stack.pop_all()
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Stop it. A temporary folder goes with it."""
        stack, self._stack = self._stack, None
        if stack is not None:
            stack.close()
            atexit.unregister(self.stop)
            self._service = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Sandbox({self._url if self._stack is not None else 'not running'})"

    def _now(self) -> float:
        return self._clock() + self._ahead

    def _running(self) -> Service:
        if self._service is None:
            raise SandboxError("The sandbox is not running; call start(), or use it in a with block.")
        return self._service

    def _folder(self, stack: contextlib.ExitStack) -> Path:
        if self._wanted_data is None:
            temporary = tempfile.TemporaryDirectory(prefix="scenecart-sandbox-", ignore_cleanup_errors=True)
            return Path(stack.enter_context(temporary))
        try:
            self._wanted_data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SandboxError(f"The folder {self._wanted_data} cannot be used: {error.strerror}.") from error
        return self._wanted_data

    def _assemble(self, storage: Storage, data: Path) -> Service:
        doorkeeper = Doorkeeper(storage, self._now)
        catalog = Catalog(storage, self._url)
        ledger = Ledger(storage, self._url, self._now)
        orders = Orders(storage, catalog, ledger, self._now, self._pace)
        delivery = Delivery(storage, catalog, orders, data / "files", self._now)
        return Service(
            url=self._url,
            doorkeeper=doorkeeper,
            catalog=catalog,
            ledger=ledger,
            orders=orders,
            resources=Resources(storage, catalog, orders),
            delivery=delivery,
            delivered=Delivered(storage, delivery),
            archive=Archive(storage, catalog),
            faults=self.faults,
            advance=self.advance,
            connections={},
        )


def serve(
    *,
    port: int = 8900,
    data: str | os.PathLike[str] | None = None,
    items: str | os.PathLike[str] | None = None,
    pace: str = "demo",
    captures: int = COUNT,
    ready_file: str | os.PathLike[str] | None = None,
    print_line: Callable[[str], object] = lambda _: None,
) -> None:
    """Run the sandbox until it is interrupted or terminated.

    Parameters
    ----------
    port, data, items, pace, captures
        As for :class:`Sandbox`.
    ready_file
        Written in one step once it answers: JSON with url, stac_url, hosts and principals, readable by its owner alone.
    print_line
        Told what a person needs to use it, a line at a time: the address, and how the analyst signs in.

    Raises
    ------
    SandboxError
        If it cannot be started as asked.
    """
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    # what is interrupted while the catalog is made ends at once, also where a script began it in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
    box = Sandbox(data, items=items, port=port, pace=pace, captures=captures)
    print_line("Making its catalog, where there is none yet …" if items is None else f"Reading its catalog from {items} …")
    with box:
        signal.signal(signal.SIGINT, lambda *_: stopped.set())
        ready = box.ready()
        if ready_file is not None:
            _write_in_one_step(Path(ready_file), json.dumps(ready, indent=2))
        for line in _welcome(ready, ready_file):
            print_line(line)
        stopped.wait()


def _welcome(ready: dict[str, Any], ready_file: str | os.PathLike[str] | None) -> Iterator[str]:
    """Yield what a person needs to use it from another terminal; tokens are for programs, which read the ready file."""
    analyst = ready["principals"]["analyst"]
    yield f"The sandbox answers at {ready['url']}, until Ctrl+C. To use it in another terminal, as its analyst:"
    yield ""
    signs_in = {"BASE_URL": ready["url"], **{name.upper(): analyst[name] for name in ("username", "password", "project")}}
    for name, value in signs_in.items():
        yield f"export SCENECART_{name}={shlex.quote(str(value))}"
    yield ""
    for host, collections in ready["hosts"].items():
        yield f"Host {host}: {', '.join(collections)}"
    others = ", ".join(name for name in ready["principals"] if name != "analyst")
    where = "are written by --ready-file FILE" if ready_file is None else f"are in {ready_file}"
    yield f"The sign-ins of {others}, and everyone's tokens, {where}."


def _write_in_one_step(path: Path, text: str) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError as error:
        raise SandboxError(f"The ready file {path} cannot be written: {error.strerror}.") from error
