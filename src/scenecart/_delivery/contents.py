"""Checks of file contents: imagery and not a web page, with the announced size and checksum."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scenecart._delivery.checksums import Checksum, checksum_of
from scenecart._util.text import clean_text
from scenecart._util.validate import shown_value
from scenecart.exceptions import DownloadError, InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart._delivery.paths import PlannedFile

HEAD_BYTES = 512
_IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2"})
_HTML = re.compile(rb"\s*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_DIGITS_SHOWN = 12

Verify = Literal["checksum", "size", "none"]


@dataclass(frozen=True)
class FileRecord:
    """The record of a file from an earlier download.

    Attributes
    ----------
    size : int or None
        Its size in bytes.
    checksum : Checksum or None
        Its checksum.
    verified : str
        How the file was verified: ``"checksum"``, ``"size"`` or ``"none"``.
    """

    size: int | None
    checksum: Checksum | None
    verified: str


def verify_mode(verify: object) -> Verify:
    """Return the mode of verification for the argument ``verify``.

    Raises
    ------
    InvalidRequest
        If the argument is not True, "size" or False.
    """
    modes: dict[object, Verify] = {True: "checksum", "checksum": "checksum", "size": "size", False: "none"}
    if not isinstance(verify, bool | str) or verify not in modes:
        raise InvalidRequest(f"must be True, 'size' or False, got {shown_value(verify)}.", code="verify_invalid", argument="verify")
    return modes[verify]


def looks_wrong(head: bytes, file: PlannedFile, content_type: str = "") -> str | None:
    """Return ``"an HTML page"`` or ``"text"`` if the first bytes cannot be those of the planned file; else None.

    An image never begins with text. Text is a sign-in page, an error document, or a file that refers to other files, such as a VRT.
    """
    is_image = file.target.suffix.lower() in _IMAGE_SUFFIXES or file.media_type.startswith("image/")
    wants_html = file.target.suffix.lower() in {".html", ".htm"} or "html" in file.media_type
    is_page = _HTML.match(head.removeprefix(b"\xef\xbb\xbf")) is not None
    if is_page and not wants_html:
        return "an HTML page"
    if is_image and head and _is_text(head):
        return "an HTML page" if "html" in content_type else "text"
    return None


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def mismatch(path: Path, file: PlannedFile, verify: Verify) -> str | None:
    """Return the difference between a complete file and what the service announces; None if they agree.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    size = path.stat().st_size
    if verify != "none" and file.size is not None and size != file.size:
        return f"it has {size:,} bytes, the service announces {file.size:,}"
    if verify == "checksum" and file.checksum is not None and not file.checksum.matches(path):
        return f"its {file.checksum.algorithm} is not {file.checksum.digest[:_DIGITS_SHOWN]}…, which the service announces"
    return None


def is_as_recorded(path: Path, recorded: FileRecord, verify: Verify) -> bool:
    """Return whether a file is unchanged since an earlier download recorded it."""
    if verify == "none":
        return True
    if recorded.size is not None and path.stat().st_size != recorded.size:
        return False
    return verify == "size" or recorded.checksum is None or recorded.checksum.matches(path)


def verified_by(file: PlannedFile, verify: Verify) -> str:
    """Return how a file was verified that agrees with what the service announces: ``"checksum"``, ``"size"`` or ``"none"``."""
    if verify == "checksum" and file.checksum is not None:
        return "checksum"
    return "size" if verify != "none" and file.size is not None else "none"


def own_checksum(path: Path, file: PlannedFile, verify: Verify) -> Checksum:
    """Return the checksum of a complete file: the announced one if it was verified, else computed."""
    return file.checksum if verify == "checksum" and file.checksum is not None else checksum_of(path)


def check_no_link(file: PlannedFile) -> None:
    """Refuse a target that is a symbolic link, or in a folder that is a symbolic link.

    Raises
    ------
    DownloadError
        If one of them is a symbolic link.
    """
    if file.target.is_symlink() or file.target.parent.is_symlink():
        raise DownloadError(
            f"{clean_text(file.target, 200)} or its folder is a symbolic link. Nothing was written.",
            code="target_is_link",
            hint="Remove the link, or choose another folder.",
        )


def open_for_writing(path: Path, *, append: bool = False) -> int:
    """Open a file for writing, and refuse a symbolic link."""
    how = os.O_APPEND if append else os.O_TRUNC
    binary = getattr(os, "O_BINARY", 0)
    return os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | binary | how, 0o644)


def _is_text(head: bytes) -> bool:
    """Return whether bytes are text. Every image format begins with bytes that do not occur in text."""
    return not set(head) & _BINARY


_BINARY = frozenset({*range(9), 11, *range(14, 27), 28, 29, 30, 31, 127})
