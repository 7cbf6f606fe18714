"""Strict JSON, and lines of a stream."""

from __future__ import annotations

import gc

import pytest

from scenecart._util.json import LineTooLong, NotJson, batches, dumps, loads


def test_loads_pauses_the_garbage_collector():
    """The collector is paused while a deeply nested document is read: its callbacks would have no stack left, and fail unseen."""
    phases: list[str] = []
    before = gc.get_threshold()
    gc.callbacks.append(lambda phase, _: phases.append(phase))
    gc.set_threshold(10)
    try:
        with pytest.raises(NotJson):
            loads(b"[" * 100_000)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.pop()
    # the code around it collects a few times
    assert len(phases) < 20


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"a": NaN}', b"Infinity", b"[1] 2", b"\xff", b"[1e999]", '{"a": 1}'.encode("utf-16")]
)
def test_loads_refuses_what_is_not_json(data: bytes):
    """Empty, truncated and malformed documents, NaN and Infinity, and numbers too large for a float are refused."""
    with pytest.raises(NotJson):
        loads(data)


def test_dumps_is_canonical():
    """Equal values have equal bytes: sorted keys, no spaces, UTF-8; a lone surrogate is escaped, and NaN is refused."""
    assert dumps({"b": 1, "a": "é"}) == dumps({"a": "é", "b": 1}) == '{"a":"é","b":1}'.encode()
    assert loads(dumps({"a": "\ud800"})) == {"a": "\ud800"}
    with pytest.raises(ValueError, match="JSON"):
        dumps(float("nan"))


def test_batches_yield_complete_lines():
    """Lines are complete for any division into chunks; blank lines are skipped, and the last needs no newline."""
    data = b'{"a":1}\r\n\n{"a":2}\n{"a":3}'
    for size in (1, 4, 100):
        chunks = [data[start : start + size] for start in range(0, len(data), size)]
        assert [line for batch in batches(chunks) for line in batch] == [b'{"a":1}', b'{"a":2}', b'{"a":3}']


def test_endless_line_is_an_error():
    """A line of more than 64 MiB is an error before it fills the memory."""
    with pytest.raises(LineTooLong):
        list(batches(b"x" * 2**20 for _ in range(66)))
