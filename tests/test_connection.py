"""``connect()``: credentials, the embedded sandbox and misspelled keywords."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import scenecart
from _scripted_service import ScriptedService, answer
from scenecart.client import home_of

if TYPE_CHECKING:
    from pathlib import Path


def test_connect_sends_nothing(service: ScriptedService, tmp_path: Path):
    """Connecting sends no request; the first call does."""
    with scenecart.connect(base_url=service.url, token="t", home=tmp_path) as client:
        assert service.received == []
        service.put("orders.list", answer([]))
        client.orders()
    assert [request.headers["authorization"] for request in service.received] == ["Bearer t"]


def test_connect_takes_credentials_from_variables(service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """URL, token and project are taken from SCENECART_* variables."""
    for name, value in {"BASE_URL": service.url, "TOKEN": "t", "PROJECT": "p"}.items():
        monkeypatch.setenv(f"SCENECART_{name}", value)
    with scenecart.connect(home=tmp_path) as client:
        assert (client.base_url, client.project) == (service.url, "p")


def test_connect_twice_to_the_sandbox_uses_one_sandbox(tmp_path: Path):
    """All clients of the embedded sandbox in a process use the same sandbox, whose hosts are known."""
    with scenecart.connect("sandbox", home=tmp_path / "a") as one, scenecart.connect("sandbox", home=tmp_path / "b") as other:
        assert one.base_url == other.base_url
        assert one.whoami()["preferred_username"] == "analyst"
        assert one.project
        assert one.hosts().index.tolist() == other.hosts().index.tolist() != []


def test_connect_to_the_sandbox_ignores_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The variables of a real account are not used for the sandbox; a project that is passed is."""
    monkeypatch.setenv("SCENECART_TOKEN", "real")
    monkeypatch.setenv("SCENECART_BASE_URL", "https://service.example")
    with scenecart.connect("sandbox", project="p", home=tmp_path) as client:
        assert client.base_url.startswith("http://127.0.0.1:")
        assert client.project == "p"


def test_connect_to_the_sandbox_of_the_app_shares_its_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """All pages of the app connect to one sandbox: its address, hosts and home are those of the file that the app names."""
    with scenecart.sandbox.Sandbox(captures=1_000) as box:
        ready = tmp_path / "app.json"
        ready.write_text(json.dumps({**box.ready(), "home": str(tmp_path / "home")}))
        monkeypatch.setenv("SCENECART_APP_SANDBOX", str(ready))
        with scenecart.connect("sandbox") as one, scenecart.connect("sandbox") as other:
            assert one.base_url == other.base_url == box.url
            assert one.hosts().index.tolist() == sorted(box.hosts)
            assert one.signed_in_by == "sandbox"
            assert home_of(one) == home_of(other) == tmp_path / "home"


@pytest.mark.parametrize(("keyword", "expected"), [("bas_url", "base_url"), ("retries", "retry"), ("seed", "Sandbox(seed=")])
def test_unknown_keyword_is_refused_with_a_hint(keyword: str, expected: str):
    """A misspelled keyword is an error with the nearest one; a keyword of the sandbox names the sandbox."""
    with pytest.raises(scenecart.UnknownKeyword) as caught:
        scenecart.connect(**{keyword: 5})  # type: ignore[arg-type]  # the mistake
    assert expected in str(caught.value.hint)


@pytest.mark.parametrize("wrong", [{"base_url": "ftp://x"}, {"bas_url": "x"}, {"token": "t"}])
def test_failed_connect_keeps_no_password_in_its_frames(wrong: dict[str, str]):
    """A verbose traceback of connect() shows no argument of it, such as a password."""
    with pytest.raises(scenecart.ScenecartError) as caught:
        scenecart.connect(**{"username": "ann", "password": "very-private", **wrong})  # type: ignore[arg-type]  # the mistake
    frame = caught.value.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename != __file__:
            assert "very-private" not in repr(frame.tb_frame.f_locals)
        frame = frame.tb_next
