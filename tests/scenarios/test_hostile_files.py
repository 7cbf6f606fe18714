"""Hostile text of a catalog in files, pages and terminals, and hostile files of a server."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest

import scenecart
from _expect import raises, warns
from _purchases import ESTIMATE, GET, LIST, ORDER, PROJECT, priced
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer, feature, page
from scenecart.widgets import CaptureTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEARCH, SIGN, FILE = "catalog.search", "items.asset.download", "/files/a.tif"
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def make_cart(service: ScriptedService, connect: Any) -> Callable[..., scenecart.Cart]:
    """Return a function that puts captures of the test into a cart."""

    def make(*features: Any) -> scenecart.Cart:
        client = connect()
        service.put(SEARCH, answer(page(*features)))
        cart: scenecart.Cart = client.cart(client.search("h", collections="c", limit=100))
        return cart

    return make


MARKUP = ["<img src=x onerror=hurt()>", "</script><script>hurt()</script>", '"><svg/onload=hurt()>', "<!--", "\u2028alert(1)"]


@pytest.mark.parametrize("text", MARKUP)
def test_catalog_text_is_never_markup(
    service: ScriptedService, make_cart: Callable[..., scenecart.Cart], tmp_path: Path, text: str
):
    """Ids, titles, property names and URLs are text in every table, estimate, order, report and exported widget."""
    assets = {text: {"href": text}}
    cart = make_cart({**feature(text, title=text, **{text: text}), "collection": text, "assets": assets})
    service.put(ESTIMATE, answer(priced(([text], 100))))
    estimate = cart.estimate()
    service.put(GET, answer({**ORDER, "id": "o", "status": text, "name": text, "failureReason": text}))
    table = CaptureTable(cart.captures)
    try:
        shown = [
            cart.captures._repr_html_(),
            cart._repr_html_(),
            estimate._repr_html_(),
            estimate.cart.captures[[text]].head()._repr_html_(),
        ]
        shown += [table.static_html(), cart._client.order("o")._repr_html_()]
    finally:
        table.close()
    shown += [cart.to_report(tmp_path / "cart.html", title=text, thumbnails=False).read_text("utf-8")]
    shown += [estimate.to_report(tmp_path / "quote.html", title=text, thumbnails=False).read_text("utf-8")]
    for html in shown:
        assert text not in html
        assert not any(part in html for part in ("<img src=x", "<script>hurt", "<svg/", "<!--"))


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")']


@pytest.mark.parametrize("text", FORMULAS)
def test_catalog_text_is_never_a_formula(make_cart: Callable[..., scenecart.Cart], tmp_path: Path, text: str):
    """Text that a spreadsheet would compute is a text cell, in CSV after an apostrophe, and reads back as the same id."""
    cart = make_cart({**feature(text), "collection": text}, feature("plain", west=0.05))
    content = cart.to_report(tmp_path / "cart.csv", title=text, thumbnails=False).read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    cleaned = text.strip().replace("\t", " ").replace("\r", " ")
    assert [row["id"].removeprefix("'") for row in rows] == [cleaned, "plain"]
    assert [row["collection"].removeprefix("'") for row in rows] == [cleaned, "c"]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert not [row["id"] for row in rows if row["id"].startswith("-")]
    book = openpyxl.load_workbook(cart.to_report(tmp_path / "cart.xlsx", title=text, thumbnails=False))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
    assert [cell.value for cell in cells].count(cleaned) >= 2
    assert {cell.hyperlink for cell in cells} == {None}


TEXTS = [
    "a\u202eb",
    "a\u200bb",
    "\x1b]0;x\x07\x1b[2Jred",
    "tab\tand\0nul",
    "\u0130\u0131iI",
    "a\u2028b",
    "line\nbreak",
    "e\u0301 \u00e9",
]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_any_id_is_kept_exactly(service: ScriptedService, make_cart: Callable[..., scenecart.Cart], tmp_path: Path, text: str):
    """An id of any characters is the same in the frame, in requests, and in a cart that was saved and read."""
    cart = make_cart(feature(text, title=text))
    assert cart.ids == cart.captures["title"].tolist() == [text]
    service.put(ESTIMATE, answer(priced(([text], 100))))
    assert cart.estimate().price_groups[0].ids == (text,)
    assert service.requests(ESTIMATE)[0].json["captures"][0]["id"] == text
    for suffix in ("geojson", "parquet"):
        path = cart.save(tmp_path / f"cart.{suffix}")
        read = scenecart.load_cart(path)
        assert read.ids == [text]
        assert read.fingerprint == cart.fingerprint
        assert suffix == "parquet" or path.read_bytes().decode("utf-8")


def test_text_outside_unicode_is_kept_in_a_cart_file(make_cart: Callable[..., scenecart.Cart], tmp_path: Path):
    """A title with a lone surrogate is saved as GeoJSON and read as it was; Parquet refuses it with a code."""
    cart = make_cart(feature("a", title="a\ud800b"))
    assert scenecart.load_cart(cart.save(tmp_path / "cart.geojson")).captures["title"].tolist() == ["a\ud800b"]
    with raises(scenecart.InvalidCart, "cart_not_parquet"):
        cart.save(tmp_path / "cart.parquet")


def test_id_that_is_not_unicode_is_found_but_not_ordered(service: ScriptedService, connect: Any):
    """A capture whose id no request can contain stays in the result as it is, and is refused by a cart."""
    client = connect()
    service.put(SEARCH, answer(page(feature("a\ud800b"))))
    captures = client.search("h", collections="c", limit=100)
    assert captures["id"].iloc[0] == "a\ud800b"
    assert captures["orderable"].tolist() == [False]
    with raises(scenecart.InvalidCart, "captures_not_orderable"):
        client.cart(captures)


def test_cart_with_mixed_types_is_saved_in_both_formats(make_cart: Callable[..., scenecart.Cart], tmp_path: Path):
    """If a catalog mixes types in one property, the cart is saved, with the mixed values as JSON strings."""
    cart = make_cart(feature("a", mixed="5"), feature("b", mixed=250), feature("c", mixed={"a": 1}), feature("d", mixed=2**70))
    for suffix in ("geojson", "parquet"):
        read = scenecart.load_cart(cart.save(tmp_path / f"cart.{suffix}"))
        assert read.fingerprint == cart.fingerprint
    assert read.captures["mixed"].tolist() == ["5", "250", '{"a": 1}', str(2**70)]


def run(service: ScriptedService, tmp_path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    signed = {"SCENECART_BASE_URL": service.url, "SCENECART_TOKEN": "t", "SCENECART_PROJECT": PROJECT}
    return subprocess.run(
        [sys.executable, "-m", "scenecart.cli", *arguments],
        capture_output=True,
        env={**os.environ, **signed, "SCENECART_HOME": str(tmp_path / "home"), "COLUMNS": "200", **environ},
        cwd=tmp_path,
        timeout=250,
        check=False,
    )


CONTROL_CHARACTERS = {chr(code) for code in (*range(32), 127, *range(0x80, 0xA0), 0x202E, 0x200B, 0x2028)} - {"\n"}


def test_terminal_receives_no_control_characters(service: ScriptedService, tmp_path: Path):
    """Ids, states, reasons and problems of a service are printed without anything that moves, colours, hides or reverses text."""
    hostile = "".join(sorted(CONTROL_CHARACTERS)) + "\x1b]0;x\x07\x1b[2J"
    service.put(SEARCH, answer(page({**feature(f"a{hostile}z\ud800"), "collection": hostile}, feature("b"))))
    service.put(LIST, answer([{**ORDER, "id": f"o{hostile}", "status": f"s{hostile}", "failureReason": hostile}]))
    printed = [run(service, tmp_path, "search", "h", "--collections", "c", "--limit", "5"), run(service, tmp_path, "orders")]
    service.put(LIST, answer({"title": hostile, "detail": f"what{hostile}happened"}, 422))
    printed.append(run(service, tmp_path, "orders"))
    assert [done.returncode for done in printed] == [0, 0, 1]
    for done in printed:
        text = (done.stdout + done.stderr).decode("utf-8")
        assert "Traceback" not in text
        assert not CONTROL_CHARACTERS & set(text)
        assert "ud800" not in text
    assert b"what" in printed[2].stderr


def test_time_zone_and_locale_change_nothing(service: ScriptedService, tmp_path: Path):
    """With another time zone and a Turkish locale, the same search writes and prints the same."""
    late = {**feature("late"), "properties": {"datetime": "2024-03-05T23:59:59"}}
    times = [feature("\u0130\u0131", title="I"), late]
    service.put(SEARCH, answer(page(*times)))
    command = ["search", "h", "--collections", "c", "--limit", "5", "--datetime", "2024-03", "--json"]
    here = run(service, tmp_path, *command)
    there = run(service, tmp_path, *command, TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8", LANG="tr_TR.UTF-8")
    assert here.returncode == there.returncode == 0
    assert here.stdout == there.stdout
    first, second = service.requests(SEARCH)
    assert first.body == second.body
    service.put(
        LIST,
        answer([{**ORDER, "createdAt": "2024-03-05T23:59:59", "status": "F\u0130L"}, {**ORDER, "id": "b", "status": "FAILED"}]),
    )
    orders = [run(service, tmp_path, "orders", "--json", TZ=zone).stdout for zone in ("UTC", "Pacific/Kiritimati")]
    assert orders[0] == orders[1]
    assert json.loads(orders[0])[0]["created"] == "2024-03-05T23:59:59.000Z"
    assert [one["properties"]["id"] for one in json.loads(here.stdout)["features"]] == ["\u0130\u0131", "late"]


@pytest.fixture
def download(service: ScriptedService, connect: Any, tmp_path: Path) -> Callable[..., list[Path]]:
    """Return a function that downloads an order whose assets and server the test writes."""

    def run_download(assets: dict[str, Any] | None = None, names: Any = None, item: str = "item") -> list[Path]:
        entry = {"type": "image/tiff", "file:size": len(CONTENT)}
        service.put(GET, answer({**ORDER, "status": "delivered", "captures": ["a"]}))
        service.put("orders.list_assets", answer(page({**feature(item), "assets": assets or {"visual": entry}})))
        service.put(SIGN, answer({"url": f"{service.url}{FILE}?signature=s"}))
        order = connect().order("o-1")
        found: list[Path] = order.download(tmp_path / "out", names, progress=False)
        return found

    service.put(FILE, Answer(CONTENT, headers={"ETag": '"v1"'}))
    return run_download


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink())


FOLDER = "2024-03-05_item"
HEADERS = [
    'attachment; filename="../../x"', "attachment; filename*=UTF-8''..%2F..%2Fx", "attachment; filename=/etc/passwd",
    "attachment; filename=x.tif\r\nSet-Cookie: a=b", "inline", "attachment; filename=C:\\x",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_download_ignores_content_disposition(
    service: ScriptedService, download: Callable[..., list[Path]], tmp_path: Path, header: str
):
    """A downloaded file has the asset's name in the item's folder, not the name that the server gives."""
    service.put(FILE, Answer(CONTENT, headers={"Content-Disposition": header}))
    assert download() == [tmp_path / "out" / FOLDER / f"{FOLDER}_visual.tif"]
    assert files_in(tmp_path / "out") == [f"{FOLDER}/{FOLDER}_visual.tif", f"{FOLDER}/item.json", "catalog.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out"]


def test_download_names_that_differ_by_case_are_distinct(download: Callable[..., list[Path]], tmp_path: Path):
    """Assets whose names differ by case only, beside one with the digest that distinguishes them, are three files."""
    mark = hashlib.sha256(b"a_b").hexdigest()[:12]
    names = [f"a_b-{mark}", "A_B", "a_b"]
    paths = download({name: {"type": "image/tiff", "file:size": len(CONTENT)} for name in names})
    assert len({str(path).lower() for path in paths}) == 3
    assert len([name for name in files_in(tmp_path / "out") if not name.endswith(".json")]) == 3
    assert download({name: {"type": "image/tiff", "file:size": len(CONTENT)} for name in names}, ["a_b"]) == [paths[2]]


def test_download_compressed_response_is_decompressed(service: ScriptedService, download: Callable[..., list[Path]]):
    """A file that the server compresses for the transfer has its original bytes and is checked by its size."""
    service.put(FILE, Answer(gzip.compress(CONTENT), headers={"Content-Encoding": "gzip"}))
    assert download()[0].read_bytes() == CONTENT


@pytest.mark.parametrize("sent", [CONTENT + b"x", gzip.compress(bytes(2**26)), b""], ids=["a byte more", "a bomb", "nothing"])
def test_download_wrong_length_is_not_kept(
    service: ScriptedService, download: Callable[..., list[Path]], tmp_path: Path, sent: bytes
):
    """A file of another length than announced is an error, is not read to its end, and leaves nothing behind."""
    headers = {"Content-Encoding": "gzip"} if sent[:2] == b"\x1f\x8b" else {}
    service.put(FILE, Answer(sent, headers=headers))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**24, before[1]))
    try:
        with raises(scenecart.DownloadError, "file_size_differs"):
            download()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files_in(tmp_path / "out") == []


def serve_interrupted_then(service: ScriptedService, *answers: Answer | Callable[[RecordedRequest], Answer]) -> None:
    service.put(FILE, Answer(CONTENT[:4_000], headers={"ETag": '"v1"'}, promised=len(CONTENT)), *answers)


RESUMED: dict[str, Any] = {
    "the range is ignored": lambda _: Answer(CONTENT, headers={"ETag": '"v1"'}),
    "another range": lambda _: Answer(CONTENT[1:-3_999], 206, {"ETag": '"v1"', "Content-Range": f"bytes 1-6240/{len(CONTENT)}"}),
    "a range of nothing": lambda _: Answer(b"", 206, {"ETag": '"v1"', "Content-Range": "bytes */5"}),
    "416": lambda _: Answer(b"", 416, {"Content-Range": f"bytes */{len(CONTENT)}"}),
    "another file": lambda _: Answer(CONTENT[::-1], headers={"ETag": '"v2"'}),
}


@pytest.mark.parametrize("case", RESUMED)
def test_download_resumes_only_the_same_file(service: ScriptedService, download: Callable[..., list[Path]], case: str):
    """After an interruption, only the rest of the same file is appended; otherwise the file is downloaded again."""
    whole = Answer(CONTENT, headers={"ETag": '"v1"'})
    serve_interrupted_then(service, RESUMED[case], whole)
    expected = CONTENT[::-1] if case == "another file" else CONTENT
    assert download()[0].read_bytes() == expected
    assert service.requests(FILE)[1].headers["if-range"] == '"v1"'
    # what the second answer brings is not requested once more
    assert len(service.requests(FILE)) == (2 if case in {"the range is ignored", "another file"} else 3)


def test_download_weak_or_missing_etag_starts_again(service: ScriptedService, download: Callable[..., list[Path]]):
    """Without a strong ETag, nothing is resumed."""
    for tag in ('W/"v1"', ""):
        service.received.clear()
        cut = Answer(CONTENT[:4_000], headers={"ETag": tag}, promised=len(CONTENT))
        service.put(FILE, cut, Answer(CONTENT))
        assert download(item=f"item{len(tag)}")[0].read_bytes() == CONTENT
        assert "range" not in service.requests(FILE)[1].headers


LINKS = ["item/visual.tif", "item/visual.tif.part", "item/visual.tif.part.etag", "item"]


@pytest.mark.parametrize("place", LINKS)
def test_download_any_symbolic_link_is_refused(download: Callable[..., list[Path]], tmp_path: Path, place: str):
    """A symbolic link in place of the file, its temporary files or its folder is not followed; another folder is used."""
    elsewhere = tmp_path / "elsewhere"
    if place == "item":
        elsewhere.mkdir()
    else:
        elsewhere.write_bytes(b"precious")
    link = tmp_path / "out" / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    if place == "item":
        assert download()[0].parent.name == FOLDER
        assert list(elsewhere.iterdir()) == []
    else:
        with pytest.raises(scenecart.DownloadError):
            download()
        assert elsewhere.read_bytes() == b"precious"


def test_download_signed_url_gets_no_token(service: ScriptedService, download: Callable[..., list[Path]]):
    """A file on another server, also after a redirect to a third, is requested without the token and without cookies."""
    with ScriptedService() as second, ScriptedService() as third:
        service.put(FILE, Answer(b"", 307, {"Location": f"{second.url}/b?signature=s", "Set-Cookie": "secret=1"}))
        second.put("/b", Answer(b"", 302, {"Location": f"{third.url}/c?signature=s"}))
        third.put("/c", Answer(CONTENT))
        assert download()[0].read_bytes() == CONTENT
        for request in (*service.requests(FILE), *second.received, *third.received):
            assert "authorization" not in request.headers
        assert "cookie" not in third.received[0].headers


def test_download_archive_is_not_extracted(service: ScriptedService, download: Callable[..., list[Path]], tmp_path: Path):
    """A zip with members outside the folder is kept as it is; nothing is extracted."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../x", "hurt")
    service.put(FILE, Answer(packed.getvalue()))
    (path,) = download({"data": {"href": "https://x.example/a.zip", "type": "application/zip"}})
    assert path.read_bytes() == packed.getvalue()
    assert [name for name in files_in(tmp_path / "out") if not name.endswith(".json")] == [f"{FOLDER}/{path.name}"]


MALFORMED_ASSETS: list[Any] = [None, 5, "x", [], {"href": None}, {"href": "http://[bad"},
                         {"href": "\0", "file:size": "5", "file:checksum": 5},
                         {"type": 5, "file:size": True, "file:checksum": "1220zz"}]  # fmt: skip


@pytest.mark.parametrize("asset", MALFORMED_ASSETS, ids=str)
def test_download_malformed_asset_is_skipped(download: Callable[..., list[Path]], asset: Any):
    """A malformed asset does not prevent the download of the others."""
    paths = download({"malformed": asset, "visual": {"type": "image/tiff", "file:size": len(CONTENT)}})
    assert paths[-1].name == f"{FOLDER}_visual.tif"
    assert len(paths) == (2 if isinstance(asset, dict) else 1)


def test_orders_table_accepts_malformed_orders(service: ScriptedService, connect: Any):
    """Malformed ids, amounts and times of orders are a row each; a warning counts the entries without an id."""
    malformed = {
        "id": "a",
        "status": 5,
        "totalCredits": 12.5,
        "totalAud": "1e400",
        "createdAt": "2024-02-30",
        "captures": 5,
        "groups": [5],
    }
    more = [
        {**malformed, "id": f"b{number}", "createdAt": when} for number, when in enumerate(["", 5, None, "9999-12-31T23:59:59Z"])
    ]
    service.put(LIST, answer([malformed, *more, {"id": ""}, {"id": 5}, None, 5]))
    with warns("orders_incomplete"):
        orders = connect().orders()
    assert orders.index.tolist() == ["a", "b0", "b1", "b2", "b3", "5"]
    assert pd.isna(orders["total_credits"]).all()
