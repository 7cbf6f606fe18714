"""What an agent can do: search, estimate, cover, report, and list what is ordered, owned and delivered. Nothing here buys.

Files are written to one folder and never replaced: a person may have read an earlier file of the same name. Texts of catalogs are
data, and are returned as one line each.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from scenecart._captures.frame import assets
from scenecart._captures.properties import CLOUD_COVER, GSD
from scenecart._captures.times import acquired_texts
from scenecart._cart.files import is_cart, load_cart
from scenecart._util.text import clean_text, missing_file_hint
from scenecart._util.validate import check_count, shown_value
from scenecart.cli import _documents, _io, _owned
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from scenecart._cart.cart import Cart
    from scenecart.client import Client

# as long as a file system takes, without folders and hidden files
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,80}")
_SHOWN = 50
_REPORTS = (".html", ".pdf", ".xlsx", ".md", ".csv")
_LONGEST_TEXT = 300


class Tools:
    """The tools of one agent.

    Parameters
    ----------
    client
        A client that only reads.
    folder
        The one folder that files are read from and written to.
    """

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder.resolve()

    def search(  # agents pass every argument by name
        self,
        host: str,
        *,
        collections: list[str] | None = None,
        ids: list[str] | None = None,
        aoi: str | list[float] | dict[str, Any] | None = None,
        datetime: str | None = None,
        max_cloud_cover: float | None = None,
        query: dict[str, Any] | None = None,
        limit: int = 200,
        save_as: str = "found.parquet",
    ) -> dict[str, Any]:
        """Search the catalog of a provider, and write the captures to a file for the other tools.

        Pass collections, ids or both. aoi is [west, south, east, north] in degrees, GeoJSON, WKT, or a file in the folder. datetime
        is a date, a month or a range such as "2024-01/2024-06". max_cloud_cover is in percent. query has operators by property,
        such as {"gsd": {"lte": 0.5}}. Returns the number of captures, the first 50, and the name of the file.
        """
        path = self._new_file(save_as, ".parquet")
        check_count(limit, "limit", optional=False)
        found = self._client.search(
            host,
            collections=collections,
            ids=ids,
            aoi=self._area(aoi),
            datetime=datetime,
            max_cloud_cover=max_cloud_cover,
            query=query,
            limit=limit,
        )
        if len(found):
            _io.write_captures(found, path)
        return {
            "captures": len(found),
            "file": path.name if len(found) else None,
            "shown": _captures(found.head(_SHOWN)),
            "searched": clean_text(found.attrs.get("query", ""), _LONGEST_TEXT),
            "may_have_more": len(found) == limit,
        }

    def estimate(
        self,
        captures: str,
        *,
        ids: list[str] | None = None,
        aoi: str | list[float] | dict[str, Any] | None = None,
        split_by_date: bool = False,
        without_owned: bool = False,
        save_as: str = "estimated.cart.parquet",
    ) -> dict[str, Any]:
        """Request the price of captures, and save them as a cart file that a person can place. Nothing is bought.

        captures is a file of the search tool, or a cart file. ids chooses some of its captures. aoi clips them to an area.
        without_owned leaves out areas that are owned already. The price is in whole credits and Australian dollars. owned lists
        the captures that the organization owns already, wholly or in part, with share (0 to 1) and orders; a share of null may be
        owned, and owned is null if the orders cannot be read.
        """
        path = self._new_file(save_as, ".parquet")
        cart = self._cart(captures, ids, aoi, split_by_date=split_by_date)
        price = (cart.without_owned() if without_owned else cart).estimate()
        price.cart.save(path)
        _, owned = _owned.look_up(price, self._client)
        return {**_documents.estimate_document(price), "owned": owned, "cart_file": path.name, "to_place": _to_place(path)}

    def cover(
        self,
        captures: str,
        aoi: str | list[float] | dict[str, Any],
        *,
        objective: str = "cost",
        max_cloud_cover: float | None = None,
        min_coverage: float = 0.98,
        budget: int | None = None,
        max_captures: int | None = None,
        use_owned: bool = False,
        save_as: str = "cover.cart.parquet",
    ) -> dict[str, Any]:
        """Choose the cheapest captures of a file that cover an area, and save them as a cart file. Nothing is bought.

        objective is "cost", "fewest", "newest" or "clearest". min_coverage is a share from 0 to 1, budget in credits. use_owned
        counts areas that are owned already as covered. owned lists the chosen captures that are owned already, as from estimate.
        """
        path = self._new_file(save_as, ".parquet")
        plan = self._client.cover(
            _io.read_captures(self._file(captures)),
            self._area(aoi),
            objective=objective,
            max_cloud_cover=max_cloud_cover,
            min_coverage=min_coverage,
            budget=budget,
            max_captures=max_captures,
            use_owned=use_owned,
        )
        plan.cart.save(path)
        found = _documents.cover_document(plan)
        # the outline of the gaps can be very long
        found.pop("missing")
        _, owned = _owned.look_up(plan.cart, self._client)
        return {**found, "owned": owned, "cart_file": path.name, "to_place": _to_place(path)}

    def report(self, cart: str, save_as: str = "report.html", title: str | None = None) -> dict[str, Any]:
        """Write a report of a cart file with its price, map and pictures, for the person who decides. Nothing is bought.

        save_as ends in .html, .pdf, .xlsx, .md or .csv.
        """
        path = self._new_file(save_as, *_REPORTS)
        price, owned = _owned.look_up(self._cart(cart, None, None).estimate(), self._client)
        price.to_report(path, title=title)
        return {"report": path.name, "total_credits": price.total_credits, "is_complete": price.is_complete, "owned": owned}

    def owned(self, aoi: str | list[float] | dict[str, Any] | None = None, project: str | None = None) -> dict[str, Any]:
        """List what the organization owns already, newest first: captures, orders and projects."""
        return _table("owned", self._client.owned(self._area(aoi), project))

    def orders(self, status: str | None = None, project: str | None = None, limit: int = 20) -> dict[str, Any]:
        """List the organization's orders, newest first. status is processing, delivered, failed or cancelled."""
        check_count(limit, "limit", optional=False)
        return _table("orders", self._client.orders(status=status, project=project, limit=limit).reset_index())

    def items(self, order_id: str) -> dict[str, Any]:
        """List the delivered items of an order: their ids, times and assets. Nothing is downloaded."""
        order = self._client.order(order_id)
        found = order.items()
        rows = _captures(found.head(_SHOWN))
        for row, (_, item) in zip(rows, found.head(_SHOWN).iterrows(), strict=True):
            row["assets"] = sorted(assets(item))
        return {"order": order.id, "status": order.status, "reason": order.reason, "count": len(found), "items": rows}

    def _cart(
        self, name: str, ids: list[str] | None, aoi: str | list[float] | dict[str, Any] | None, *, split_by_date: bool = False
    ) -> Cart:
        path = self._file(name)
        if is_cart(path):
            if ids or aoi is not None or split_by_date:
                raise InvalidRequest(
                    "A saved cart has its own captures, area and options.",
                    code="saved_cart_fixed",
                    hint="Pass a file of the search tool.",
                )
            return load_cart(path, self._client)
        captures = _io.read_captures(path)
        if ids is not None:
            missing = sorted(set(ids) - set(captures["id"]))
            if missing:
                raise InvalidRequest(
                    f"must be ids of captures in {path.name}, got {shown_value(missing[0])}.",
                    argument="ids",
                    code="ids_not_in_file",
                )
            captures = captures[captures["id"].isin(ids)]
        return self._client.cart(captures, aoi=self._area(aoi), split_by_date=split_by_date)

    def _area(self, aoi: Any) -> Any:
        """Return an area as ``search`` takes it; a text is WKT, GeoJSON or the name of a file in the folder, never another path."""
        if not isinstance(aoi, str) or "(" in aoi or aoi.lstrip().startswith("{"):
            return aoi
        return self._file(aoi)

    def _file(self, name: str) -> Path:
        """Return the path of an existing file in the folder."""
        path = self._path(name)
        if not path.is_file():
            raise InvalidRequest(f"There is no file {name!r} in the folder.", code="file_missing", hint=missing_file_hint(path))
        return path

    def _new_file(self, name: str, *suffixes: str) -> Path:
        """Return the path of a file that does not exist yet."""
        path = self._path(name)
        if path.suffix.lower() not in suffixes:
            raise InvalidRequest(
                f"must end in {' or '.join(suffixes)}, got {shown_value(name)}.", argument="save_as", code="file_suffix_unsupported"
            )
        if path.exists():
            raise InvalidRequest(
                f"There is a file {name!r} already, and files are not replaced.",
                code="file_exists",
                hint="Pass another name.",
            )
        return path

    def _path(self, name: str) -> Path:
        path = self._folder / str(name)
        if not _NAME.fullmatch(str(name)) or not path.resolve().is_relative_to(self._folder):
            raise InvalidRequest(
                f"Files are in the agent's folder: pass a name without a path, got {shown_value(name)}.", code="file_outside_folder"
            )
        return path


def _captures(frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Return the properties that matter for a choice, one short object for each capture."""
    columns = [
        name for name in ("id", "collection", CLOUD_COVER, GSD, "orderable", "not_orderable_reason") if name in frame.columns
    ]
    rows = _rows(frame[columns])
    return [{**row, "acquired": text} for row, text in zip(rows, acquired_texts(frame), strict=True)]


def _table(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    return {"count": len(frame), name: _rows(frame.drop(columns="geometry", errors="ignore").head(_SHOWN))}


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = json.loads(_documents.rows_as_json(frame))
    return [
        {name: clean_text(value, _LONGEST_TEXT) if isinstance(value, str) else value for name, value in row.items()} for row in rows
    ]


def _to_place(path: Path) -> str:
    return f"A person can read the report, and buy with: scenecart place {shlex.quote(str(path))} --project ID"
