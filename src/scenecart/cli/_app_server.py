"""The web server of ``scenecart app``: Voila with a token, for this computer only. The only module that imports Voila."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import tempfile
import webbrowser
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server import DEFAULT_STATIC_FILES_PATH
from jupyter_server.base.handlers import FileFindHandler, JupyterHandler
from tornado.web import HTTPError, RequestHandler, authenticated
from traitlets.config import Config
from voila.app import Voila
from voila.static_file_handler import MultiStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler

from scenecart._util.folders import state_folder
from scenecart._util.html import render
from scenecart.cli._app_scripts import PageScripts
from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN_VARIABLE = "SCENECART_APP_TOKEN"  # noqa: S105  # the name of a variable
# of these, an empty one would leave the server open to everybody
_VARIABLES_OF_JUPYTER = ("JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE")
_LEAST_TOKEN = 16
_EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget", "jupyter-leaflet")
_PAGE_EXTENSION = {"name": "scenecart-page", "load": "page.js", "extension": "./extension"}
_FILL_SECONDS = 4.0
# the path of a Unix socket has at most 103 bytes on macOS, and a kernel's ends with /voila_12345678/kernel-<36>-ipc-5
_MAX_SOCKET_FOLDER = 103 - 65
_TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "app"


class Page(TornadoVoilaHandler):  # type: ignore[misc]  # Voila has no type annotations
    """The page, with the cookie that it sends when it is closed: without it, its kernel would not end."""

    async def prepare(self) -> None:
        """Set the cookie against forged requests, which Voila's page sends back and Voila does not set."""
        await super().prepare()
        _ = self.xsrf_token


class _RecordingHandler(RequestHandler):
    """A file that is recorded for the pages to come, if it is a script."""

    def on_finish(self) -> None:
        """Record what the page requested."""
        super().on_finish()
        if self.get_status() in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
            self.settings["page_scripts"].note(self.request.path.partition("/voila/")[2])


class VoilaFile(_RecordingHandler, MultiStaticFileHandler):  # type: ignore[misc]  # as above
    """A file of Voila."""


class ExtensionFile(_RecordingHandler, FileFindHandler):
    """A file of an extension."""


class JoinedScripts(JupyterHandler):
    """The scripts that pages requested, as one."""

    @authenticated
    def get(self) -> None:
        """Send them, or that the browser has them."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "private, no-cache")
        self.finish(self.settings["page_scripts"].script)


_HANDLERS = {TornadoVoilaHandler: Page, MultiStaticFileHandler: VoilaFile, FileFindHandler: ExtensionFile}


class AppServer(Voila):  # type: ignore[misc]  # Voila has no type annotations
    """Voila for one notebook: it opens the browser with the token, as JupyterLab does."""

    opens_browser = True

    def setup_template_dirs(self) -> None:
        """Look for templates in the package first."""
        super().setup_template_dirs()
        self.template_paths.insert(0, str(_TEMPLATE))

    def init_handlers(self) -> list[Any]:
        """Use our handlers of the page and its scripts."""
        ours = [(path, _HANDLERS.get(kind, kind), *rest) for path, kind, *rest in super().init_handlers()]
        folder = f"{self.server_url}voila/labextensions/{_PAGE_EXTENSION['name']}"
        extension = (rf"{folder}/({re.escape(_PAGE_EXTENSION['load'])})", FileFindHandler, {"path": [str(_TEMPLATE)]})
        return [(f"{self.server_url}scripts.js", JoinedScripts), extension, *ours]

    def init_settings(self) -> dict[str, Any]:
        """Add the scripts of the page."""
        roots = {"static/": self.static_paths, "labextensions/": self.labextensions_path}
        memory = None
        # without a home directory they are learned at every start
        with contextlib.suppress(ConfigurationError):
            memory = state_folder() / "app_scripts.json"
        return {**super().init_settings(), "page_scripts": PageScripts(roots, memory)}

    def launch_browser(self) -> None:
        """Print the URL with its token, and open it. Voila calls this once it accepts requests."""
        # as SIGTERM does: an exception anywhere in the start of a kernel would leave it half started
        signal.signal(signal.SIGINT, self._handle_signal_stop)
        provider = self.identity_provider
        url = f"{self.connection_url}?token={provider.token}"
        print(f"The workbench is at {url if provider.token_generated else self.connection_url}", flush=True)
        print("Only programs on this computer that know the token can reach it. To stop it, press Ctrl+C.", flush=True)
        if self.opens_browser:
            # other users of the computer see the arguments of a browser, but cannot read this file
            self._redirect = Path(tempfile.mkdtemp(dir=self.connection_dir)) / "open.html"
            self._redirect.write_text(render("open_app.html", url=url), encoding="utf-8")
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(self._redirect.as_uri())

    def stop(self) -> None:
        """End all kernels. One that is still starting ends by itself, without this process."""
        with contextlib.suppress(HTTPError):
            super().stop()


def serve(
    notebook: Path, *, port: int | None, base_url: str, hosts: Sequence[str], idle_seconds: float, opens_browser: bool
) -> None:
    """Serve one notebook until it is stopped.

    Parameters
    ----------
    notebook
        The notebook. Each page that is opened has a kernel of its own.
    port
        The port; None for 8866, or a free one near it.
    base_url
        The path of the page, which ends with a slash.
    hosts
        Names besides localhost and 127.0.0.1 by which a proxy on this computer is reached.
    idle_seconds
        How long the kernel of a page that is closed, or not connected, may be idle before it ends.
    opens_browser
        Whether to open a browser.

    Raises
    ------
    ConfigurationError
        If the token in the environment is too short.
    """
    config = Config()
    config.Voila.ip = "127.0.0.1"
    config.Voila.base_url = base_url
    # Voila reads voila.json and runs voila.py in the working directory, which could take the token away
    config.Voila.config_file_paths = []
    config.Voila.log_level = logging.WARNING
    # Voila allows every host name, as a web page needs that has its own name resolve to this computer
    config.Voila.tornado_settings = {
        "allow_remote_access": False,
        "local_hostnames": ["localhost", *hosts],
        # error pages of Jupyter need both
        "static_path": DEFAULT_STATIC_FILES_PATH,
        "static_url_prefix": f"{base_url}voila/static/",
    }
    if port is not None:
        config.Voila.port, config.Voila.port_retries = port, 0
    config.VoilaConfiguration.theme = "light"
    # a page opens with a kernel that has made it already; the next one starts once that page is loaded
    config.VoilaConfiguration.preheat_kernel = True
    config.VoilaConfiguration.default_pool_size = 1
    config.VoilaKernelManager.fill_delay = _FILL_SECONDS
    config.VoilaConfiguration.file_allowlist = []
    # others of the environment, such as an editor's, are not seen on this page
    config.VoilaConfiguration.extension_allowlist = list(_EXTENSIONS)
    config.VoilaConfiguration.page_config_hook = _with_page_extension
    folder = _socket_folder()
    if folder is not None:
        # another program may take a TCP port before the kernel listens there, and its page would never open
        config.KernelManager.transport = "ipc"
        config.Voila.connection_dir_root = folder
    config.MappingKernelManager.cull_idle_timeout = max(1, round(idle_seconds))
    config.MappingKernelManager.cull_interval = max(1, min(30, round(idle_seconds)))
    _set_token(config)
    server = AppServer(config=config)
    server.opens_browser = opens_browser
    server.initialize([str(notebook)])
    server.start()


def _socket_folder() -> str | None:
    """Return a writable folder whose path is short enough for the Unix sockets of kernels, or None."""
    if os.name != "posix":
        return None
    folders = [tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp"]  # noqa: S108  # a new folder is created in it
    usable = (one for one in folders if one and len(os.fsencode(one)) <= _MAX_SOCKET_FOLDER and os.access(one, os.W_OK | os.X_OK))
    return next(usable, None)


def _with_page_extension(page_config: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add our extension of the page, page.js, to those that are installed."""
    return {**page_config, "federated_extensions": [*page_config["federated_extensions"], _PAGE_EXTENSION]}


def _set_token(config: Any) -> None:
    """Use the token in the environment, or a new one; kernels do not inherit it."""
    for name in _VARIABLES_OF_JUPYTER:
        os.environ.pop(name, None)
    token = os.environ.pop(TOKEN_VARIABLE, None)
    if token is None:
        config.Voila.auto_token = True
    elif len(token) < _LEAST_TOKEN:
        raise ConfigurationError(
            f"{TOKEN_VARIABLE} must have at least {_LEAST_TOKEN} characters.",
            code="app_token_short",
            hint="Leave it out to get a new token at every start.",
        )
    else:
        config.Voila.token = token
