"""Static STAC catalogs, which are files with links to each other, and files of items; on the web or on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from scenecart._api.web import Document
from scenecart._captures.stac_api import links_of, not_an_api
from scenecart._util.json import NotJson, dumps, loads
from scenecart._util.text import pluralize
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest, NotFound, ServiceError, warn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from scenecart._api.web import Web

MAX_DOCUMENTS = 10_000
_FOLLOWED = frozenset({"child", "item", "items", "next", "data"})
_ITEMS = frozenset({"item", "items"})
_KINDS = frozenset({"Catalog", "Collection", "Feature", "FeatureCollection"})


class Folder:
    """The files of a local catalog. Only files in the folder of the first file are read, and nothing from the web."""

    def __init__(self, path: Path) -> None:
        self.host = path.name
        self._root = path.parent.resolve()

    def read(self, url: str) -> Document:
        """Read one file.

        Raises
        ------
        NotFound
            If it cannot be read.
        """
        path = _path_of(url)
        try:
            return Document(url, 200, "file", path.read_bytes())
        except OSError as error:
            raise NotFound(f"{path.name} cannot be read ({type(error).__name__}).", code="stac_file_unreadable") from None

    def resolve(self, base: str, href: Any) -> str | None:
        """Return a link as the address of a file in the folder, or None."""
        if not isinstance(href, str) or urlsplit(href).scheme not in {"", "file"} or "\0" in href:
            return None
        path = _path_of(href) if href.startswith("file:") else _path_of(base).parent / href
        path = path.resolve()
        return path.as_uri() if path.is_relative_to(self._root) else None


def local_file(path: Any) -> Path:
    """Return the first file of a local catalog, from its path or the path of its folder.

    Raises
    ------
    InvalidRequest
        If there is no such file.
    """
    try:
        found = Path(path).expanduser()
        found = found / "catalog.json" if found.is_dir() else found
        if found.is_file():
            return found.resolve()
    except (OSError, TypeError, ValueError, RuntimeError):
        pass
    raise InvalidRequest(
        f"must be the https:// URL of a STAC API or catalog, or the path of a file, got {shown_value(path)}.",
        code="stac_url_invalid",
        argument="url",
    )


class CatalogReader:
    """Reads the documents of a static catalog, each once, in the order of its links.

    Parameters
    ----------
    source
        The web or a local folder.
    collections
        The collections whose items are read; empty for all.
    """

    def __init__(self, source: Web | Folder, collections: Collection[str] = ()) -> None:
        self._source = source
        self._wanted = frozenset(collections)
        self._seen: set[str] = set()
        self._count = 0
        self._unread: dict[str, str] = {}
        self._refused = 0
        self.collections: list[dict[str, Any]] = []

    def items(self, first: Document, *, only_collections: bool = False) -> Iterator[Document]:
        """Yield the documents with items; the links of catalogs and collections are followed.

        Raises
        ------
        ServiceError
            If there are more than 10,000 documents, or the first is not a catalog.
        """
        self._seen.add(first.url)
        # a stack: the last document is read next
        waiting: list[tuple[str, str | None]] = []
        document, parent = first, None
        while True:
            content = self._content(document)
            if content is not None:
                kind = content.get("type")
                if kind in {"Feature", "FeatureCollection"}:
                    if not only_collections:
                        yield _with_collection(document, content, parent)
                elif kind == "Collection":
                    parent = content.get("id") if isinstance(content.get("id"), str) else parent
                    self.collections.append(content)
                links = self._links(content, document, parent, only_collections=only_collections)
                waiting += [(url, parent) for url in reversed(links)]
                self.collections += [one for one in _listed(content) if one.get("type") == "Collection"]
            elif document is first:
                raise not_an_api(first.url)
            following = self._next(waiting)
            if following is None:
                break
            document, parent = following
        self._warn()

    def _next(self, waiting: list[tuple[str, str | None]]) -> tuple[Document, str | None] | None:
        while waiting:
            url, parent = waiting.pop()
            if url in self._seen:
                continue
            self._seen.add(url)
            self._count += 1
            if self._count > MAX_DOCUMENTS:
                raise ServiceError(
                    f"{self._source.host} has more than {MAX_DOCUMENTS:,} documents.",
                    code="stac_catalog_too_large",
                    hint="Pass the URL of one of its child catalogs, collections=… or a limit.",
                )
            try:
                return self._source.read(url), parent
            except NotFound as error:
                self._unread[url] = error.message
        return None

    def _content(self, document: Document) -> dict[str, Any] | None:
        """Return a document of STAC, or None."""
        try:
            content = loads(document.body)
        except NotJson as error:
            self._unread[document.url] = f"not valid JSON ({error})"
            return None
        if isinstance(content, dict) and (content.get("type") in _KINDS or isinstance(content.get("collections"), list)):
            return content
        # STAC before 1.0 has catalogs and collections without a type
        if isinstance(content, dict) and "stac_version" in content and isinstance(content.get("links"), list):
            return {**content, "type": "Collection" if "extent" in content else "Catalog"}
        self._unread[document.url] = "no document of STAC"
        return None

    def _links(self, content: Mapping[str, Any], document: Document, parent: str | None, *, only_collections: bool) -> list[str]:
        kind = content.get("type")
        if kind == "Feature":
            return []
        is_wanted = not only_collections and (kind != "Collection" or not self._wanted or parent in self._wanted)
        found = links_of(content)
        for one in _listed(content):
            found += [link for link in links_of(one) if not self._wanted or one.get("id") in self._wanted]
        urls = []
        for link in found:
            rel = link["rel"]
            if rel not in _FOLLOWED or (rel in _ITEMS and not is_wanted) or (rel == "next" and kind in {"Catalog", "Collection"}):
                continue
            url = self._source.resolve(document.url, link["href"])
            if url is None:
                self._refused += 1
            else:
                urls.append(url)
        return urls

    def _warn(self) -> None:
        if self._unread:
            reason = next(iter(self._unread.values()))
            warn(
                f"{pluralize(len(self._unread), 'document')} of {self._source.host} could not be read: {reason}",
                code="stac_documents_unreadable",
                hint="The result may be incomplete.",
            )
        if self._refused:
            warn(
                f"{pluralize(self._refused, 'link')} of {self._source.host} lead out of it and were not followed.",
                code="stac_links_not_followed",
                hint="The result may be incomplete.",
            )


def _listed(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the collections that a document of an API lists."""
    listed = content.get("collections")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _with_collection(document: Document, content: dict[str, Any], parent: str | None) -> Document:
    """Return the items of a document as a feature collection; an item without a collection gets the one that links to it."""
    if content.get("type") == "FeatureCollection":
        return document
    item = content if parent is None or content.get("collection") is not None else {**content, "collection": parent}
    body = document.body if item is content else dumps(item)
    return Document(
        document.url,
        document.status,
        document.media_type,
        b'{"type":"FeatureCollection","features":[' + body.removeprefix(b"\xef\xbb\xbf") + b"]}",
    )


def _path_of(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))
