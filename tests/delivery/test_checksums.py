"""Announced checksums: multihashes, named digests, and what cannot be read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from scenecart._delivery.checksums import Checksum, announced_checksum, checksum_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1220" + "AB" * 32, Checksum("sha256", "ab" * 32)),
        ("1114" + "00" * 20, Checksum("sha1", "00" * 20)),
        ("d50110" + "01" * 16, Checksum("md5", "01" * 16)),
        ("sha256:" + "ab" * 32, Checksum("sha256", "ab" * 32)),
        ("SHA-256: " + "AB" * 32, Checksum("sha256", "ab" * 32)),
        ("sha2-512:" + "ab" * 64, Checksum("sha512", "ab" * 64)),
        ("md5:" + "01" * 16, Checksum("md5", "01" * 16)),
        # a plain digest that begins like a multihash is none
        ("12" + "ab" * 31, None),
        ("1220" + "ab" * 31, None),
        ("1214" + "ab" * 20, None),
        ("1220" + "ab" * 33, None),
        ("ab" * 32, None),
        ("md5:" + "01" * 20, None),
        ("crc32:" + "01" * 4, None),
        ("9999", None),
        ("12zz", None),
        ("d5", None),
        ("ffffffffff", None),
        ("", None),
        (5, None),
    ],
)
def test_announced_checksum_is_read_only_if_it_names_its_algorithm(text: Any, expected: Checksum | None):
    """A multihash whose length is right, or a digest with a named algorithm, is a checksum; anything else is none."""
    assert announced_checksum({"file:checksum": text}) == expected
    assert announced_checksum({"checksum:multihash": text}) == expected


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha384", "sha512", "sha3_256"])
def test_checksum_of_a_file_matches_and_is_written_as_a_multihash(tmp_path: Path, algorithm: str):
    """A file has its checksum and no other; written as a multihash and read again, it is the same."""
    path = tmp_path / "a.tif"
    path.write_bytes(b"imagery")
    checksum = Checksum(algorithm, hashlib.new(algorithm, b"imagery", usedforsecurity=False).hexdigest())
    assert checksum.matches(path)
    assert announced_checksum({"file:checksum": checksum.multihash}) == checksum
    path.write_bytes(b"other bytes")
    assert not checksum.matches(path)


def test_checksum_of_is_sha256(tmp_path: Path):
    """The checksum of a file that the service announces none of is its SHA-256."""
    path = tmp_path / "a.tif"
    path.write_bytes(b"imagery")
    assert checksum_of(path) == Checksum("sha256", hashlib.sha256(b"imagery").hexdigest())
