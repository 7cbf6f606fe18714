"""The sandbox in Python: starting, stopping and controlling it."""

from __future__ import annotations

import atexit
import contextlib
import tempfile
import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from scenecart.sandbox._data import archive
from scenecart.sandbox._data.storage import Storage, lock_folder
from scenecart.sandbox._data.synthetic import COUNT
from scenecart.sandbox._domain.auth import Authenticator
from scenecart.sandbox._domain.catalog import Catalog
from scenecart.sandbox._domain.delivery import Delivery
from scenecart.sandbox._domain.faults import Faults
from scenecart.sandbox._domain.ledger import Ledger
from scenecart.sandbox._domain.orders import PACES, OrderPolicy, Orders
from scenecart.sandbox._domain.registry import Registry
from scenecart.sandbox._http import control
from scenecart.sandbox._http.dialects import DESCRIPTIONS, choose
from scenecart.sandbox._http.operations import Service
from scenecart.sandbox._http.resources import Resources
from scenecart.sandbox._http.serving import listen, run_server
from scenecart.sandbox._http.stac import CatalogSource, DeliverySource
from scenecart.sandbox._problem import SandboxError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

SEED = 20_240_101
_MOST_CAPTURES = 5_000_000
_LAST_SECOND = 221_845_000_000.0


class Sandbox:
    """The whole ordering service on this machine, with a real HTTP server and a real database.

    Parameters
    ----------
    data
        Folder for the state, which then survives a restart; None uses a temporary folder.
    items
        STAC items to use as the catalog in place of generated captures: JSON, NDJSON, GeoParquet, or a folder of such files.
    port
        Port on 127.0.0.1; 0 picks a free port.
    pace
        How long orders take: ``"instant"``, ``"demo"`` (seconds) or ``"real"`` (minutes).
    seed
        Seed of the generated captures; the same seed gives the same captures.
    captures
        About how many captures to generate.
    clock
        Function that returns Unix time in seconds; None uses the system clock.
    dialect
        Other ways to answer, to test a client against services that differ from this one: a name of ``Sandbox.dialects``, several
        names, or a text with commas. ``"name:variant"`` selects one of a dialect's variants.
    list_lag
        Seconds, on the sandbox's clock, for which a new order is missing from lists of orders.

    Raises
    ------
    SandboxError
        If an argument is not valid.

    Examples
    --------
    >>> with Sandbox(pace="instant") as box:
    ...     sorted(box.hosts)
    ['aurora', 'lumen', 'openterra']
    """

    dialects: ClassVar[Mapping[str, str]] = MappingProxyType(DESCRIPTIONS)
    """The dialects that the sandbox can speak, each with a description."""

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        items: str | os.PathLike[str] | None = None,
        port: int = 0,
        pace: str = "demo",
        seed: int = SEED,
        captures: int = COUNT,
        clock: Callable[[], float] | None = None,
        dialect: str | Sequence[str] | None = None,
        list_lag: float = 0.0,
    ) -> None:
        if not 1 <= captures <= _MOST_CAPTURES:
            raise SandboxError(f"captures must be between 1 and {_MOST_CAPTURES:,}, got {captures:,}.")
        if pace not in PACES:
            raise SandboxError(f"pace must be one of {', '.join(PACES)}, got {pace!r}.")
        self._data_option = None if data is None else Path(data).expanduser()
        self._items = None if items is None else Path(items).expanduser()
        if self._items is not None and not self._items.exists():
            raise SandboxError(f"items must be an existing file or folder, got {self._items}.")
        self._port = port
        self._pace = pace
        self._seed = seed
        self._captures = captures
        self._dialects = choose(dialect)
        self._list_lag = control.check_list_lag(list_lag)
        self._clock = clock or time.time
        self._clock_offset = 0.0
        self._stack: contextlib.ExitStack | None = None
        self._service: Service | None = None
        self._url = ""
        self._data: Path | None = None
        self.faults = Faults()

    @property
    def url(self) -> str:
        """The base URL of the service."""
        self._running()
        return self._url

    @property
    def stac_url(self) -> str:
        """The URL of the STAC API of delivered items."""
        return f"{self.url}/stac/"

    @property
    def data(self) -> Path:
        """The folder of its state."""
        self._running()
        if self._data is None:
            raise SandboxError("The sandbox has no data folder.")
        return self._data

    @property
    def hosts(self) -> dict[str, list[str]]:
        """The hosts of the catalog, with their collections."""
        return self._running().catalog.hosts

    @property
    def principals(self) -> dict[str, dict[str, str | None]]:
        """The principals that can sign in: token, api_key, username, password and project of each."""
        return self._running().authenticator.principals()

    def token(self, name: str = "analyst") -> str:
        """Return a new bearer token of a principal, valid for ``token_seconds``.

        Raises
        ------
        SandboxError
            If the principal is unknown.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     len(box.token("analyst").split("."))
        3
        """
        control.check_principal(self._running(), name)
        return self._running().authenticator.token(name)

    @property
    def token_seconds(self) -> int:
        """The lifetime of new access tokens in seconds."""
        return self._running().authenticator.token_seconds

    @token_seconds.setter
    def token_seconds(self, seconds: int) -> None:
        self._running().authenticator.token_seconds = seconds

    @property
    def rate_limits(self) -> dict[str, int] | None:
        """Calls and placements an organization may make per minute: keys ``calls`` and ``places``; None for no limit."""
        return self._running().authenticator.limits

    @rate_limits.setter
    def rate_limits(self, limits: dict[str, int] | None) -> None:
        self._running().authenticator.limits = limits

    @property
    def requires_licences(self) -> bool:
        """Whether an order is refused (403) until the organization accepted the licences of its hosts."""
        return self._running().orders.required_licences is not None

    @requires_licences.setter
    def requires_licences(self, required: bool) -> None:
        running = self._running()
        running.orders.required_licences = running.registry.not_accepted if required else None

    @property
    def list_lag(self) -> float:
        """Seconds for which a new order is missing from lists of orders; it can be requested by its id at once."""
        return self._running().orders.list_lag

    @list_lag.setter
    def list_lag(self, seconds: float) -> None:
        self._running().orders.list_lag = control.check_list_lag(seconds)

    def client(self, name: str = "analyst", **options: Any) -> Any:
        """Return a ``scenecart.Client`` that is signed in as one of the principals.

        Parameters
        ----------
        name
            One of ``principals``.
        **options
            Arguments of ``scenecart.connect``.

        Raises
        ------
        SandboxError
            If the principal is unknown.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     box.client("other", home=box.data / "journal").whoami()["preferred_username"]
        'other'
        """
        import scenecart  # noqa: PLC0415  # the sandbox itself shares no code with the library

        control.check_principal(self._running(), name)
        principal = self.principals[name]
        sign_in = ("api_key",) if principal["username"] is None else ("username", "password")
        credentials = {field: principal[field] for field in sign_in}
        return scenecart.connect(base_url=self.url, **credentials, project=principal["project"], **options)

    def top_up(self, name: str, credits: int) -> None:  # noqa: A002  # the unit of money here
        """Add credits to the balance of a principal's organization; 100 credits are one Australian dollar.

        Raises
        ------
        SandboxError
            If the principal is unknown, or the credits are not a whole number of at least 0.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     box.top_up("broke", 90)
        ...     box.client("broke", home=box.data / "journal").balance()["balance_credits"]
        100
        """
        control.top_up(self._running(), name, credits)

    def auto_top_up(self, name: str, credits: int | None) -> None:  # noqa: A002  # the unit of money here
        """Let the card of a principal's organization buy this many credits, as often as needed, when its balance is too low.

        None stops it. The organization needs a good card: see ``attach_card``.

        Raises
        ------
        SandboxError
            If the principal is unknown, or the credits are not a whole number of at least 1.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     box.attach_card("broke")
        ...     box.auto_top_up("broke", 100_000)
        """
        control.auto_top_up(self._running(), name, credits)

    def attach_card(self, name: str, card: str | None = "good") -> None:
        """Replace the card of a principal's organization: ``"good"``, ``"declined"``, ``"secure"``, or None for no card.

        Raises
        ------
        SandboxError
            If the card or the principal is unknown.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     box.attach_card("card", "declined")
        """
        if card not in {"good", "declined", "secure", None}:
            raise SandboxError(f"card must be good, declined, secure or None, got {card!r}.")
        control.attach_card(self._running(), name, card)

    def complete_challenge(self, client_secret: str, *, accept: bool = True) -> None:
        """Complete the 3-D Secure challenge of a 402, or refuse it with ``accept=False``.

        Raises
        ------
        SandboxError
            If the challenge is unknown or already answered.

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
        control.complete_challenge(self._running(), client_secret, accept=accept)

    def change_prices(self, factor: float) -> None:
        """Set all prices to a multiple of the initial prices, like a provider's new price list.

        Parameters
        ----------
        factor
            From 0.01 to 100.

        Raises
        ------
        SandboxError
            If the factor is outside this range.

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

    def fail_next_order(self, reason: str) -> None:
        """Let the next order that is placed fail when it is due, and return its credits; call it again for another order.

        Raises
        ------
        SandboxError
            If the reason is empty.

        Examples
        --------
        >>> import scenecart
        >>> with Sandbox(captures=1_000, pace="instant") as box:
        ...     client = box.client(home=box.data / "journal")
        ...     box.fail_next_order("the archive lost the image")
        ...     captures = client.search("openterra", collections="openterra-10m", limit=1)
        ...     try:
        ...         client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        ...     except scenecart.OrderFailed:
        ...         print(box.orders()[0]["reason"])
        the archive lost the image
        """
        control.fail_next_order(self._running(), reason)

    def orders(self) -> list[dict[str, Any]]:
        """Return the orders of all organizations as the database has them, oldest first, the same in every dialect.

        Each is a dict: ``id``, ``state``, ``captures`` (each with ``id``, ``host_name``, ``collection`` and ``geometry``),
        ``credits``, ``organization``, ``placed_by`` (the principal's name), ``project``, ``license_type``, ``created`` (Unix time
        in seconds), ``key`` (the idempotency key, or None) and ``reason`` (why it failed, or None).

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     box.orders()
        []
        """
        return self._running().orders.records()

    def approve_device(self, user_code: str, name: str | None = "analyst") -> None:
        """Approve a waiting sign-in (device flow, RFC 8628) as one of the principals; None refuses it.

        Raises
        ------
        SandboxError
            If no sign-in waits with this code, or the principal is unknown.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     try:
        ...         box.approve_device("BCDF-GHJK")
        ...     except SandboxError as error:
        ...         print(error)
        user_code must be the code of a waiting sign-in, got 'BCDF-GHJK'.
        """
        control.approve_device(self._running(), user_code, name)

    def advance(self, seconds: float) -> None:
        """Advance the clock: orders are delivered, tokens and signed URLs expire.

        Raises
        ------
        SandboxError
            If the clock would pass the year 9000.

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
            raise SandboxError(f"seconds must not lead beyond the year 9000, got {seconds:,.0f}.")
        self._clock_offset += seconds

    def ready(self) -> dict[str, Any]:
        """Return what other programs need to use the sandbox: url, stac_url, hosts and principals, ready for JSON.

        Examples
        --------
        >>> with Sandbox(captures=1_000) as box:
        ...     sorted(box.ready())
        ['hosts', 'principals', 'stac_url', 'url']
        """
        return {"url": self.url, "stac_url": self.stac_url, "hosts": self.hosts, "principals": self.principals}

    def start(self) -> Self:
        """Start the sandbox, and return when it accepts requests; a ``with`` block does the same.

        Raises
        ------
        SandboxError
            If the data folder, the items or the port cannot be used.

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
            self._data = self._open_folder(stack)
            stack.enter_context(lock_folder(self._data))
            keep = self._data_option is not None
            captures = archive.prepare(self._data, self._seed, self._captures, self._items, keep=keep)
            storage = Storage(self._data / "sandbox.sqlite", captures)
            stack.callback(storage.close)
            self._service = self._assemble(storage, self._data)
            self._service.delivery.start()
            stack.callback(self._service.delivery.stop)
            stack.enter_context(run_server(self._service, listener))
            self._stack = stack.pop_all()
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Stop the sandbox, and delete its temporary folder."""
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
        return self._clock() + self._clock_offset

    def _running(self) -> Service:
        if self._service is None:
            raise SandboxError("The sandbox is not running. Call start(), or use it in a with block.")
        return self._service

    def _open_folder(self, stack: contextlib.ExitStack) -> Path:
        if self._data_option is None:
            temporary = tempfile.TemporaryDirectory(prefix="scenecart-sandbox-", ignore_cleanup_errors=True)
            return Path(stack.enter_context(temporary))
        try:
            self._data_option.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SandboxError(f"The folder {self._data_option} cannot be used: {error.strerror}.") from error
        return self._data_option

    def _assemble(self, storage: Storage, data: Path) -> Service:
        authenticator = Authenticator(storage, self._now)
        catalog = Catalog(storage, self._url)
        ledger = Ledger(storage, self._url, self._now)
        policy = {name: value for dialect, _ in self._dialects for name, value in dialect.policy.items()}
        orders = Orders(storage, catalog, ledger, self._now, self._pace, OrderPolicy(**policy))
        orders.list_lag = self._list_lag
        delivery = Delivery(storage, catalog, orders, data / "files", self._now)
        return Service(
            url=self._url,
            authenticator=authenticator,
            catalog=catalog,
            ledger=ledger,
            registry=Registry(storage, self._now),
            orders=orders,
            resources=Resources(storage, catalog, orders),
            delivery=delivery,
            delivery_source=DeliverySource(storage, delivery),
            catalog_source=CatalogSource(storage, catalog),
            faults=self.faults,
            advance=self.advance,
            now=self._now,
            connections={},
            dialects=self._dialects,
        )
