"""Vector files: every layer is read and named, and no file points to another one."""

from __future__ import annotations

import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely

import scenecart
from _expect import raises, warns
from scenecart._geo import vector_files
from scenecart._geo.area import as_area, read_area
from scenecart._geo.vector_files import is_vector_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NORTH, SOUTH = shapely.box(4.0, 51.9, 4.1, 51.95), shapely.box(4.3, 51.8, 4.4, 51.85)
BOTH = as_area(shapely.union(NORTH, SOUTH)).km2
POLYGON = "<Polygon><outerBoundaryIs><LinearRing><coordinates>{}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
PIN = "<Placemark><Point><coordinates>4.5,52.2</coordinates></Point></Placemark>"
VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="{0}"><SrcDataSource>{1}</SrcDataSource><SrcLayer>{0}</SrcLayer></OGRVRTLayer>'
    "</OGRVRTDataSource>"
)


def kml(*folders: str) -> str:
    """Return a KML document of folders."""
    return f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>job</name>{"".join(folders)}</Document></kml>'


def placemark(shape: shapely.Polygon) -> str:
    """Return a polygon as KML."""
    return f"<Placemark>{POLYGON.format(' '.join(f'{x},{y},0' for x, y in shape.exterior.coords))}</Placemark>"


TWO_FOLDERS = kml(*(f"<Folder><name>{name}</name>{placemark(one)}</Folder>" for name, one in (("North", NORTH), ("South", SOUTH))))


def write_two(path: Path) -> Path:
    """Write two quays as two layers of a file."""
    if path.suffix == ".kml":
        path.write_text(TWO_FOLDERS)
    elif path.suffix == ".kmz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("doc.kml", TWO_FOLDERS)
    else:
        for name, shape in (("North", NORTH), ("South", SOUTH)):
            frame = gpd.GeoDataFrame({"n": [1.0]}, geometry=[shape], crs=4326)
            if path.suffix == ".zip":
                frame.to_file(path.with_name(f"{name}.shp"))
            else:
                frame.to_file(path, layer=name, **({"driver": "OpenFileGDB"} if path.suffix == ".gdb" else {}))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for part in path.parent.glob("[NS]o*"):
                archive.write(part, f"quays/{part.name}")
    return path


@pytest.mark.parametrize("suffix", [".kml", ".kmz", ".gpkg", ".gdb", ".zip"])
def test_layers_of_a_file_are_one_area_and_are_named(tmp_path: Path, suffix: str):
    """All layers of a file are read, a warning names them, and each can be read alone."""
    path = write_two(tmp_path / f"two{suffix}")
    with warns("area_layers_united") as caught:
        assert as_area(path).km2 == pytest.approx(BOTH, rel=1e-6)
    assert {"'North'", "'South'"} <= set(str(caught[0].message).replace("(", " ").replace(")", " ").replace(",", " ").split())
    assert read_area(path, layer="South").bounds == pytest.approx(SOUTH.bounds)
    with raises(scenecart.InvalidArea, "area_layer_missing"):
        read_area(path, layer="West")


def test_zip_of_a_file_geodatabase_is_read(tmp_path: Path):
    """A file geodatabase is a folder, which is sent as a zip file."""
    folder = write_two(tmp_path / "two.gdb")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for part in folder.iterdir():
            archive.write(part, f"two.gdb/{part.name}")
    assert read_area(tmp_path / "two.zip", layer="North").bounds == pytest.approx(NORTH.bounds)


def test_pins_beside_the_polygons_are_left_out_and_counted(tmp_path: Path):
    """A pin with the client's name is not a part of the area, in a folder of its own or in the polygon's."""
    (tmp_path / "job.kml").write_text(
        kml(f"<Folder><name>Area</name>{placemark(NORTH)}{PIN}</Folder>", f"<Folder><name>Pin</name>{PIN}</Folder>")
    )
    with warns("area_layers_united", "area_shapes_left_out") as caught:
        assert as_area(tmp_path / "job.kml").geometry.equals(NORTH)
    assert "2 points" in str(caught[1].message)


@pytest.mark.parametrize(
    "inner", [shapely.Point(4.05, 51.92), shapely.LineString([(4.5, 52.2), (4.6, 52.3)])], ids=["point", "line"]
)
def test_shape_beside_the_polygon_of_a_frame_is_left_out(inner: Any):
    """A point within the polygon and a line outside it are left out alike, also in a collection with the polygon."""
    for shapes in ([NORTH, inner], [shapely.GeometryCollection([NORTH, inner])]):
        with warns("area_shapes_left_out"):
            assert as_area(gpd.GeoDataFrame(geometry=shapes, crs=4326)).geometry.equals(NORTH)


def test_shapefile_without_its_index_names_what_is_missing(tmp_path: Path):
    """A .shp alone is one part of several, and the message names the others."""
    gpd.GeoDataFrame({"n": [1]}, geometry=[NORTH], crs=4326).to_file(tmp_path / "quay.shp")
    for suffix in (".shx", ".dbf"):
        (tmp_path / f"quay{suffix}").unlink()
    with raises(scenecart.InvalidArea, "area_shapefile_incomplete") as caught:
        as_area(tmp_path / "quay.shp")
    assert caught.value.details["missing"] == ["quay.shx", "quay.dbf"]


def test_shapefile_without_a_projection_is_read_as_degrees(tmp_path: Path):
    """A Shapefile without .prj is in degrees, with a warning, unless its coordinates cannot be."""
    gpd.GeoDataFrame({"n": [1]}, geometry=[NORTH], crs=4326).to_file(tmp_path / "quay.shp")
    (tmp_path / "quay.prj").unlink()
    with warns("area_crs_assumed"):
        assert as_area(tmp_path / "quay.shp").geometry.equals(NORTH)


@pytest.fixture
def inner_address() -> Iterator[tuple[str, list[str]]]:
    """Start a server that stands for an address inside the network, and return its address and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815  # the name that the standard library calls

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


@pytest.mark.parametrize(
    "name", ["harbour.kml", "harbour.gpkg", "harbour.shp", "harbour.fgb", "harbour.vrt", "harbour.csv", "harbour.gml"]
)
@pytest.mark.parametrize("how", ["plain", "in a zip", "hidden in KML", "other root"])
def test_file_that_points_elsewhere_is_never_followed(tmp_path: Path, inner_address: tuple[str, list[str]], name: str, how: str):
    """A GDAL virtual format, under whatever suffix, asks no address and reads no other file."""
    address, asked = inner_address
    secret = tmp_path / "secret.geojson"
    gpd.GeoDataFrame(geometry=[NORTH], crs=4326).to_file(secret)
    for layer, target in (("x", f"/vsicurl/{address}/meta.geojson"), ("secret", str(secret))):
        text = VRT.format(layer, target)
        text = {"hidden in KML": kml(text), "other root": f"{kml(placemark(NORTH))}{text}"}.get(how, text)
        path = tmp_path / name
        path.write_text(text)
        if how == "in a zip":
            path = tmp_path / "harbour.zip"
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(tmp_path / name, name)
        with pytest.raises(scenecart.InvalidArea):
            as_area(path)
        assert not is_vector_file(path)
    assert asked == []


@pytest.mark.parametrize("member", ["../../evil.geojson", "/evil.geojson", "C:\\evil.geojson", "a/../../evil.geojson"])
def test_archive_is_unpacked_inside_its_folder(tmp_path: Path, member: str):
    """A member with a path outside the archive is read, and written nowhere else."""
    gpd.GeoDataFrame(geometry=[NORTH], crs=4326).to_file(tmp_path / "inner.geojson")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    path = tmp_path / "deep" / "er" / "area.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, (tmp_path / "inner.geojson").read_bytes())
    assert as_area(path).geometry.equals(NORTH)
    assert not list(tmp_path.rglob("evil*"))


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A small archive of a huge file is refused before the disk is full."""
    monkeypatch.setattr(vector_files, "_MAX_UNPACKED", 10_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("area.geojson", b" " * 1_000_000)
    with raises(scenecart.InvalidArea, "area_file_unreadable"):
        as_area(tmp_path / "bomb.zip")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no"])
def test_damaged_archive_is_refused(tmp_path: Path, content: bytes):
    """A cut or wrong archive is one clear error."""
    (tmp_path / "area.zip").write_bytes(content)
    with raises(scenecart.InvalidArea, "area_file_unreadable"):
        as_area(tmp_path / "area.zip")
