"""JSON for programs: what each command prints with ``--json``.

Every object that a command prints has the member ``schema``, such as ``"scenecart/order/1"``: the document that it is of, and its
version. The JSON Schemas are in docs/reference/json. Within a version members are only added.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from scenecart.cli._hints import lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from scenecart._api.schemas import PriceGroup
    from scenecart._cart.estimate import Estimate
    from scenecart._cover.plan import CoverPlan
    from scenecart._orders.order import Order
    from scenecart.exceptions import FailedFile


def document(schema: str, value: Mapping[str, Any]) -> None:
    """Print an object as JSON; ``schema`` is its name and version, such as ``"estimate/1"``."""
    print(json.dumps({"schema": f"scenecart/{schema}", **value}, indent=2, default=str))


def records(schema: str, frame: pd.DataFrame) -> None:
    """Print the rows of a table as a JSON list of objects."""
    import pandas as pd  # noqa: PLC0415  # keeps --help fast

    # JSON is for scripts; the geometry is for maps
    plain = pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
    plain.insert(0, "schema", f"scenecart/{schema}")
    print(rows_as_json(plain))


def rows_as_json(frame: pd.DataFrame) -> str:
    """Return the rows of a table as a JSON list of objects; times and amounts of money are text."""
    import pandas as pd  # noqa: PLC0415  # likewise

    # pandas before 3 writes decimal numbers as floats
    plain = pd.DataFrame(frame)
    for name in [name for name in plain.columns if plain[name].dtype == object]:
        texts = [str(value) if isinstance(value, Decimal) else value for value in plain[name]]
        plain = plain.assign(**{str(name): pd.Series(texts, plain.index, dtype=object)})
    return str(plain.to_json(orient="records", date_format="iso", default_handler=str))


def order_records(schema: str, frame: pd.DataFrame) -> None:
    """Print orders or placements as JSON, with the names that one order has: ``id``, ``order_id`` and ``capture_count``."""
    ids = frame["order_id" if "order_id" in frame.columns else "id"]
    plain = frame.drop(columns=["id", "order_id"], errors="ignore").rename(columns={"captures": "capture_count"})
    plain.insert(0, "id", ids)
    plain.insert(1, "order_id", ids)
    records(schema, plain)


def captures_geojson(schema: str, captures: gpd.GeoDataFrame) -> None:
    """Print captures as a GeoJSON FeatureCollection, with the member ``schema`` at its end."""
    from scenecart._captures.capture_files import to_geojson  # noqa: PLC0415  # keeps --help fast

    # the text of many captures is not decoded once more
    print(to_geojson(captures).decode().removesuffix("}") + f', "schema": "scenecart/{schema}"}}')


def estimate_document(estimate: Estimate, whole: Estimate | None = None) -> dict[str, Any]:
    """Return an estimate as a JSON document, with the price of the whole cart if owned areas are left out."""
    return {
        "total_credits": estimate.total_credits,
        "total_aud": str(estimate.total_aud),
        "balance_credits": estimate.balance_credits,
        "groups": _groups(estimate.price_groups),
        "errors": [{"id": name, "detail": reason} for name, reason in estimate.refused],
        "fingerprint": estimate.cart.fingerprint,
        "priced_at": estimate.priced_at.isoformat(),
        **({} if whole is None else {"whole_total_credits": whole.total_credits}),
    }


def _groups(groups: Sequence[PriceGroup]) -> list[dict[str, Any]]:
    return [
        {"captures": list(group.ids), "aoi_km2": group.aoi_km2, "credits": group.credits, "aud": str(group.aud)} for group in groups
    ]


def cover_document(plan: CoverPlan) -> dict[str, Any]:
    """Return a plan as a JSON document."""
    why = json.loads(rows_as_json(plan.why.reset_index(drop=True)))
    return {
        "objective": plan.objective,
        "coverage": plan.coverage,
        "min_coverage": plan.min_coverage,
        "reachable": plan.reachable,
        "is_complete": plan.is_complete,
        "gap": plan.gap,
        "verdict": plan.verdict,
        "captures": why,
        "excluded": len(plan.excluded),
        "missing": plan.missing.__geo_interface__,
        "calls": plan.calls,
        "estimate": None if plan.estimate is None else estimate_document(plan.estimate),
        "fingerprint": plan.cart.fingerprint,
    }


def order_document(
    order: Order, files: Sequence[Path] = (), failed: Sequence[FailedFile] = (), missing: Sequence[str] = ()
) -> dict[str, Any]:
    """Return an order as a JSON document, with the files of a download, those that failed, and captures that have not arrived."""
    from scenecart._captures.json_columns import rfc3339  # noqa: PLC0415  # keeps --help fast

    return {
        "id": order.id,
        "order_id": order.id,
        "status": order.status,
        "reason": order.reason,
        "created": None if order.created is None else rfc3339(order.created),
        "billing_mode": order.billing_mode,
        "total_credits": order.total_credits,
        "total_aud": None if order.total_aud is None else str(order.total_aud),
        "groups": _groups(order.price_groups),
        "project": order.project,
        "license_type": order.license_type,
        "name": order.name,
        "tags": order.tags,
        "reference": order.reference,
        "person": order.person,
        "captures": order.captures,
        "capture_count": len(order.captures) or None,
        "note": None if order.note is None else " ".join(lines_of(order.note, ())),
        "files": [str(path) for path in files],
        "failed": [{"item": one.item, "asset": one.asset, "code": one.error.code, "message": one.error.message} for one in failed],
        "missing": list(missing),
    }


def waited_documents(orders: Sequence[Order]) -> None:
    """Print the state of orders that were waited for as a JSON list of objects."""
    found = [
        {"schema": "scenecart/wait/1", "id": one.id, "status": one.status, "phase": one.phase, "reason": one.reason}
        for one in orders
    ]
    print(json.dumps(found, indent=2))
