"""A note outside the journal's folder of how far the journal was, which shows that an older copy took its place."""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._util.folders import state_folder
from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

# names that synchronizing services give to the second of two files
_CONFLICT_WORDS = ("conflict", "conflicted copy")


@dataclass(frozen=True)
class JournalGap:
    """Why a journal may lack purchases.

    Attributes
    ----------
    kind : str
        ``"older"``, ``"other"``, ``"gone"`` or ``"copies"``.
    serial, expected : int
        How many times the file was written, and how many times this computer wrote it.
    other : str
        The name of another file beside it.
    """

    kind: str
    serial: int = 0
    expected: int = 0
    other: str = ""


class JournalMark:
    """The note about one journal, in the folder of this computer for such states (``SCENECART_STATE``).

    Parameters
    ----------
    path
        The journal.
    """

    def __init__(self, path: Path) -> None:
        self._journal = path
        name = hashlib.sha256(str(path.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self._path: Path | None = None
        # without a home directory there is no note, and the journal works without one
        with contextlib.suppress(ConfigurationError):
            self._path = state_folder() / "journals" / f"{name}.json"

    def write(self, journal: str, serial: int) -> None:
        """Note how far the journal is. A note that cannot be written is left out: it only helps to notice a gap."""
        if self._path is None:
            return
        part = self._path.with_suffix(f".{uuid.uuid4().hex[:8]}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                part.write_text(json.dumps({"journal": journal, "serial": serial}), encoding="utf-8")
                part.replace(self._path)
            finally:
                part.unlink(missing_ok=True)

    def gap(self, journal: str, serial: int, *, is_new: bool) -> JournalGap | None:
        """Compare a journal with the note, and return what is wrong with it; None if nothing is.

        Parameters
        ----------
        journal, serial
            The id of the journal, and how many times it was written.
        is_new
            Whether it was created a moment ago.
        """
        noted = self._read()
        if noted is not None:
            expected_journal, expected = noted
            if is_new:
                return JournalGap("gone", serial, expected)
            if expected_journal != journal:
                return JournalGap("other", serial, expected)
            if serial < expected:
                return JournalGap("older", serial, expected)
        stem = self._journal.stem
        with contextlib.suppress(OSError):
            for path in sorted(self._journal.parent.iterdir()):
                is_like = path.name.startswith(stem) and path.suffix == self._journal.suffix and path != self._journal
                if is_like and any(word in path.name.casefold() for word in _CONFLICT_WORDS):
                    return JournalGap("copies", serial, other=path.name)
        return None

    def _read(self) -> tuple[str, int] | None:
        if self._path is None:
            return None
        try:
            noted = json.loads(self._path.read_text(encoding="utf-8"))
            return str(noted["journal"]), int(noted["serial"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
