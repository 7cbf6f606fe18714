"""Reads vector files as shapes in their CRS: layers and archives, only in formats that cannot refer to other files or URLs."""

from __future__ import annotations

import functools
import re
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

MAX_NAME = 80
GEOJSON_SUFFIXES = frozenset({".geojson", ".json"})
_PARQUET_SUFFIXES = frozenset({".parquet", ".geoparquet"})
_ARCHIVES = frozenset({".zip", ".kmz"})
# a folder that is read as one file, and a file that is always in it
FILE_GEODATABASE, _GEODATABASE_TABLE = ".gdb", "a00000001.gdbtable"
_SHAPEFILE = ".shp"
_SIDECARS = (".shx", ".dbf", ".prj", ".cpg")
# how a file of each format begins
_SIGNATURES = {_SHAPEFILE: b"\x00\x00\x27\x0a", ".gpkg": b"SQLite format 3\x00", ".fgb": b"fgb\x03fgb"}
_GEOPACKAGE_IDS, _ID_OFFSET = frozenset({b"GPKG", b"GP10", b"GP11"}), 68
_REFERENCE = re.compile(rb"<\s*OGR\w+DataSource", re.IGNORECASE)
_ENTITIES = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_HEADER = 128
_MAX_UNPACKED, _MAX_MEMBERS = 1024 * 2**20, 20_000
_CHUNK = 2**20
_UNREADABLE_HINT = "Check that the file is complete, and in the format of its suffix."
FORMATS = "GeoJSON, GeoPackage, Shapefile, KML, KMZ, FlatGeobuf, file geodatabase or GeoParquet"


@dataclass(frozen=True)
class Layer:
    """A layer of a file.

    Attributes
    ----------
    name : str
        The name of the layer; for formats without layers, the name of the file without its suffix.
    read : callable
        Returns the layer as a GeoDataFrame, or as the path of a GeoJSON file.
    """

    name: str
    read: Callable[[], gpd.GeoDataFrame | Path]


@contextmanager
def open_layers(path: Path, argument: str) -> Iterator[list[Layer]]:
    """Open a file and return its layers with geometry; files in an archive are unpacked to a temporary folder.

    Raises
    ------
    InvalidArea
        If the format is not supported, a part of a Shapefile is missing, or the content is not of that format.
    """
    name = clean_text(path.name, MAX_NAME)
    if path.suffix.lower() not in _ARCHIVES:
        yield _layers_of(path, name, argument)
        return
    with tempfile.TemporaryDirectory(prefix="scenecart-area-") as folder:
        files = _unpacked(path, Path(folder), name, argument)
        if not files:
            raise _unreadable(name, argument, hint=f"It has no file in one of the supported formats: {FORMATS}.")
        yield [layer for file in files for layer in _layers_of(file, f"{name}, {clean_text(file.name, MAX_NAME)}", argument)]


def has_layers(path: Path) -> bool:
    """Return whether the format of a file can have several layers."""
    return path.suffix.lower() not in GEOJSON_SUFFIXES | _PARQUET_SUFFIXES


def missing_projection(path: Path) -> bool:
    """Return whether a file is a Shapefile without a CRS."""
    return path.suffix.lower() == _SHAPEFILE and _sidecar(path, ".prj") is None


def _layers_of(path: Path, name: str, argument: str) -> list[Layer]:
    import geopandas as gpd  # noqa: PLC0415  # half a second that a bbox need not pay
    import pyarrow.parquet as pq  # noqa: PLC0415  # likewise

    suffix = path.suffix.lower()
    if suffix in GEOJSON_SUFFIXES:
        return [Layer(path.stem, lambda: path)]
    if suffix in _PARQUET_SUFFIXES:
        if b"geo" not in (_read(name, argument, pq.read_schema, path).metadata or {}):
            raise InvalidArea(f"file {name} has no geometry column.", argument=argument, code="area_geometry_missing")
        return [Layer(path.stem, lambda: _read(name, argument, gpd.read_parquet, path))]
    if suffix == FILE_GEODATABASE and not (path / _GEODATABASE_TABLE).is_file():
        # a folder of Shapefiles, which GDAL writes under this suffix by default
        return [layer for file in sorted(path.glob(f"*{_SHAPEFILE}")) for layer in _layers_of(file, name, argument)]
    _check_content(path, suffix, name, argument)
    if suffix == _SHAPEFILE:
        _check_sidecars(path, name, argument)
    found = _read(name, argument, gpd.list_layers, path)
    names = [str(one) for one in found["name"][found["geometry_type"].notna()]]
    # without attributes
    read = functools.partial(_read, name, argument, gpd.read_file, path, columns=[])
    return [Layer(one, functools.partial(read, layer=one)) for one in names]


def is_vector_file(path: Path) -> bool:
    """Return whether the content of a file agrees with its suffix, in a format that may be opened by GDAL.

    GDAL recognizes formats by their content, whatever the suffix, and some formats only name another file or URL, which GDAL opens.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == FILE_GEODATABASE:
        return (path / _GEODATABASE_TABLE).is_file()
    if suffix == ".kml":
        return _is_kml(path.read_bytes())
    if suffix not in _SIGNATURES:
        return False
    with path.open("rb") as file:
        content = file.read(_HEADER)
    is_geopackage = content[_ID_OFFSET : _ID_OFFSET + 4] in _GEOPACKAGE_IDS
    return content.startswith(_SIGNATURES[suffix]) and (is_geopackage or suffix != ".gpkg")


def _check_content(path: Path, suffix: str, name: str, argument: str) -> None:
    if suffix not in {*_SIGNATURES, ".kml", FILE_GEODATABASE}:
        raise InvalidArea(
            f"file {name} is in an unsupported format.", argument=argument, code="area_format_unsupported", hint=f"Use {FORMATS}."
        )
    try:
        is_right = is_vector_file(path)
    except OSError as error:
        raise InvalidArea(
            f"file {name} cannot be read: {error.strerror}.", argument=argument, code="area_file_unreadable"
        ) from error
    if not is_right:
        raise _unreadable(name, argument)


def _is_kml(content: bytes) -> bool:
    """Return whether a document is KML without entities, and without XML elements that make GDAL open other files."""
    if _ENTITIES.search(content) or _REFERENCE.search(content):
        return False
    elements: list[str] = []
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda element, _: elements.append(element) if not elements else None
    try:
        parser.Parse(content, True)  # noqa: FBT003  # whether it is the end of the document
    except (expat.ExpatError, ValueError):
        return False
    return elements[0].rpartition("}")[2] == "kml"


def _check_sidecars(path: Path, name: str, argument: str) -> None:
    """Refuse a Shapefile without its index file; the error names all missing parts."""
    if _sidecar(path, ".shx") is not None:
        return
    missing = [f"{path.stem}{suffix}" for suffix in _SIDECARS[:3] if _sidecar(path, suffix) is None]
    raise InvalidArea(
        f"file {name} is one part of a Shapefile; missing: {clean_text(', '.join(missing), 3 * MAX_NAME)}.",
        argument=argument,
        code="area_shapefile_incomplete",
        hint="Put all its files in one folder, or in one zip file.",
        details={"missing": missing},
    )


def _sidecar(path: Path, suffix: str) -> Path | None:
    found = (path.with_suffix(case) for case in (suffix, suffix.upper()))
    return next((one for one in found if one.is_file()), None)


def _unpacked(path: Path, folder: Path, name: str, argument: str) -> list[Path]:
    """Unpack the vector files of an archive under safe names, and return the paths to read."""
    left = _MAX_UNPACKED
    folders: dict[PurePosixPath, Path] = {}
    files: list[Path] = []
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist()[:_MAX_MEMBERS]:
                inside = PurePosixPath(member.filename.replace("\\", "/"))
                if member.is_dir() or not _is_wanted(inside):
                    continue
                is_geodatabase = inside.parent.suffix.lower() == FILE_GEODATABASE
                number = f"{len(folders)}{FILE_GEODATABASE if is_geodatabase else ''}"
                target = folders.setdefault(inside.parent, folder / number)
                target.mkdir(exist_ok=True)
                file = target / re.sub(r"[^\w.\- ]", "_", inside.name)[-MAX_NAME:]
                left -= _unpack(archive, member, file, left)
                if is_geodatabase:
                    files += [target] if target not in files else []
                elif file.suffix.lower() not in _SIDECARS:
                    files.append(file)
    except (OSError, EOFError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as error:
        # an encrypted member is a RuntimeError, an unknown compression a NotImplementedError
        raise _unreadable(name, argument) from error
    except OverflowError:
        raise _unreadable(name, argument, hint=f"It unpacks to more than {_MAX_UNPACKED // 2**20:,} MB.") from None
    return sorted(files)


def _is_wanted(inside: PurePosixPath) -> bool:
    if inside.name.startswith(".") or "__MACOSX" in inside.parts:
        return False
    if inside.parent.suffix.lower() == FILE_GEODATABASE:
        return True
    return inside.suffix.lower() in {*_SIGNATURES, *_SIDECARS, *_PARQUET_SUFFIXES, ".geojson", ".kml"}


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: Path, most: int) -> int:
    """Write a member to a file and return its size.

    Raises
    ------
    OverflowError
        If the member is larger than the limit, whatever its header states.
    """
    size = 0
    with archive.open(member) as packed, file.open("wb") as unpacked:
        while chunk := packed.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise OverflowError
            unpacked.write(chunk)
    return size


def _read(name: str, argument: str, reader: Callable[..., Any], path: Path, **options: Any) -> Any:
    try:
        return reader(path, **options)
    except Exception as error:
        raise _unreadable(name, argument) from error


def _unreadable(name: str, argument: str, hint: str = _UNREADABLE_HINT) -> InvalidArea:
    return InvalidArea(f"file {name} cannot be read as vector data.", argument=argument, code="area_file_unreadable", hint=hint)
