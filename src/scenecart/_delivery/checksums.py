"""Checksums of files: as STAC assets state them, and computed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# multihash code → algorithm of hashlib
_CODES = {
    0x11: "sha1",
    0x12: "sha256",
    0x13: "sha512",
    0x14: "sha3_512",
    0x15: "sha3_384",
    0x16: "sha3_256",
    0x17: "sha3_224",
    0x20: "sha384",
    0xD5: "md5",
}
_NAMES = {"md5", *_CODES.values()}
_DIGEST_BYTES = {name: hashlib.new(name, usedforsecurity=False).digest_size for name in _NAMES}
# the file extension of STAC, and the checksum extension that it replaced
_MULTIHASH_FIELDS = ("file:checksum", "checksum:multihash")
_CONTINUES, _BITS = 0x80, 7


@dataclass(frozen=True)
class Checksum:
    """A digest as lower-case hexadecimal digits, and its algorithm, as hashlib names it."""

    algorithm: str
    digest: str

    def matches(self, path: Path) -> bool:
        """Return whether a file has this checksum."""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, self._hash).hexdigest() == self.digest

    @property
    def multihash(self) -> str:
        """The checksum as a multihash, for the field ``file:checksum`` of STAC."""
        code = next(code for code, name in _CODES.items() if name == self.algorithm)
        prefix = bytes([code]) if code < _CONTINUES else bytes([code & 0x7F | _CONTINUES, code >> _BITS])
        return (prefix + bytes([len(self.digest) // 2])).hex() + self.digest

    def _hash(self) -> Any:
        return hashlib.new(self.algorithm, usedforsecurity=False)


def checksum_of(path: Path) -> Checksum:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return Checksum("sha256", hashlib.file_digest(stream, "sha256").hexdigest())


def announced_checksum(asset: Mapping[str, Any]) -> Checksum | None:
    """Return the checksum that a STAC asset states; None if there is none that can be read.

    A multihash contains its algorithm and its length. A plain digest is used only if its algorithm is named, as in ``"md5:…"``,
    because several algorithms have digests of the same length.

    Examples
    --------
    >>> from scenecart._delivery.checksums import announced_checksum
    >>> announced_checksum({"file:checksum": "1114" + "ab" * 20}).algorithm
    'sha1'
    >>> announced_checksum({"file:checksum": "12" + "ab" * 31}) is None
    True
    """
    for name in _MULTIHASH_FIELDS:
        value = asset.get(name)
        if isinstance(value, str):
            found = _named_digest(value) or _multihash(value)
            if found is not None:
                return found
    return None


def _named_digest(text: str) -> Checksum | None:
    name, colon, digest = text.strip().lower().partition(":")
    algorithm = re.sub(r"^sha[-_]?2[-_]|^sha-", "sha", name).replace("-", "_")
    if not colon or algorithm not in _NAMES or not re.fullmatch(r"[0-9a-f]+", digest.strip()):
        return None
    digest = digest.strip()
    return Checksum(algorithm, digest) if len(digest) == 2 * _DIGEST_BYTES[algorithm] else None


def _multihash(text: str) -> Checksum | None:
    try:
        data = bytes.fromhex(text.strip())
    except ValueError:
        return None
    code, position = 0, 0
    for position, byte in enumerate(data[:4]):
        code |= (byte & 0x7F) << _BITS * position
        if byte < _CONTINUES:
            break
    rest = data[position + 1 :]
    algorithm = _CODES.get(code)
    if algorithm is None or len(rest) < 1 or rest[0] != len(rest) - 1 or rest[0] != _DIGEST_BYTES[algorithm]:
        return None
    return Checksum(algorithm, rest[1:].hex())
