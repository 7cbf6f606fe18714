"""Sign-ins in the system keyring, with a keyring in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import keyring as library
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import PasswordDeleteError, PasswordSetError

import scenecart
from _expect import raises, warns
from _scripted_service import TOKEN_PATH, ScriptedService, answer
from scenecart._api import keyring
from scenecart._api.credentials import Secret, StoredSession
from scenecart._api.profiles import ProfileStore
from scenecart._api.sign_in import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class MemoryKeyring(KeyringBackend):
    """A keyring that forgets everything with the process."""

    priority = 1  # type: ignore[assignment]  # the library computes it otherwise

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.longest = 100_000

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password) > self.longest:
            raise PasswordSetError(f"too long: {password}")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    """Use a keyring in memory."""
    before, made = library.get_keyring(), MemoryKeyring()
    library.set_keyring(made)
    yield made
    library.set_keyring(before)


@pytest.fixture
def store(memory: MemoryKeyring, service: ScriptedService, tmp_path: Path) -> ProfileStore:
    """Return a profile that was signed in with its tokens in the keyring."""
    made = ProfileStore(tmp_path / "credentials.json", "work")
    made.sign_in(service.url, StoredSession(Secret("at"), Secret("very-private"), 5.0), "openid", use_keyring=True)
    return made


def test_entry_is_kept_read_and_deleted(memory: MemoryKeyring):
    """An entry is read as it was written; one that is missing, damaged or deleted is None."""
    keyring.write("a", {"access_token": "at"})
    assert keyring.read("a") == {"access_token": "at"}
    memory.entries["scenecart", "b"] = "no JSON"
    assert keyring.read("b") is None
    keyring.delete("a")
    keyring.delete("a")
    assert keyring.read("a") is None


def test_sign_in_in_the_keyring_leaves_no_secret_in_the_file(memory: MemoryKeyring, store: ProfileStore):
    """The file names the keyring only; official programs take the profile for signed out."""
    assert "very-private" not in store.path.read_text()
    assert "auth" not in json.loads(store.path.read_text())["work"]
    assert len(memory.entries) == 1
    found = resolve("work", environ={}, credentials_file=store.path)
    assert found.refresh_token == Secret("very-private")
    assert found.source == "profile 'work'"


def test_renewed_tokens_are_kept_in_the_keyring(memory: MemoryKeyring, store: ProfileStore, service: ScriptedService):
    """A renewal replaces the tokens in the keyring, and writes none into the file."""
    service.put(TOKEN_PATH, answer({"access_token": "at2", "refresh_token": "rt2", "expires_in": 300}))
    service.put("orders.list", answer([]))
    before = store.path.read_text()
    with scenecart.connect("work", credentials_file=store.path) as client:
        client.orders()
    assert store.path.read_text() == before
    (entry,) = memory.entries.values()
    assert json.loads(entry)["refresh_token"] == "rt2"


def test_sign_out_deletes_the_entry(memory: MemoryKeyring, store: ProfileStore):
    """Signing out empties the keyring, and returns the tokens so that they can be revoked."""
    session, _ = store.sign_out()
    assert session is not None
    assert session.refresh == Secret("very-private")
    assert memory.entries == {}
    with raises(scenecart.ConfigurationError, "profile_not_signed_in"):
        store.load(required=True)


def test_locked_keyring_at_a_renewal_is_a_warning(memory: MemoryKeyring, store: ProfileStore, service: ScriptedService):
    """If the keyring takes no entry any more, the session continues with a warning that has no secret."""
    service.put(TOKEN_PATH, answer({"access_token": "at2", "refresh_token": "very-private-too", "expires_in": 300}))
    service.put("orders.list", answer([]))
    memory.longest = 0
    with scenecart.connect("work", credentials_file=store.path) as client, warns("sign_in_not_saved") as caught:
        client.orders()
    assert "very-private" not in str(caught[0].message)


def test_keyring_that_cannot_be_used_is_an_error_without_the_secret(memory: MemoryKeyring, store: ProfileStore):
    """A keyring that refuses an entry, or a computer without one, is an error of ours that says how to go on."""
    memory.longest = 0
    with raises(scenecart.ConfigurationError, "keyring_unusable") as caught:
        store.sign_in("https://s.example", StoredSession(Secret("very-private")), "openid", use_keyring=True)
    assert "very-private" not in str(caught.value) + repr(caught.value.__context__)
    library.set_keyring(NoKeyring())
    with raises(scenecart.ConfigurationError, "keyring_unusable"):
        store.load()


def test_keyring_without_its_extra_names_it(tmp_path: Path):
    """Without the package, the error says how to install it."""
    program = (
        "import sys; sys.modules['keyring'] = None\n"
        "import scenecart\n"
        "from scenecart._api import keyring\n"
        "try: keyring.read('x')\n"
        "except scenecart.MissingExtra as error: print(error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "scenecart[keyring]" in done.stdout
