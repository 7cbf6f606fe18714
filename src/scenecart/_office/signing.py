"""Signatures of approvals: Ed25519 keys in files. The only module that imports cryptography."""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any

from scenecart._util.files import FREE_SPACE, as_path, is_full
from scenecart._util.text import missing_file_hint
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest, missing_extra

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX = "ed25519:"
_KEY_BYTES = 32
_KEY_HINT = 'Make a key: scenecart.new_approver_key("approver.pem")'


def new_approver_key(path: str | os.PathLike[str]) -> str:
    """Make a key to sign approvals with, and return its public part.

    Keep the file secret: who has it can approve orders. The public part, such as ``"ed25519:9Vq…"``, is for
    ``connect(require_approval=[…])`` of those who place orders.

    Parameters
    ----------
    path
        The file to write, PEM, readable by its owner only; an existing one is never replaced.

    Raises
    ------
    InvalidRequest
        If the file exists, or cannot be written.
    MissingExtra
        If cryptography is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> new_approver_key(pathlib.Path(tempfile.mkdtemp()) / "approver.pem")[:8]
    'ed25519:'
    """
    target = as_path(path, "path").expanduser()
    key = _ed25519().Ed25519PrivateKey.generate()
    serialization = _serialization()
    content = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except FileExistsError:
        raise InvalidRequest(
            f"{target.name} exists already; a key is never replaced.", code="approver_key_exists", hint="Choose another path."
        ) from None
    except OSError as error:
        raise InvalidRequest(
            f"{target.name} cannot be written ({error.strerror}).",
            code="approver_key_not_written",
            hint=FREE_SPACE if is_full(error) else "Choose another folder.",
        ) from error
    return _public_text(key)


def sign(path: str | os.PathLike[str], message: bytes) -> tuple[str, str]:
    """Sign a message with the key in a file; return the public key and the signature as text.

    Raises
    ------
    InvalidRequest
        If the file is no key.
    """
    key = _private_key(as_path(path, "key").expanduser())
    return _public_text(key), base64.b64encode(key.sign(message)).decode("ascii")


def is_signed(message: bytes, public_key: str, signature: str) -> bool:
    """Return whether a signature of a message is that of a public key."""
    ed25519 = _ed25519()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # an extra

    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(_public_bytes(public_key))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, InvalidRequest, ValueError, binascii.Error):
        return False
    return True


def checked_public_keys(keys: Any) -> tuple[str, ...]:
    """Return public keys of approvers, each checked.

    Raises
    ------
    InvalidRequest
        If one of them is invalid.
    """
    given = [keys] if isinstance(keys, str) else list(keys) if isinstance(keys, list | tuple | set | frozenset) else None
    if not given:
        raise InvalidRequest(
            f"must be a list of public keys, got {shown_value(keys)}.",
            argument="require_approval",
            code="public_key_invalid",
            hint=_KEY_HINT,
        )
    for key in given:
        _public_bytes(key)
    return tuple(given)


def require() -> None:
    """Check that the package is installed.

    Raises
    ------
    MissingExtra
        If it is not.
    """
    _ed25519()


def _public_bytes(text: Any) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX), validate=True) if str(text).startswith(_PREFIX) else b""
    except (ValueError, binascii.Error, AttributeError):
        found = b""
    if len(found) != _KEY_BYTES:
        raise InvalidRequest(
            f"must be public keys such as 'ed25519:…', got {shown_value(text)}.",
            argument="require_approval",
            code="public_key_invalid",
            hint=_KEY_HINT,
        )
    return found


def _public_text(key: Any) -> str:
    return _PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode("ascii")


def _private_key(path: Path) -> Any:
    ed25519 = _ed25519()
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidRequest(
            f"cannot be read ({reason}): {path.name}.",
            argument="key",
            code="approver_key_unreadable",
            hint=missing_file_hint(path) or _KEY_HINT,
        ) from error
    try:
        key = _serialization().load_pem_private_key(content, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InvalidRequest(f"{path.name} is not an Ed25519 key in PEM format.", code="approver_key_invalid", hint=_KEY_HINT)
    return key


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Signed approvals need", error, "office") from error
    return ed25519


def _serialization() -> Any:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  # an extra

    return serialization


new_approver_key.__module__ = "scenecart"
