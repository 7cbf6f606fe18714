"""connect(): how to sign in is looked up, and a client comes back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from scenecart._api.credentials import resolve
from scenecart._util.keywords import checked_keywords
from scenecart.client import Client
from scenecart.exceptions import missing_extra

if TYPE_CHECKING:
    import os


_OF_THE_SANDBOX = ("captures", "data", "items", "pace", "port", "seed")


@checked_keywords(
    also=Client,
    without=("credentials",),
    elsewhere={
        name: f"A sandbox of your own takes it: client = scenecart.sandbox.Sandbox({name}=…).start().client()."
        for name in _OF_THE_SANDBOX
    },
)
def connect(  # one keyword for each thing that can be configured
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
    **options: Any,
) -> Client:
    """Connect to the ordering service.

    How to sign in is looked for in the arguments, then in ``SCENECART_*`` and ``GEOPERA_*`` environment variables
    (``…_BASE_URL``, ``…_TOKEN``, ``…_API_KEY``, ``…_USERNAME``, ``…_PASSWORD``, ``…_PROJECT``, ``…_PROFILE``), then in
    the profile that the official command line saved. Nothing is sent until the first call.

    Parameters
    ----------
    profile
        A saved profile, or ``"sandbox"`` for the embedded service: no account, no network, no money.
    base_url
        Where the service is. Default ``https://api.geopera.com``. Plain http is accepted on this machine only.
    token
        A bearer token; it is used as it is until it expires.
    api_key
        An API key (``gpra_…``). It never places orders: that needs a user.
    username, password
        A user's sign-in.
    project
        Where imagery is delivered unless ``place`` says otherwise.
    credentials_file
        Instead of ``~/.config/geopera/credentials.json``.
    home
        Directory of the journal of placements. Default: ``SCENECART_HOME``, or the user's data directory.
    **options
        ``transport``, ``limits``, ``retry``, ``price_seconds``, ``clock``, ``wall``, ``sleep`` and ``say`` of :class:`Client`.

    Raises
    ------
    ConfigurationError
        If nothing says how to sign in, or what says it is unsafe.

    Examples
    --------
    >>> client = connect("sandbox")
    >>> client.whoami()["preferred_username"]
    'analyst'
    """
    if profile == "sandbox":
        return _connect_to_sandbox(project, home, options)
    credentials = resolve(
        profile,
        base_url=base_url,
        token=token,
        api_key=api_key,
        username=username,
        password=password,
        project=project,
        credentials_file=credentials_file,
    )
    client = Client(credentials, home=home, **options)
    client.mention_unfinished()
    return client


_embedded: list[Any] = []
_embedding = threading.Lock()


def _connect_to_sandbox(project: str | None, home: str | os.PathLike[str] | None, options: dict[str, Any]) -> Client:
    try:
        from scenecart.sandbox import Sandbox  # noqa: PLC0415  # an extra: the core works without it
    except ModuleNotFoundError as error:
        raise missing_extra("The embedded sandbox needs", error, "sandbox") from error
    with _embedding:
        if not _embedded:
            _embedded.append(Sandbox().start())
    box = _embedded[0]
    principal = box.principals["analyst"]
    credentials = resolve(
        base_url=box.url,
        username=principal["username"],
        password=principal["password"],
        project=project or principal["project"],
        environ={},
    )
    # its orders end with the process, so what is known of them does not go into the user's own journal
    client = Client(credentials, home=home or box.data / "client", **options)
    client.hosts = dict(box.hosts)
    return client


connect.__module__ = "scenecart"
