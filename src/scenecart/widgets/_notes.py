"""Notes of widgets about money: what happened, first of all whether anything was bought."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from scenecart._util.text import clean_text
from scenecart.exceptions import AuthenticationRequired, PlacementUnknown, ScenecartError
from scenecart.widgets._hints import hint_of, message_of

NOTHING_ORDERED = "Nothing was ordered."
_UNKNOWN = "It is not known yet whether this was bought."
_KEEP_ASKING = "We keep asking. Do not order it again."
_SECURE = "Your bank asks you to confirm this payment (3-D Secure)."
_MOST_TEXT = 600


@dataclass(frozen=True)
class Note:
    """Something to read below a cart or an order.

    Attributes
    ----------
    kind : str
        ``"good"``, ``"bad"``, ``"own"`` (about owned captures), ``"warn"`` or ``"info"``.
    title : str
        What happened, in one sentence.
    text, hint : str
        Details, and what to do.
    link : str or None
        The address of the bank's page.
    code : str
        The code of the error; empty without one.
    """

    kind: str
    title: str
    text: str = ""
    hint: str = ""
    link: str | None = None
    code: str = ""


def purchase_note(error: BaseException) -> Note:
    """Return what to display of a purchase that failed, or whose outcome is not known.

    Examples
    --------
    >>> note = purchase_note(ScenecartError("The price has changed. Nothing was ordered.", code="price_changed"))
    >>> note.title, note.text
    ('Nothing was ordered.', 'The price has changed.')
    """
    if isinstance(error, AuthenticationRequired):
        text = "Open the bank's page, confirm the payment, then continue here." if error.challenge_url else "Then continue here."
        return Note(
            "warn", _SECURE, f"{text} {NOTHING_ORDERED}", "You will not be charged twice.", error.challenge_url, code=error.code
        )
    if not isinstance(error, ScenecartError):
        logging.getLogger("scenecart.widgets").error("A purchase failed", exc_info=error)
        return Note("warn", _UNKNOWN, f"{_KEEP_ASKING} {type(error).__name__}: {clean_text(error, _MOST_TEXT)}", code="unexpected")
    if isinstance(error, PlacementUnknown) or error.money_may_have_moved:
        # the title and the buttons replace its hint
        hint = "" if error.code == "placement_unknown" else hint_of(error) or ""
        return Note("warn", _UNKNOWN, f"{_KEEP_ASKING} {_shown(message_of(error))}", hint, code=error.code)
    text = message_of(error).replace(NOTHING_ORDERED, "").strip()
    return Note("bad", NOTHING_ORDERED, _shown(text), hint_of(error) or "", code=error.code)


def failure_note(error: BaseException, title: str = "") -> Note:
    """Return the note about any other error; ``title`` has its consequence."""
    if not isinstance(error, ScenecartError):
        logging.getLogger("scenecart.widgets").error("A widget failed", exc_info=error)
        text = f"{type(error).__name__}: {clean_text(error, _MOST_TEXT)}"
        return Note("bad", title or "Unexpected error.", text, code="unexpected")
    text = _shown(message_of(error))
    return Note("bad", title or text, text if title else "", hint_of(error) or "", code=error.code)


def note_fields(note: Note | None) -> dict[str, str] | None:
    """Return a note as a part displays it."""
    if note is None:
        return None
    return {
        "kind": note.kind,
        "title": note.title,
        "text": note.text,
        "hint": note.hint,
        # only the web: the address comes from the service
        "link": note.link if note.link and note.link.startswith(("https://", "http://")) else "",
        "code": note.code,
    }


def _shown(text: str) -> str:
    return clean_text(text, _MOST_TEXT)
