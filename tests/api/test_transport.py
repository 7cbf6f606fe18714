"""Connections over real sockets and scripted transports: closing, errors of httpx, and signed URLs."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

import scenecart
from _expect import raises
from _network import Proxy, SocksProxy, TlsService, make_certificates
from _scripted_service import Stall, answer
from _sessions import READ, make_session
from scenecart._api.operations import SEARCH
from scenecart._api.transport import secret_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _scripted_service import ScriptedService

HOST = "api.company.example"


def test_closed_connections_refuse_calls_and_send_nothing(service: ScriptedService):
    """A call of a closed client is an error with a hint, and nothing is sent."""
    session = make_session(service)
    session.close()
    with raises(scenecart.InvalidRequest, "client_closed") as caught:
        session.call(READ)
    assert caught.value.hint
    assert service.received == []


def test_separate_session_aborted_ends_its_calls_only(service: ScriptedService):
    """Aborting a separate session ends its blocked call at once, in another thread too, and leaves the first session usable."""
    stall = Stall()
    service.put(READ.id, answer({"n": 1}), stall, answer({"n": 2}))
    session = make_session(service)
    assert session.call(READ) == {"n": 1}
    failed: list[scenecart.ScenecartError] = []

    def call() -> None:
        try:
            separate.call(READ)
        except scenecart.ScenecartError as error:
            failed.append(error)

    with session.separate() as separate:
        thread = threading.Thread(target=call)
        thread.start()
        assert stall.begun.wait(30)
        separate.abort()
        thread.join(30)
        assert [type(error) for error in failed] == [scenecart.ConnectionFailed]
        with raises(scenecart.InvalidRequest, "client_closed"):
            separate.call(READ)
    assert stall.release()
    assert session.call(READ) == {"n": 2}


def test_separate_session_shares_a_transport_of_the_caller():
    """Where the caller gave a transport, a separate session uses it too, and leaves it open."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    client = scenecart.connect(base_url="https://service.example", token="t", transport=transport)
    session = client._session
    with session.separate() as separate:
        assert separate.call(READ) == {}
        separate.abort()
    assert session.call(READ) == {}


def test_secret_url_relative_is_completed_and_never_prints():
    """A signed URL never prints; a relative one is completed with its base, and an invalid one is an error."""
    url = secret_url("https://service.example/", "files/a.tif?signature=private")
    assert url.reveal() == "https://service.example/files/a.tif?signature=private"
    assert "private" not in repr(url)
    with raises(scenecart.ServiceError, "download_url_invalid") as caught:
        secret_url("https://service.example/", "http://[private")
    assert "private" not in str(caught.value)


def test_transport_of_the_caller_is_used():
    """A client takes any httpx transport, so tests need no patches."""

    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"host": json.loads(request.content)["host_name"]})

    client = scenecart.connect(base_url="https://service.example", token="t", transport=httpx.MockTransport(echo))
    assert client.call(SEARCH.id, {"host_name": "h"}) == {"host": "h"}


def test_every_error_of_httpx_is_a_connection_error():
    """Each error that httpx raises while sending is raised as an error of scenecart."""
    kinds = [
        kind for kind in vars(httpx).values()
        if isinstance(kind, type) and issubclass(kind, httpx.RequestError) and kind != httpx.TooManyRedirects
    ]  # fmt: skip
    assert len(kinds) > 10
    for kind in kinds:

        def fail(request: httpx.Request, kind: type = kind) -> httpx.Response:
            raise kind("low level text")

        client = scenecart.connect(
            base_url="https://service.example", token="t", transport=httpx.MockTransport(fail), sleep=lambda _: None
        )
        with pytest.raises(scenecart.ConnectionFailed) as caught:
            client.call("orders.list")
        assert caught.value.code in {"request_timed_out", "service_unreachable", "connection_lost"}
        assert "low level text" not in str(caught.value)


def test_unreachable_service_error_names_it():
    """A service that does not accept connections is named, with a hint."""
    client = scenecart.connect(base_url="http://127.0.0.1:9", token="t", sleep=lambda _: None)
    with raises(scenecart.ConnectionFailed, "service_unreachable") as caught:
        client.call("orders.list")
    assert "127.0.0.1:9" in caught.value.message
    assert caught.value.hint


def test_interrupted_request_leaves_its_pool_of_connections(service: ScriptedService):
    """After Ctrl+C in a request, the next one opens new connections: the old pool may be locked for ever."""
    service.put(READ.id, answer({}))
    session = make_session(service)
    session.call(READ)
    before = session._connections._http

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(before, "send", interrupt)
        with pytest.raises(KeyboardInterrupt):
            session.call(READ)
    assert session._connections._http is not before
    session.call(READ)
    session.close()
    assert before.is_closed


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsService]:
    """Start a service of another computer: reached through a proxy only, with a certificate of the company's authority."""
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"), HOST)
    with TlsService(certificates) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificates.authority))
        running.put("orders.list", answer([]))
        yield running


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Callable[..., scenecart.Client]:
    """Return a function that connects to that service through a proxy."""

    def connect(proxy: str) -> scenecart.Client:
        for name in ("https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,::1,fd00::/8")
        return scenecart.connect(base_url=f"https://{HOST}", token="t", sleep=lambda _: None)

    return connect


@pytest.mark.parametrize("kind", [Proxy, SocksProxy])
def test_service_is_reached_through_a_proxy(remote: TlsService, behind: Callable[..., scenecart.Client], kind: type[Proxy]):
    """A call goes through the proxy, encrypted to the service; the proxy sees its host only."""
    with kind(remote.url) as proxy, behind(proxy.url()) as client:
        assert client.call("orders.list") == []
    assert len(proxy.asked) == 1
    assert HOST in proxy.asked[0]
    assert remote.requests("orders.list")[-1].headers["authorization"] == "Bearer t"


@pytest.mark.parametrize("kind", [Proxy, SocksProxy])
def test_proxy_that_refuses_the_password_is_named(
    remote: TlsService, behind: Callable[..., scenecart.Client], kind: type[Proxy], caplog: pytest.LogCaptureFixture
):
    """A refused password is one error that says proxy, once, without the password; the service was sent nothing."""
    caplog.set_level("DEBUG")
    with (
        kind(remote.url) as proxy,
        behind(proxy.url("other-private")) as client,
        raises(scenecart.ConnectionFailed, "proxy_sign_in_required") as caught,
    ):
        client.call("orders.list")
    assert proxy.address in caught.value.message
    assert not caught.value.was_sent
    assert not caught.value.money_may_have_moved
    assert "HTTPS_PROXY" in caught.value.message
    assert "other-private" not in str(caught.value) + caplog.text
    assert len(proxy.asked) <= 1


def test_proxy_that_refuses_the_host_is_named(remote: TlsService, behind: Callable[..., scenecart.Client]):
    """A proxy that allows no connection to the service is named with its status, and not with its own words."""
    with (
        Proxy(remote.url, refuse=403) as proxy,
        behind(proxy.url()) as client,
        raises(scenecart.ConnectionFailed, "proxy_refused") as caught,
    ):
        client.call("orders.list")
    assert "403" in caught.value.message
    assert "CONNECT" not in str(caught.value)
    assert not caught.value.was_sent


def test_proxy_that_is_not_there_is_named(behind: Callable[..., scenecart.Client]):
    """If the proxy does not answer, the error names the proxy and its variable, not only the service."""
    with behind("http://me:private@127.0.0.1:9") as client, raises(scenecart.ConnectionFailed, "proxy_unreachable") as caught:
        client.call("orders.list")
    assert "127.0.0.1:9" in caught.value.message
    assert "private" not in str(caught.value)


def test_certificate_of_a_proxy_that_reads_along_is_not_trusted(
    remote: TlsService, behind: Callable[..., scenecart.Client], monkeypatch: pytest.MonkeyPatch
):
    """Without the company's certificates, the error says certificate, and names the proxy that it came through."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with (
        Proxy(remote.url) as proxy,
        behind(proxy.url()) as client,
        raises(scenecart.ConnectionFailed, "certificate_not_trusted") as caught,
    ):
        client.call("orders.list")
    assert proxy.address in caught.value.message
