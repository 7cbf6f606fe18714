"""Answers of file stores: their own words, and what they mean for a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import scenecart
from scenecart._api.credentials import Secret
from scenecart._api.file_requests import Download
from scenecart._delivery.paths import PlannedFile
from scenecart._delivery.store import StoreBusy, check_status, store_words

FILE = PlannedFile("item-7", "visual", Path("a.tif"), Path("a.tif.part"), None, None)
URL = Secret("https://store.example/a.tif?X-Amz-Signature=0123456789abcdef&n=1", "URL")


def download(status: int, body: bytes = b"", **headers: str) -> Download:
    return Download(status, headers, iter([body]))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"title": "Not Found", "detail": "no such object."}', " (no such object)"),
        (
            b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>",
            " (The key does not exist)",
        ),
        (b"<html><head><title>Busy</title></head><body>long</body></html>", " (Busy)"),
        (b"Maximum number of concurrent flows achieved", " (Maximum number of concurrent flows achieved)"),
        (b"The signature 0123456789abcdef has expired", " (The signature … has expired)"),
        (b"", ""),
        (b"<a>", ""),
    ],
)
def test_store_words_are_the_sentence_without_secrets(body: bytes, words: str):
    """The explanation of an error document is one line, without what opens the signed URL."""
    assert store_words(download(404, body), URL) == words


@pytest.mark.parametrize("status", [200, 206])
def test_check_status_of_the_file_is_nothing(status: int):
    """A response with the file, or a part of it, is not an error."""
    check_status(download(status), FILE, URL)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, scenecart.DownloadError, "file_not_available"),
        (418, scenecart.DownloadError, "file_not_available"),
        (500, scenecart.ConnectionFailed, "file_server_busy"),
        (599, scenecart.DownloadError, "file_not_available"),
    ],
)
def test_check_status_names_file_and_status(status: int, kind: Any, code: str):
    """An error names the status; one that is final names the file and its item too."""
    with pytest.raises(kind) as caught:
        check_status(download(status, b"gone"), FILE, URL)
    assert caught.value.code == code
    assert str(status) in caught.value.message
    assert "gone" in caught.value.message
    assert kind is not scenecart.DownloadError or "visual of item-7" in caught.value.message


@pytest.mark.parametrize(("status", "is_certain"), [(429, True), (503, True), (401, False), (403, False), (410, False)])
def test_check_status_that_may_mean_too_many_connections_is_busy(status: int, is_certain: bool):  # noqa: FBT001  # of the table
    """A refusal may mean that the store serves no further connection; it keeps how long to wait, and its error."""
    with pytest.raises(StoreBusy) as caught:
        check_status(download(status, b"too many", **{"retry-after": "7"}), FILE, URL)
    assert (caught.value.retry_after, caught.value.is_certain) == (7.0, is_certain)
    assert str(status) in caught.value.error.message
