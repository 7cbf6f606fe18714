"""Labels of orders: name, tags and reference, in a file beside the placement journal.

They are no part of a purchase: its request and its key are the same with any labels. Name and tags are sent to the service after
the order exists, if the service takes them; the reference stays on this machine.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scenecart._util import forks
from scenecart._util.locks import process_lock
from scenecart._util.sqlite import ERRORS as SQLITE_ERRORS
from scenecart._util.sqlite import ForeignFileError, check_own
from scenecart._util.text import clean_text
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from scenecart._api.schemas import OrderRecord

_APPLICATION_ID = 0x5343_4C42
_SCHEMA = """CREATE TABLE IF NOT EXISTS label (
  base_url TEXT NOT NULL, order_id TEXT NOT NULL, name TEXT NOT NULL, tags TEXT NOT NULL, reference TEXT NOT NULL,
  person TEXT NOT NULL, PRIMARY KEY (base_url, order_id)
) STRICT"""
# of files before there was an application id
_LAYOUTS = ({"label": ("base_url", "order_id", "name", "tags", "reference", "person")},)
_LONGEST, _MOST_TAGS = 200, 50
_BUSY_SECONDS = 10.0
_NOTHING_ORDERED = "Nothing was ordered."


@dataclass(frozen=True)
class Labels:
    """The name, tags and reference of an order.

    Attributes
    ----------
    name, reference : str
        Such as "Harbour Q2" and "PO 4711"; empty for none.
    tags : tuple of str
        Words to group orders by.
    person : str
        Who placed it from this machine; empty if unknown.
    """

    name: str = ""
    tags: tuple[str, ...] = ()
    reference: str = ""
    person: str = ""

    def __bool__(self) -> bool:
        return bool(self.name or self.tags or self.reference)


def check_labels(name: Any = None, tags: Any = None, reference: Any = None) -> Labels:
    """Return the labels of an order that is to be placed.

    Raises
    ------
    InvalidRequest
        If one is not a text of one line, or too long.
    """
    texts = [tags] if isinstance(tags, str) else list(tags) if isinstance(tags, list | tuple | set | frozenset) else []
    if tags is not None and not isinstance(tags, str | list | tuple | set | frozenset):
        raise InvalidRequest(
            f"must be a string or a list of strings, got {shown_value(tags)}. {_NOTHING_ORDERED}",
            argument="tags",
            code="tags_invalid",
        )
    if len(texts) > _MOST_TAGS:
        raise InvalidRequest(
            f"must be at most {_MOST_TAGS}, got {len(texts)}. {_NOTHING_ORDERED}", argument="tags", code="tags_invalid"
        )
    for tag in texts:
        _check_text(tag, "tags", "tags_invalid")
        if "," in tag:
            # the service reads a comma as the end of a tag
            raise InvalidRequest(
                f"must not contain commas, got {shown_value(tag)}. {_NOTHING_ORDERED}", argument="tags", code="tags_invalid"
            )
    for value, argument in ((name, "name"), (reference, "reference")):
        if value is not None:
            _check_text(value, argument, "label_invalid")
    return Labels(name or "", tuple(dict.fromkeys(texts)), reference or "")


def _check_text(value: Any, argument: str, code: str) -> None:
    is_text = isinstance(value, str) and len(value.strip()) > 0 and len(value) <= _LONGEST
    if not is_text or clean_text(value, _LONGEST) != value:
        message = f"must be a text of one line, 1 to {_LONGEST} characters, got {shown_value(value)}. {_NOTHING_ORDERED}"
        raise InvalidRequest(message, argument=argument, code=code)


class LabelFile:
    """The labels of orders of all services, in one SQLite file; losing it loses no order.

    Parameters
    ----------
    path
        The file; it is created when it is first written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_reported = False

    def keep(self, base_url: str, order_id: str, labels: Labels) -> bool:
        """Keep the labels of an order, and return whether they were written; a failure is a warning: the order exists."""
        values = (base_url, order_id, labels.name, json.dumps(labels.tags), labels.reference, labels.person)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with process_lock(self._path.with_suffix(".lock"), _BUSY_SECONDS), self._opened() as database:
                database.execute("BEGIN IMMEDIATE")
                database.execute(_SCHEMA)
                database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                database.execute("INSERT OR REPLACE INTO label VALUES (?, ?, ?, ?, ?, ?)", values)
                database.execute("COMMIT")
        except (OSError, *SQLITE_ERRORS) as error:
            warn(
                f"The name, tags and reference of order {clean_text(order_id, 80)} were not saved on this machine ({error}).",
                code="labels_not_saved",
                hint=f"The order was placed. Move {self._path} elsewhere."
                if isinstance(error, ForeignFileError)
                else f"The order was placed. Free disk space, or fix the permissions of {self._path}.",
            )
            return False
        return True

    def read(self, base_url: str, order_ids: Iterable[str] | None = None) -> dict[str, Labels]:
        """Return the labels of orders by id; a file that cannot be read is a warning, once."""
        if not self._path.exists():
            return {}
        try:
            with self._opened() as database:
                rows = database.execute(
                    "SELECT order_id, name, tags, reference, person FROM label WHERE base_url = ?", (base_url,)
                ).fetchall()
            found = {row[0]: Labels(row[1], tuple(json.loads(row[2])), row[3], row[4]) for row in rows}
        except (OSError, sqlite3.Error, ValueError) as error:
            if not self._is_reported:
                self._is_reported = True
                warn(
                    f"Names, tags and references of orders on this machine cannot be read ({error}).",
                    code="labels_unreadable",
                    hint=f"Orders are not affected. Move {self._path} elsewhere, or restore it from a backup.",
                )
            return {}
        return found if order_ids is None else {name: found[name] for name in order_ids if name in found}

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with forks.sqlite.lock:
            check_own(self._path, _APPLICATION_ID, _LAYOUTS)
            with contextlib.closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
                yield database


def with_labels(record: OrderRecord, labels: Labels | None) -> OrderRecord:
    """Return an order with the labels of this machine where the service states none."""
    if labels is None:
        return record
    return replace(
        record,
        name=record.name or labels.name or None,
        tags=record.tags or labels.tags,
        reference=labels.reference or None,
        person=record.person or labels.person or None,
    )
