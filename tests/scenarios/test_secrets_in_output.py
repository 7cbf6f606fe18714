"""No secret is in any output of a notebook, log record or file."""

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

SECRET_FIELDS = ("access_token", "refresh_token", "client_secret", "device_code")


class RecordingTransport(httpx.BaseTransport):
    """A real transport that records each secret in requests and responses."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.secrets.add(request.headers.get("authorization", "").removeprefix("Bearer "))
        self._record_signatures(str(request.url))
        response = self._inner.handle_request(request)
        if "json" in response.headers.get("content-type", ""):
            self._record_fields(json.loads(response.read() or b"null"))
        return response

    def _record_fields(self, document: Any) -> None:
        if isinstance(document, dict):
            self.secrets.update(str(document[name]) for name in SECRET_FIELDS if name in document)
            self._record_signatures(str(document.get("url", "")))

    def _record_signatures(self, url: str) -> None:
        if "/files/" in url:
            self.secrets.update(value for _, value in parse_qsl(urlsplit(url).query) if len(value) > 15)

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def recorded_output(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that returns everything logged and printed so far."""
    caplog.set_level(logging.DEBUG)
    prints: list[str] = []

    def read() -> str:
        printed = capsys.readouterr()
        prints.extend([printed.out, printed.err])
        records = [f"{record.getMessage()} {record.args} {record.__dict__}" for record in caplog.records]
        return "\n".join([*prints, *records])

    return read


def displays(value: Any) -> str:
    """Return each form in which a notebook may display a value."""
    forms = [repr(value), str(value), f"{value!s:.100}", repr(getattr(value, "__dict__", ""))]
    html = getattr(value, "_repr_html_", None)
    return "\n".join([*forms, html() if html is not None else ""])


def traceback_of(error: BaseException) -> str:
    """Return a traceback with all local variables, as notebooks show in verbose mode, and the error itself."""
    # the frame of the test itself has the secrets
    below = None if error.__traceback__ is None else error.__traceback__.tb_next
    lines = traceback.TracebackException(type(error), error, below, capture_locals=True).format()
    notes = "".join(getattr(error, "__notes__", []))
    return "".join(lines) + notes + displays(error) + repr(vars(error)) + repr(error.args)


def test_purchase_and_download_show_no_secret(box: Sandbox, tmp_path: Path, recorded_output: Any):
    """From the sign-in and a 402 with 3-D Secure to the last download, no secret is in any output, error, log or file."""
    transport = RecordingTransport()
    principal = box.principals["secure"]
    outputs: list[str] = []
    with (
        warnings.catch_warnings(record=True) as caught_warnings,
        scenecart.connect(
            base_url=box.url,
            username=principal["username"],
            password=principal["password"],
            project=principal["project"],
            home=tmp_path / "home",
            transport=transport,
            sleep=lambda _: None,
        ) as client,
    ):
        warnings.simplefilter("always")
        captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=3)
        estimate = client.cart(captures[captures["orderable"]].head(1)).estimate()
        with pytest.raises(scenecart.AuthenticationRequired) as required:
            estimate.place()
        secret = required.value.client_secret
        outputs += [traceback_of(required.value), displays(secret)]
        box.complete_challenge(secret.reveal())
        order = required.value.retry().wait(progress=True)
        outputs += map(displays, [order, order.items(), order.lineage(), order.items().attrs])
        order.download(tmp_path / "files", progress=True)
        for operation, kind in itertools.product(("files", "items.asset.download"), ("500", "garbage", "cut", "drop-before")):
            box.faults.add(kind, 50, operation)
            with pytest.raises(scenecart.ScenecartError) as interrupted:
                order.download(tmp_path / f"{operation}-{kind}", assets=["visual"], progress=False)
            outputs.append(traceback_of(interrupted.value))
            box.faults.clear()
        box.faults.add("500", 20)
        with pytest.raises(scenecart.ScenecartError) as failed:
            client.orders()
        box.faults.clear()
        outputs.append(traceback_of(failed.value))
        outputs += map(displays, [client, client.placements(), client.orders(), client.balance()])
        outputs += map(displays, [captures, captures.attrs, estimate, estimate.cart, vars(estimate)])
        estimate.to_report(tmp_path / "quote.html")
        with pytest.raises(TypeError) as not_pickled:
            pickle.dumps(client)
        outputs.append(traceback_of(not_pickled.value))
    secrets = transport.secrets | {str(principal["password"]), str(principal["api_key"])}
    secrets.discard("")
    assert len(secrets) >= 6
    everything = "\n".join([*outputs, recorded_output(), *(str(entry.message) for entry in caught_warnings)])
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.suffix for path in written} >= {".sqlite", ".html", ".tif"}
    for secret in secrets:
        assert secret not in everything
        assert [path.name for path, content in written.items() if secret.encode() in content] == []


def _place_an_order(client: scenecart.Client) -> None:
    captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=1)
    client.cart(captures).estimate().place()


@pytest.mark.parametrize("kind", ["500", "garbage", "empty", "cut", "drop-before", "drop-after", "429"])
def test_interrupted_sign_in_shows_no_secret(box: Sandbox, tmp_path: Path, recorded_output: Any, kind: str):
    """The error of an interrupted or malformed sign-in shows nothing of what was sent."""
    principal = box.principals["analyst"]
    box.faults.add(kind, 50, "token")
    transport = RecordingTransport()
    given = {"username": principal["username"], "password": principal["password"]}
    with scenecart.connect(base_url=box.url, **given, home=tmp_path, transport=transport, sleep=lambda _: None) as client:
        with pytest.raises(scenecart.ScenecartError) as caught:
            client.orders()
        everything = traceback_of(caught.value) + displays(client) + recorded_output()
    box.faults.clear()
    for hidden in {str(principal["password"]), *transport.secrets} - {""}:
        assert hidden not in everything


def test_refused_sign_in_shows_no_secret(box: Sandbox, tmp_path: Path, recorded_output: Any):
    """The errors about a wrong password, an expired token and a key that may not place orders do not show them."""
    principal = box.principals["robot"]
    attempts: list[tuple[dict[str, Any], str, str]] = [
        ({"username": "analyst@example.com", "password": "wrong-and-private"}, "wrong-and-private", "password_refused"),
        ({"token": "expired-and-private"}, "expired-and-private", "token_refused"),
        ({"api_key": principal["api_key"]}, str(principal["api_key"]), "user_required"),
    ]
    for given, secret, code in attempts:
        transport = RecordingTransport()
        with scenecart.connect(
            base_url=box.url, **given, project=principal["project"], home=tmp_path, transport=transport, sleep=lambda _: None
        ) as client:
            with pytest.raises(scenecart.ScenecartError) as caught:
                _place_an_order(client)
            assert caught.value.code == code
            everything = traceback_of(caught.value) + displays(client) + recorded_output()
        for hidden in {secret, *transport.secrets} - {""}:
            assert hidden not in everything
