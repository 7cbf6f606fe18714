"""Run the validator of STAC APIs, with JSON schemas served from this machine in place of the internet."""

import functools
import http.server
import sys
import threading
import urllib.request
from urllib.parse import urlsplit

import requests
from stac_api_validator.__main__ import main


class Schemas(http.server.SimpleHTTPRequestHandler):
    """A file server without log output."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


folder = sys.argv.pop(1)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Schemas, directory=folder))
threading.Thread(target=server.serve_forever, daemon=True).start()
send, opened = requests.adapters.HTTPAdapter.send, urllib.request.urlopen


def _local_url(url: str) -> str:
    parts = urlsplit(url)
    return (
        url
        if parts.hostname in {"127.0.0.1", "localhost"}
        else f"http://127.0.0.1:{server.server_port}/{parts.hostname}{parts.path}"
    )


def _send(self: object, request: requests.PreparedRequest, **options: object) -> requests.Response:
    if _local_url(request.url) != request.url:
        request.url = _local_url(request.url)
        options["proxies"] = {}
    return send(self, request, **options)


def _open(url: object, *arguments: object, **options: object) -> object:
    if isinstance(url, str):
        return opened(_local_url(url), *arguments, **options)
    url.full_url = _local_url(url.full_url)
    return opened(url, *arguments, **options)


requests.adapters.HTTPAdapter.send = _send
urllib.request.urlopen = _open
main()
