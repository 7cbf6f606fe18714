"""Client: the connection to a service."""

from __future__ import annotations

import re
import time
from os import environ
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import urlsplit

from scenecart._api import operations
from scenecart._api.deadline import limited_to
from scenecart._api.http import Session
from scenecart._captures.hosts import HostRegistry
from scenecart._captures.licences import LicenceRegistry
from scenecart._client.purchases import PurchaseMethods
from scenecart._client.team import TeamMethods
from scenecart._imagery.quicklook import QuicklookStore
from scenecart._orders.journal import Journal
from scenecart._orders.notice import Notice
from scenecart._orders.pending_notice import warn_of_pending_placements
from scenecart._util.folders import data_folder
from scenecart._util.once import Once
from scenecart._util.text import duration
from scenecart._util.validate import shown_value
from scenecart.exceptions import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import httpx

    from scenecart._api.credentials import Credentials
    from scenecart._api.limits import Limits
    from scenecart._api.retry import Retry
    from scenecart._cart.estimate import Estimate
    from scenecart._client.ordering import Ordering
    from scenecart._delivery.download import DeliveryService
    from scenecart._orders.order import Order

# a panel does not wait longer for the names that it offers
_HOSTS_SECONDS = 3.0
_OPERATION = re.compile(r"\w+(\.\w+)*", re.ASCII)


class Client(PurchaseMethods, TeamMethods):
    """The connection to an ordering service; :func:`connect` returns one.

    It can be used from several threads. Close it when it is no longer needed, or use it in a ``with`` block.

    Parameters
    ----------
    credentials
        The service's URL, and how to sign in.
    project
        The project to deliver imagery to, unless ``place`` names another.
    home
        Directory of the placement journal. Default: ``SCENECART_HOME``, or the user's data directory.
    transport
        An ``httpx.BaseTransport`` that sends the requests; None opens network connections.
    ca_bundle
        File of trusted certificates in PEM form, or a folder of them, in place of the public authorities: that of a company whose
        network inspects encrypted connections. Default: ``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` or
        ``SSL_CERT_DIR``, else the public authorities.
    limits, retry
        Timeouts and rate limits, and the rule for retries.
    price_seconds
        How old an estimate may be, in seconds, before placing requests its price again. Default 0: always.
    owned_share
        The share of a capture's area (0–1) from which on it counts as owned already when a cart is placed. Default 0.1; shares
        below 0.01 never count.
    budgets
        A TOML file of budgets that a team shares; see :meth:`budget`. Default: ``SCENECART_BUDGETS``, else none.
    require_approval
        Public keys of approvers: each order needs ``place(approval=…)`` signed with one of them. Default:
        ``SCENECART_REQUIRE_APPROVAL``, keys separated by blanks, else no approval is needed.
    clock
        A function that returns a monotonic time, in seconds.
    wall
        A function that returns the Unix time, in seconds.
    sleep
        A function that waits for a number of seconds.
    say
        A function that is called with a line of text about what placing or cancelling did. Default: ``print``.

    Attributes
    ----------
    project : str or None
        The project to deliver imagery to, unless ``place`` names another.

    Examples
    --------
    >>> with connect("sandbox") as client:
    ...     len(client.search("openterra", collections="openterra-10m", limit=3))
    3
    """

    def __init__(  # each part can be replaced in tests
        self,
        credentials: Credentials,
        *,
        project: str | None = None,
        home: str | os.PathLike[str] | None = None,
        transport: httpx.BaseTransport | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
        retry: Retry | None = None,
        price_seconds: float = 0.0,
        owned_share: float = 0.1,
        budgets: str | os.PathLike[str] | None = None,
        require_approval: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], object] = print,
    ) -> None:
        self._home = data_folder(home)
        self._session = Session(
            credentials,
            transport=transport,
            limits=limits,
            retry=retry,
            clock=clock,
            now=wall,
            sleep=sleep,
            ca_bundle=ca_bundle,
        )
        self._credentials = credentials
        self.project = project if project is not None else credentials.project
        self._hosts = HostRegistry(self._session, clock)
        self._licences = LicenceRegistry(self._session, clock)
        self._wall = wall
        self._say = say
        self._journal = Journal(self._home / "placements.sqlite", now=wall)
        self._quicklooks = QuicklookStore(self._session, self._home / "quicklooks")
        self._session.on_placing_wait(lambda seconds: say(_limit_notice(seconds)))
        self._delivery_service = Once(self._make_delivery_service)
        budgets = budgets or environ.get("SCENECART_BUDGETS") or None
        keys = require_approval if require_approval is not None else environ.get("SCENECART_REQUIRE_APPROVAL", "").split() or None
        self._ordering = Once(
            lambda: self._make_ordering(
                price_seconds=price_seconds, owned_share=owned_share, budgets=budgets, keys=keys, clock=clock, sleep=sleep
            )
        )
        if budgets is not None or keys is not None:
            # an invalid setting is an error of the connection, not of the first order
            self._ordering()

    @property
    def signed_in_by(self) -> str:
        """Where the sign-in comes from, such as ``"arguments"`` or ``"profile 'work'"``."""
        return self._credentials.source

    @property
    def base_url(self) -> str:
        """The service's URL."""
        return self._session.base_url

    @property
    def imagery_folders(self) -> list[Path]:
        """The folders of delivered imagery that it knows: those of ``order.open()``, and those it downloaded to."""
        return self._delivery_service().folders()

    def whoami(self) -> dict[str, Any]:
        """Return the service's information about the signed-in account; empty if it has none.

        Keys are those of OpenID Connect, such as ``sub``, ``preferred_username`` and ``scope`` (separated by spaces), and
        the service's own, such as ``organization_id``.

        Raises
        ------
        AuthenticationError
            If the sign-in is refused.

        Examples
        --------
        >>> connect("sandbox").whoami()["preferred_username"]
        'analyst'
        """
        answer = self._session.userinfo()
        return answer if isinstance(answer, dict) else {}

    def balance(self) -> dict[str, Any]:
        """Return the organization's balance of credits; 100 credits are one Australian dollar.

        Raises
        ------
        PermissionDenied
            If the account may not see it.

        Examples
        --------
        >>> connect("sandbox").balance()["balance_credits"] > 0
        True
        """
        answer = self._session.call(operations.BALANCE, {})
        return answer if isinstance(answer, dict) else {"balance": answer}

    def call(self, operation: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None) -> Any:
        """Call an operation of the service's API by name, and return its decoded answer.

        It refuses every operation that may spend money, such as placing and cancelling orders, top-ups and processing.

        Parameters
        ----------
        operation
            The name in the service's API, such as ``"catalog.search"``.
        body
            The JSON body; None sends an empty object.
        idempotency_key
            The key of a request that spends, with which it can be repeated after a failure.

        Raises
        ------
        ConfigurationError
            If the operation may spend money; nothing was sent.
        ScenecartError
            The error of the answer's status.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.call("billing.credits.transactions", {"limit": 1})["limit"]
        1
        """
        # a URL may normalise %2E and /../, and lead to an operation that spends
        if not isinstance(operation, str) or not _OPERATION.fullmatch(operation):
            raise InvalidRequest(
                f"must be the name of an operation, such as 'catalog.search', got {shown_value(operation)}. Nothing was sent.",
                argument="operation",
                code="not_an_operation",
            )
        if operations.spends(operation):
            raise ConfigurationError(
                f"call() cannot spend money, and {operation} may. Nothing was sent.",
                code="spending_by_call",
                hint="Use client.cart(captures).estimate().place() to order, order.cancel() to cancel, and the service's console "
                "for billing and processing.",
            )
        return self._session.call(operations.operation(operation), dict(body or {}), key=idempotency_key)

    def _make_ordering(self, **options: Any) -> Ordering:
        # most of what it imports is of no use to a search
        from scenecart._client.ordering import Ordering  # noqa: PLC0415  # see above

        return Ordering(
            self,
            self._session,
            self._journal,
            licences=self._licences,
            deliveries=self._delivery_service,
            home=self._home,
            wall=self._wall,
            say=self._say,
            **options,
        )

    def _make_delivery_service(self) -> DeliveryService:
        from scenecart._delivery.download import DeliveryService  # noqa: PLC0415  # as for orders

        return DeliveryService(self._session, self._home / "imagery")

    def close(self) -> None:
        """Close the connections and the journal."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __copy__(self) -> Self:
        """Return the client itself, so that copies of carts, estimates and orders share its connection."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Client cannot be pickled, because it holds a sign-in. Call connect() in the other process.")

    def __repr__(self) -> str:
        credentials = self._credentials
        if credentials.source == "sandbox":
            return f"Client(sandbox, {str(credentials.username).partition('@')[0]})"
        by_secret = "API key" if credentials.api_key is not None else "token"
        is_profile = credentials.source.startswith("profile")
        user = credentials.source if is_profile else credentials.username or by_secret
        return f"Client({urlsplit(self.base_url).netloc}, {user})"


def warn_of_pending(client: Client, *, of_account: bool = False) -> None:
    """Warn about placements that an earlier session left unfinished; with ``of_account``, only of this account."""
    if client.signed_in_by == "sandbox":
        # it ends with the process, and its placements with it
        return
    warn_of_pending_placements(client._journal, client._session, client._say, of_account=of_account)  # noqa: SLF001  # likewise


def hosts_of(client: Client) -> dict[str, list[str]]:
    """Return the names of collections by host, for panels; empty if the service does not list them in time."""
    with limited_to(_HOSTS_SECONDS, time.monotonic):
        return client._hosts.names()  # noqa: SLF001  # the client's own module


def session_of(client: Client) -> Session:
    """Return the HTTP session of a client, for widgets that read delivered files."""
    return client._session  # noqa: SLF001  # the client's own module


def home_of(client: Client) -> Path:
    """Return the folder of a client's journal, for widgets that save their state there."""
    return client._home  # noqa: SLF001  # the client's own module


def orders_to_wait_for(client: Client, order_ids: Sequence[str], timeout: float | None) -> tuple[list[Order], float | None]:
    """Return orders by their ids, through outages, and the seconds of the timeout that are left."""
    from scenecart._orders.wait import found_orders  # noqa: PLC0415  # most sessions only search

    return found_orders(client._ordering().orders, order_ids, timeout)  # noqa: SLF001  # the client's own module


def order_before_buying(client: Client, estimate: Estimate, *, project: str, license_type: str) -> Order | None:
    """Return the order that placing an estimate would return without buying, or None.

    Raises
    ------
    AlreadyOwned
        If placing would refuse the cart for what is owned already, so that nobody is asked to confirm its price.
    """
    placing = client._ordering().placing  # noqa: SLF001  # the client's own module
    return placing.existing_order(estimate, project=project, license_type=license_type, refuse_owned=True)


def check_before_buying(
    client: Client,
    estimate: Estimate,
    *,
    project: str,
    license_type: str,
    again: bool | str = False,
    approval: str | os.PathLike[str] | None = None,
) -> None:
    """Check an order by the approvals and budgets of the client, as placing does, so that nobody is asked to confirm it in vain.

    Raises
    ------
    NotApproved, OverBudget
        If placing would refuse it.
    """
    guard = client._ordering().guard.of(approval)  # noqa: SLF001  # the client's own module
    client._ordering().placing.check(estimate, guard, project=project, license_type=license_type, again=again)  # noqa: SLF001  # likewise


def listed_orders(client: Client, limit: int) -> list[Order]:
    """Return the newest orders of the organization, whoever placed them, with one request for each page of the list."""
    from scenecart._orders.order import Order  # noqa: PLC0415  # most sessions only search

    service = client._ordering().orders  # noqa: SLF001  # the client's own module
    return [Order(service, record) for record in service.table({}, limit)]


def known_holdings(client: Client, seconds: float | None = None) -> gpd.GeoDataFrame:
    """Return what the organization owns, by a list of orders that is at most so many seconds old; by default, as for panels."""
    holdings = client._ordering().holdings  # noqa: SLF001  # the client's own module
    return holdings.known() if seconds is None else holdings.known(seconds)


def make_read_only(client: Client) -> None:
    """Refuse every request of a client that may change or buy something, before it is sent; this cannot be undone."""
    client._session.make_read_only()  # noqa: SLF001  # the client's own module


def count_unanswered(client: Client) -> tuple[int, int]:
    """Return how many placements were sent and have no answer: of this account, and of others."""
    return client._ordering().settlement.count_unanswered()  # noqa: SLF001  # the client's own module


def count_unfinished(client: Client) -> tuple[int, int]:
    """Return how many placements of this machine are not finished: of this account, and of others."""
    return client._ordering().settlement.count_unfinished()  # noqa: SLF001  # the client's own module


def _limit_notice(seconds: float) -> Notice:
    """Return the notice about an order that waits, because the service limits the orders of a minute."""
    return Notice(
        f"The service's limit of orders in one minute is reached. The next is sent in {duration(seconds)}.",
        code="placing_limited",
    )


Client.__module__ = "scenecart"
