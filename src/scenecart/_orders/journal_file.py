"""The file of the placement journal: how it is created, locked, opened, checked and upgraded."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
import uuid
from typing import TYPE_CHECKING

from scenecart._orders.journal_mark import JournalMark
from scenecart._util import forks
from scenecart._util.files import is_full
from scenecart._util.folders import CHOOSE_FOLDER, folder_problem
from scenecart._util.sqlite import ERRORS as SQLITE_ERRORS
from scenecart.exceptions import JournalError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from scenecart._orders.journal_mark import JournalGap

_APPLICATION_ID = 0x5343_4A4C
VERSION = 6
_FIRST_OF_0_2 = 4
_BUSY_SECONDS = 30.0
_PAUSE_SECONDS = 0.005
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# SQLite's extended codes hold more in their higher bits
_PRIMARY = 0xFF
_NO_PLACING = "Nothing can be placed until this is fixed."

# the services that made two orders for one key
KEYLESS = "CREATE TABLE keyless (base_url TEXT PRIMARY KEY) STRICT"
# the one path that placements of versions before 6 were sent to
PATH = "path TEXT NOT NULL DEFAULT '/v1/op/orders.archive.place'"
# ``known`` and ``known_at``: the newest order of the same purchase when this one was asked for
SCHEMA = (
    f"""CREATE TABLE placement (
  number INTEGER PRIMARY KEY,
  base_url TEXT NOT NULL,
  account TEXT NOT NULL,
  project TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  wish TEXT NOT NULL DEFAULT '',
  let_go INTEGER NOT NULL DEFAULT 0 CHECK (let_go >= 0),
  key TEXT NOT NULL,
  key_form INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('intended', 'sent', 'placed', 'unpaid', 'refused', 'unknown', 'absent', 'put away')),
  order_id TEXT CHECK ((state = 'placed') = (order_id IS NOT NULL)),
  license_type TEXT NOT NULL,
  captures INTEGER NOT NULL CHECK (captures > 0),
  credits INTEGER NOT NULL CHECK (credits >= 0),
  aud TEXT NOT NULL,
  body BLOB NOT NULL,
  body_form INTEGER NOT NULL,
  {PATH},
  answer TEXT,
  detail TEXT,
  created REAL NOT NULL,
  changed REAL NOT NULL,
  owner TEXT,
  known TEXT,
  known_at REAL,
  conflicts INTEGER NOT NULL DEFAULT 0,
  is_checked INTEGER NOT NULL DEFAULT 0,
  UNIQUE (base_url, account, project, fingerprint, wish),
  UNIQUE (base_url, key)
) STRICT""",
    """CREATE TABLE try (
  number INTEGER PRIMARY KEY,
  placement INTEGER NOT NULL REFERENCES placement (number),
  left_at REAL NOT NULL,
  left_at_service REAL NOT NULL,
  ended_at REAL,
  outcome TEXT CHECK ((outcome IS NULL) = (ended_at IS NULL))
) STRICT""",
    "CREATE INDEX try_of ON try (placement)",
    "CREATE TABLE capture (placement INTEGER NOT NULL REFERENCES placement (number), id TEXT NOT NULL) STRICT",
    "CREATE INDEX capture_id ON capture (id)",
    "CREATE INDEX placement_owner ON placement (owner) WHERE owner IS NOT NULL",
    "CREATE INDEX placement_order ON placement (order_id)",
    """CREATE TABLE payer (
  base_url TEXT NOT NULL, subject TEXT NOT NULL, organization TEXT NOT NULL, PRIMARY KEY (base_url, subject)
) STRICT""",
    "CREATE TABLE about (journal TEXT NOT NULL, serial INTEGER NOT NULL) STRICT",
    KEYLESS,
)


class JournalFile:
    """One SQLite file, opened for one operation at a time: no handle survives an operation, so forks and copies share none.

    Parameters
    ----------
    path
        The file; it is created when it is first needed. A second file beside it, ``.lock``, keeps other processes out: when this
        process copies the journal, SQLite's own locks are lost, but not those of another file.
    upgrade
        Brings a journal of an older format, given as the number, to tables, given as statements, inside one transaction.
    """

    def __init__(self, path: Path, upgrade: Callable[[sqlite3.Connection, int, Sequence[str]], None]) -> None:
        self.path = path
        self._lock_path = path.with_suffix(".lock")
        self._upgrade = upgrade
        self._checked: tuple[int, int] | None = None
        self._mark = JournalMark(path)
        self._is_new = False
        self._has_locks = False
        self.gap: JournalGap | None = None

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Open the journal to read it.

        Raises
        ------
        JournalError
            If it cannot be read.
        """
        with self._opened() as database:
            try:
                yield database
            except SQLITE_ERRORS as error:
                raise JournalError(
                    f"The placement journal cannot be read ({error}).",
                    code="journal_not_read",
                    hint=f"Keep {self.path}: it records your orders.",
                ) from error

    @contextlib.contextmanager
    def write(self, consequence: str) -> Iterator[sqlite3.Connection]:
        """Open the journal for one transaction, which is on disk when the block has ended.

        Parameters
        ----------
        consequence
            A sentence with the consequence of a failure, such as "Nothing was sent."

        Raises
        ------
        JournalError
            If it cannot be written; then nothing of the transaction is kept.
        """
        with self._opened() as database:
            try:
                _when_free(lambda: database.execute("BEGIN IMMEDIATE"))
                yield database
                about = database.execute("UPDATE about SET serial = serial + 1 RETURNING journal, serial").fetchone()
                database.execute("COMMIT")
                self._mark.write(*about)
            except SQLITE_ERRORS as error:
                if _is_busy(error):
                    raise _busy() from error
                raise JournalError(
                    f"The placement journal cannot be written ({error}). {consequence}",
                    code="journal_not_written",
                    hint=f"Free disk space, or fix the permissions of {self.path}. Keep the file: it records your orders.",
                ) from error

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        # closing a connection ends a transaction that an error or an interrupt left open
        with forks.sqlite.lock, self._file_lock(), contextlib.closing(self._connect()) as database:
            yield database

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                self._create()
                self._is_new = True
            stat = self.path.stat()
            # SQLite itself waits for a moment only, because Ctrl+C does not end its waiting
            database = sqlite3.connect(self.path, timeout=_PAUSE_SECONDS, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            problem = folder_problem(self.path.parent)
            reason = problem or (isinstance(error, OSError) and error.strerror) or error
            raise JournalError(
                f"The placement journal cannot be opened ({reason}). {_NO_PLACING}",
                code="journal_not_opened",
                hint=f"The disk is full: free space for {self.path}. Or set SCENECART_HOME to a folder on another disk."
                if _is_full(error)
                else CHOOSE_FOLDER
                if problem
                else f"Check that you may write to {self.path}. Or set SCENECART_HOME to another folder.",
            ) from error
        try:
            _make_durable(database)
            if self._checked != (stat.st_dev, stat.st_ino):
                _when_free(lambda: self._check(database, stat.st_size))
                self._checked = (stat.st_dev, stat.st_ino)
        except SQLITE_ERRORS as error:
            database.close()
            raise self._unusable(error) from error
        except BaseException:
            database.close()
            raise
        return database

    def _check(self, database: sqlite3.Connection, size: int) -> None:
        """Check the file once in a process, and upgrade an older one."""
        if size == 0:
            raise JournalError(
                f"The placement journal is an empty file. {_NO_PLACING}",
                code="journal_empty",
                hint=f"Restore {self.path} from a backup. If there is none, list your orders, then move the file elsewhere.",
            )
        if database.in_transaction:
            database.execute("ROLLBACK")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (application,) = database.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION_ID or not 1 <= version <= VERSION:
            raise self._foreign(is_newer=application == _APPLICATION_ID)
        if version < VERSION:
            # leaving the write-ahead log of older versions needs the file alone
            (mode,) = database.execute("PRAGMA journal_mode = DELETE").fetchone()
            if mode != "delete":
                raise _busy()
            if version < _FIRST_OF_0_2:
                self._back_up(database)
            database.execute("BEGIN IMMEDIATE")
            self._upgrade(database, version, SCHEMA)
            database.execute(f"PRAGMA user_version = {VERSION}")
            database.execute("COMMIT")
        (found,) = database.execute("PRAGMA quick_check").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        journal, serial = database.execute("SELECT journal, serial FROM about").fetchone()
        self.gap = self._mark.gap(journal, serial, is_new=self._is_new) or self.gap
        self._is_new = False

    def _back_up(self, database: sqlite3.Connection) -> None:
        """Copy a journal of an older version before it is changed, once."""
        copy = self.path.with_name(f"{self.path.stem}-before-0.2{self.path.suffix}")
        if copy.exists():
            return
        part = copy.with_suffix(".part")
        part.unlink(missing_ok=True)
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            with contextlib.closing(sqlite3.connect(part)) as target:
                database.backup(target)
            part.replace(copy)
        except OSError as error:
            raise sqlite3.OperationalError(error.strerror or str(error)) from error
        finally:
            part.unlink(missing_ok=True)

    def _create(self) -> None:
        """Create the complete file under another name first, so that a journal without tables never exists."""
        part = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex[:8]}")
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as database:
                _make_durable(database)
                database.execute("BEGIN IMMEDIATE")
                for statement in SCHEMA:
                    database.execute(statement)
                database.execute("INSERT INTO about VALUES (?, 0)", (uuid.uuid4().hex,))
                database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                database.execute(f"PRAGMA user_version = {VERSION}")
                database.execute("COMMIT")
            # it appears complete, or another process was first
            with contextlib.suppress(FileExistsError):
                os.link(part, self.path)
        finally:
            part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _file_lock(self) -> Iterator[None]:
        """Keep other processes out during one operation; in a read-only directory the journal is read without it."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:
            yield
            return
        try:
            deadline = time.monotonic() + _BUSY_SECONDS
            while not _lock(handle):
                if time.monotonic() > deadline:
                    raise _busy()
                time.sleep(_PAUSE_SECONDS)
            if not self._has_locks:
                self._check_locks()
            yield
        finally:
            # this releases the lock
            os.close(handle)

    def _check_locks(self) -> None:
        """Check once that a second handle cannot take the lock: some network drives grant every lock."""
        handle = os.open(self._lock_path, os.O_RDWR)
        try:
            if _lock(handle):
                raise JournalError(
                    f"The folder of the placement journal has no working locks. {_NO_PLACING}",
                    code="journal_without_locks",
                    hint="Keep it on a local disk: set SCENECART_HOME, and move the whole folder there.",
                )
        finally:
            os.close(handle)
        self._has_locks = True

    def _foreign(self, *, is_newer: bool) -> JournalError:
        """Return the error for a file of a newer version, or of something else."""
        if is_newer:
            # no advice to start another journal elsewhere: it would lack what was bought
            return JournalError(
                f"The placement journal is from a newer version of scenecart; it was not changed. {_NO_PLACING}",
                code="journal_newer",
                hint=f"Upgrade scenecart. Keep {self.path}: it records your orders.",
            )
        return JournalError(
            f"The placement journal was not written by scenecart; it was not changed. {_NO_PLACING}",
            code="journal_foreign",
            hint=f"Move {self.path} elsewhere. Then list your orders before you place more.",
        )

    def _unusable(self, error: Exception) -> JournalError:
        if _is_busy(error):
            return _busy()
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY in _DAMAGED:
            return JournalError(
                f"The placement journal is damaged ({error}); it was not changed. {_NO_PLACING}",
                code="journal_damaged",
                hint=f"Move {self.path} elsewhere and keep it: it records your orders. List your orders before you place more.",
            )
        return JournalError(
            f"The placement journal cannot be used ({error}). {_NO_PLACING}",
            code="journal_unusable",
            hint=f"Free disk space, or fix the permissions of {self.path}. Keep the file: it records your orders.",
        )


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & _PRIMARY in _BUSY


def _is_full(error: Exception) -> bool:
    """Return whether the disk or a quota is full, as the system or SQLite says it."""
    return is_full(error) or getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & _PRIMARY == sqlite3.SQLITE_FULL


def _busy() -> JournalError:
    return JournalError("The placement journal is in use by another process.", code="journal_busy", hint="Try again in a moment.")


def _when_free(step: Callable[[], object]) -> None:
    """Run a step, and again while another program holds the database, for a bounded time."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            step()
        except sqlite3.Error as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_PAUSE_SECONDS)


def _make_durable(database: sqlite3.Connection) -> None:
    # with FULL, a power cut after the commit can bring back the deleted rollback journal and undo it
    database.execute("PRAGMA synchronous = EXTRA")
    if sys.platform == "darwin":
        database.execute("PRAGMA fullfsync = 1")


def _lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
