"""Reads features from result streams: lines, server-sent events, arrays and wrapped features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenecart._api import operations
from scenecart._api.error_documents import parse_problem
from scenecart._api.paging import announced_count, next_token
from scenecart._api.problems import error_of_status
from scenecart._captures.decode import Batch, Reader, read_feature, read_page
from scenecart._util.json import LineTooLong, NotJson, batches, dumps, loads
from scenecart.exceptions import ScenecartError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scenecart._captures.features import Feature

UNREADABLE_CODES = frozenset(
    {
        "next_page_unreadable",
        "response_corrupt",
        "response_empty",
        "response_not_feature_collection",
        "response_not_json",
        "results_missing",
        "stream_aborted",
        "stream_empty",
        "stream_line_not_json",
        "stream_line_too_long",
    }
)
"""Codes of errors after which the same search is read by pages."""

_LINES = 1_000
_SMALL_BYTES = 64 * 2**10
_MIN_ERROR_STATUS, _MAX_ERROR_STATUS = 400, 599
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_WRAPPERS = ("feature", "features", "item", "items", "capture", "result", "results", "data", "payload")
_ERROR_TYPES = frozenset({"error", "failure", "exception", "fatal"})
_END_EVENTS = frozenset({"complete", "completed", "done", "end", "finished", "footer", "summary", "trailer"})
_COUNTS = ("count", "numberReturned", "returned")
_END_OF_EVENTS = b"[DONE]"
_FEATURE = b'"Feature"'


class InvalidLine(ValueError):
    """A line of a stream is not JSON: the stream was truncated, or is not a stream of captures."""

    def as_service_error(self, host: str) -> ServiceError:
        """Return the error for the user."""
        return _stream_error(
            f"The result stream of {host!r} is truncated or damaged: a line is not JSON ({self}).", code="stream_line_not_json"
        )


def empty_stream(host: str) -> ServiceError:
    """Return the error for a stream without any feature, which does not prove that there is no imagery."""
    return _stream_error(f"The result stream of {host!r} has no captures.", code="stream_empty")


def raise_invalid_lines(found: Iterator[Batch], host: str) -> Iterator[Batch]:
    """Raise the user's error for a line that is not JSON."""
    try:
        yield from found
    except InvalidLine as error:
        raise error.as_service_error(host) from None


def read_stream(chunks: Iterable[bytes], host: str) -> Iterator[Batch]:
    """Read a stream in any of the service's forms.

    Raises
    ------
    InvalidLine
        If a line is not JSON.
    ScenecartError
        If the stream contains an error.
    """
    lines_reader = _LineReader(host)
    try:
        for lines in (many[start : start + _LINES] for many in batches(chunks) for start in range(0, len(many), _LINES)):
            yield from lines_reader.read(lines)
        lines_reader.finish()
    except LineTooLong as error:
        raise _stream_error(f"The result stream of {host!r} cannot be read: {error}.", code="stream_line_too_long") from None


def check_stream(chunks: Sequence[bytes], host: str) -> None:
    """Refuse a complete stream in an unknown form; of a large stream, only both ends are checked.

    Raises
    ------
    ScenecartError
        If it contains no feature, or an error.
    """
    content = b"".join(chunks) if sum(map(len, chunks)) <= _SMALL_BYTES else _both_ends(chunks)
    features = sum(len(found) for found, _ in raise_invalid_lines(read_stream([content], host), host))
    if not features:
        raise empty_stream(host)


def _both_ends(chunks: Sequence[bytes]) -> bytes:
    head, tail = bytearray(), bytearray()
    for chunk in chunks:
        head += chunk
        if b"\n" in head.lstrip():
            break
    for chunk in reversed(chunks):
        tail[:0] = chunk
        if b"\n" in tail.rstrip():
            break
    first, last = bytes(head).lstrip().partition(b"\n")[0], bytes(tail).rstrip().rpartition(b"\n")[2]
    # a line that is not a feature may state how many there are
    if any(_FEATURE not in line or line.startswith(_EVENT_FIELDS) for line in (first, last)):
        return b"".join(chunks)
    return first if first == last else first + b"\n" + last


class _LineReader:
    """Reads the lines of one stream, and keeps track of the server-sent event that a line belongs to."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._reader = Reader()
        self._event = ""
        self._count = 0
        self._announced = 0

    def read(self, lines: Sequence[bytes]) -> Iterator[Batch]:
        """Read some lines; the features before an invalid line are yielded before its error."""
        features = self._reader.lines(lines)
        if features is not None:
            self._count += len(features)
            yield features, 0
            return
        features, skipped = [], 0
        failure: Exception | None = None
        for line in lines:
            try:
                skipped += self._read_line(line, features)
            except (ScenecartError, InvalidLine) as error:
                failure = error
                break
        self._count += len(features)
        self._reader.learn_from(features)
        yield features, skipped
        if failure is not None:
            raise failure

    def finish(self) -> None:
        """Refuse a stream that contained fewer captures than it announced."""
        if self._announced > self._count:
            raise _stream_error(
                f"The result stream of {self._host!r} announces {self._announced:,} captures, but has {self._count:,}.",
                code="stream_aborted",
            )

    def _read_line(self, line: bytes, features: list[Feature]) -> int:
        if not line.startswith(_EVENT_FIELDS):
            return self._read_document(line, features)
        name, _, value = line.partition(b":")
        value = value.strip()
        if name == b"event":
            self._event = value.decode("utf-8", "replace").lower()
        if name != b"data" or not value or value == _END_OF_EVENTS:
            return 0
        event, self._event = self._event, ""
        if event in _ERROR_TYPES:
            raise _error_of_event(value)
        if event in _END_EVENTS:
            self._read_end(value)
            return 0
        known = len(features)
        skipped = self._read_document(value, features)
        # events about progress are not captures
        return skipped if len(features) > known or event in {"", "feature", "item", "result", "data", "message"} else 0

    def _read_end(self, value: bytes) -> None:
        try:
            document = loads(value)
        except NotJson:
            return
        if isinstance(document, Mapping):
            self._note_announcements(document, is_end=True)

    def _note_announcements(self, document: Mapping[str, Any], *, is_end: bool) -> bool:
        """Return whether a line announces the number of captures; refuse a line that announces another page."""
        if next_token(document, operations.SEARCH_STREAM.id) is not None:
            raise _stream_error("The result stream has one page of several.", code="stream_aborted")
        counts = [announced_count(document)]
        if is_end:
            counts += [operations.whole_number(document.get(name)) for name in _COUNTS]
        known = [count for count in counts if count is not None]
        self._announced = max([self._announced, *known])
        return bool(known)

    def _read_document(self, line: bytes, features: list[Feature]) -> int:
        """Append the features of a line; return how many of its entries are not features."""
        try:
            feature = read_feature(line, typed=True)
            if feature is not None:
                features.append(feature)
                return 0
            document = loads(line)
        except NotJson as error:
            raise InvalidLine(str(error)) from None
        if isinstance(document, list):
            return _read_collection(b'{"type":"FeatureCollection","features":' + _without_mark(line) + b"}", features)
        if not isinstance(document, Mapping):
            return 1
        if document.get("type") == "FeatureCollection":
            return _read_collection(line, features)
        if "status" in document and ("title" in document or "detail" in document):
            raise _error_of_problem(document)
        if _is_error(document):
            raise _error_of_problem(document)
        for name in _WRAPPERS:
            inner = document.get(name)
            is_collection = isinstance(inner, Mapping) and inner.get("type") in {"Feature", "FeatureCollection"}
            if is_collection or isinstance(inner, list):
                skipped = self._read_document(dumps(inner), features)
                self._note_announcements(document, is_end=False)
                return skipped
        kind = str(document.get("type") or document.get("event") or "").lower()
        # progress may be counted in other units
        is_announcement = "progress" not in kind and self._note_announcements(document, is_end=kind in _END_EVENTS)
        return 0 if is_announcement else 1


def _read_collection(document: bytes, features: list[Feature]) -> int:
    """Append the features of a collection; refuse one that is only a page of several."""
    inner, skipped, paging = read_page(document, operations.SEARCH_STREAM.id)
    features.extend(inner)
    total = announced_count(paging)
    if next_token(paging, operations.SEARCH_STREAM.id) is not None or (total is not None and total > len(inner) + skipped):
        raise _stream_error("The result stream has one page of several.", code="stream_aborted")
    return skipped


def _without_mark(line: bytes) -> bytes:
    return line.removeprefix(b"\xef\xbb\xbf")


def _is_error(document: Mapping[str, Any]) -> bool:
    kinds = {str(document.get(name)).lower() for name in ("type", "event", "kind", "level")}
    return not kinds.isdisjoint(_ERROR_TYPES) or bool(document.get("error") or document.get("errors"))


def _error_of_event(value: bytes) -> ScenecartError:
    try:
        document = loads(value)
    except NotJson:
        document = {"detail": value.decode("utf-8", "replace")}
    return _error_of_problem(document if isinstance(document, Mapping) else {"detail": str(document)})


def _error_of_problem(document: Mapping[str, Any]) -> ScenecartError:
    """Return the error for a problem document in a stream, by its status if that is an error status."""
    problem = parse_problem(document)
    status = operations.whole_number(document.get("status"))
    if status is None or not _MIN_ERROR_STATUS <= status <= _MAX_ERROR_STATUS:
        error: ScenecartError = ServiceError(f"The service aborted the result stream: {problem.text}", code="stream_aborted")
    else:
        error = error_of_status(status, problem, operations.SEARCH_STREAM.id, None)
    error.operation = operations.SEARCH_STREAM.id
    error.problem = {**problem.shown(), "status": status}
    return error


def _stream_error(message: str, *, code: str) -> ServiceError:
    return ServiceError(message, code=code, operation=operations.SEARCH_STREAM.id)
