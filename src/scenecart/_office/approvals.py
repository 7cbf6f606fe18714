"""Approvals: signed files that allow to order a cart, up to a price and until a time."""

from __future__ import annotations

import datetime as dt
import getpass
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from scenecart._cart.cart import Cart
from scenecart._cart.estimate import Estimate
from scenecart._cart.files import approval_in, load_cart, save_cart
from scenecart._office.signing import is_signed, sign
from scenecart._util.files import as_path, write_atomic
from scenecart._util.json import NotJson, dumps, dumps_readable, loads
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_count, check_text, shown_value
from scenecart.exceptions import InvalidRequest, NotApproved

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from scenecart._orders.placement_request import PlacementRequest

_NOTHING = "Nothing was ordered."
_VERSION = 1
_KIND = "scenecart approval"
# clocks of two computers differ by minutes
_CLOCK_SECONDS = 300.0
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Approval:
    """What an approver allows.

    Attributes
    ----------
    fingerprint, captures
        The cart, and the ids of its captures, to report differences.
    up_to
        Highest price, in credits.
    license_type, project, again
        The licence; the project, or None for any; and the text of ``place(again=)``, empty for the first order.
    by, note, made_at, until
        Who approved it, why, when, and until when (RFC 3339, UTC); ``until`` may be None.
    key, signature
        The approver's public key, and the signature.
    """

    fingerprint: str
    captures: tuple[str, ...]
    up_to: int
    license_type: str
    project: str | None
    again: str
    by: str
    note: str
    made_at: str
    until: str | None
    key: str = ""
    signature: str = ""

    @property
    def message(self) -> bytes:
        """The bytes that are signed: everything but the signature and the key."""
        return dumps({"kind": _KIND, "version": _VERSION, **_fields(self, without=("key", "signature"))})


def approve(  # one keyword for each approved condition
    what: Cart | Estimate | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    key: str | os.PathLike[str],
    up_to: int,
    until: dt.date | dt.datetime | str | None = None,
    project: str | None = None,
    license_type: str = "standard",
    again: str = "",
    by: str | None = None,
    note: str = "",
) -> Path:
    """Sign an approval of a cart, for ``place(approval=…)``. Nothing is sent or bought.

    Parameters
    ----------
    what
        A cart, an estimate, or the path of a saved cart.
    path
        The file to write, such as ``"quote.approval.json"``; or the path of the saved cart, which then carries the approval.
    key
        The approver's key file; see :func:`new_approver_key`.
    up_to
        Highest price that is approved, in credits.
    until
        The last day (UTC), or the time, at which the order may be placed; None for no end.
    project
        The project that the order must be delivered to; None allows any.
    license_type
        The licence that is approved.
    again
        The text of ``place(again=…)``, if a further order of the same cart is approved. An approval is good for one order.
    by
        Name of the approver. Default: the name of the user of this computer.
    note
        A remark, such as the reason.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InvalidRequest
        If an argument is invalid, ``until`` is in the past, or the key or the cart cannot be read.
    MissingExtra
        If cryptography is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> public_key = new_approver_key(folder / "approver.pem")
    >>> client = connect("sandbox", require_approval=[public_key])
    >>> captures = client.search("openterra", collections="openterra-10m", datetime="2021-11", limit=1)
    >>> estimate = client.cart(captures).estimate()
    >>> approval = approve(estimate, folder / "quote.approval.json", key=folder / "approver.pem", up_to=50_000)
    >>> order = estimate.place(approval=approval)
    >>> order.captures == captures["id"].tolist()
    True
    """
    up_to = check_count(up_to, "up_to", least=0, optional=False, of="credits")
    for value, argument in ((license_type, "license_type"), (project or "any", "project")):
        check_text(value, argument)
    cart = _cart_of(what)
    now = dt.datetime.now(dt.UTC)
    end = _end_of(until)
    if end is not None and end <= now:
        raise InvalidRequest(f"must be in the future, got {end:%Y-%m-%d %H:%M} UTC.", argument="until", code="approval_until_past")
    unsigned = Approval(
        fingerprint=cart.fingerprint,
        captures=tuple(sorted(map(str, cart.ids))),
        up_to=up_to,
        license_type=license_type,
        project=project,
        again=again,
        by=clean_text(by or _user(), 200),
        note=clean_text(note, 500),
        made_at=_text(now),
        until=None if end is None else _text(end),
    )
    public_key, signature = sign(key, unsigned.message)
    document = {"kind": _KIND, "version": _VERSION, **_fields(unsigned), "key": public_key, "signature": signature}
    target = as_path(path, "path").expanduser()
    if not isinstance(what, Cart | Estimate) and target.resolve() == as_path(what).expanduser().resolve():
        return save_cart(cart, target, document)
    return write_atomic(dumps_readable(document), path, "The approval")


def read_approval(path: Any) -> Approval:
    """Read an approval, or that of a cart file, and check its signature.

    Raises
    ------
    NotApproved
        If the file is missing or no approval, or was changed after it was signed.
    """
    file = as_path(path, "approval").expanduser()
    try:
        document = approval_in(file)
        if document is None:
            document = loads(file.read_bytes() if file.stat().st_size <= _LARGEST else b"")
    except (OSError, NotJson) as error:
        raise _unreadable(file) from error
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        raise _unreadable(file)
    if document.get("version") != _VERSION:
        raise NotApproved(
            f"The approval {file.name} is of another version of scenecart. {_NOTHING}",
            code="approval_version",
            hint="Upgrade scenecart.",
        )
    fields = {name: value for name, value in document.items() if name not in {"kind", "version"}}
    try:
        approval = Approval(**{**fields, "captures": tuple(fields["captures"])})
        is_valid = isinstance(approval.up_to, int) and is_signed(approval.message, approval.key, approval.signature)
    except (TypeError, KeyError, ValueError, RecursionError) as error:
        raise _unreadable(file) from error
    if not is_valid:
        raise NotApproved(
            f"The approval {file.name} was changed after it was signed. {_NOTHING}",
            code="approval_tampered",
            hint="Ask the approver for a new one.",
        )
    return approval


def check_approval(request: PlacementRequest, path: Any, keys: Sequence[str], now: float) -> None:
    """Refuse an order that is not approved, or that differs from what was approved.

    Parameters
    ----------
    request
        What is to be placed.
    path
        The approval file; None if there is none.
    keys
        Public keys of approvers; empty accepts any approver.
    now
        The Unix time, in seconds.

    Raises
    ------
    NotApproved
        With what differs.
    """
    if path is None:
        raise NotApproved(
            f"This client places approved orders only. {_NOTHING}",
            code="approval_missing",
            hint="Save the cart, have it approved with scenecart.approve(…), and pass place(approval=…).",
        )
    approval = read_approval(path)
    if keys and approval.key not in keys:
        raise NotApproved(
            f"The approval of {shown_value(approval.by)} is not signed by an approver of this client. {_NOTHING}",
            code="approval_key_unknown",
            hint="Ask an approver whose key is in require_approval.",
            details={"key": approval.key},
        )
    _check_time(approval, now)
    _check_cart(approval, request)
    _check_terms(approval, request)


def _check_time(approval: Approval, now: float) -> None:
    made = dt.datetime.fromisoformat(approval.made_at).timestamp()
    if made > now + _CLOCK_SECONDS:
        raise NotApproved(
            f"The approval is dated {approval.made_at}, which is in the future by the clock of this computer. {_NOTHING}",
            code="approval_from_the_future",
            hint="Set the clock of this computer, or of the approver's.",
        )
    if approval.until is not None and dt.datetime.fromisoformat(approval.until).timestamp() < now:
        raise NotApproved(
            f"The approval ended on {approval.until}. {_NOTHING}", code="approval_expired", hint="Ask the approver for a new one."
        )


def _check_cart(approval: Approval, request: PlacementRequest) -> None:
    cart = request.estimate.cart
    if cart.fingerprint == approval.fingerprint:
        return
    in_cart, in_approval = set(map(str, cart.ids)), set(approval.captures)
    added, missing = sorted(in_cart - in_approval), sorted(in_approval - in_cart)
    parts = [
        f"{pluralize(len(names), 'capture')} {word} ({clean_text(names[0], 60)}{', …' if len(names) > 1 else ''})"
        for names, word in ((added, "added"), (missing, "missing"))
        if names
    ]
    differs = " and ".join(parts) or "the area or the options differ"
    raise NotApproved(
        f"This is not the cart that was approved: {differs}. {_NOTHING}",
        code="approval_of_another_cart",
        hint="Place the approved cart, or have this one approved.",
        details={"added": added, "missing": missing},
    )


def _check_terms(approval: Approval, request: PlacementRequest) -> None:
    purchase, price = request.purchase, request.estimate.total_credits
    if price > approval.up_to:
        raise NotApproved(
            f"This costs {price:,} credits; up to {approval.up_to:,} are approved. {_NOTHING}",
            code="approval_price_too_high",
            hint="Have the higher price approved.",
            details={"credits": price, "up_to": approval.up_to},
        )
    for name, approved, asked in (
        ("project", approval.project, purchase.project),
        ("licence", approval.license_type, purchase.license_type),
    ):
        if approved is not None and approved != asked:
            raise NotApproved(
                f"The {name} is {shown_value(asked)}; {shown_value(approved)} is approved. {_NOTHING}",
                code="approval_of_other_terms",
                hint=f"Place it with the approved {name}.",
                details={"approved": approved, "asked": asked},
            )
    if request.again is True or (request.again or "") != approval.again:
        raise NotApproved(
            f"An approval is valid for one order: {shown_value(approval.again) if approval.again else 'the first of its cart'}. "
            f"{_NOTHING}",
            code="approval_for_one_order",
            hint="For one more order, get another approval: approve(…, again='…').",
        )


def _cart_of(what: Any) -> Cart:
    if isinstance(what, Estimate):
        return what.cart
    return what if isinstance(what, Cart) else load_cart(what)


def _end_of(until: Any) -> dt.datetime | None:
    """Return the last instant of a day, or a time; one without a zone is UTC."""
    if until is None:
        return None
    try:
        if isinstance(until, str):
            text = until.strip()
            is_day = len(text) == len("2026-12-31")
            until = dt.date.fromisoformat(text) if is_day else dt.datetime.fromisoformat(text)
        if isinstance(until, dt.datetime):
            return until.replace(tzinfo=dt.UTC) if until.tzinfo is None else until.astimezone(dt.UTC)
        return dt.datetime.combine(until, dt.time(23, 59, 59), dt.UTC)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            f"must be a day or a time, got {shown_value(until)}.",
            argument="until",
            code="approval_until_invalid",
            hint='For example: "2026-12-31".',
        ) from error


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _fields(approval: Approval, without: Sequence[str] = ()) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in asdict(approval).items() if name not in without
    }


def _unreadable(file: Path) -> NotApproved:
    return NotApproved(
        f"{file.name} is not a readable approval. {_NOTHING}",
        code="approval_unreadable",
        hint="Pass the file that scenecart.approve(…) wrote.",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


approve.__module__ = "scenecart"
