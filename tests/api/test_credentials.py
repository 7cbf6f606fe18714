"""Where credentials come from, and that they are never shown."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import scenecart
from _scripted_service import TOKEN_PATH, ScriptedService, answer
from scenecart._api.credentials import ProfileStore, Secret, check_base_url, resolve

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://service.example"


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    path = tmp_path / "credentials.json"
    entries = {
        "default": {"api_url": URL, "auth": {"type": "api_key", "api_key": "gpra_default"}},
        "oauth": {
            "api_url": URL,
            "auth": {"type": "oauth", "access_token": "at", "refresh_token": "rt", "expires_at": 5, "scope": "openid"},
        },
        "signed-out": {"api_url": URL},
    }
    path.write_text(json.dumps(entries))
    path.chmod(0o600)
    return path


def test_arguments_come_before_the_environment(profiles: Path):
    """What is passed wins over variables, and those over a saved profile."""
    environ = {"SCENECART_TOKEN": "from-env", "GEOPERA_API_TOKEN": "other", "SCENECART_BASE_URL": URL}
    given = resolve(token="passed", environ=environ, credentials_file=profiles)
    assert given.token.reveal() == "passed"
    assert resolve(environ=environ, credentials_file=profiles).token.reveal() == "from-env"
    assert resolve(environ={}, credentials_file=profiles).api_key.reveal() == "gpra_default"
    assert resolve("oauth", environ=environ, credentials_file=profiles).token.reveal() == "at"


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"SCENECART_API_KEY": "gpra_x"}, "api_key"),
        ({"GEOPERA_API_KEY": "gpra_x"}, "api_key"),
        ({"GEOPERA_API_TOKEN": "gpra_x"}, "api_key"),
        ({"GEOPERA_API_TOKEN": "jwt"}, "token"),
        ({"SCENECART_USERNAME": "ann", "SCENECART_PASSWORD": "p w"}, "password"),
    ],
)
def test_each_kind_of_variable_is_known(environ: dict[str, str], kind: str):
    """Tokens, keys and passwords are found under scenecart's and the service's own names."""
    assert getattr(resolve(environ=environ), kind) is not None


def test_nothing_at_all_names_the_sandbox(tmp_path: Path):
    """Without any credentials, the error says how to try it without an account."""
    with pytest.raises(scenecart.ConfigurationError, match=r'scenecart\.connect\("sandbox"\)'):
        resolve(environ={}, credentials_file=tmp_path / "none.json")


@pytest.mark.parametrize(
    "bad",
    ["", " ", "with space", "line\r\nX-Evil: y", "tökén", "🔑", "x" * 100_000, b"bytes", 5],
)
def test_a_malformed_token_is_refused_without_showing_it(bad: Any):
    """A token that cannot be one is refused when it is set, and the message holds nothing of it."""
    with pytest.raises(scenecart.ConfigurationError) as caught:
        scenecart.connect(base_url=URL, token=bad)
    assert "Evil" not in str(caught.value)
    assert "tökén" not in str(caught.value)


def test_a_token_from_a_file_may_end_in_a_newline():
    """Whitespace around a token, as files have it, is taken off."""
    assert Secret("abc\n").reveal() == "abc"


def test_a_secret_shows_nothing():
    """repr, str, format and copies of a secret show nothing, and it is not pickled."""
    secret = Secret("very-private")
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        repr(copy.deepcopy(secret)),
        repr([secret]),
        repr(dir(secret)),
    ):
        assert "very-private" not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "x.example", "http://x.example", "http://127.0.0.1.evil.example", "https://user:pw@x.example",
     "file:///etc/passwd", "https://", "https://x.example/?a=b", "https://[bad", 5, "", "https://x.exa\nmple", "https://x .example",
     "\0https://x.example", "https://x example",
     "https://x.example?", "https://x.example#", "https://@x.example", "https://evil.example\\@x.example", "http://0.0.0.0:1",
     "https://x.example:99999", "https://xn--a.example", "https://\u2028.example", "https://\ud800.example", "//x.example",
     "http://\uff11\uff12\uff17.0.0.1", "http://[2001:db8::1]/"],
)  # fmt: skip
def test_an_unsafe_address_is_refused(url: Any):
    """Plain http beyond this machine, passwords in the address, and what is no address are refused."""
    with pytest.raises(scenecart.ConfigurationError):
        scenecart.connect(base_url=url or "nowhere", token="t")


@pytest.mark.parametrize("url", ["https://x.example/", "https://x.example/prefix/", "http://127.0.0.1:8900/", "http://[::1]:5/"])
def test_a_safe_address_loses_only_its_last_slash(url: str):
    """A path prefix stays; this machine may speak plain http."""
    assert check_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["HTTPS://API.Example", "https://api.example:443/", " https://api.example//", "https://api.EXAMPLE:"]
)
def test_an_address_has_one_spelling(url: str):
    """However the same service is spelled, the journal knows it by one address, so that nothing is bought twice there."""
    assert check_base_url(url) == "https://api.example"
    assert check_base_url("HTTP://[::1]:8900/Path") == "http://[::1]:8900/Path"


def test_a_host_of_any_script_and_an_address_by_number_are_asked():
    """A host's name in letters beyond ASCII is asked for as DNS writes it; IPv6 addresses keep their brackets; a prefix stays."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={})

    for url in ("https://\u043f\u0440\u0438\u043c\u0435\u0440.example/", "http://[::1]:5/a/b/"):
        with scenecart.connect(base_url=url, token="t", transport=httpx.MockTransport(handle)) as client:
            client.call("x.y")
    assert asked == ["https://xn--e1afmkfd.example/v1/op/x.y", "http://[::1]:5/a/b/v1/op/x.y"]


def test_no_proxy_stands_before_this_machine(service: ScriptedService, monkeypatch: pytest.MonkeyPatch):
    """Proxies of the environment are not asked for what is on this machine, so that no token passes through them."""
    service.put("orders.list", answer([]))
    with ScriptedService() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with scenecart.connect(base_url=service.url, token="t") as client:
            client.orders()
        assert proxy.asked == []
    assert len(service.requests("orders.list")) == 1


def test_a_key_is_not_sent_to_another_host(profiles: Path):
    """A profile's credentials go to the host they were saved for, and no other."""
    with pytest.raises(scenecart.ConfigurationError, match="not sent to"):
        resolve(base_url="https://elsewhere.example", environ={}, credentials_file=profiles)


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "[]", '"x"', '{"default": 5}', '{"default": {"auth": {"type": "x"}}}'])
def test_a_broken_credentials_file_is_said(tmp_path: Path, content: str):
    """A file that holds no usable profile is one clear error, and stays as it is."""
    path = tmp_path / "credentials.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(scenecart.ConfigurationError):
        resolve(environ={}, credentials_file=path)
    assert path.read_text() == content


def test_a_missing_profile_lists_the_others(profiles: Path):
    """Asking for a profile that is not there names those that are."""
    with pytest.raises(scenecart.ConfigurationError, match="default, oauth"):
        resolve("nobody", environ={}, credentials_file=profiles)
    with pytest.raises(scenecart.ConfigurationError, match="not signed in"):
        resolve("signed-out", environ={}, credentials_file=profiles)


def test_a_key_in_place_of_a_profile_is_not_shown(tmp_path: Path):
    """A key that was given, or saved, where a profile's name belongs stands in no message, repr or source."""
    key = "gpra_very-private"
    path = tmp_path / "credentials.json"
    path.touch(0o600)
    path.write_text(json.dumps({key: {"auth": {"type": "api_key", "api_key": key}}, "old": {}}))
    for profile in (f"{key}-too", "missing"):
        with pytest.raises(scenecart.ConfigurationError) as caught:
            resolve(profile, environ={}, credentials_file=path)
        assert "private" not in f"{caught.value} {caught.value!r}"
        assert ("SCENECART_API_KEY" in str(caught.value)) is profile.startswith(key)
    assert "private" not in repr(ProfileStore(path, key))
    assert resolve(key, environ={}, credentials_file=path).source == "profile 'gpra_…'"


def test_a_message_about_many_profiles_is_short(tmp_path: Path):
    """However many profiles a file has, and whatever they are called, the error is a line."""
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({f"{number}" * 500: {} for number in range(100)}))
    with pytest.raises(scenecart.ConfigurationError) as refusal:
        resolve("mine", environ={}, credentials_file=path)
    assert len(str(refusal.value)) < 1_000


@pytest.mark.parametrize("expires", ["soon", True, 10**400, -1e300, float("nan"), [], None])
def test_a_time_that_is_none_is_not_known(tmp_path: Path, expires: Any):
    """A saved token whose expiry is no time is used until it is refused."""
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"default": {"auth": {"type": "oauth", "access_token": "at", "expires_at": expires}}}))
    path.chmod(0o600)
    assert resolve(environ={}, credentials_file=path).expires_at is None


def test_a_file_that_others_can_read_is_mentioned(profiles: Path):
    """A credentials file with open permissions is used, with a warning that says how to close it."""
    profiles.chmod(0o644)
    with pytest.warns(scenecart.ScenecartWarning, match="chmod 600"):
        resolve(environ={}, credentials_file=profiles)


def test_a_rotated_token_is_saved_for_the_official_command_line(service: ScriptedService, profiles: Path):
    """Renewing a profile's session writes both new tokens back in one step, keeping every other profile."""
    entries = json.loads(profiles.read_text())
    entries["oauth"]["api_url"] = service.url
    profiles.write_text(json.dumps(entries))
    service.put(TOKEN_PATH, answer({"access_token": "at2", "refresh_token": "rt2", "expires_in": 300}))
    service.put("orders.list", answer([]))
    with scenecart.connect("oauth", credentials_file=profiles) as client:
        client.orders()
    saved = json.loads(profiles.read_text())
    assert saved["oauth"]["auth"]["access_token"] == "at2"
    assert saved["oauth"]["auth"]["refresh_token"] == "rt2"
    assert saved["default"] == entries["default"]
    assert profiles.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in profiles.parent.iterdir()) == ["credentials.json"]
    assert "at2" not in repr(ProfileStore(profiles, "oauth"))
