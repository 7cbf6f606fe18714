"""``connect()``: find credentials and return a client."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scenecart._api.session_cache import SessionCache
from scenecart._api.sign_in import resolve
from scenecart._util.folders import state_folder
from scenecart._util.keywords import checked_keywords
from scenecart._util.tracebacks import hide_frames
from scenecart.client import Client, warn_of_pending
from scenecart.exceptions import ConfigurationError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Mapping


_SANDBOX_KEYWORDS = ("captures", "data", "items", "pace", "port", "seed")


@hide_frames
@checked_keywords(
    also=Client,
    without=("credentials",),
    elsewhere={
        name: f"Start your own sandbox: client = scenecart.sandbox.Sandbox({name}=…).start().client()."
        for name in _SANDBOX_KEYWORDS
    },
)
def connect(  # one keyword for each setting
    profile: str | None = None,
    *,
    base_url: str | None = None,
    token: str | None = None,
    api_key: str | None = None,
    username: str | None = None,
    password: str | None = None,
    project: str | None = None,
    credentials_file: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
    ca_bundle: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Client:
    """Connect to the ordering service.

    Credentials are taken from the arguments, else from ``SCENECART_*`` and ``GEOPERA_*`` environment variables
    (``…_BASE_URL``, ``…_TOKEN``, ``…_API_KEY``, ``…_USERNAME``, ``…_PASSWORD``, ``…_PROJECT``, ``…_PROFILE``), else from a
    profile saved by ``scenecart login`` or by the official command line. Nothing is sent until the first call.

    Parameters
    ----------
    profile
        Name of a saved profile, or ``"sandbox"`` for the embedded service: no account, no network, no money.
    base_url
        Root URL of the service. Default ``https://api.geopera.com``. Plain http works on this computer only.
    token
        A bearer token, used until it expires.
    api_key
        An API key (``gpra_…``). It cannot place orders: that needs a user.
    username, password
        User name and password of a user.
    project
        Id of the default project that orders are delivered to.
    credentials_file
        Path of the saved profiles. Default ``~/.config/geopera/credentials.json``.
    home
        Directory of the placement journal. Default: ``SCENECART_HOME``, or the user's data directory.
    ca_bundle
        File of trusted certificates in PEM form, or a folder of them, in place of the public authorities: that of a company whose
        network inspects encrypted connections. Default: ``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` or
        ``SSL_CERT_DIR``, else the public authorities. A proxy is taken from ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``.
    **options
        ``transport``, ``limits``, ``retry``, ``price_seconds``, ``owned_share``, ``budgets``, ``require_approval``, ``clock``,
        ``wall``, ``sleep`` and ``say`` of
        :class:`Client`.

    Raises
    ------
    ConfigurationError
        If there are no credentials, or they are contradictory or unsafe; if a proxy or certificates cannot be used.

    Examples
    --------
    >>> client = connect("sandbox")
    >>> client.whoami()["preferred_username"]
    'analyst'
    """
    client = open_client(
        profile,
        base_url=base_url,
        token=token,
        api_key=api_key,
        username=username,
        password=password,
        project=project,
        credentials_file=credentials_file,
        home=home,
        options=options if ca_bundle is None else {**options, "ca_bundle": ca_bundle},
    )
    warn_of_pending(client)
    return client


def open_client(
    profile: str | None = None,
    *,
    project: str | None = None,
    home: str | os.PathLike[str] | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
    keep_session: bool = False,
    **sign_in: Any,
) -> Client:
    """Return a client as :func:`connect` does, without warnings about what an earlier session left unfinished.

    Parameters
    ----------
    profile, project, home
        As for ``connect``.
    options
        Arguments of :class:`Client`.
    keep_session
        Whether the token of a password or key is kept for the next program of this user, as commands do.
    **sign_in
        The other arguments of ``connect``.
    """
    if profile == "sandbox":
        return _connect_to_sandbox(project, home, options)
    credentials = resolve(profile, project=project, **sign_in)
    if keep_session and (credentials.password is not None or credentials.api_key is not None):
        # without a home directory each command signs in
        with contextlib.suppress(ConfigurationError):
            credentials = replace(credentials, store=SessionCache(state_folder(), credentials))
    return Client(credentials, home=home, **options)


# the file with the address of the sandbox of `scenecart app`: reloading its page must not lose the orders
APP_SANDBOX_VARIABLE = "SCENECART_APP_SANDBOX"
# the sandbox of this process, started by the first connection to it
_sandboxes: list[Any] = []
_sandbox_lock = threading.Lock()


def _connect_to_sandbox(project: str | None, home: str | os.PathLike[str] | None, options: Mapping[str, Any]) -> Client:
    ready = _ready_of_app() or _ready_of_process()
    principal = ready["principals"]["analyst"]
    credentials = resolve(
        base_url=ready["url"],
        username=principal["username"],
        password=principal["password"],
        project=project or principal["project"],
        environ={},
    )
    credentials = replace(credentials, source="sandbox")
    # the sandbox and its orders end with the process, so they are kept out of the user's journal
    return Client(credentials, home=home or ready["home"], **options)


def _ready_of_process() -> dict[str, Any]:
    """Return the connection data of the sandbox of this process, which is started if there is none."""
    try:
        from scenecart.sandbox import Sandbox  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise missing_extra("The embedded sandbox needs", error, "sandbox") from error
    with _sandbox_lock:
        if not _sandboxes:
            _sandboxes.append(Sandbox().start())
    sandbox = _sandboxes[0]
    return {**sandbox.ready(), "home": sandbox.data / "client"}


def _ready_of_app() -> dict[str, Any] | None:
    """Return the connection data of the sandbox that all pages of ``scenecart app`` share; None elsewhere."""
    path = os.environ.get(APP_SANDBOX_VARIABLE)
    if not path:
        return None
    ready: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return ready


connect.__module__ = "scenecart"
