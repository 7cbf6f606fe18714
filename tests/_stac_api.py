"""Scripted STAC APIs and catalogs: landing pages, items and links, on a scripted service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _scripted_service import answer, feature

if TYPE_CHECKING:
    from _scripted_service import ScriptedService

CORE = "https://api.stacspec.org/v1.0.0/core"
ITEM_SEARCH = "https://api.stacspec.org/v1.0.0/item-search"
ALL = [CORE, ITEM_SEARCH, *(f"{ITEM_SEARCH}#{name}" for name in ("query", "filter", "sort", "fields"))]


def item(name: Any = "a", west: float = 0.0, **properties: Any) -> dict[str, Any]:
    """Return a STAC item, 0.1 degree square at 10 degrees north."""
    return {"stac_version": "1.0.0", "stac_extensions": [], **feature(name, west, **properties)}


def landing(service: ScriptedService, *, conforms: list[str] | None = None, methods: tuple[str, ...] = ("GET", "POST")) -> str:
    """Let a service have the landing page of a STAC API; return its URL."""
    search = [{"rel": "search", "href": f"{service.url}/search", "method": method} for method in methods]
    service.put("/", answer(catalog("api", *search, {"rel": "data", "href": "./collections"}, conformsTo=conforms or ALL)))
    return f"{service.url}/"


def catalog(name: str, *links: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a STAC catalog."""
    return {"type": "Catalog", "id": name, "stac_version": "1.0.0", "description": name, "links": list(links), **more}


def link(rel: str, href: str, **more: Any) -> dict[str, Any]:
    """Return a link."""
    return {"rel": rel, "href": href, **more}


def next_by_post(service: ScriptedService, token: Any, **more: Any) -> list[dict[str, Any]]:
    """Return the links of a page whose next page is requested by POST."""
    return [link("next", f"{service.url}/search", method="POST", merge=True, body={"token": token}, **more)]
