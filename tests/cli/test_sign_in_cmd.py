"""The commands login and logout, and the tokens that commands keep."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

import scenecart
from _cli import COMMAND, environment, run
from _json_documents import check
from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenecart.sandbox import Sandbox

CREDENTIALS = ".config/geopera/credentials.json"


@pytest.fixture
def user(box: Sandbox, tmp_path: Path) -> dict[str, str]:
    """Return the variables of a new user: a home of their own, and the address of the service."""
    return {"HOME": str(tmp_path), "SCENECART_HOME": str(tmp_path / "data"), "SCENECART_BASE_URL": box.url}


@contextmanager
def login(*options: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Begin a login, and yield the process and the code to confirm."""
    command = [*COMMAND, "login", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**variables)
    ) as process:
        shown = process.stderr if "--json" in options else process.stdout
        assert shown is not None
        code = ""
        for line in shown:
            found = re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", line)
            code = found[0] if found else code
            if line.startswith("Waiting"):
                break
        assert code, process.communicate(timeout=60)
        try:
            yield process, code
        finally:
            process.kill()


def confirm(box: Sandbox, code: str, principal: str = "analyst", decision: str = "approve") -> None:
    answered = httpx.post(f"{box.url}/device", data={"user_code": code, "principal": principal, "decision": decision})
    assert answered.status_code == 200


def sign_in(box: Sandbox, user: dict[str, str], *options: str, principal: str = "analyst") -> tuple[str, str]:
    """Sign in, and return what is printed."""
    with login(*options, **user) as (process, code):
        confirm(box, code, principal)
        output, messages = process.communicate(timeout=60)
        assert process.returncode == 0, messages
    return output, messages


def test_new_user_signs_in_works_and_signs_out(box: Sandbox, user: dict[str, str], tmp_path: Path):
    """After a login every program of the user is signed in, without a secret in a variable; after a logout none is."""
    output, _ = sign_in(box, user)
    assert "Signed in as analyst" in output
    path = tmp_path / CREDENTIALS
    assert path.stat().st_mode & 0o777 == 0o600
    status = run("login-status", **user)
    assert status.returncode == 0, status.stderr
    assert "profile 'default'" in status.stdout
    with scenecart.connect(credentials_file=path, home=tmp_path / "notebook") as client:
        assert client.whoami()["preferred_username"] == "analyst"
    refresh = json.loads(path.read_text())["default"]["auth"]["refresh_token"]
    done = run("logout", **user)
    assert done.stdout == "Signed out (profile 'default').\n"
    assert json.loads(path.read_text()) == {"default": {"api_url": box.url}}
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": "geopera-cli"}
    assert httpx.post(f"{box.url}{TOKEN_PATH}", data=form).status_code == 400
    assert "not signed in" in run("login-status", **user).stderr
    assert run("logout", **user).stdout == "Profile 'default' was not signed in.\n"


def test_login_of_another_profile_keeps_the_first(box: Sandbox, user: dict[str, str], tmp_path: Path):
    """A login changes its own profile only, and prints JSON alone with --json."""
    sign_in(box, user)
    first = json.loads((tmp_path / CREDENTIALS).read_text())["default"]
    output, _ = sign_in(box, user, "--profile", "work", "--json", principal="other")
    printed = check("login", output)
    assert (printed["profile"], printed["service"], printed["account"]) == ("work", box.url, "other")
    assert json.loads((tmp_path / CREDENTIALS).read_text())["default"] == first
    assert "'work'" in run("login-status", "--profile", "work", **user).stdout
    assert check("logout", run("logout", "--profile", "work", "--json", **user).stdout)["revoked"] is True


def test_login_without_base_url_is_for_the_service_of_the_profile(box: Sandbox, user: dict[str, str]):
    """Signing in again needs no address: the profile has it."""
    sign_in(box, user)
    del user["SCENECART_BASE_URL"]
    output, _ = sign_in(box, user, principal="other")
    assert f"Signed in as other at {box.url}" in output


def test_login_mentions_a_variable_that_hides_the_profile(box: Sandbox, user: dict[str, str]):
    """If a variable holds another sign-in, which goes first, the login says so."""
    _, messages = sign_in(box, {**user, "SCENECART_API_KEY": "gpra_very-private"})
    assert "SCENECART_API_KEY is set" in messages
    assert "very-private" not in messages


def test_refused_login_changes_nothing(box: Sandbox, user: dict[str, str], tmp_path: Path):
    """A login that is refused in the browser is an error, and saves nothing."""
    with login(**user) as (process, code):
        confirm(box, code, decision="deny")
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "refused in the browser" in messages
    assert not (tmp_path / CREDENTIALS).exists()


def test_login_that_cannot_be_saved_leaves_no_session_open(box: Sandbox, user: dict[str, str], tmp_path: Path):
    """If the profile cannot be written, the login fails with a message, and its session is revoked."""
    with login(**user) as (process, code):
        (tmp_path / ".config").write_text("a file in place of the folder")
        confirm(box, code)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot be" in messages
    assert "Traceback" not in messages


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--profile", "sandbox"], "needs no sign-in"), (["--profile", "gpra_very-private"], "got an API key")],
)
def test_login_of_a_wrong_name_is_wrong_usage(user: dict[str, str], options: list[str], message: str):
    """The sandbox needs no login, and a key is no name; the key is not shown."""
    done = run("login", *options, **user)
    assert done.returncode == 2
    assert message in done.stderr
    assert "very-private" not in done.stderr


def test_damaged_credentials_file_is_noticed_before_the_browser(user: dict[str, str], tmp_path: Path):
    """A file that cannot be read is an error before anybody confirms a sign-in, and is not changed."""
    path = tmp_path / CREDENTIALS
    path.parent.mkdir(parents=True)
    path.write_text("{")
    done = run("login", **user)
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert path.read_text() == "{"


def test_login_with_the_keyring_of_a_computer_without_one_says_so(box: Sandbox, user: dict[str, str], tmp_path: Path):
    """If the computer has no keyring, the login says so, and writes no token to a file."""
    no_keyring = {**user, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    with login("--keyring", **no_keyring) as (process, code):
        confirm(box, code)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "keyring cannot be used" in messages
    assert not (tmp_path / CREDENTIALS).exists()


def test_commands_in_a_row_sign_in_once(service: ScriptedService, tmp_path: Path):
    """A shell loop opens one session: commands keep their token, for this service and account only; `logout` ends it."""
    service.put(TOKEN_PATH, answer({"access_token": "kept", "refresh_token": "r", "expires_in": 300}))
    service.put("orders.list", answer([]))
    variables = {
        "HOME": str(tmp_path), "SCENECART_HOME": str(tmp_path / "data"), "SCENECART_BASE_URL": service.url,
        "SCENECART_USERNAME": "ann", "SCENECART_PASSWORD": "very-private",
    }  # fmt: skip
    for _ in range(3):
        assert run("orders", **variables).returncode == 0
    assert len(service.requests(TOKEN_PATH)) == 1
    (kept,) = tmp_path.rglob("sessions.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "very-private" not in kept.read_text()
    assert run("orders", **{**variables, "SCENECART_PASSWORD": "another"}).returncode == 0
    assert len(service.requests(TOKEN_PATH)) == 2
    service.put("/realms/public/protocol/openid-connect/logout", Answer(b"", 204))
    done = check("logout", run("logout", "--json", **variables).stdout)
    assert (done["signed_out"], done["revoked"]) == (False, True)
    assert len(service.requests("/realms/public/protocol/openid-connect/logout")) == 2
    assert run("orders", **variables).returncode == 0
    assert len(service.requests(TOKEN_PATH)) == 3


def test_logout_without_a_network_deletes_the_tokens_and_says_so(box: Sandbox, user: dict[str, str], tmp_path: Path):
    """If the service cannot be told, the sign-in is removed here all the same, with a warning."""
    sign_in(box, user)
    path = tmp_path / CREDENTIALS
    profiles = json.loads(path.read_text())
    profiles["default"]["api_url"] = "http://127.0.0.1:9"
    path.write_text(json.dumps(profiles))
    done = run("logout", pauses=0.01, **user)
    assert done.returncode == 0
    assert "did not confirm" in done.stderr
    assert "auth" not in json.loads(path.read_text())["default"]
    assert os.environ["HOME"] != str(tmp_path)
