"""Where credentials come from: arguments, the environment, or a saved profile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import scenecart
from _expect import raises
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


def test_profile_is_not_used_for_another_host(profiles: Path):
    """The credentials of a profile are sent only to the host they were saved for."""
    with raises(scenecart.ConfigurationError, "profile_of_another_service"):
        resolve(base_url="https://elsewhere.example", environ={}, credentials_file=profiles)
