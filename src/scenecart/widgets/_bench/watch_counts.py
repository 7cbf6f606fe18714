"""Numbers of new captures of saved watches, in the header of the Workbench: "3 new since Tuesday"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._util.text import clean_text
from scenecart._watch.news import count_news
from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from scenecart.client import Client
    from scenecart.widgets._bench.footer import Footer
    from scenecart.widgets._bench.header import Header
    from scenecart.widgets._jobs import Job, Runner

# each is a search
_MOST = 10


class WatchCounts:
    """Counts the new captures of each watch, once, in the background.

    Parameters
    ----------
    client
        The connection.
    runner
        Searches in the background.
    header, footer
        Where the numbers are shown.
    """

    def __init__(self, client: Client, runner: Runner, header: Header, footer: Footer) -> None:
        self._client, self._runner, self._header, self._footer = client, runner, header, footer

    def read(self) -> None:
        """Count; a watch that cannot be searched is left out."""
        self._runner.start("watches", self._count, self._show, lambda _: None)

    def search_of(self, name: str) -> tuple[str, dict[str, Any]]:
        """Return the host and the criteria of a watch.

        Raises
        ------
        ScenecartError
            If there is no watch of this name.
        """
        watch = self._client.watch(name)
        return watch.host, dict(watch.criteria)

    def _count(self, job: Job) -> list[dict[str, Any]]:
        found = []
        try:
            names = list(self._client.watches().index)[:_MOST]
        except ScenecartError:
            # without a file that can be read there are no watches
            return []
        for name in names:
            if job.cancelled.is_set():
                break
            try:
                news = count_news(self._client.watch(name))
            except ScenecartError:
                continue
            if news.count:
                found.append({"name": name, "title": clean_text(name, 40), "count": news.count, "text": news.text})
        return sorted(found, key=lambda one: -one["count"])

    def _show(self, found: list[dict[str, Any]]) -> None:
        self._header.update(news=found)
        if found:
            self._footer.announce(" ".join(f"{one['title']}: {one['text']}." for one in found[:3]))
