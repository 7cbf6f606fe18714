"""Who pays: asked again, and refused rather than guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _purchases import PLACE, PROJECT, captures, keys
from _scripted_service import Answer, ScriptedService, answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USERINFO = "/realms/public/protocol/openid-connect/userinfo"
ORG = answer({"sub": "user-1", "organization_id": "org-1"})
UNREADABLE = {
    "page": Answer(b"<html></html>", 200, {"Content-Type": "text/html"}),
    "null": answer(None),
    "no names": answer({"active": True}),
    "404": Answer(b"default backend - 404", 404, {"Content-Type": "text/plain"}),
    "503": answer({"status": 503}, 503),
}


@pytest.fixture
def place(service: ScriptedService, connect: Callable[..., scenecart.Client]) -> Callable[[], scenecart.Order]:
    """Return a function that places one cart in a new session."""
    service.put(PLACE, answer({"id": "o-1", "status": "processing", "totalCredits": 300, "captures": ["a", "b"]}, 202))

    def run() -> scenecart.Order:
        client = connect(say=lambda _: None)
        return client.cart(captures()).estimate().place(project=PROJECT)

    return run


@pytest.mark.parametrize("name", UNREADABLE)
def test_payer_unreadable_after_it_was_known_places_nothing_new(service: ScriptedService, place: Any, name: str):
    """In a session in which the service does not say who pays, nothing is sent, and the existing order is not bought again."""
    service.put(USERINFO, ORG)
    first = place()
    service.put(USERINFO, UNREADABLE[name])
    with raises(scenecart.PlacementError, "payer_unknown"):
        place()
    service.put(USERINFO, ORG)
    assert place().id == first.id
    assert len(service.requests(PLACE)) == 1


def test_payer_hiccup_is_asked_again(service: ScriptedService, place: Any):
    """One unreadable answer is asked again, and the purchase goes on."""
    service.put(USERINFO, UNREADABLE["404"], ORG)
    assert place().id == "o-1"


@pytest.mark.parametrize("names", [{"geopera_org_id": "org-1"}, {"organizationId": "org-1"}, {"sub": "user-2"}])
def test_payer_under_another_name_finds_the_order(service: ScriptedService, place: Any, names: dict[str, str]):
    """A service that states the account in another way, or only the user, still gives back the order of the same project."""
    service.put(USERINFO, ORG)
    first = place()
    service.put(USERINFO, answer(names))
    assert place().id == first.id
    assert len(service.requests(PLACE)) == 1


def test_payer_never_stated_is_one_account(service: ScriptedService, place: Any):
    """A service that offers no account at all has one without a name."""
    service.put(USERINFO, UNREADABLE["404"])
    assert place().id == place().id
    assert len(service.requests(PLACE)) == 1


def test_payer_who_had_an_organization_and_states_none_is_not_believed(service: ScriptedService, place: Any):
    """A user whose organization was stated before, and is not any more, orders nothing: the key would be another one."""
    service.put(USERINFO, ORG)
    place()
    service.put(USERINFO, answer({"sub": "user-1"}))
    with raises(scenecart.PlacementError, "payer_unknown"):
        place()
    assert len(service.requests(PLACE)) == 1


def test_payer_without_an_organization_is_not_part_of_the_key(service: ScriptedService, connect: Any, tmp_path: Path):
    """Two people of one organization send the same key, also if the service states only who they are."""
    service.put(PLACE, answer({"id": "o-1", "status": "processing", "totalCredits": 300, "captures": ["a", "b"]}, 202))
    for name in ("user-1", "user-2"):
        service.put(USERINFO, answer({"sub": name}))
        connect(home=tmp_path / name, say=lambda _: None).cart(captures()).estimate().place(project=PROJECT)
    assert len(keys(service)) == 2
    assert len(set(keys(service))) == 1
