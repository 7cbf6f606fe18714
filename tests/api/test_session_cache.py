"""Tokens that the command line keeps between commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer
from _sessions import READ
from scenecart._api.credentials import Credentials, Secret, StoredSession
from scenecart._api.http import Session
from scenecart._api.session_cache import SessionCache, forget

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://service.example"
NOW = 1_000_000.0
TOKENS = StoredSession(Secret("very-private"), Secret("private-too"), NOW + 300)


def user(word: str = "word", name: str = "ann", url: str = URL) -> Credentials:
    return Credentials(url, "test", username=name, password=Secret(word, "password"))


def cache(folder: Path, credentials: Credentials | None = None, now: float = NOW) -> SessionCache:
    return SessionCache(folder, credentials or user(), lambda: now)


def test_tokens_are_kept_in_a_private_file(tmp_path: Path):
    """Tokens are found by the next command, in a file and folder that no other user can read."""
    folder = tmp_path / "state"
    cache(folder).write(TOKENS, None)
    assert cache(folder).read() == TOKENS
    assert (folder / "sessions.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["sessions.json"]


@pytest.mark.parametrize(
    "other",
    [
        user("another word"),
        user(name="bob"),
        user(url="https://elsewhere.example"),
        user(url=f"{URL}/prefix"),
        Credentials(URL, "test", api_key=Secret("gpra_word")),
        Credentials(URL, "test", api_key=Secret("word")),
    ],
)
def test_tokens_of_another_account_key_or_service_are_not_used(tmp_path: Path, other: Credentials):
    """Tokens are found only by the service, account and password or key that they were made with."""
    cache(tmp_path).write(TOKENS, None)
    assert cache(tmp_path, other).read() is None
    cache(tmp_path, other).write(StoredSession(Secret("other"), None, NOW + 300), None)
    assert cache(tmp_path).read() == TOKENS


def test_file_names_no_account_and_no_password(tmp_path: Path):
    """Neither the account nor the password is in the file, nor a hash of the password that is quick to try."""
    cache(tmp_path, user("secret-word", "somebody")).write(TOKENS, None)
    content = (tmp_path / "sessions.json").read_text()
    assert "secret-word" not in content
    assert "somebody" not in content


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_file_that_others_could_change_is_not_used(tmp_path: Path, mode: int):
    """Tokens that another user could have put there are not used; the file is then made anew."""
    cache(tmp_path).write(TOKENS, None)
    (tmp_path / "sessions.json").chmod(mode)
    assert cache(tmp_path).read() is None
    cache(tmp_path).write(TOKENS, None)
    assert (tmp_path / "sessions.json").stat().st_mode & 0o777 == 0o600


def test_link_in_place_of_the_file_is_not_followed(tmp_path: Path):
    """A symbolic link to a file of other tokens is not followed."""
    cache(tmp_path / "other").write(TOKENS, None)
    (tmp_path / "sessions.json").symlink_to(tmp_path / "other" / "sessions.json")
    assert cache(tmp_path).read() is None


SALTS = ['{"salt": 5, "sessions": {}}', '{"salt": "zz", "sessions": {}}', '{"salt": "00", "sessions": []}']


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", *SALTS, "[" * 9_999])
def test_damaged_file_is_replaced(tmp_path: Path, content: str):
    """A damaged file holds no tokens, and the next command replaces it."""
    path = tmp_path / "sessions.json"
    path.write_text(content)
    path.chmod(0o600)
    assert cache(tmp_path).read() is None
    cache(tmp_path).write(TOKENS, None)
    assert cache(tmp_path).read() == TOKENS


@pytest.mark.parametrize("entry", [None, [], {}, {"access_token": 5}, {"expires_at": True}, {"refresh_token": " "}])
def test_damaged_entry_holds_no_tokens(tmp_path: Path, entry: Any):
    """An entry of another form is not used."""
    cache(tmp_path).write(TOKENS, None)
    path = tmp_path / "sessions.json"
    content = json.loads(path.read_text())
    (name,) = content["sessions"]
    whole = content["sessions"][name]
    content["sessions"][name] = {**whole, **entry} if entry else entry
    path.write_text(json.dumps(content))
    assert cache(tmp_path).read() is None


def test_token_without_lifetime_is_not_kept(tmp_path: Path):
    """What would be valid for ever, such as an API key that is sent as it is, is not written to a disk."""
    cache(tmp_path).write(StoredSession(Secret("gpra_key")), None)
    assert list(tmp_path.iterdir()) == []


def test_old_entries_are_deleted(tmp_path: Path):
    """Entries of a day ago go with the next one."""
    cache(tmp_path, user(name="bob")).write(TOKENS, None)
    cache(tmp_path, now=NOW + 90_000).write(TOKENS, None)
    assert len(json.loads((tmp_path / "sessions.json").read_text())["sessions"]) == 1


def test_folder_that_cannot_be_made_is_no_error(tmp_path: Path):
    """Without a folder to write to, nothing is kept."""
    (tmp_path / "file").touch()
    blocked = cache(tmp_path / "file" / "state")
    with blocked.lock():
        blocked.write(TOKENS, None)
    assert blocked.read() is None


def test_forgotten_tokens_are_those_of_the_service(tmp_path: Path):
    """Forgetting a service returns and deletes its tokens, of every account, and keeps those of others."""
    for credentials in (user(), user(name="bob"), user(url="https://elsewhere.example")):
        cache(tmp_path, credentials).write(TOKENS, None)
    assert forget(tmp_path, URL) == [TOKENS, TOKENS]
    assert forget(tmp_path, URL) == []
    assert cache(tmp_path).read() is None
    assert cache(tmp_path, user(url="https://elsewhere.example")).read() == TOKENS


@pytest.mark.parametrize("status", [200, 404])
def test_commands_in_a_row_sign_in_once(service: ScriptedService, tmp_path: Path, status: int):
    """The second session uses the token of the first; a key that is its own token is not kept."""
    service.put(TOKEN_PATH, answer({"access_token": "short-lived", "expires_in": 300}, status))
    service.put("some.read", answer({}))
    for _ in range(2):
        key = Credentials(service.url, "test", api_key=Secret("gpra_very-private"))
        store = SessionCache(tmp_path, key)
        Session(Credentials(service.url, "test", api_key=key.api_key, store=store)).call(READ)
    used = {request.headers["authorization"] for request in service.requests("some.read")}
    if status == 200:
        assert used == {"Bearer short-lived"}
        assert len(service.requests(TOKEN_PATH)) == 1
    else:
        assert used == {"Bearer gpra_very-private"}
        assert not (tmp_path / "sessions.json").exists()


def test_kept_token_that_is_refused_is_replaced(service: ScriptedService, tmp_path: Path):
    """If the service refuses a kept token and its refresh token, the password signs in again."""

    def grant(request: Any) -> Answer:
        if b"refresh_token" in request.body:
            return answer({"error": "invalid_grant"}, 400)
        return answer({"access_token": "new", "refresh_token": "r", "expires_in": 300})

    def read(request: Any) -> Answer:
        return answer({}, 200 if request.headers["authorization"] == "Bearer new" else 401)

    service.put(TOKEN_PATH, grant)
    service.put("some.read", read)
    credentials = user(url=service.url)
    store = SessionCache(tmp_path, credentials)
    store.write(StoredSession(Secret("old"), Secret("r0"), 4e9), None)
    Session(Credentials(service.url, "test", username="ann", password=Secret("word", "password"), store=store)).call(READ)
    kept = SessionCache(tmp_path, credentials).read()
    assert kept is not None
    assert kept.access == Secret("new")
