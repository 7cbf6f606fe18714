"""Fuzzing of the file of watches: its searches, or an error that leaves the file as it was."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz import _mutate
from fuzz._engine import Place, WithFolder
from scenecart import ScenecartError
from scenecart._watch.watch_file import CaptureKey, SavedSearch, WatchFile

if TYPE_CHECKING:
    from random import Random

_URL = "https://api.example.com"


class Watches(WithFolder):
    """An input is the content of the file."""

    def open(self, place: Place) -> None:
        """Save two watches as seed."""
        self._folder = Path(tempfile.mkdtemp(dir=place.given))
        path = self._folder / "seed.sqlite"
        file = WatchFile(path)
        for name in ("harbour", "über/é"):
            search = SavedSearch(0, _URL, name, "aurora", '{"collections": ["c"]}', "ada", 1_700_000_000.0, None, None)
            number = file.add(search).number
            file.mark(number, [(CaptureKey("", "aurora", "c", f"capture-{one}"), "2024") for one in range(40)], 1_700_000_001.0)
        self._seed = path.read_bytes()
        self._path = self._folder / "x.sqlite"

    def make(self, pick: Random) -> bytes:
        """Return a changed file; the first page holds the schema."""
        if pick.randrange(2):
            return _mutate.data(pick, self._seed[:4096], self._seed[:4096]) + self._seed[4096:]
        return _mutate.data(pick, self._seed, self._seed) if pick.randrange(20) else self._seed

    def check(self, data: bytes) -> str:
        """List the watches and what they have seen."""
        self._path.write_bytes(data)
        file = WatchFile(self._path)
        outcomes = set()
        try:
            for search in file.list(_URL):
                file.known(search.number)
                outcomes.add("read")
        except ScenecartError as error:
            assert len(str(error)) < 2_000, "the message is too long"
            assert error.code != "watches_foreign" or self._path.read_bytes() == data, "the file was changed"
            return str(error.code)
        return " ".join(outcomes) or "none"
