"""Which proxy a URL needs, and proxies that cannot be used."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

import scenecart
from _expect import raises
from _scripted_service import ScriptedService, answer
from scenecart._api.proxies import Proxies

URL = "https://api.example/v1"
PROXY = "http://me:private@proxy.example:3128"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("http://proxy.example:3128", "proxy.example:3128"),
        ("proxy.example:3128", "proxy.example:3128"),
        ("https://proxy.example/", "proxy.example"),
        ("http://me:p%23ss@[2001:db8::1]:3128", "[2001:db8::1]:3128"),
        ("socks://127.0.0.1:1080/", "127.0.0.1:1080"),
        ("socks5h://127.0.0.1:1080", "127.0.0.1:1080"),
    ],
)
def test_proxy_is_read_in_every_spelling(setting: str, address: str):
    """A proxy without a scheme, with a password, at an IPv6 address, or in GNOME's spelling of SOCKS is used."""
    proxy = Proxies({"https": setting}).of(URL)
    assert proxy is not None
    assert proxy.address == address
    assert "p%23ss" not in repr(proxy) + proxy.shown


@pytest.mark.parametrize(
    ("exceptions", "is_direct"),
    [
        ("api.example", True),
        (".example", True),
        ("*.example", True),
        ("EXAMPLE.", True),
        ("xample", False),
        ("*", True),
        ("other.example, api.example:443", True),
        ("other.example api.example", True),
        ("api.example:8443", False),
        ("localhost,127.0.0.1,[::1],fd00::/8,10.0.0.0/8,fd07:b51a:cc66:f0::/64", False),
        ("::1,[,],/,:,.,*.,[::1]:x,10.0.0.0/99", False),
    ],
)
def test_exceptions_are_names_with_their_subdomains(exceptions: str, is_direct: bool):  # noqa: FBT001  # a table
    """NO_PROXY names hosts, domains and ports; entries of other kinds, malformed ones included, are no error."""
    assert (Proxies({"https": PROXY, "no": exceptions}).of(URL) is None) is is_direct


@pytest.mark.parametrize(
    ("exceptions", "host", "is_direct"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8", "[fd12::1]", True),
        ("[fd00::]/8", "[fd12::1]", True),
        ("[fd12:0::1]:443", "[fd12::1]", True),
        ("[fd12::1]:80", "[fd12::1]", False),
        ("fd12:0:0::1", "[fd12::1]", True),
        ("0.0.0.0/0", "[fd12::1]", False),
    ],
)
def test_exceptions_may_be_addresses_and_networks(exceptions: str, host: str, is_direct: bool):  # noqa: FBT001  # likewise
    """Addresses and networks of IPv4 and IPv6 are excepted, in every spelling."""
    assert (Proxies({"all": PROXY, "no": exceptions}).of(f"https://{host}/v1") is None) is is_direct


@pytest.mark.parametrize("url", ["http://127.0.0.1:8900", "https://localhost", "http://[::1]:5"])
def test_this_computer_needs_no_proxy(url: str):
    """The own computer is reached directly: a proxy would reach itself."""
    assert Proxies({"all": PROXY, "http": PROXY, "https": PROXY}).of(url) is None


def test_proxies_are_not_used_for_this_computer(service: ScriptedService, monkeypatch: pytest.MonkeyPatch):
    """A service on this computer is called without the proxies of the environment: they never see the token."""
    service.put("orders.list", answer([]))
    with ScriptedService() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with scenecart.connect(base_url=service.url, token="t") as client:
            client.orders()
        assert proxy.received == []
    assert len(service.requests("orders.list")) == 1


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("http://me:private#word@proxy.example:3128", "proxy_url_invalid"),
        ("http://proxy.example: 3128", "proxy_url_invalid"),
        ("http://proxy.example:port", "proxy_url_invalid"),
        ("http://me:private@", "proxy_url_invalid"),
        ("http://[private", "proxy_url_invalid"),
        ("http://me:private@proxy.example/path?x", "proxy_url_invalid"),
        ("ftp://me:private@proxy.example", "proxy_scheme_unsupported"),
        ("socks4://me:private@proxy.example", "proxy_scheme_unsupported"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_unusable_proxy_is_an_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, setting: str, code: str, variable: str
):
    """connect() refuses a proxy that cannot be used; the error names the variable, and never the password."""
    monkeypatch.setenv(variable, setting)
    with raises(scenecart.ConfigurationError, code) as caught:
        scenecart.connect(base_url=URL, token="t")
    assert variable in caught.value.message
    assert "private" not in str(caught.value)


def test_unusable_proxy_for_other_hosts_does_not_matter(monkeypatch: pytest.MonkeyPatch):
    """A proxy that the service does not need is not looked at."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example: 3128")
    monkeypatch.setenv("NO_PROXY", "api.example,fd00::/8")
    scenecart.connect(base_url=URL, token="t").close()


def test_socks_proxy_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch):
    """Without the package for SOCKS, the error says how to install it."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "socksio" else find(name, *more))
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with raises(scenecart.MissingExtra, "extra_missing") as caught:
        scenecart.connect(base_url=URL, token="t")
    assert "ALL_PROXY" in caught.value.message
    assert "scenecart[socks]" in str(caught.value.hint)


def test_unusable_proxy_on_the_command_line_is_one_error(monkeypatch: pytest.MonkeyPatch):
    """The command line prints the error, without a traceback."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:private#word@proxy.example:3128")
    monkeypatch.setenv("SCENECART_TOKEN", "t")
    command = [sys.executable, "-m", "scenecart", "login-status", "--base-url", URL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("scenecart: HTTPS_PROXY ")
    assert "Traceback" not in done.stderr
    assert "private" not in done.stderr
