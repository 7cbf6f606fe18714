"""Approvals: signed files that say which cart may be ordered, up to which price, and until when."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from scenecart import InvalidRequest, NotApproved
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenecart import Estimate


# deeper than what may be signed is compared
NESTED: Any = []
for _ in range(900):
    NESTED = [NESTED]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Start a sandbox."""
    with Sandbox(pace="instant", captures=3_000) as running:
        running.rate_limits = None
        yield running


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the file of an approver's key, and its public part."""
    path = tmp_path_factory.mktemp("keys") / "approver.pem"
    return path, scenecart.new_approver_key(path)


@pytest.fixture
def client(box: Sandbox, key: tuple[Path, str], tmp_path: Path) -> Iterator[scenecart.Client]:
    """Return a client that places approved orders only."""
    with box.client("other", home=tmp_path / "home", require_approval=[key[1]], say=lambda _: None) as connected:
        yield connected


def estimate_of(client: scenecart.Client, row: int = 0) -> Estimate:
    """Return the estimate of one capture that costs something."""
    captures = client.search("aurora", collections="aurora-50cm", limit=12)
    return client.cart(captures.iloc[[row]]).estimate()


def refused(client: scenecart.Client, estimate: Estimate, code: str, **options: Any) -> NotApproved:
    """Check that an order is refused, and that nothing was written or charged; return the error."""
    before = client.balance()
    with raises(NotApproved, code) as caught:
        estimate.place(**options)
    assert client.balance() == before
    assert client.placements().empty
    return caught.value


def test_place_with_approval_buys_what_was_approved(client: scenecart.Client, key: tuple[Path, str], tmp_path: Path):
    """An approved cart is placed; run again without the file it is given back, and a further order needs its own approval."""
    estimate = estimate_of(client)
    cart = estimate.cart.save(tmp_path / "quote.cart.parquet")
    approval = scenecart.approve(
        cart, tmp_path / "a.json", key=key[0], up_to=estimate.total_credits, until="2999-12-31", project=client.project, by="Ida"
    )
    order = estimate.place(approval=approval)
    assert order.total_credits == estimate.total_credits
    assert estimate.place().id == order.id
    with raises(NotApproved, "approval_for_one_order"):
        estimate.place(approval=approval, again=True)
    further = scenecart.approve(estimate, tmp_path / "b.json", key=key[0], up_to=10**6, again="for the office")
    assert estimate.place(approval=further, again="for the office").id != order.id


@pytest.mark.parametrize("name", ["quote.cart.parquet", "quote.cart.geojson"])
def test_approval_in_the_cart_file_is_that_of_its_cart(client: scenecart.Client, key: tuple[Path, str], tmp_path: Path, name: str):
    """A cart file carries its approval and stays a cart; another cart is refused, and a cart that is saved anew carries none."""
    row = 9 if name.endswith("parquet") else 10
    estimate = estimate_of(client, row)
    path = estimate.cart.save(tmp_path / name)
    assert scenecart.approve(path, path, key=key[0], up_to=10**7) == path
    loaded = scenecart.load_cart(path, client)
    assert loaded == estimate.cart
    refused(client, estimate_of(client, 7), "approval_of_another_cart", approval=path)
    assert loaded.estimate().place(approval=path).captures == estimate.cart.ids
    with raises(NotApproved, "approval_unreadable"):
        estimate_of(client, 8).place(approval=loaded.save(path))


def test_place_without_approval_is_refused(client: scenecart.Client):
    """A client that needs approvals places nothing without one."""
    refused(client, estimate_of(client, 1), "approval_missing")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"up_to": 10**9}, "approval_tampered"),
        ({"by": "Somebody"}, "approval_tampered"),
        ({"until": "2999-01-01T00:00:00Z"}, "approval_tampered"),
        ({"signature": "AAAA"}, "approval_tampered"),
        ({"key": "ed25519:AAAA"}, "approval_tampered"),
        ({"up_to": "5"}, "approval_tampered"),
        ({"more": 1}, "approval_unreadable"),
        ({"version": 2}, "approval_version"),
        ({"kind": "other"}, "approval_unreadable"),
        # Python 3.13 reads lists that are nested deeper than those that earlier versions read
        ({"note": NESTED}, "approval_tampered" if sys.version_info >= (3, 13) else "approval_unreadable"),
    ],
)
def test_approval_changed_is_refused(
    client: scenecart.Client, key: tuple[Path, str], tmp_path: Path, change: dict[str, Any], code: str
):
    """An approval that was changed after it was signed is refused, whatever was changed."""
    estimate = estimate_of(client, 2)
    path = scenecart.approve(estimate, tmp_path / "a.json", key=key[0], up_to=1)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refused(client, estimate, code, approval=path)


def test_approval_that_differs_is_refused_with_what_differs(client: scenecart.Client, key: tuple[Path, str], tmp_path: Path):
    """Another cart, a higher price, another project or licence: each is refused, and the error says what differs."""
    estimate, other = estimate_of(client, 3), estimate_of(client, 4)
    options: dict[str, Any] = {"key": key[0], "up_to": 10**6}
    of_other = scenecart.approve(other, tmp_path / "a.json", **options)
    another = refused(client, estimate, "approval_of_another_cart", approval=of_other)
    assert (another.details["added"], another.details["missing"]) == (list(estimate.cart.ids), list(other.cart.ids))
    for changed, code in (
        ({"up_to": estimate.total_credits - 1}, "approval_price_too_high"),
        ({"project": "another"}, "approval_of_other_terms"),
        ({"license_type": "extended"}, "approval_of_other_terms"),
    ):
        path = scenecart.approve(estimate, tmp_path / "b.json", **{**options, **changed})
        assert refused(client, estimate, code, approval=path).details
    (tmp_path / "c.json").write_text("nothing")
    refused(client, estimate, "approval_unreadable", approval=tmp_path / "c.json")
    refused(client, estimate, "approval_unreadable", approval=tmp_path / "missing.json")


def test_approval_of_a_stranger_or_another_time_is_refused(box: Sandbox, key: tuple[Path, str], tmp_path: Path):
    """An approval by another key, one that ended, and one from the future of this computer's clock are refused."""
    wall = [0.0]
    options: dict[str, Any] = {"require_approval": [key[1]], "say": lambda _: None, "wall": lambda: wall[0]}
    with box.client("other", home=tmp_path / "home", **options) as client:
        wall[0] = 4e9
        estimate = estimate_of(client, 5)
        path = scenecart.approve(estimate, tmp_path / "a.json", key=key[0], up_to=10**6, until="2090-01-01")
        refused(client, estimate, "approval_expired", approval=path)
        wall[0] = 1e9
        refused(client, estimate, "approval_from_the_future", approval=path)
        scenecart.new_approver_key(tmp_path / "stranger.pem")
        stranger = scenecart.approve(estimate, tmp_path / "b.json", key=tmp_path / "stranger.pem", up_to=10**6)
        refused(client, estimate, "approval_key_unknown", approval=stranger)


def test_approve_invalid_is_refused(client: scenecart.Client, key: tuple[Path, str], tmp_path: Path):
    """A past end, no key, a file that is no key, and a price that is no number are refused, and no file is written."""
    estimate = estimate_of(client, 6)
    (tmp_path / "no.pem").write_text("no key")
    for options, code in (
        ({"until": "2020-01-01"}, "approval_until_past"),
        ({"until": "soon"}, "approval_until_invalid"),
        ({"key": tmp_path / "missing.pem"}, "approver_key_unreadable"),
        ({"key": tmp_path / "no.pem"}, "approver_key_invalid"),
        ({"up_to": -1}, "not_a_count"),
    ):
        with raises(InvalidRequest, code):
            scenecart.approve(estimate, tmp_path / "a.json", **{"key": key[0], "up_to": 5, **options})
    assert not (tmp_path / "a.json").exists()
