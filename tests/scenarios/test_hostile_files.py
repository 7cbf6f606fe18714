"""Texts of a catalog in files, pages and terminals, and files of a server: nothing runs, lands elsewhere, or is half."""

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
from _purchases import ESTIMATE, GET, LIST, ORDER, PROJECT, priced
from _scripted_service import Answer, Asked, ScriptedService, answer, feature, page
from scenecart.widgets import CaptureTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEARCH, SIGN, FILE = "catalog.search", "items.asset.download", "/files/a.tif"
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def cart(service: ScriptedService, connect: Any) -> Callable[..., scenecart.Cart]:
    """Put captures of the test's own into a cart."""

    def made(*features: Any) -> scenecart.Cart:
        client = connect()
        service.put(SEARCH, answer(page(*features)))
        cart: scenecart.Cart = client.cart(client.search("h", collections="c", limit=100))
        return cart

    return made


MARKUP = ["<img src=x onerror=hurt()>", "</script><script>hurt()</script>", '"><svg/onload=hurt()>', "<!--", "\u2028alert(1)"]


@pytest.mark.parametrize("text", MARKUP)
def test_no_text_of_a_catalog_is_markup_anywhere(
    service: ScriptedService, cart: Callable[..., scenecart.Cart], tmp_path: Path, text: str
):
    """Ids, titles, names of properties and addresses are text in every table, estimate, order, report and exported widget."""
    assets = {text: {"href": text}}
    made = cart({**feature(text, title=text, **{text: text}), "collection": text, "assets": assets})
    service.put(ESTIMATE, answer(priced(([text], 100))))
    estimate = made.estimate()
    service.put(GET, answer({**ORDER, "id": text, "status": text, "failureReason": text}))
    table = CaptureTable(made.captures)
    try:
        shown = [made.captures._repr_html_(), estimate._repr_html_(), estimate.cart.captures[[text]].head()._repr_html_()]
        shown += [table.still(), made._desk.order("o")._repr_html_()]
    finally:
        table.close()
    shown += [made.to_report(tmp_path / "cart.html", title=text, thumbnails=False).read_text("utf-8")]
    shown += [estimate.to_report(tmp_path / "quote.html", title=text, thumbnails=False).read_text("utf-8")]
    for html in shown:
        assert text not in html
        assert not any(part in html for part in ("<img src=x", "<script>hurt", "<svg/", "<!--"))


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")']


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_table_is_a_formula(cart: Callable[..., scenecart.Cart], tmp_path: Path, text: str):
    """A text that a spreadsheet would compute is one cell of text, in CSV behind an apostrophe, and reads back as the same id."""
    made = cart({**feature(text), "collection": text}, feature("plain", west=0.05))
    content = made.to_report(tmp_path / "cart.csv", title=text, thumbnails=False).read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    cleaned = text.strip().replace("\t", " ").replace("\r", " ")
    assert [row["id"].removeprefix("'") for row in rows] == [cleaned, "plain"]
    assert [row["collection"].removeprefix("'") for row in rows] == [cleaned, "c"]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert not [row["id"] for row in rows if row["id"].startswith("-")]
    book = openpyxl.load_workbook(made.to_report(tmp_path / "cart.xlsx", title=text, thumbnails=False))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
    assert [cell.value for cell in cells].count(cleaned) >= 2
    assert {cell.hyperlink for cell in cells} == {None}


TEXTS = [
    "a\u202eb",
    "a\u200bb",
    "a\ud800b",
    "\x1b]0;x\x07\x1b[2Jred",
    "tab\tand\0nul",
    "\u0130\u0131iI",
    "a\u2028b",
    "line\nbreak",
    "e\u0301 \u00e9",
]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_of_any_letters_goes_round_exactly(
    service: ScriptedService, cart: Callable[..., scenecart.Cart], tmp_path: Path, text: str
):
    """Whatever letters an id has, it is the same in the frame, in what is sent, and in a cart that was saved and read."""
    made = cart(feature(text, title=text))
    assert made.ids == made.captures["title"].tolist() == [text]
    service.put(ESTIMATE, answer(priced(([text], 100))))
    assert made.estimate().price_groups[0].ids == (text,)
    assert service.requests(ESTIMATE)[0].json["captures"][0]["id"] == text
    for suffix in ("geojson", "parquet"):
        if suffix == "parquet" and "\ud800" in text:
            with pytest.raises(scenecart.InvalidCart, match="geojson"):
                made.save(tmp_path / f"cart.{suffix}")
            continue
        path = made.save(tmp_path / f"cart.{suffix}")
        read = scenecart.load_cart(path)
        assert read.ids == [text]
        assert read.fingerprint == made.fingerprint
        assert suffix == "parquet" or path.read_bytes().decode("utf-8")


def test_a_cart_of_mixed_values_is_kept_in_both_formats(cart: Callable[..., scenecart.Cart], tmp_path: Path):
    """Where a catalog mixes kinds of values in one property, the cart is saved all the same, with the mixed ones as JSON text."""
    made = cart(feature("a", odd="5"), feature("b", odd=250), feature("c", odd={"a": 1}), feature("d", odd=2**70))
    for suffix in ("geojson", "parquet"):
        read = scenecart.load_cart(made.save(tmp_path / f"cart.{suffix}"))
        assert read.fingerprint == made.fingerprint
    assert read.captures["odd"].tolist() == ["5", "250", '{"a": 1}', str(2**70)]


def run(service: ScriptedService, tmp_path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    signed = {"SCENECART_BASE_URL": service.url, "SCENECART_TOKEN": "t", "SCENECART_PROJECT": PROJECT}
    return subprocess.run(
        [sys.executable, "-m", "scenecart.cli", *arguments],
        capture_output=True,
        env={**os.environ, **signed, "SCENECART_HOME": str(tmp_path / "home"), "COLUMNS": "200", **environ},
        cwd=tmp_path,
        timeout=100,
        check=False,
    )


BAD_LETTERS = {chr(code) for code in (*range(32), 127, *range(0x80, 0xA0), 0x202E, 0x200B, 0x2028)} - {"\n"}


def test_a_terminal_gets_no_control_characters(service: ScriptedService, tmp_path: Path):
    """Ids, states, reasons and problems of a service are printed without anything that moves, colours, hides or reverses text."""
    nasty = "".join(sorted(BAD_LETTERS)) + "\x1b]0;x\x07\x1b[2J"
    service.put(SEARCH, answer(page({**feature(f"a{nasty}z\ud800"), "collection": nasty}, feature("b"))))
    service.put(LIST, answer([{**ORDER, "id": f"o{nasty}", "status": f"s{nasty}", "failureReason": nasty}]))
    printed = [run(service, tmp_path, "search", "h", "--collections", "c", "--limit", "5"), run(service, tmp_path, "orders")]
    service.put(LIST, answer({"title": nasty, "detail": f"what{nasty}happened"}, 422))
    printed.append(run(service, tmp_path, "orders"))
    assert [done.returncode for done in printed] == [0, 0, 1]
    for done in printed:
        text = (done.stdout + done.stderr).decode("utf-8")
        assert "Traceback" not in text
        assert not BAD_LETTERS & set(text)
        assert "ud800" not in text
    assert b"what" in printed[2].stderr


def test_the_machine_s_language_and_zone_change_nothing(service: ScriptedService, tmp_path: Path):
    """With another zone and a Turkish locale, the same search writes and prints the same."""
    late = {**feature("late"), "properties": {"datetime": "2024-03-05T23:59:59"}}
    times = [feature("\u0130\u0131", title="I"), late]
    service.put(SEARCH, answer(page(*times)))
    asked = ["search", "h", "--collections", "c", "--limit", "5", "--datetime", "2024-03", "--json"]
    here = run(service, tmp_path, *asked)
    there = run(service, tmp_path, *asked, TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8", LANG="tr_TR.UTF-8")
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
    """Fetch the files of an order whose assets and server the test decides."""

    def fetched(assets: dict[str, Any] | None = None, names: Any = None, item: str = "item") -> list[Path]:
        entry = {"type": "image/tiff", "file:size": len(CONTENT)}
        service.put(GET, answer({**ORDER, "status": "delivered"}))
        service.put("orders.list_assets", answer(page({**feature(item), "assets": assets or {"visual": entry}})))
        service.put(SIGN, answer({"url": f"{service.url}{FILE}?signature=s"}))
        order = connect().order("o-1")
        found: list[Path] = order.download(tmp_path / "out", names, progress=False)
        return found

    service.put(FILE, Answer(CONTENT, headers={"ETag": '"v1"'}))
    return fetched


def inside(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink())


HEADERS = [
    'attachment; filename="../../x"', "attachment; filename*=UTF-8''..%2F..%2Fx", "attachment; filename=/etc/passwd",
    "attachment; filename=x.tif\r\nSet-Cookie: a=b", "inline", "attachment; filename=C:\\x",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_decides_where_a_file_lands(
    service: ScriptedService, download: Callable[..., list[Path]], tmp_path: Path, header: str
):
    """Whatever name a server gives a file, it lands under the asset's own name in the item's folder."""
    service.put(FILE, Answer(CONTENT, headers={"Content-Disposition": header}))
    assert download() == [tmp_path / "out" / "item" / "visual.tif"]
    assert inside(tmp_path / "out") == ["item/visual.tif"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out"]


def test_a_name_that_was_made_for_another_is_not_taken_twice(download: Callable[..., list[Path]], tmp_path: Path):
    """Assets whose names differ by case alone, beside one that is called by the mark they are told apart by, are three files."""
    mark = hashlib.sha256(b"a_b").hexdigest()[:12]
    names = [f"a_b-{mark}", "A_B", "a_b"]
    paths = download({name: {"type": "image/tiff", "file:size": len(CONTENT)} for name in names})
    assert len({str(path).lower() for path in paths}) == 3
    assert len(inside(tmp_path / "out")) == 3
    assert download({name: {"type": "image/tiff", "file:size": len(CONTENT)} for name in names}, ["a_b"]) == [paths[2]]


def test_a_packed_file_is_unpacked_and_checked(service: ScriptedService, download: Callable[..., list[Path]]):
    """A file that the server packs for the way is what it was before, by its size; one that unpacks to more is not kept."""
    service.put(FILE, Answer(gzip.compress(CONTENT), headers={"Content-Encoding": "gzip"}))
    assert download()[0].read_bytes() == CONTENT


@pytest.mark.parametrize("sent", [CONTENT + b"x", gzip.compress(b"x" * 2**26), b""], ids=["a byte more", "a bomb", "nothing"])
def test_a_file_of_another_length_is_not_kept(
    service: ScriptedService, download: Callable[..., list[Path]], tmp_path: Path, sent: bytes
):
    """A file that is not as long as was promised is an error, is not fetched to its end, and leaves nothing behind."""
    headers = {"Content-Encoding": "gzip"} if sent[:2] == b"\x1f\x8b" else {}
    service.put(FILE, Answer(sent, headers=headers))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**24, before[1]))
    try:
        with pytest.raises(scenecart.DownloadError, match="not what was promised"):
            download()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert inside(tmp_path / "out") == []


def cut_then(service: ScriptedService, *answers: Answer | Callable[[Asked], Answer]) -> None:
    service.put(FILE, Answer(CONTENT[:4_000], headers={"ETag": '"v1"'}, promised=len(CONTENT)), *answers)


RESUMED: dict[str, Any] = {
    "the range is ignored": lambda _: Answer(CONTENT, headers={"ETag": '"v1"'}),
    "another range": lambda _: Answer(CONTENT[1:-3_999], 206, {"ETag": '"v1"', "Content-Range": f"bytes 1-6240/{len(CONTENT)}"}),
    "a range of nothing": lambda _: Answer(b"", 206, {"ETag": '"v1"', "Content-Range": "bytes */5"}),
    "416": lambda _: Answer(b"", 416, {"Content-Range": f"bytes */{len(CONTENT)}"}),
    "another file": lambda _: Answer(CONTENT[::-1], headers={"ETag": '"v2"'}),
}


@pytest.mark.parametrize("case", RESUMED)
def test_a_broken_file_goes_on_only_where_it_broke_off(
    service: ScriptedService, download: Callable[..., list[Path]], tmp_path: Path, case: str
):
    """What comes after a break goes behind what there is only if it is the rest of the same file; else all is fetched anew."""
    whole = Answer(CONTENT, headers={"ETag": '"v1"'})
    cut_then(service, RESUMED[case], whole)
    if case in {"another range", "a range of nothing"}:
        with pytest.raises(scenecart.DownloadError):
            download()
        assert [name for name in inside(tmp_path / "out") if not name.endswith((".part", ".etag"))] == []
    else:
        expected = CONTENT[::-1] if case == "another file" else CONTENT
        assert download()[0].read_bytes() == expected
    assert service.requests(FILE)[1].headers["if-range"] == '"v1"'


def test_a_weak_or_missing_tag_begins_anew(service: ScriptedService, download: Callable[..., list[Path]]):
    """Without a tag that tells bytes apart nothing is resumed."""
    for tag in ('W/"v1"', ""):
        service.asked.clear()
        cut = Answer(CONTENT[:4_000], headers={"ETag": tag}, promised=len(CONTENT))
        service.put(FILE, cut, Answer(CONTENT))
        assert download(item=f"item{len(tag)}")[0].read_bytes() == CONTENT
        assert "range" not in service.requests(FILE)[1].headers


LINKS = ["item/visual.tif", "item/visual.tif.part", "item/visual.tif.part.etag", "item"]


@pytest.mark.parametrize("place", LINKS)
def test_nothing_is_written_through_a_link_of_any_kind(download: Callable[..., list[Path]], tmp_path: Path, place: str):
    """A link in the place of the file, of what it is fetched into, of what is noted of it, or of its folder is not followed."""
    elsewhere = tmp_path / "elsewhere"
    if place == "item":
        elsewhere.mkdir()
    else:
        elsewhere.write_bytes(b"precious")
    link = tmp_path / "out" / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    with pytest.raises(scenecart.DownloadError):
        download()
    if place == "item":
        assert list(elsewhere.iterdir()) == []
    else:
        assert elsewhere.read_bytes() == b"precious"


def test_a_signed_address_is_fetched_without_the_token(service: ScriptedService, download: Callable[..., list[Path]]):
    """A file on another server, also after a redirect to a third, is fetched without the token and the first one's cookies."""
    with ScriptedService() as second, ScriptedService() as third:
        service.put(FILE, Answer(b"", 307, {"Location": f"{second.url}/b?signature=s", "Set-Cookie": "secret=1"}))
        second.put("/b", Answer(b"", 302, {"Location": f"{third.url}/c?signature=s"}))
        third.put("/c", Answer(CONTENT))
        assert download()[0].read_bytes() == CONTENT
        for request in (*service.requests(FILE), *second.asked, *third.asked):
            assert "authorization" not in request.headers
        assert "cookie" not in third.asked[0].headers


def test_an_archive_is_a_file_like_any_other(service: ScriptedService, download: Callable[..., list[Path]], tmp_path: Path):
    """A zip whose members lead out of the folder is kept as it came; nothing is unpacked."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../x", "hurt")
    service.put(FILE, Answer(packed.getvalue()))
    (path,) = download({"data": {"href": "https://x.example/a.zip", "type": "application/zip"}})
    assert path.read_bytes() == packed.getvalue()
    assert inside(tmp_path / "out") == ["item/data.zip"]


ODD_ASSETS: list[Any] = [None, 5, "x", [], {"href": None}, {"href": "http://[bad"},
                         {"href": "\0", "file:size": "5", "file:checksum": 5},
                         {"type": 5, "file:size": True, "file:checksum": "1220zz"}]  # fmt: skip


@pytest.mark.parametrize("asset", ODD_ASSETS, ids=str)
def test_an_odd_asset_stops_no_other(download: Callable[..., list[Path]], asset: Any):
    """An asset that is none, or describes itself oddly, keeps nobody from the file beside it."""
    paths = download({"odd": asset, "visual": {"type": "image/tiff", "file:size": len(CONTENT)}})
    assert paths[-1].name == "visual.tif"
    assert len(paths) == (2 if isinstance(asset, dict) else 1)


def test_a_table_of_orders_holds_any_text(service: ScriptedService, connect: Any):
    """Odd ids, amounts and times of orders are a row each, and never an error."""
    odd = {
        "id": "a",
        "status": 5,
        "totalCredits": 12.5,
        "totalAud": "1e400",
        "createdAt": "2024-02-30",
        "captures": 5,
        "groups": [5],
    }
    more = [{**odd, "id": f"b{number}", "createdAt": when} for number, when in enumerate(["", 5, None, "9999-12-31T23:59:59Z"])]
    service.put(LIST, answer([odd, *more, {"id": ""}, {"id": 5}, None, 5]))
    orders = connect().orders()
    assert orders.index.tolist() == ["a", "b0", "b1", "b2", "b3"]
    assert pd.isna(orders["total_credits"]).all()
