"""Fuzzing of files that are read by ranges: the bytes of the file, or an error; never other bytes."""

from __future__ import annotations

import contextlib
import json
from random import Random
from typing import TYPE_CHECKING, Any

from fuzz import _mutate
from fuzz._engine import Bare, Place
from scenecart import ScenecartError
from scenecart._api.credentials import Secret
from scenecart._api.file_requests import Download
from scenecart._imagery.ranges import BLOCK, RangeReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SIZE = 5 * BLOCK + 1_234
_STATUSES = (206, 206, 206, 206, 206, 200, 401, 403, 404, 410, 416, 429, 500, 503, 302, 100)


class Ranges(Bare):
    """An input is a list of answers, each a status, headers and how the body is cut."""

    def open(self, _: Place) -> None:
        """Make the file."""
        self._file = Random(5).randbytes(_SIZE)  # noqa: S311  # no secret

    def make(self, pick: Random) -> bytes:
        """Return what a server answers, in turn."""
        answers = []
        for _ in range(pick.randrange(1, 6)):
            answer: dict[str, Any] = {"status": 206, "range": None, "etag": "a", "less": 0, "chunk": pick.choice((1, 1_000, 10**6))}
            if pick.randrange(2):
                answer = _mutate.document(pick, answer)
            if isinstance(answer, dict) and pick.randrange(3) == 0:
                answer["status"] = pick.choice(_STATUSES)
            answers.append(answer)
        return _mutate.encode(pick, answers)

    def check(self, data: bytes) -> str:
        """Read some spans; what is returned is of the file, unless the server passes off other bytes as the range."""
        try:
            answers = [one for one in json.loads(data) if isinstance(one, dict)] or [{}]
        except RecursionError:
            return "no input"
        turn = iter(range(10**6))

        @contextlib.contextmanager
        def download(_: Secret, headers: Mapping[str, str]) -> Iterator[Download]:
            yield self._answer(answers[min(next(turn), len(answers) - 1)], headers["Range"])

        reader = RangeReader(lambda: Secret("https://x.example/a.tif"), download, "a.tif")
        outcomes = set()
        for start, count in ((0, 16), (BLOCK - 5, 10), (_SIZE - 7, 100), (2 * BLOCK, 3 * BLOCK), (_SIZE + 5, 5)):
            try:
                found = reader.read(start, count)
            except ScenecartError as error:
                assert len(str(error)) < 2_000, "the message is too long"
                outcomes.add(str(error.code))
                continue
            assert found == self._file[start : start + count], "other bytes"
            outcomes.add("read")
        assert reader.requests <= 40, "requests without end"
        return " ".join(sorted(outcomes))

    def _answer(self, answer: Mapping[str, Any], asked: str) -> Download:
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) + 1, _SIZE)
        body = self._file[start:end]
        less = answer.get("less", 0)
        if isinstance(less, int) and not isinstance(less, bool) and less > 0:
            body = body[:-less]
        stated = answer.get("range")
        place = f"bytes {start}-{end - 1}/{_SIZE}" if stated is None else str(stated)
        headers = {"content-range": place, "etag": str(answer.get("etag", ""))}
        size = answer.get("chunk")
        step = size if isinstance(size, int) and not isinstance(size, bool) and size >= 100 else 1_000
        status = answer.get("status")
        code = status if isinstance(status, int) and not isinstance(status, bool) else 206
        return Download(code, headers, (body[at : at + step] for at in range(0, len(body), step)))
