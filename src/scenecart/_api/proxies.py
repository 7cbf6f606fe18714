"""Proxies of the environment: which one a URL needs, and the exceptions in ``NO_PROXY``."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import os
import re
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scenecart._api.credentials import Secret, is_loopback
from scenecart.exceptions import ConfigurationError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
_PORTS = {"http": 80, "https": 443}
_HINT = (
    "Write it as http://host:port or http://user:password@host:port. In the password, write special characters percent-encoded, "
    "such as %23 for #."
)


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    Attributes
    ----------
    url : Secret
        Its URL, which may contain a password.
    address : str
        Its host and port.
    source : str
        Where it is set, such as ``HTTPS_PROXY``.
    """

    url: Secret
    address: str
    source: str

    @property
    def shown(self) -> str:
        """The proxy as messages name it, without its password."""
        return f"proxy {self.address} ({self.source})"


class Proxies:
    """The proxies of the environment or the system's settings.

    Parameters
    ----------
    settings
        The URL of the proxy by scheme (``http``, ``https``, ``all``), and the exceptions as ``no``. Default: those of the
        environment (``HTTPS_PROXY`` …), else of the system.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._uses_system = settings is None and not urllib.request.getproxies_environment()
        self._settings = {name: Secret(url, "password") for name, url in _found(settings).items() if url.strip()}
        exceptions = self._settings.get("no")
        self._exceptions = [] if exceptions is None else [word for word in re.split(r"[\s,]+", exceptions.reveal()) if word]

    def of(self, url: str) -> Proxy | None:
        """Return the proxy that a URL needs; None for a direct connection. A proxy cannot reach this computer.

        Raises
        ------
        ConfigurationError
            If the proxy cannot be used.
        """
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)
        scheme = next((name for name in (parts.scheme, "all") if name in self._settings), None)
        if scheme is None or is_loopback(host) or any(_excepts(word, host, port) for word in self._exceptions):
            return None
        if self._uses_system and urllib.request.proxy_bypass(host):
            return None
        return _proxy(self._settings[scheme], _source(scheme, is_system=self._uses_system))


def _found(settings: Mapping[str, str] | None) -> Mapping[str, str]:
    return urllib.request.getproxies() if settings is None else settings


def _source(scheme: str, *, is_system: bool) -> str:
    """Return where a proxy is set; a name in lower case goes before one in capitals."""
    name = f"{scheme}_proxy"
    if is_system:
        return "the system's proxy settings"
    return name if os.environ.get(name) else name.upper()


def _proxy(setting: Secret, source: str) -> Proxy:
    url = setting.reveal()
    url = url if "://" in url else f"http://{url}"
    # libproxy and GNOME mean SOCKS 5 by it
    url = re.sub(r"^socks://", "socks5://", url, flags=re.IGNORECASE)
    host, port, scheme = None, None, ""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        is_plain = url.isprintable() and " " not in url and not (parts.query or parts.fragment or parts.path.strip("/"))
        host, port, scheme = (parts.hostname if is_plain else None), parts.port, parts.scheme
    # a traceback may show local variables
    url = url if host else ""
    if not host:
        raise ConfigurationError(f"{source} is not a valid proxy URL.", code="proxy_url_invalid", hint=_HINT)
    if scheme not in _SCHEMES:
        raise ConfigurationError(
            f"{source} names a proxy of the unsupported kind {scheme!r}.",
            code="proxy_scheme_unsupported",
            hint="Use http, https, socks5 or socks5h.",
        )
    if scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise missing_extra(f"The SOCKS proxy of {source} needs", ModuleNotFoundError(name="socksio"), "socks")
    name = f"[{host}]" if ":" in host else host
    return Proxy(Secret(url, "password"), name if port is None else f"{name}:{port}", source)


def _excepts(word: str, host: str, port: int | None) -> bool:
    """Return whether an entry of ``NO_PROXY`` covers a host: a name with its subdomains, an address, or a network."""
    if word == "*":
        return True
    address, network = _address(host), _network(word)
    if network is not None:
        return address is not None and address.version == network.version and address in network
    name, only_port = _split_port(word.lower())
    if only_port is not None and only_port != port:
        return False
    if address is not None:
        return _address(name) == address
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host.lower() == name or host.lower().endswith(f".{name}"))


def _split_port(word: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?|([^:]+):(\d{1,5})", word)
    if match is None:
        return word, None
    name, port = match[1] if match[1] is not None else match[3], match[2] or match[4]
    return name, None if port is None else int(port)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(text)
    return None


def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" in word:
        with contextlib.suppress(ValueError):
            return ipaddress.ip_network(word.replace("[", "").replace("]", ""), strict=False)
    return None
