"""How many pictures the sandbox draws at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from scenecart.sandbox._data.drawing import drawn_once


def test_same_picture_asked_for_at_once_is_drawn_once():
    """Those who ask for a picture while it is drawn wait for it."""
    go, drawn = threading.Event(), []

    @drawn_once(8)
    def draw(name: str) -> bytes:
        go.wait(10)
        drawn.append(name)
        return name.encode()

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(draw, "a") for _ in range(4)]
        go.set()
        assert [one.result(10) for one in asked] == [b"a"] * 4
    assert drawn == ["a"]


def test_pictures_are_drawn_two_at_a_time():
    """However many pictures are asked for at once, at most two are drawn at the same time."""
    lock, now, most = threading.Lock(), [0], [0]

    @drawn_once(8)
    def draw(number: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.002)
        with lock:
            now[0] -= 1
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(draw, range(24))) == list(range(24))
    assert most[0] <= 2
