"""The news of a watch in words: how many are new, and since when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from _purchases import Clock
from _scripted_service import ScriptedService, feature, ndjson
from scenecart._watch.news import News, count_news

NOW = datetime.fromisoformat("2026-11-27T14:05:00+00:00")


@pytest.mark.parametrize(
    ("count", "ago", "text"),
    [
        (3, timedelta(days=3), "3 new since Tuesday"),
        (0, timedelta(hours=1), "nothing new since 13:05"),
        (1_200, timedelta(days=20), "1,200 new since 7 November"),
        (1, timedelta(days=400), "1 new since 2025-10-23"),
        (2, None, "2 new"),
    ],
)
def test_text_of_news_says_since_when(count: int, ago: timedelta | None, text: str):
    """The text has the count, and the day as people say it."""
    assert News(count, None if ago is None else NOW - ago, NOW).text == text


def test_count_news_counts_what_is_not_seen(service: ScriptedService, connect: Any):
    """News are counted without marking them; a clock that was set back never says that they are since the future."""
    clock = Clock()
    watch = connect(wall=clock).watch("harbour", "h", collections="c")
    service.put("catalog.search_stream", ndjson(feature("a"), feature("b")))
    assert [count_news(watch).text for _ in range(2)] == ["2 new", "2 new"]
    watch.seen(watch.new().head(1))
    clock.now += 60
    news = count_news(watch)
    assert (news.count, news.since is not None) == (1, True)
    clock.now -= 10 * 86_400
    assert count_news(watch).text == "1 new"
