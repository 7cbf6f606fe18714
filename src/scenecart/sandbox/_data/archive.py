"""The read-only SQLite file of captures, written once from a seed or from STAC items."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from scenecart.sandbox._data import stac_files, synthetic
from scenecart.sandbox._problem import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_FILE = "catalog.sqlite"
# longest wait for another process that generates the same captures
_LONGEST_SECONDS = 60.0
# price rules for the user's own items: credits per km², minimum km², minimum credits, one price for overlap on a date, retired
_ITEMS_PRODUCT = (20, 0.01, 500, 1, 0)


def prepare(data: Path, seed: int, count: int, items: Path | None, *, keep: bool) -> Path:
    """Return the path of the capture file, written now if it does not exist.

    Parameters
    ----------
    data
        The sandbox's folder.
    seed, count
        Which captures to generate, and about how many.
    items
        File or folder of STAC items to use instead; None keeps the items that the folder already has.
    keep
        Whether the folder stays after the sandbox stops. Generating captures takes seconds, so they are kept in the user's cache
        folder: a temporary folder uses that file, any other gets a copy of it.
    """
    path = data / _FILE
    if items is not None:
        signature = _items_signature(items)
        return _written(path, signature, lambda database: _fill(database, signature, _item_rows(items), is_generated=False))
    if keep and _has_items(path):
        return path
    signature = f"{_generator_digest()}/{seed}/{count}"
    if keep and _has_signature(path, signature):
        return path

    def fill(database: sqlite3.Connection) -> None:
        _fill(database, signature, _generated_rows(seed, count), is_generated=True)

    cached = _cache_path(signature)
    if cached is not None:
        # the disk of the cache folder may be full
        with contextlib.suppress(SandboxError):
            made = _written(cached, signature, fill)
            return _copied(made, path) if keep else made
    return _written(path, signature, fill)


def _written(path: Path, signature: str, fill: Callable[[sqlite3.Connection], None]) -> Path:
    """Write a capture file if it is missing or has another signature, and return its path."""
    if not _has_signature(path, signature):
        with _alone(path):
            # another process may have written the file in the meantime
            if not _has_signature(path, signature):
                _write(path, fill)
    return path


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock, so that sandboxes that start together do the work once; a sandbox that cannot wait does it too."""
    with contextlib.closing(sqlite3.connect(path.with_suffix(".lock"), timeout=_LONGEST_SECONDS)) as lock:
        with contextlib.suppress(sqlite3.OperationalError):
            lock.execute("BEGIN EXCLUSIVE")
        yield


def uri(path: Path) -> str:
    """Return the URI with which SQLite reads the file without locks."""
    return f"{path.resolve().as_uri()}?mode=ro&immutable=1"


def _generator_digest() -> str:
    """Return a digest of the code that generates the captures, so that a new version generates them again."""
    folder = resources.files("scenecart.sandbox._data")
    parts = [folder.joinpath(name).read_bytes() for name in ("synthetic.py", "catalog.sql")]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def _items_signature(items: Path) -> str:
    files = sorted(items.rglob("*")) if items.is_dir() else [items]
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return hashlib.sha256(json.dumps(stats).encode("utf-8", "surrogateescape")).hexdigest()


def _cache_path(signature: str) -> Path | None:
    try:
        # the home directory may be unknown
        folder = user_cache_path("scenecart") / "sandbox"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    if not os.access(folder, os.W_OK):
        return None
    return folder / f"{hashlib.sha256(signature.encode()).hexdigest()[:16]}.sqlite"


def _read_source(path: Path) -> tuple[str, bool] | None:
    """Return the signature of a capture file and whether it holds STAC items; None for a missing or damaged file."""
    if not path.exists():
        return None
    with contextlib.closing(sqlite3.connect(uri(path), uri=True)) as database:
        try:
            signature, has_items = database.execute("SELECT signature, items FROM source").fetchone()
        except (sqlite3.DatabaseError, TypeError):
            return None
    return str(signature), bool(has_items)


def _has_signature(path: Path, signature: str) -> bool:
    source = _read_source(path)
    return source is not None and source[0] == signature


def _has_items(path: Path) -> bool:
    source = _read_source(path)
    return source is not None and source[1]


def _write(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Write the capture file atomically."""
    with _replacing(path) as name, contextlib.closing(sqlite3.connect(name, isolation_level=None)) as database:
        fill(database)


def _copied(source: Path, path: Path) -> Path:
    """Copy a capture file atomically, and return the path of the copy."""
    with _replacing(path) as name:
        shutil.copyfile(source, name)
    return path


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[str]:
    """Give the name of a new file beside a path, which takes its place at the end.

    Raises
    ------
    SandboxError
        If it cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    os.close(handle)
    try:
        yield name
        Path(name).replace(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise SandboxError(f"The catalog cannot be written to {path.parent}: {error}.") from error
    finally:
        Path(name).unlink(missing_ok=True)


def _fill(database: sqlite3.Connection, signature: str, rows: Iterable[tuple[Any, ...]], *, is_generated: bool) -> None:
    schema = resources.files("scenecart.sandbox._data").joinpath("catalog.sql").read_text(encoding="utf-8")
    database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")
    database.executescript(f"BEGIN;{schema}")
    database.executemany("INSERT INTO capture VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.execute(
        "INSERT INTO capture_box SELECT 2 * number, west, iif(west > east, 180, east), south, north FROM capture"
        " WHERE west IS NOT NULL"
    )
    database.execute("INSERT INTO capture_box SELECT 2 * number + 1, -180, east, south, north FROM capture WHERE west > east")
    # a covering index: a search filters on these columns before it reads a capture
    database.execute(
        "CREATE INDEX capture_time ON capture (host, begins DESC, number, ends, collection, cloud, west, south, east, north)"
    )
    database.execute("CREATE INDEX capture_id ON capture (id)")
    if is_generated:
        products = [
            (p.host, p.collection, p.credits_per_km2, p.least_km2, p.least_credits, p.unites_one_date, p.retired)
            for p in synthetic.PRODUCTS
        ]
    else:
        found = database.execute("SELECT DISTINCT host, collection FROM capture").fetchall()
        products = [(*entry, *_ITEMS_PRODUCT) for entry in found]
    database.executemany(
        "INSERT INTO product (host, collection, credits_per_km2, least_km2, least_credits, unites_one_date, retired)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        products,
    )
    database.execute(
        "UPDATE product SET (captures, first, last, west, south, east, north) = (SELECT count(*), min(begins), max(ends),"
        " min(iif(west > east, -180, west)), min(south), max(iif(west > east, 180, east)), max(north)"
        " FROM capture c WHERE c.host = product.host AND c.collection = product.collection)"
    )
    database.execute("INSERT INTO source VALUES (?, ?)", (signature, not is_generated))
    database.execute("COMMIT")


def _generated_rows(seed: int, count: int) -> Iterator[tuple[Any, ...]]:
    for number, row in enumerate(synthetic.generate(seed, count), 1):
        yield number, *row, None


def _item_rows(items: Path) -> Iterator[tuple[Any, ...]]:
    generated_columns = (None,) * 6
    for number, (*known, feature) in enumerate(stac_files.load(items), 1):
        try:
            text = json.dumps(feature, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise SandboxError(f"Item {number} of {items} has a number that is not valid JSON (NaN or Infinity).") from error
        # a lone surrogate cannot be stored or sent: it becomes a question mark
        yield number, *known, *generated_columns, text.encode("utf-8", "replace").decode()
