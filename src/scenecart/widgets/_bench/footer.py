"""The footer of the Workbench: the latest status message, also for screen readers, and the keys."""

from __future__ import annotations

from typing import Any

from scenecart.widgets._bench.part import Part, script_of, style_of


class Footer(Part):
    """Drawn by ``footer.js``.

    Its event ``"page"`` (``id``) has the id of the browser tab, which stays the same when the tab is reloaded. ``state`` has
    ``message`` (the latest message), ``full`` (whether the Workbench fills the page) and ``account`` (a name for the account at the
    service).
    """

    _esm = script_of("footer")
    _css = style_of("footer")

    def __init__(self, *, is_full: bool = False, account: str = "") -> None:
        super().__init__("sc-foot", message="Ready.", full=is_full, account=account)

    def announce(self, text: str) -> None:
        """Show a status message, which screen readers read aloud."""
        self.update(message=text)


def found_text(found: int, shown: int, seconds: float | None) -> str:
    """Return the status message after a search.

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
    """Return the id of a tab, which becomes a file name; None if the page sent anything else.

    Examples
    --------
    >>> checked_page({"id": "a1b2c3d4"}), checked_page({"id": "../a"})
    ('a1b2c3d4', None)
    """
    name = fields.get("id")
    return name if isinstance(name, str) and 1 <= len(name) <= 32 and name.isascii() and name.isalnum() else None  # noqa: PLR2004
