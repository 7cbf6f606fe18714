"""No secret is found in anything a notebook shows, a log keeps or a file holds."""

from __future__ import annotations

import itertools
import json
import logging
import pickle
import traceback
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

import scenecart

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

TOLD_IN = ("access_token", "refresh_token", "client_secret", "device_code")


class Listening(httpx.BaseTransport):
    """Sends requests for real, and remembers every secret that passes in either direction."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.secrets.add(request.headers.get("authorization", "").removeprefix("Bearer "))
        self._signatures(str(request.url))
        response = self._inner.handle_request(request)
        if "json" in response.headers.get("content-type", ""):
            self._told(json.loads(response.read() or b"null"))
        return response

    def _told(self, document: Any) -> None:
        if isinstance(document, dict):
            self.secrets.update(str(document[name]) for name in TOLD_IN if name in document)
            self._signatures(str(document.get("url", "")))

    def _signatures(self, url: str) -> None:
        if "/files/" in url:
            self.secrets.update(value for _, value in parse_qsl(urlsplit(url).query) if len(value) > 15)

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return everything that was logged and printed so far."""
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    def all_of_it() -> str:
        printed = capsys.readouterr()
        shown.extend([printed.out, printed.err])
        records = [f"{record.getMessage()} {record.args} {record.__dict__}" for record in caplog.records]
        return "\n".join([*shown, *records])

    return all_of_it


def show(thing: Any) -> str:
    """Return every way a notebook may show a thing."""
    ways = [repr(thing), str(thing), f"{thing!s:.100}", repr(getattr(thing, "__dict__", ""))]
    html = getattr(thing, "_repr_html_", None)
    return "\n".join([*ways, html() if html is not None else ""])


def tell(error: BaseException) -> str:
    """Return a traceback with the values of all local variables, as notebooks show in verbose mode, and the error itself."""
    below = None if error.__traceback__ is None else error.__traceback__.tb_next
    lines = traceback.TracebackException(type(error), error, below, capture_locals=True).format()
    notes = "".join(getattr(error, "__notes__", []))
    return "".join(lines) + notes + show(error) + repr(vars(error)) + repr(error.args)


def test_no_secret_shows_in_a_whole_morning(box: Sandbox, tmp_path: Path, told: Any):
    """From sign-in through a 402 with 3-D Secure to the last file, no secret is in any output, error, log or file."""
    listening = Listening()
    who = box.principals["secure"]
    seen: list[str] = []
    with (
        warnings.catch_warnings(record=True) as warned,
        scenecart.connect(
            base_url=box.url,
            username=who["username"],
            password=who["password"],
            project=who["project"],
            home=tmp_path / "home",
            transport=listening,
            sleep=lambda _: None,
        ) as client,
    ):
        warnings.simplefilter("always")
        captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=3)
        estimate = client.cart(captures[captures["orderable"]].head(1)).estimate()
        with pytest.raises(scenecart.AuthenticationRequired) as wanted:
            estimate.place()
        secret = wanted.value.client_secret
        seen += [tell(wanted.value), show(secret)]
        box.complete_challenge(secret.reveal())
        order = wanted.value.retry().wait(progress=True)
        seen += [show(order), show(order.items()), show(order.lineage()), show(order.items().attrs)]
        order.download(tmp_path / "files", progress=True)
        for operation, kind in itertools.product(("files", "items.asset.download"), ("500", "garbage", "cut", "drop-before")):
            box.faults.add(kind, 50, operation)
            with pytest.raises(scenecart.ScenecartError) as broken:
                order.download(tmp_path / f"{operation}-{kind}", assets=["visual"], progress=False)
            seen.append(tell(broken.value))
            box.faults.clear()
        box.faults.add("500", 20)
        with pytest.raises(scenecart.ScenecartError) as failed:
            client.orders()
        box.faults.clear()
        seen += [tell(failed.value), show(client), show(client.placements()), show(client.orders()), show(client.balance())]
        seen += [show(captures), show(captures.attrs), show(estimate), show(estimate.cart), show(vars(estimate))]
        estimate.to_report(tmp_path / "quote.html")
        with pytest.raises(TypeError) as unpickled:
            pickle.dumps(client)
        seen.append(tell(unpickled.value))
    secrets = listening.secrets | {str(who["password"]), str(who["api_key"])}
    secrets.discard("")
    assert len(secrets) >= 6
    everything = "\n".join([*seen, told(), *(str(entry.message) for entry in warned)])
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.suffix for path in written} >= {".sqlite", ".html", ".tif"}
    for secret in secrets:
        assert secret not in everything
        assert [path.name for path, content in written.items() if secret.encode() in content] == []


def _buy_something(client: scenecart.Client) -> None:
    captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=1)
    client.cart(captures).estimate().place()


@pytest.mark.parametrize("kind", ["500", "garbage", "empty", "cut", "drop-before", "drop-after", "429"])
def test_no_secret_shows_when_the_sign_in_breaks(box: Sandbox, tmp_path: Path, told: Any, kind: str):
    """A sign-in whose answer breaks off or is none is told without showing what was sent."""
    who = box.principals["analyst"]
    box.faults.add(kind, 50, "token")
    listening = Listening()
    given = {"username": who["username"], "password": who["password"]}
    with scenecart.connect(base_url=box.url, **given, home=tmp_path, transport=listening, sleep=lambda _: None) as client:
        with pytest.raises(scenecart.ScenecartError) as caught:
            client.orders()
        everything = tell(caught.value) + show(client) + told()
    box.faults.clear()
    for hidden in {str(who["password"]), *listening.secrets} - {""}:
        assert hidden not in everything


def test_no_secret_shows_when_the_sign_in_fails(box: Sandbox, tmp_path: Path, told: Any):
    """A wrong password, an expired token and a key that may not order are told without showing any of them."""
    who = box.principals["robot"]
    tries: list[tuple[dict[str, Any], str]] = [
        ({"username": "analyst@example.com", "password": "wrong-and-private"}, "wrong-and-private"),
        ({"token": "expired-and-private"}, "expired-and-private"),
        ({"api_key": who["api_key"]}, str(who["api_key"])),
    ]
    for given, secret in tries:
        listening = Listening()
        with scenecart.connect(
            base_url=box.url, **given, project=who["project"], home=tmp_path, transport=listening, sleep=lambda _: None
        ) as client:
            with pytest.raises(scenecart.ScenecartError) as caught:
                _buy_something(client)
            everything = tell(caught.value) + show(client) + told()
        for hidden in {secret, *listening.secrets} - {""}:
            assert hidden not in everything
