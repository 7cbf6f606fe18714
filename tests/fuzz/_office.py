"""Fuzzing of approvals and budgets: what was signed, or an error; a changed approval allows nothing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fuzz import _mutate
from fuzz._engine import Place, WithFolder
from scenecart import ConfigurationError, NotApproved
from scenecart._office.approvals import Approval, read_approval
from scenecart._office.budgets import read_budgets
from scenecart._office.signing import sign

if TYPE_CHECKING:
    from random import Random

_BUDGETS = """
[[budget]]
credits = 5_000_000
per = "month"
until = 2026-12-31

[[budget]]
credits = 100000
per = "year"
project = "harbours"
"""


class Office(WithFolder):
    """An input is ``approval`` or ``budgets``, a newline, and the content of the file."""

    def open(self, place: Place) -> None:
        """Sign an approval as seed, by a key that is the same in every process."""
        self._folder = Path(tempfile.mkdtemp(dir=place.given))
        key = self._folder / "key.pem"
        private = Ed25519PrivateKey.from_private_bytes(bytes(32))
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        terms = {"license_type": "standard", "project": None, "again": "", "by": "Ada", "note": "über", "until": None}
        unsigned = Approval(fingerprint="f" * 64, captures=("a", "b"), up_to=50_000, made_at="2026-11-01T00:00:00Z", **terms)
        public, signature = sign(key, unsigned.message)
        signed = {**json.loads(unsigned.message), "key": public, "signature": signature}
        self._signed = json.dumps(signed, ensure_ascii=False).encode()
        self._file = self._folder / "x.json"
        self._file.write_bytes(self._signed)
        self._approval = read_approval(self._file)

    def make(self, pick: Random) -> bytes:
        """Return a changed approval or file of budgets."""
        if pick.randrange(3) == 0:
            text = _BUDGETS.encode()
            return b"budgets\n" + _mutate.data(pick, text, text)
        document = _mutate.document(pick, json.loads(self._signed)) if pick.randrange(8) else json.loads(self._signed)
        text = _mutate.encode(pick, document)
        return b"approval\n" + (_mutate.data(pick, text, text) if pick.randrange(4) == 0 else text)

    def check(self, data: bytes) -> str:
        """Read the file; an approval must be the one that was signed."""
        kind, _, content = data.partition(b"\n")
        self._file.write_bytes(content)
        try:
            if kind == b"budgets":
                budgets = read_budgets(self._file)
                assert all(isinstance(one.credits, int) and one.credits >= 0 for one in budgets)
                return "budgets: read"
            approval = read_approval(self._file)
        except (NotApproved, ConfigurationError) as error:
            assert len(str(error)) < 2_000, "the message is too long"
            return f"{kind.decode()}: {error.code}"
        assert approval == self._approval, "another approval"
        return "approval: read"
