"""The header of the Workbench: the account, its project, the balance, and orders that are running."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import ScenecartError
from scenecart.widgets._bench.part import Part, script_of, style_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scenecart.client import Client

_LONG = 24
_MOST_PROJECTS = 8


class Header(Part):
    """Drawn by ``header.js`` from :func:`header_state`.

    Events: ``"project"`` (``id``), ``"watch"`` (``name``) and ``"refresh"``.
    """

    _esm = script_of("header")
    _css = style_of("header")

    def __init__(self, **state: Any) -> None:
        super().__init__("sc-head", **{**header_state(), **state})


def header_state(
    *, user: str = "", is_sandbox: bool = False, project: str | None = None, projects: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the user, and the project that orders are for.

    Examples
    --------
    >>> header_state(user="analyst", project="Harbour")["project"]
    {'id': 'Harbour', 'name': 'Harbour'}
    """
    known = dict.fromkeys(name for name in (project, *projects) if name)
    return {
        "sandbox": is_sandbox,
        "user": clean_text(user, 60),
        "project": None if not project else project_name(project),
        "projects": [project_name(name) for name in known],
        "is_unavailable": False,
        "orders": "",
        "arrived": "",
        "news": [],
        "balance": None,
    }


def project_name(project: str) -> dict[str, str]:
    """Return a project's id, and a name short enough for the header: the first digits of a long id."""
    text = clean_text(project, 80)
    return {"id": project, "name": text if len(text) <= _LONG else text[:8]}


def balance_state(balance: Mapping[str, Any], time: str) -> dict[str, Any] | None:
    r"""Return the balance as the service states it, and when; None if it states none.

    Parameters
    ----------
    balance
        The service's answer.
    time
        When it was read, such as ``"19:22"``.

    Examples
    --------
    >>> balance_state({"balance_credits": 5_000_000, "reserved_credits": 76_888}, "19:22")
    {'amount': 'A$\xa050,000.00', 'held': 'A$\xa0768.88', 'time': '19:22'}
    """
    amount, held = (_number(balance.get(f"{name}_credits")) for name in ("balance", "reserved"))
    if amount is None:
        return None
    return {"amount": money(amount), "held": money(held) if held else "", "time": time}


def money(amount: float) -> str:
    r"""Return credits as Australian dollars, with a space that does not break.

    Examples
    --------
    >>> money(38_444)
    'A$\xa0384.44'
    """
    return f"A$\N{NO-BREAK SPACE}{amount / 100:,.2f}"


def orders_state(running: int, arrived: int) -> dict[str, str]:
    """Return the words about orders that run, or that were delivered while the page was open.

    Examples
    --------
    >>> orders_state(1, 0), orders_state(0, 2)
    ({'orders': '1 order running', 'arrived': ''}, {'orders': '', 'arrived': '2 delivered'})
    """
    return {
        "orders": f"{pluralize(running, 'order')} running" if running else "",
        "arrived": f"{arrived:,} delivered" if arrived and not running else "",
    }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def known_projects(client: Client) -> list[str]:
    """Return the projects that were bought for on this machine, the newest first."""
    with contextlib.suppress(ScenecartError):
        projects = client.placements()["project"].dropna()
        return list(dict.fromkeys(str(name) for name in projects.tolist()[::-1]))[:_MOST_PROJECTS]
    return []
