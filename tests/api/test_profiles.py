"""Saved profiles: reading, saving, and sharing them between programs."""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer
from scenecart._api import profiles as profiles_module
from scenecart._api.credentials import Secret, StoredSession
from scenecart._api.profiles import ProfileStore
from scenecart._api.sign_in import resolve
from scenecart._util.locks import process_lock

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

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
    assert sorted(path.name for path in profiles.parent.iterdir()) == ["credentials.json", "credentials.json.lock"]
    assert "at2" not in repr(ProfileStore(profiles, "oauth"))


USERINFO_PATH = "/realms/public/protocol/openid-connect/userinfo"
ASK = """
import sys, scenecart
with scenecart.connect(credentials_file=sys.argv[1], home=sys.argv[2]) as client:
    sys.stdin.readline()
    print(client.whoami()["preferred_username"])
"""


def jwt(subject: str, number: int = 1) -> str:
    """Return an access token of the form that the service issues."""
    claims = base64.urlsafe_b64encode(json.dumps({"sub": subject, "n": number}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


def save(path: Path, url: str, access: str, refresh: str | None, **auth: Any) -> None:
    """Write a profile as the official command line does: it replaces the whole entry, and takes no lock."""
    entry = {"type": "oauth", "access_token": access, "refresh_token": refresh, "expires_at": 5, "scope": "openid", **auth}
    path.write_text(json.dumps({"default": {"api_url": url, "auth": entry}}))
    path.chmod(0o600)


def saved(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())["default"]["auth"])


def sign_in(box: Sandbox, name: str, path: Path) -> None:
    """Sign in as a user of the sandbox, and save that as the official command line does."""
    client = box.client(name, home=path.parent / name)
    client._session.sign_in()
    session = client._session._tokens._session
    assert session is not None
    assert session.refresh is not None
    save(path, box.url, session.access.reveal(), session.refresh.reveal(), expires_at=time.time() + 300)
    client.close()


def test_three_programs_that_need_a_token_at_once_renew_once(box: Sandbox, tmp_path: Path):
    """Processes that share a profile renew it once for all of them: a refresh token works only once."""
    path = tmp_path / "credentials.json"
    sign_in(box, "analyst", path)
    before = saved(path)["refresh_token"]
    commands = [[sys.executable, "-c", ASK, str(path), str(tmp_path / str(number))] for number in range(3)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for command in commands]
    box.advance(400)
    for program in started:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    assert [program.communicate(timeout=60)[0] for program in started] == ["analyst\n"] * 3
    assert saved(path)["refresh_token"] != before


def test_session_that_another_program_renewed_is_used_without_a_renewal(service: ScriptedService, tmp_path: Path):
    """A refresh token that was used already is not sent: a service may end the session for it."""
    path = tmp_path / "credentials.json"
    save(path, service.url, jwt("analyst"), "rt")
    service.put("billing.credits.balance", answer({"balance_credits": 1}))
    service.put(TOKEN_PATH, answer({"access_token": jwt("analyst", 2), "refresh_token": "rt2", "expires_in": 300}))
    with (
        scenecart.connect(credentials_file=path, home=tmp_path / "a") as first,
        scenecart.connect(credentials_file=path, home=tmp_path / "b") as second,
    ):
        assert first.balance() == second.balance() == {"balance_credits": 1}
    assert len(service.requests(TOKEN_PATH)) == 1


def test_sign_in_as_somebody_else_is_neither_used_nor_overwritten(box: Sandbox, tmp_path: Path):
    """A session goes on as the account that it began with, says so, and keeps the newer sign-in of the profile."""
    path = tmp_path / "credentials.json"
    sign_in(box, "analyst", path)
    with scenecart.connect(credentials_file=path, home=tmp_path) as client:
        assert client.whoami()["preferred_username"] == "analyst"
        sign_in(box, "other", path)
        newer = saved(path)
        box.advance(400)
        with warns("sign_in_replaced"):
            assert client.whoami()["preferred_username"] == "analyst"
        box.advance(400)
        assert client.whoami()["preferred_username"] == "analyst"
    assert saved(path) == newer


@pytest.mark.parametrize("entry", [{"auth": {"type": "api_key", "api_key": "gpra_x"}}, {"api_url": "https://elsewhere.example"}])
def test_sign_in_of_another_kind_or_service_is_not_used(service: ScriptedService, tmp_path: Path, entry: dict[str, Any]):
    """A profile that was changed to a key or another service does not change the running session."""
    path = tmp_path / "credentials.json"
    save(path, service.url, "at", "rt", expires_at=None)
    service.put("orders.list", answer({}, 401), answer([]))
    service.put(TOKEN_PATH, answer({"access_token": "at2", "expires_in": 300}))
    with scenecart.connect(credentials_file=path, home=tmp_path) as client:
        auth = {**saved(path), "access_token": "foreign"}
        changed = {"default": {"api_url": service.url, "auth": auth, **entry}}
        path.write_text(json.dumps(changed))
        with warns("sign_in_replaced"):
            client.orders()
    assert service.requests("orders.list")[-1].headers["authorization"] == "Bearer at2"
    assert json.loads(path.read_text()) == changed


@pytest.mark.parametrize("is_same", [True, False])
def test_tokens_that_name_nobody_are_compared_by_userinfo(service: ScriptedService, tmp_path: Path, is_same: bool):  # noqa: FBT001  # two cases
    """If the service issues tokens that cannot be read, it is asked whose they are before one takes the place of another."""
    path = tmp_path / "credentials.json"
    save(path, service.url, "at", "rt", expires_at=None)
    service.put(USERINFO_PATH, answer({"sub": "ann"}), answer({"sub": "ann" if is_same else "bob"}))
    service.put("orders.list", answer({}, 401), answer([]))
    service.put(TOKEN_PATH, answer({"access_token": "renewed", "expires_in": 300}))
    with scenecart.connect(credentials_file=path, home=tmp_path) as client:
        client.whoami()
        save(path, service.url, "newer", "rt2", expires_at=None)
        with contextlib.nullcontext() if is_same else warns("sign_in_replaced"):
            client.orders()
    assert service.requests("orders.list")[-1].headers["authorization"] == f"Bearer {'newer' if is_same else 'renewed'}"


def test_refresh_token_that_the_official_program_used_is_replaced_by_its_own(service: ScriptedService, tmp_path: Path):
    """The official command line takes no lock: if it was quicker, its tokens are used as soon as it has saved them."""
    path = tmp_path / "credentials.json"
    save(path, service.url, jwt("ann"), "rt")
    service.put(TOKEN_PATH, answer({"error": "invalid_grant"}, 400))
    service.put("orders.list", answer([]))
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            save(path, service.url, jwt("ann", 2), "rt2", expires_at=None)

    with scenecart.connect(credentials_file=path, home=tmp_path, sleep=sleep) as client:
        client.orders()
    assert service.requests("orders.list")[0].headers["authorization"] == f"Bearer {jwt('ann', 2)}"
    assert saved(path)["refresh_token"] == "rt2"


def test_stored_token_that_has_expired_too_is_renewed(service: ScriptedService, tmp_path: Path):
    """If the token of another program is refused as well, for example after the clock was set back, it is renewed."""
    path = tmp_path / "credentials.json"
    save(path, service.url, "at", "rt", expires_at=None)
    service.put("orders.list", answer({}, 401), answer({}, 401), answer([]))
    service.put(TOKEN_PATH, answer({"access_token": "renewed", "refresh_token": "rt3", "expires_in": 300}))
    with scenecart.connect(credentials_file=path, home=tmp_path) as client:
        save(path, service.url, "newer", "rt2", expires_at=None)
        client.orders()
    used = [request.headers["authorization"] for request in service.requests("orders.list")]
    assert used == ["Bearer at", "Bearer newer", "Bearer renewed"]
    assert b"rt2" in service.requests(TOKEN_PATH)[0].body


def test_newer_sign_in_during_a_renewal_is_kept(service: ScriptedService, tmp_path: Path):
    """A sign-in that is saved while the service answers a renewal is not overwritten by it."""
    path = tmp_path / "credentials.json"
    save(path, service.url, "at", "rt")

    def sign_in_meanwhile(_: Any) -> Answer:
        save(path, service.url, "login", "of-a-moment-ago")
        return answer({"access_token": "renewed", "refresh_token": "rt2", "expires_in": 300})

    service.put(TOKEN_PATH, sign_in_meanwhile)
    service.put("orders.list", answer([]))
    with scenecart.connect(credentials_file=path, home=tmp_path) as client:
        client.orders()
    assert saved(path)["refresh_token"] == "of-a-moment-ago"


def test_profile_that_was_signed_out_stays_signed_out(service: ScriptedService, tmp_path: Path):
    """A running session does not put back the sign-in of a profile that was signed out meanwhile."""
    path = tmp_path / "credentials.json"
    save(path, service.url, "at", "rt")
    service.put(TOKEN_PATH, answer({"access_token": "renewed", "refresh_token": "rt2", "expires_in": 300}))
    service.put("orders.list", answer([]))
    with scenecart.connect(credentials_file=path, home=tmp_path) as client:
        path.write_text(json.dumps({"default": {"api_url": service.url}}))
        client.orders()
    assert json.loads(path.read_text()) == {"default": {"api_url": service.url}}


def test_profile_that_cannot_be_written_is_a_warning(service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """On a read-only disk the session goes on, with one warning."""
    path = tmp_path / "credentials.json"
    save(path, service.url, "at", "rt")
    tokens = [answer({"access_token": f"at{number}", "refresh_token": f"rt{number}", "expires_in": 300}) for number in range(3)]
    service.put(TOKEN_PATH, *tokens)
    service.put("orders.list", answer([]))
    now = [time.time()]

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with scenecart.connect(credentials_file=path, home=tmp_path, wall=lambda: now[0]) as client:
        with warns("sign_in_not_saved") as caught:
            client.orders()
        assert "Read-only" in str(caught[0].message)
        now[0] += 400
        client.orders()
    assert len(service.requests(TOKEN_PATH)) == 2


def test_renewal_by_a_program_that_hangs_is_an_error_for_a_later_attempt(
    service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """If another program holds the lock for too long, the refresh token is not used a second time; the call may be repeated."""
    path = tmp_path / "credentials.json"
    save(path, service.url, "at", "rt")
    monkeypatch.setattr(profiles_module, "_LOCK_SECONDS", 0.05)
    with scenecart.connect(credentials_file=path, home=tmp_path, sleep=lambda _: None) as client:
        with process_lock(tmp_path / "credentials.json.lock", 5), raises(scenecart.RequestTimeout, "sign_in_busy") as caught:
            client.orders()
        assert not caught.value.was_sent
    assert service.received == []


def test_new_sign_in_makes_a_private_file_in_a_private_folder(tmp_path: Path):
    """The first sign-in creates the folder and the file, which no other user can read, in the official form."""
    store = ProfileStore(tmp_path / "geopera" / "credentials.json", "default")
    store.sign_in(URL, StoredSession(Secret("at"), Secret("rt"), 5.0), "openid")
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    assert saved(store.path) == {
        "type": "oauth", "access_token": "at", "refresh_token": "rt", "expires_at": 5.0, "scope": "openid", "issuer": URL,
    }  # fmt: skip


def test_sign_out_removes_the_sign_in_and_keeps_the_rest(profiles: Path):
    """Signing out removes the tokens of one profile; its service and the other profiles stay."""
    before = json.loads(profiles.read_text())
    session, was_signed_in = ProfileStore(profiles, "oauth").sign_out()
    assert was_signed_in
    assert session is not None
    assert session.refresh == Secret("rt")
    assert json.loads(profiles.read_text()) == {**before, "oauth": {"api_url": URL}}
    assert ProfileStore(profiles, "oauth").sign_out() == (None, False)
    assert ProfileStore(profiles, "unknown").sign_out() == (None, False)
