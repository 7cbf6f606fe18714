"""Signatures of approvals."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from scenecart import InvalidRequest
from scenecart._office.signing import is_signed, sign

if TYPE_CHECKING:
    from pathlib import Path


def test_new_approver_key_is_for_its_owner_and_never_replaced(tmp_path: Path):
    """The key's file is readable by its owner only, and a second key does not replace it."""
    path = tmp_path / "new" / "approver.pem"
    public = scenecart.new_approver_key(path)
    if os.name != "nt":
        assert path.stat().st_mode & 0o077 == 0
    with raises(InvalidRequest, "approver_key_exists"):
        scenecart.new_approver_key(path)
    key, signature = sign(path, b"message")
    assert key == public
    assert is_signed(b"message", public, signature)
    assert not is_signed(b"other", public, signature)


@pytest.mark.parametrize("keys", [[], "abc", ["ed25519:AAAA"], [5], 5])
def test_public_keys_invalid_are_refused(tmp_path: Path, keys: Any):
    """What is no public key is refused when connecting, not at the first order."""
    with raises(InvalidRequest, "public_key_invalid"):
        scenecart.connect(token="t", home=tmp_path, require_approval=keys)
