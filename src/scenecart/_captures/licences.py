"""The licences of hosts: their text, and whether the organization accepted them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._api import operations
from scenecart._api.fields import first, id_text, named, text_of
from scenecart._captures.times import utc_times
from scenecart._util.cached_value import CachedValue
from scenecart._util.text import clean_text
from scenecart._util.validate import check_text, shown_value
from scenecart.exceptions import InvalidRequest, ScenecartError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Self

    from scenecart._api.http import Session

# an acceptance by a colleague is seen after this time
_SECONDS = 600.0
_PAGE, _MOST_PAGES = 100, 20
_LONGEST = 40_000
_COLUMNS = ("host", "title", "accepted", "accepted_at", "accepted_by", "url", "text")


@dataclass(frozen=True)
class Licence:
    """A licence document of a host.

    Attributes
    ----------
    document, eula : str
        The ids of the document and of the licence that it belongs to.
    host : str
        The host whose captures it applies to; empty if the service does not state it.
    text, url : str
        The text of the licence, or its URL; empty if the service does not state it.
    accepted : bool or None
        Whether the organization accepted it; None if the service does not state it.
    accepted_at, accepted_by : str or None
        When it was accepted, as the service writes it, and by whom.
    """

    document: str
    eula: str
    host: str
    title: str
    text: str
    url: str
    accepted: bool | None
    accepted_at: str | None
    accepted_by: str | None

    @property
    def acceptance(self) -> str:
        """The acceptance in words; empty if the service does not state it."""
        if not self.accepted:
            return "" if self.accepted is None else "not accepted by the organization yet"
        when = f" on {self.accepted_at}" if self.accepted_at else ""
        who = f" by {self.accepted_by}" if self.accepted_by else ""
        return f"accepted by the organization{when}{who}"


class LicenceRegistry:
    """The licences of one service, requested every ten minutes.

    Parameters
    ----------
    session
        The connection to the service.
    clock
        Seconds that only go forward.
    """

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._known = CachedValue(self._request, _SECONDS, clock)

    def __deepcopy__(self, memo: object) -> Self:
        """Return the registry itself, so that copies of estimates share its connection."""
        return self

    def table(self) -> pd.DataFrame:
        """Return the licences as a table; see :meth:`Client.licences`."""
        frame = pd.DataFrame([asdict(one) for one in self._known.get()], columns=["document", *_COLUMNS]).set_index("document")
        return frame.assign(
            accepted=frame["accepted"].astype("boolean"), accepted_at=utc_times(frame["accepted_at"].astype(object))
        )

    def of_hosts(self, hosts: Collection[str]) -> tuple[Licence, ...]:
        """Return the licences of some hosts; none if the service does not list them."""
        try:
            return tuple(one for one in self._known.get() if one.host in hosts)
        except ScenecartError:
            return ()

    def accept(self, document: str) -> None:
        """Record that the organization accepts a document; see :meth:`Client.accept_licence`."""
        check_text(document, "document")
        found = next((one for one in self._known.get() if one.document == document), None)
        if found is None:
            known = ", ".join(one.document for one in self._known.get()[:5])
            raise InvalidRequest(
                f"must be a licence of this service, got {shown_value(document)}.",
                argument="document",
                code="licence_unknown",
                hint=f"There are {known}." if known else "This service lists none.",
            )
        body = {"eula_id": found.eula, "document_id": found.document, "is_accepted": True}
        self._session.call(operations.ACCEPT_EULA, body)
        self._known.forget()

    def _request(self) -> list[Licence]:
        found: list[Licence] = []
        for page in range(_MOST_PAGES):
            document = self._session.call(operations.EULAS, {"page": page, "size": _PAGE})
            entries = _entries(document)
            for fields in entries:
                documents = fields.get("documents")
                if not isinstance(documents, list):
                    documents = self._session.call(operations.EULA_DOCUMENTS, {"eula_id": id_text(fields.get("id")) or ""})
                found += [_licence(fields, one) for one in _entries(documents)]
            pages = named(document).get("totalpages")
            if not isinstance(pages, int) or page + 1 >= pages:
                break
        return [one for one in found if one.document]


def _entries(document: Any) -> list[dict[str, Any]]:
    entries = document if isinstance(document, list) else first(named(document), "content", "eulas", "documents", "items", "data")
    if not isinstance(entries, list):
        raise ServiceError("The service returned an unreadable list of licences.", code="licences_unreadable")
    return [named(one) for one in entries]


def _licence(eula: Mapping[str, Any], document: Mapping[str, Any]) -> Licence:
    accepted = first(document, "isaccepted", "accepted")
    if accepted is None:
        accepted = first(eula, "isaccepted", "accepted")
    name = text_of(first(document, "title", "name")) or text_of(first(eula, "title", "name"))
    return Licence(
        document=id_text(document.get("id")) or "",
        eula=id_text(eula.get("id")) or "",
        host=text_of(first(eula, "hostname", "host")) or "",
        title=clean_text(name or "Licence", 200),
        text=_lines(first(document, "text", "content", "body")),
        url=_link(first(document, "url", "href", "link")),
        accepted=accepted if isinstance(accepted, bool) else None,
        accepted_at=text_of(first(document, "acceptedat", "acceptedon")),
        accepted_by=text_of(document.get("acceptedby")),
    )


def _lines(value: Any) -> str:
    """Return text with line breaks, but without other control characters."""
    text = value[:_LONGEST] if isinstance(value, str) else ""
    lines = [clean_text(line, _LONGEST).strip() for line in text.splitlines()]
    return "\n".join(lines).strip() + ("…" if isinstance(value, str) and len(value) > _LONGEST else "")


def _link(value: Any) -> str:
    """Return a URL that a browser may open, without parameters that may be a signature."""
    text = clean_text(value, 500).strip() if isinstance(value, str) else ""
    return text.partition("?")[0] if text.startswith("https://") else ""
