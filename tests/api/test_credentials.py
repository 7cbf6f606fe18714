"""Where credentials come from, which base URLs are safe, and that no secret is ever shown."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import scenecart
from _expect import raises, warns
from _scripted_service import TOKEN_PATH, ScriptedService, answer
from scenecart._api.credentials import Secret, check_base_url
from scenecart._api.profiles import ProfileStore
from scenecart._api.sign_in import resolve

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://service.example"


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """Return a credentials file with a profile of each kind."""
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


def test_arguments_override_variables_and_profiles(profiles: Path):
    """Arguments are used before variables, and variables before a saved profile; a named profile is an argument."""
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
def test_variables_of_both_names_are_read(environ: dict[str, str], kind: str):
    """Tokens, keys and passwords are read from variables with scenecart's and with the service's names."""
    assert getattr(resolve(environ=environ), kind) is not None


def test_missing_credentials_are_an_error_that_offers_the_sandbox(tmp_path: Path):
    """Without any credentials, the hint says how to try scenecart without an account."""
    with raises(scenecart.ConfigurationError, "credentials_missing") as caught:
        resolve(environ={}, credentials_file=tmp_path / "none.json")
    assert "sandbox" in str(caught.value.hint)


@pytest.mark.parametrize(
    "arguments",
    [
        {"token": "t", "api_key": "gpra_x"},
        {"token": "t", "username": "ann"},
        {"api_key": "gpra_x", "password": "p"},
    ],
)
def test_several_credentials_as_arguments_are_refused(arguments: dict[str, str]):
    """Of a token, a key and a user, only one may be passed."""
    with raises(scenecart.ConfigurationError, "credentials_ambiguous"):
        resolve(environ={}, **arguments)


@pytest.mark.parametrize("given", ["username", "password"])
@pytest.mark.parametrize("where", ["arguments", "variables"])
def test_user_name_without_password_is_refused(given: str, where: str):
    """A user name and a password are used together only, as arguments and as variables."""
    with raises(scenecart.ConfigurationError, "credentials_incomplete"):
        if where == "arguments":
            resolve(environ={}, **{given: "private"})
        else:
            resolve(environ={f"SCENECART_{given.upper()}": "private"})


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("", "secret_empty"),
        (" ", "secret_empty"),
        ("with space", "secret_malformed"),
        ("line\r\nX-Evil: y", "secret_malformed"),
        ("tökén", "secret_malformed"),
        ("🔑", "secret_malformed"),
        ("x" * 100_000, "secret_too_long"),
        (b"bytes", "secret_not_a_string"),
        (5, "secret_not_a_string"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_malformed_token_is_refused_without_showing_it(bad: Any, code: str):
    """An invalid token is refused when it is set, and the message contains no part of it."""
    with raises(scenecart.ConfigurationError, code) as caught:
        scenecart.connect(base_url=URL, token=bad)
    assert "Evil" not in str(caught.value)
    assert "tökén" not in str(caught.value)


def test_secret_is_stripped_of_whitespace():
    """Whitespace around a token, such as the newline of a file, is removed."""
    assert Secret("abc\n").reveal() == "abc"


def test_secret_never_prints():
    """repr, str, format and copies of a secret do not contain it, and it cannot be pickled."""
    secret = Secret("very-private")
    for output in (
        repr(secret),
        str(secret),
        f"{secret}",
        repr(copy.deepcopy(secret)),
        repr([secret]),
        repr(dir(secret)),
    ):
        assert "very-private" not in output
    with pytest.raises(TypeError) as caught:
        pickle.dumps(secret)
    # the refusal of this class, and not of pickle itself
    assert str(caught.value).startswith("A secret cannot be pickled")
    assert "very-private" not in str(caught.value)
    with pytest.raises(TypeError):
        vars(secret)


UNSAFE_URLS: dict[str, list[Any]] = {
    "base_url_not_a_string": [5],
    "base_url_malformed": [
        "https://[bad", "https://x.exa\nmple", "https://x .example", "\0https://x.example", "https://x example", "https://\u2028.example",
        "https://x.example:99999", "https://\ud800.example",
    ],
    "base_url_has_password": ["https://user:pw@x.example", "https://@x.example", "https://evil.example\\@x.example"],
    "base_url_not_http": ["ftp://x", "x.example", "file:///etc/passwd", "https://", "", "//x.example"],
    "base_url_has_query": ["https://x.example/?a=b", "https://x.example?", "https://x.example#"],
    "base_url_not_https": [
        "http://x.example", "http://127.0.0.1.evil.example", "http://0.0.0.0:1", "http://\uff11\uff12\uff17.0.0.1",
        "http://[2001:db8::1]/",
    ],
    "base_url_host_invalid": ["https://xn--a.example"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "url"), [(code, url) for code, urls in UNSAFE_URLS.items() for url in urls], ids=lambda value: repr(value)[:40]
)
def test_unsafe_base_url_is_refused(code: str, url: Any):
    """Plain http to another computer, passwords in the URL, and what is not a URL are refused; the URL is never shown."""
    with raises(scenecart.ConfigurationError, code) as caught:
        scenecart.connect(base_url=url or "nowhere", token="t")
    assert caught.value.argument == "base_url"
    assert "user:pw" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("variable", ["SCENECART_BASE_URL", "GEOPERA_API_URL", "GEOPERA_BASE_URL"])
def test_unsafe_base_url_of_a_variable_names_the_variable(variable: str):
    """The error about a URL from the environment names the variable, and an argument goes before it."""
    environ = {variable: "http://other.example"}
    with raises(scenecart.ConfigurationError, "base_url_not_https") as caught:
        resolve(token="t", environ=environ)
    assert caught.value.argument == variable
    with raises(scenecart.ConfigurationError, "base_url_not_http") as caught:
        resolve(token="t", base_url="ftp://x", environ=environ)
    assert caught.value.argument == "base_url"


@pytest.mark.parametrize("url", ["https://x.example/", "https://x.example/prefix/", "http://127.0.0.1:8900/", "http://[::1]:5/"])
def test_safe_base_url_loses_only_its_last_slash(url: str):
    """A path prefix is kept; plain http to this computer is accepted."""
    assert check_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["HTTPS://API.Example", "https://api.example:443/", " https://api.example//", "https://api.EXAMPLE:"]
)
def test_base_url_has_one_spelling(url: str):
    """Each spelling of a service's URL gives the same URL: the journal identifies the service by it."""
    assert check_base_url(url) == "https://api.example"
    assert check_base_url("HTTP://[::1]:8900/Path") == "http://[::1]:8900/Path"


def test_base_url_may_be_international_or_an_ip_address():
    """A non-ASCII host name is sent in its DNS spelling; IPv6 addresses keep their brackets; a path prefix is kept."""
    urls: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, json={})

    for url in ("https://\u043f\u0440\u0438\u043c\u0435\u0440.example/", "http://[::1]:5/a/b/"):
        with scenecart.connect(base_url=url, token="t", transport=httpx.MockTransport(handle)) as client:
            client.call("x.y")
    assert urls == ["https://xn--e1afmkfd.example/v1/op/x.y", "http://[::1]:5/a/b/v1/op/x.y"]


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


def test_profile_is_not_used_for_another_host(profiles: Path):
    """The credentials of a profile are sent only to the host they were saved for."""
    with raises(scenecart.ConfigurationError, "profile_of_another_service"):
        resolve(base_url="https://elsewhere.example", environ={}, credentials_file=profiles)


BROKEN_FILES = {
    "{": "credentials_file_unreadable",
    "[" * 100_000: "credentials_file_unreadable",
    "[]": "credentials_file_without_profiles",
    '"x"': "credentials_file_without_profiles",
    '{"default": 5}': "profile_not_signed_in",
    '{"default": {"auth": {"type": "x"}}}': "profile_type_unsupported",
}


@pytest.mark.parametrize("content", BROKEN_FILES, ids=lambda content: content[:20])
def test_broken_credentials_file_is_an_error_and_unchanged(tmp_path: Path, content: str):
    """A file without a usable profile is one clear error, and is not changed."""
    path = tmp_path / "credentials.json"
    path.write_text(content)
    path.chmod(0o600)
    with raises(scenecart.ConfigurationError, BROKEN_FILES[content]):
        resolve(environ={}, credentials_file=path)
    assert path.read_text() == content


def test_invalid_url_of_a_profile_names_the_profile(tmp_path: Path):
    """An unsafe URL in a saved profile is an error about the profile, not about the argument base_url."""
    path = tmp_path / "credentials.json"
    path.touch(0o600)
    path.write_text(json.dumps({"old": {"api_url": "http://x.example", "auth": {"type": "api_key", "api_key": "gpra_x"}}}))
    with raises(scenecart.ConfigurationError, "base_url_not_https") as caught:
        resolve("old", environ={}, credentials_file=path)
    assert caught.value.argument is None
    assert "'old'" in caught.value.message


def test_missing_profile_lists_the_saved_ones(profiles: Path):
    """An unknown profile is an error that names the saved ones; one without a sign-in is an error too."""
    with raises(scenecart.ConfigurationError, "profile_not_found") as caught:
        resolve("nobody", environ={}, credentials_file=profiles)
    assert "default, oauth" in caught.value.message
    with raises(scenecart.ConfigurationError, "profile_not_signed_in"):
        resolve("signed-out", environ={}, credentials_file=profiles)


def test_api_key_as_profile_name_is_not_shown(tmp_path: Path):
    """An API key that was passed or saved as a profile name is in no message, repr or source."""
    key = "gpra_very-private"
    path = tmp_path / "credentials.json"
    path.touch(0o600)
    path.write_text(json.dumps({key: {"auth": {"type": "api_key", "api_key": key}}, "old": {}}))
    for profile, code in ((f"{key}-too", "profile_is_api_key"), ("missing", "profile_not_found")):
        with raises(scenecart.ConfigurationError, code) as caught:
            resolve(profile, environ={}, credentials_file=path)
        assert "private" not in f"{caught.value} {caught.value!r}"
        assert ("SCENECART_API_KEY" in str(caught.value)) is profile.startswith(key)
    assert "private" not in repr(ProfileStore(path, key))
    assert resolve(key, environ={}, credentials_file=path).source == "profile 'gpra_…'"


def test_message_about_many_profiles_is_short(tmp_path: Path):
    """The error is short for a file of many profiles with long names."""
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({f"{number}" * 500: {} for number in range(100)}))
    with raises(scenecart.ConfigurationError, "profile_not_found") as caught:
        resolve("mine", environ={}, credentials_file=path)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("expires", ["soon", True, 10**400, -1e300, float("nan"), [], None])
def test_malformed_expiry_is_unknown(tmp_path: Path, expires: Any):
    """A saved token with a malformed expiry is used until the service refuses it."""
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"default": {"auth": {"type": "oauth", "access_token": "at", "expires_at": expires}}}))
    path.chmod(0o600)
    assert resolve(environ={}, credentials_file=path).expires_at is None


def test_credentials_file_readable_by_others_is_a_warning(profiles: Path):
    """A credentials file that others can read is used, with a warning that names the file and the command to protect it."""
    profiles.chmod(0o644)
    with warns("credentials_file_not_private") as caught:
        resolve(environ={}, credentials_file=profiles)
    assert f"chmod 600 {profiles}" in str(caught[0].message)


def test_renewed_tokens_are_saved_to_the_profile(service: ScriptedService, profiles: Path):
    """Both tokens of a renewed session are saved atomically for the official command line; other profiles are unchanged."""
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
