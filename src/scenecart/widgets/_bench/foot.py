"""The foot of the Workbench: what happened, for everybody and for screen readers, and the keys."""

from __future__ import annotations

from typing import Any

from scenecart.widgets._bench.part import Part, script_of, style_of


class Foot(Part):
    """Drawn by ``foot.js``. Its event ``"page"`` (``id``) names the tab of the browser, which keeps its id when it is reloaded.

    ``state`` has ``say``, the newest line, ``full``: whether the Workbench is the whole page, and ``account``: a name for the
    account at the service.
    """

    _esm = script_of("foot")
    _css = style_of("foot")

    def __init__(self, *, is_full: bool = False, account: str = "") -> None:
        super().__init__("sc-foot", say="Ready.", full=is_full, account=account)

    def say(self, text: str) -> None:
        """Show one line, and have it read aloud."""
        self.update(say=text)


def found_text(found: int, shown: int, seconds: float | None) -> str:
    """Return the line after a search.

    Examples
    --------
    >>> found_text(44, 31, 0.42), found_text(1, 1, None)
    ('44 captures found in 0.4 s, 31 shown.', '1 capture found.')
    """
    if not found:
        return "No capture found."
    parts = [f"{found:,} {'capture' if found == 1 else 'captures'} found{f' in {seconds:.1f} s' if seconds is not None else ''}"]
    return f"{', '.join([*parts, *([f'{shown:,} shown'] if shown != found else [])])}."


def checked_page(fields: dict[str, Any]) -> str | None:
    """Return the id of a tab; None if the page sent something else, since it becomes a file name.

    Examples
    --------
    >>> checked_page({"id": "a1b2c3d4"}), checked_page({"id": "../a"})
    ('a1b2c3d4', None)
    """
    name = fields.get("id")
    return name if isinstance(name, str) and 1 <= len(name) <= 32 and name.isascii() and name.isalnum() else None  # noqa: PLR2004
