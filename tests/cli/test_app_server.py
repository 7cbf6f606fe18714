"""The web server of `scenecart app`: a token, the host and origin of requests, this computer only, and an end of its kernels."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from _app import App
from _cli import run
from _widgets import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
KERNEL = "/api/kernels/3f2504e0-4f89-41d3-9a0c-0305e82c3301"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Start the app in a folder with a configuration of Voila that would leave it open to everybody."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "voila.json").write_text('{"Voila": {"token": "", "ip": "0.0.0.0"}}')
    with App(folder, "--no-browser", "--idle-timeout", "5", JUPYTER_TOKEN="") as running:
        yield running


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/", "GET"),
        ("/?token=wrong", "GET"),
        (KERNEL, "GET"),
        (KERNEL, "DELETE"),
        (f"{KERNEL}/channels", "GET"),
        (f"/voila/api/shutdown/{KERNEL[-36:]}", "POST"),
        ("/voila/files/app.ipynb", "GET"),
        ("/voila/files/x.png", "GET"),
        ("/scripts.js", "GET"),
    ],
)
def test_app_without_the_token_gives_nothing(app: App, path: str, method: str):
    """Without the token there is no page, no kernel and no file: a sign-in page or a refusal."""
    status, body = app.status(path, method)
    assert status in {302, 403}
    assert "kernelId" not in body
    assert len(app.kernels()) <= 1, "only the kernel that waits for a page runs"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8866", "127.0.0.1.evil.example", "10.1.2.3", "localhost.evil.example"]
)
def test_app_under_another_host_name_is_refused(app: App, host: str):
    """A web page whose name was made to resolve to this computer is refused, even with the token, pages and websockets alike."""
    for path in (f"/?token={app.token}", "/login", f"{KERNEL}/channels?token={app.token}"):
        assert app.status(path, Host=host, **WEBSOCKET)[0] == 403
    assert len(app.kernels()) <= 1


def test_app_kernels_need_no_ports(app: App):
    """Kernels listen on Unix sockets of this user: a TCP port may be taken by another program before they listen there."""
    kernel = app.ready_kernel()
    command = app.command_of(kernel)
    about = json.loads(Path(command[command.index("-f") + 1]).read_text())
    assert about["transport"] == "ipc"
    wait_for(lambda: list(Path(about["ip"]).parent.glob(f"{Path(about['ip']).name}-*")))


def test_app_with_the_token_opens_a_page_whose_kernel_ends_when_nobody_is_there(app: App):
    """With the token there is a page with a kernel, which no other site can reach in a browser that is signed in.

    If nobody connects to it, the kernel ends by itself.
    """
    status, body = app.status(f"/?token={app.token}")
    assert status == 200
    kernel = re.search(r'"kernelId": *"([0-9a-f-]+)"', body)
    assert kernel
    channels, shutdown = f"/api/kernels/{kernel[1]}/channels", f"/voila/api/shutdown/{kernel[1]}"
    signed_in = {"Cookie": app.cookie()}
    for origin in ("http://evil.example", f"http://evil.example:{app.port}", "null", "http://localhost:1", "https://127.0.0.1"):
        assert app.status(channels, Origin=origin, **WEBSOCKET, **signed_in)[0] == 403
        assert app.status(shutdown, "POST", Origin=origin, **signed_in)[0] in {403, 404}
        evil = {"Host": f"evil.example:{app.port}", "Origin": f"http://evil.example:{app.port}"}
        assert app.status(channels, **evil, **WEBSOCKET, **signed_in)[0] == 403
    assert app.status(channels, **WEBSOCKET)[0] == 403
    assert kernel[1] in app.kernels()
    assert app.status(channels, Origin=f"http://127.0.0.1:{app.port}", **WEBSOCKET, **signed_in)[0] == 101
    app.wait_for_end(kernel[1])


def test_app_listens_on_loopback_only(app: App):
    """The app listens on 127.0.0.1, whatever a configuration file in the folder says."""
    found = psutil.Process(app._process.pid).net_connections()
    assert {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN and one.laddr.port == app.port} == {"127.0.0.1"}


def test_app_page_may_not_be_framed(app: App):
    """No other site can show the page in a frame, where clicks could be stolen."""
    with urllib.request.urlopen(f"{app.address}login", timeout=60) as response:  # noqa: S310  # our own server
        assert "frame-ancestors 'self'" in response.headers["Content-Security-Policy"]


def test_app_behind_a_proxy_has_its_path_name_and_token(tmp_path: Path):
    """Behind a proxy, the app has the proxy's path, accepts its host name, and a token that the proxy sends."""
    secret = "0123456789abcdef0123"
    options = ["--no-browser", "--base-path", "user/me/app", "--host-name", "hub.example.org"]
    with App(tmp_path, *options, SCENECART_APP_TOKEN=secret) as proxied:
        assert proxied.path == "/user/me/app/"
        assert secret not in proxied.output
        origin = {"Host": "hub.example.org", "Origin": "https://hub.example.org"}
        assert proxied.status("/user/me/app/", **origin)[0] == 302
        signed_in = {**origin, "Authorization": f"token {secret}"}
        assert "kernelId" in proxied.status("/user/me/app/", **signed_in)[1]
        assert proxied.stop(signal.SIGTERM) == 0
        assert proxied.kernels() == set()


def test_app_token_that_is_short_is_refused(tmp_path: Path):
    """A token that could be guessed is refused before anything listens; so is an empty one."""
    for token in ("", "secret"):
        done = run("app", "--profile", "sandbox", "--no-browser", cwd=tmp_path, HOME=str(tmp_path), SCENECART_APP_TOKEN=token)
        assert done.returncode == 1
        assert "SCENECART_APP_TOKEN" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_app_interrupted_ends(tmp_path: Path):
    """Ctrl+C ends the app, also while its first kernel starts."""
    with App(tmp_path, "--no-browser") as running:
        assert running.stop(signal.SIGINT) == 0


def test_app_opens_the_browser_with_a_file_that_others_cannot_read(tmp_path: Path):
    """The browser is given a file of this user only, which has the URL with the token: arguments of programs are public."""
    browser = tmp_path / "browser"
    lines = [
        "#!/bin/sh",
        'path="${1#file://}"',
        "ls -ld $(dirname $path) > folder",
        "cp $path opened.html",
        'echo "$@" > arguments',
    ]
    browser.write_text("\n".join(lines) + "\n")
    browser.chmod(0o700)
    with App(tmp_path, BROWSER=str(browser)) as running:
        wait_for(lambda: (tmp_path / "arguments").exists() and (tmp_path / "arguments").read_text())
        assert running.token not in (tmp_path / "arguments").read_text()
        assert running.token in (tmp_path / "opened.html").read_text()
        assert (tmp_path / "folder").read_text().startswith("drwx------")
