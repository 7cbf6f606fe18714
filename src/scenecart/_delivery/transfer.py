"""The transfer of one file: resumed if possible, verified, and renamed to its final name only when it is complete."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

from scenecart._delivery import contents, store
from scenecart._delivery.checksums import checksum_of
from scenecart._delivery.locks import FileLock
from scenecart._delivery.remote import signed_url
from scenecart._delivery.stac_item import ReceivedFile
from scenecart.exceptions import ConnectionFailed, DownloadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenecart._api.file_requests import Download
    from scenecart._api.http import Session
    from scenecart._delivery.contents import Verify
    from scenecart._delivery.paths import PlannedFile

_MOST_ETAG_BYTES = 1_000
_MOST_OLD_FILES = 1_000
_ETAG = re.compile(rb'"[\x21\x23-\x7e]*"')
_SIZE_HINT = "Download again. If what the service announces is wrong, verify=False keeps the file as it is."
_VERIFY_HINT = "Download again. If what the service announces is wrong, verify='size' or verify=False keeps the file as it is."


class FileInUse(Exception):
    """Another process or thread is downloading this file."""


class TransferStopped(Exception):
    """The transfer was stopped by another thread; nothing more is written."""


class Transfer:
    """The transfer of one file, in a thread; another thread can stop it at any time.

    After ``stop()``, nothing is written, and other processes can download the file, even if the thread still waits for the store.

    Parameters
    ----------
    session
        The connection to the service.
    file
        The file.
    verify
        How the file is verified.

    Attributes
    ----------
    arrived : int
        Number of bytes transferred so far.
    total : int or None
        Size of the file in bytes, as soon as it is known.
    replaced : pathlib.Path or None
        The new path of a damaged file that this transfer replaced.
    """

    def __init__(self, session: Session, file: PlannedFile, verify: Verify) -> None:
        self._session = session
        self._file = file
        self._verify = verify
        self._guard = threading.Lock()
        self._is_stopped = False
        self._lock: FileLock | None = None
        self.arrived = 0
        self.total = file.size
        self.replaced: Path | None = None

    def stop(self) -> None:
        """Stop the transfer at once."""
        with self._guard:
            self._is_stopped = True
            if self._lock is not None:
                self._lock.release()

    def run(self) -> ReceivedFile:
        """Return the complete file; it is downloaded unless it exists.

        Raises
        ------
        FileInUse
            If another process or thread is downloading the file.
        StoreBusy
            If the store refuses the connection.
        ConnectionFailed
            If the transfer was interrupted; it can be run again.
        DownloadError
            If the file cannot be downloaded.
        OSError
            If the file cannot be written.
        """
        file = self._file
        contents.check_no_link(file)
        found = self._existing()
        if found is not None:
            return found
        file.target.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            # another process may have completed it meanwhile
            return self._existing() or self._download()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = FileLock(self._file.part.with_name(f".{self._file.part.name}.lock"))
        with self._guard:
            if self._is_stopped:
                raise TransferStopped
            if not lock.acquire():
                raise FileInUse
            self._lock = lock
        try:
            yield
        finally:
            lock.release()

    def _existing(self) -> ReceivedFile | None:
        """Return the file if it exists and is valid; None if it must be downloaded.

        Raises
        ------
        DownloadError
            If a different file exists at its path.
        """
        file, recorded = self._file, self._file.recorded
        if not file.target.exists():
            return None
        wrong = contents.mismatch(file.target, file, self._verify)
        has_announced = wrong is None and contents.verified_by(file, self._verify) == "checksum"
        is_recorded = has_announced or recorded is None or contents.is_as_recorded(file.target, recorded, self._verify)
        # an earlier download accepted it with less verification
        was_accepted = recorded is not None and is_recorded and recorded.verified != "checksum"
        is_imagery = contents.looks_wrong(contents.head_of(file.target), file) is None
        if is_imagery and is_recorded and (wrong is None or was_accepted):
            return self._found(is_right=wrong is None)
        if recorded is None:
            raise DownloadError(
                f"{file.target} exists, and is not {file.name}. It was not overwritten.",
                code="target_differs",
                hint="Move it away, or choose another folder.",
            )
        return None

    def _found(self, *, is_right: bool) -> ReceivedFile:
        """Return the result for an existing file, with its checksum unless the file would have to be read only for that."""
        file, recorded = self._file, self._file.recorded
        self.arrived = self.total = file.target.stat().st_size
        verified = contents.verified_by(file, self._verify) if is_right else "none"
        if verified == "checksum":
            checksum = file.checksum
        elif self._verify == "checksum":
            checksum = checksum_of(file.target) if recorded is None else recorded.checksum
        else:
            checksum = None
        return ReceivedFile(file.asset_id, file.target, self.arrived, checksum, verified)

    def _download(self) -> ReceivedFile:
        """Download the file to its temporary path, verify it, and rename it."""
        file = self._file
        if self._verify != "checksum" and not file.part.exists() and file.unverified_path.is_file():
            file.unverified_path.replace(file.part)
            return self._complete()
        start = self._usable_part()
        if start and start == file.size and self._part_mismatch() is None:
            return self._complete()
        if file.size is not None and start >= file.size and self._verify != "none":
            self._drop_part()
            start = 0
        kept = self._request(start)
        wrong = self._part_mismatch()
        if wrong is not None and kept:
            # the earlier part may belong to another version of the file
            self._drop_part()
            self._request(0)
            wrong = self._part_mismatch()
        if wrong is not None:
            self._refuse(wrong)
        return self._complete()

    def _usable_part(self) -> int:
        """Return the number of bytes of an earlier, incomplete download."""
        part = self._file.part
        return part.stat().st_size if part.is_file() and not part.is_symlink() else 0

    def _request(self, start: int) -> int:
        """Request the file from a byte offset, and append to its part; return how many bytes of the part were kept.

        An expired URL is requested again once.
        """
        etag = self._etag() if start else None
        headers = {"Range": f"bytes={start}-", "If-Range": etag} if etag else {}
        is_renewed = False
        while True:
            url = signed_url(self._session, self._file.item_id, self._file.asset_id)
            with self._session.download(url, headers) as answer:
                if answer.status in store.REFUSED_STATUSES and not is_renewed:
                    is_renewed = True
                    continue
                if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    if answer.headers.get("content-range", "").strip() == f"bytes */{start}":
                        return start
                    self._drop_part()
                    raise ConnectionFailed("The server cannot resume this file.", code="download_not_resumable")
                store.check_status(answer, self._file, url)
                range_ = answer.headers.get("content-range", "")
                resumes = answer.status == HTTPStatus.PARTIAL_CONTENT and range_.startswith(f"bytes {start}-")
                if answer.status == HTTPStatus.PARTIAL_CONTENT and not resumes:
                    self._drop_part()
                    raise ConnectionFailed("The server sent another part of this file.", code="download_not_resumable")
                keep = start if resumes else 0
                self._write(answer, keep)
                return keep

    def _write(self, answer: Download, keep: int) -> None:
        file = self._file
        length = _length_of(answer)
        chunks = iter(answer.chunks)
        first = next(chunks, b"")
        if not keep:
            self._check_beginning(answer, first, length)
        self.total = file.size if length is None else keep + length
        most = None if self._verify == "none" else file.size
        etag = answer.headers.get("etag", "").encode("ascii", "replace")
        self._write_etag(etag if _ETAG.fullmatch(etag) else b"")
        self.arrived = keep
        part = contents.open_for_writing(file.part, append=bool(keep))
        is_longer = False
        try:
            chunk = first
            while chunk and not is_longer:
                if most is not None and self.arrived + len(chunk) > most:
                    # do not read a body without end
                    is_longer = True
                else:
                    self._put(part, chunk)
                    chunk = next(chunks, b"")
            with self._guard:
                if not self._is_stopped:
                    os.fsync(part)
        finally:
            os.close(part)
        if is_longer:
            self._refuse_longer(file.size or 0)

    def _put(self, part: int, chunk: bytes) -> None:
        with self._guard:
            if self._is_stopped:
                raise TransferStopped
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(part, rest) :]
        self.arrived += len(chunk)

    def _check_beginning(self, answer: Download, first: bytes, length: int | None) -> None:
        """Refuse a response that cannot be the file, before it replaces an earlier part."""
        file = self._file
        kind = contents.looks_wrong(first[: contents.HEAD_BYTES], file, answer.headers.get("content-type", "").lower())
        if kind is not None:
            self._refuse_page(kind)
        if self._verify != "none" and None not in {length, file.size} and length != file.size:
            raise DownloadError(
                f"{file.name} was not downloaded: the server has {length:,} bytes, the service announces {file.size:,}.",
                code="file_size_differs",
                hint=_SIZE_HINT,
            )

    def _refuse_longer(self, most: int) -> None:
        self._drop_part()
        raise DownloadError(
            f"{self._file.name} was not downloaded: the server sends more than the {most:,} bytes that the service announces.",
            code="file_size_differs",
            hint=_SIZE_HINT,
        )

    def _refuse_page(self, kind: str) -> None:
        raise DownloadError(
            f"{self._file.name} was not downloaded: {kind} arrived in its place, and was not kept.",
            code="file_is_text",
            hint="Check in a browser whether the network asks you to sign in. Then download again.",
        )

    def _refuse_text(self) -> None:
        kind = contents.looks_wrong(contents.head_of(self._file.part), self._file)
        if kind is not None:
            self._drop_part()
            self._refuse_page(kind)

    def _part_mismatch(self) -> str | None:
        return contents.mismatch(self._file.part, self._file, self._verify)

    def _refuse(self, wrong: str) -> None:
        """Raise the error for a complete file that differs from what the service announces; the file is kept under another name."""
        file = self._file
        self._refuse_text()
        if file.size is not None and file.part.stat().st_size != file.size:
            self._drop_part()
            raise DownloadError(f"{file.name} arrived, but {wrong}. It was not kept.", code="file_size_differs", hint=_SIZE_HINT)
        with self._guard:
            if self._is_stopped:
                raise TransferStopped
            file.part.replace(file.unverified_path)
            file.etag_path.unlink(missing_ok=True)
        raise DownloadError(
            f"{file.name} arrived, but {wrong}. It was kept as {file.unverified_path.name}.",
            code="file_corrupt",
            hint=_VERIFY_HINT,
        )

    def _complete(self) -> ReceivedFile:
        """Rename a verified part to its final name; a damaged file with that name is renamed and kept."""
        file = self._file
        self._refuse_text()
        size = file.part.stat().st_size
        checksum = contents.own_checksum(file.part, file, self._verify)
        with self._guard:
            if self._is_stopped:
                raise TransferStopped
            if file.target.exists():
                self.replaced = _free_name(file.target)
                file.target.replace(self.replaced)
            file.part.replace(file.target)
            file.etag_path.unlink(missing_ok=True)
            file.unverified_path.unlink(missing_ok=True)
        self.arrived = self.total = size
        return ReceivedFile(file.asset_id, file.target, size, checksum, contents.verified_by(file, self._verify))

    def _etag(self) -> str | None:
        """Return the ETag of the part; None if it cannot be read, or is damaged, as after a power failure."""
        try:
            etag = self._file.etag_path.read_bytes()[: _MOST_ETAG_BYTES + 1]
        except OSError:
            return None
        if len(etag) <= _MOST_ETAG_BYTES and _ETAG.fullmatch(etag):
            return etag.decode("ascii")
        return None

    def _write_etag(self, etag: bytes) -> None:
        with self._guard:
            if self._is_stopped:
                raise TransferStopped
            handle = contents.open_for_writing(self._file.etag_path)
            try:
                os.write(handle, etag)
            finally:
                os.close(handle)

    def _drop_part(self) -> None:
        with self._guard:
            if self._is_stopped:
                raise TransferStopped
            self._file.part.unlink(missing_ok=True)
            self._file.etag_path.unlink(missing_ok=True)
        self.arrived = 0


def _length_of(answer: Download) -> int | None:
    """Return the length that a response announces, in bytes; None if there is none, or the body is compressed."""
    text = answer.headers.get("content-length", "")
    is_plain = answer.headers.get("content-encoding", "identity").lower() == "identity"
    return int(text) if is_plain and text.isascii() and text.isdigit() else None


def _free_name(target: Path) -> Path:
    names = [f"{target.name}.old", *(f"{target.name}.{number}.old" for number in range(2, _MOST_OLD_FILES))]
    return next(path for name in names if not (path := target.with_name(name)).exists())
