"""The header of the Workbench: account, project and balance."""

from __future__ import annotations

from scenecart.widgets._bench.header import Header, balance_state, header_state, orders_state, project_name


def test_header_state_lists_the_project_first_and_each_once():
    """The client's project is the first of the list; a project that was used before is listed once."""
    state = header_state(user="analyst", is_sandbox=True, project="Harbour", projects=["Dam", "Harbour"])
    assert [one["id"] for one in state["projects"]] == ["Harbour", "Dam"]
    assert state["sandbox"]
    assert state["user"] == "analyst"
    assert header_state()["project"] is None


def test_project_name_long_id_is_shortened_and_kept():
    """A long id shows its first digits, and is sent whole."""
    long = "016858ef-124b-46ec-8c88-33ff85aa0001"
    assert project_name(long) == {"id": long, "name": "016858ef"}


def test_balance_state_without_a_number_shows_nothing():
    """A balance that the service does not state, or states in another form, is not made up."""
    assert balance_state({}, "19:22") is None
    assert balance_state({"balance_credits": "many"}, "19:22") is None
    assert balance_state({"balance_credits": True}, "19:22") is None
    found = balance_state({"balance_credits": 100, "reserved_credits": 0}, "19:22")
    assert found is not None
    assert found["held"] == ""


def test_orders_state_running_orders_come_before_delivered_ones():
    """While an order runs, that is said; what arrived is said after."""
    assert orders_state(2, 1)["arrived"] == ""
    assert orders_state(0, 0) == {"orders": "", "arrived": ""}


def test_header_part_begins_without_a_balance():
    """Until it is read, there is a sign of waiting in the balance's place."""
    header = Header(**header_state(user="analyst"))
    assert header.state["balance"] is None
    header.close()
