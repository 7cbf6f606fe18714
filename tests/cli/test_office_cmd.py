"""The commands of the office: hosts, spending and approve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _cli import SEARCH, account, run
from _json_documents import check
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


def test_commands_from_hosts_to_spending(tmp_path: Path):
    """Hosts are listed, a cart is approved and placed with its labels, and it stands in the spending."""
    with Sandbox(pace="instant", captures=3_000) as box:

        def command(*arguments: str, budgets: str = "") -> tuple[int, str]:
            home = account(box, tmp_path / "home", "other")
            done = run(*arguments, box=box, principal="other", cwd=tmp_path, SCENECART_BUDGETS=budgets, **home)
            return done.returncode, done.stdout

        assert "aurora-50cm" in command("hosts")[1]
        status, text = command("hosts", "aurora", "--json")
        assert {row["name"] for row in check("hosts", text)} >= {"aurora-50cm"}
        assert status == 0
        check("hosts", command("hosts", "--json")[1])
        assert command("hosts", "auroa")[0] != 0
        assert "licence-aurora-1  aurora" in command("licences")[1]
        (accepted,) = check("licences", command("licences", "--accept", "licence-aurora-1", "--yes", "--json")[1])
        assert (accepted["host"], accepted["accepted"]) == ("aurora", True)
        assert "No budgets" in command("budgets")[1]
        (tmp_path / "budgets.toml").write_text("[[budget]]\ncredits = 90_000_000\nuntil = 2999-12-31\n", encoding="utf-8")
        with box.client("other", home=tmp_path / "other") as client:
            captures = client.search("aurora", collections="aurora-50cm", limit=1)
            client.cart(captures).save(tmp_path / "q.cart.parquet")
        assert command("approve", "--create-key", "--key", "a.pem")[1].startswith("ed25519:")
        assert command("approve", "q.cart.parquet", "--key", "a.pem")[0] == 2
        assert command("approve", "q.cart.parquet", "--key", "a.pem", "--up-to", "10,000,000")[0] == 0
        assert (tmp_path / "q.approval.json").exists()
        again = command("approve", "q.cart.parquet", "--key", "a.pem", "--up-to", "5", "-o", "other.json", "--json")[1]
        assert check("approve", again)["public_key"] is None
        options = ["--yes", "--max-credits", "10000000", "--name", "Harbour", "--tags", "a,b", "--reference", "PO 1", "--json"]
        assert command("place", "q.cart.parquet", "--approval", "q.approval.json", *options)[0] == 0
        (budget,) = check("budgets", command("budgets", "--json", budgets="budgets.toml")[1])
        assert 0 < budget["left"] < budget["credits"] == 90_000_000
        assert "all projects" in command("budgets", budgets="budgets.toml")[1]
        assert "Harbour · a, b · PO 1" in command("orders", "--tags", "a")[1]
        assert command("orders", "--tags", "c")[1] == "No orders.\n"
        status, text = command("spending", "--by", "tag", "--json", "--report", "s.md")
        assert [row["key"] for row in check("spending", text)] == ["a", "b"]
        assert (tmp_path / "s.md").exists()
        assert "credits" in command("spending")[1]


def test_licence_is_accepted_after_a_yes(tmp_path: Path):
    """A refused purchase names the command; it shows the licence, asks, accepts once, and takes no answer for no."""
    with Sandbox(pace="instant", captures=3_000) as box:
        box.requires_licences = True
        home = account(box, tmp_path / "home")

        def command(*arguments: str, answer: str = "") -> tuple[int, str, str]:
            done = run(*arguments, box=box, cwd=tmp_path, answer=answer, **home)
            return done.returncode, done.stdout, done.stderr

        assert command(*SEARCH, "--limit", "1", "-o", "one.parquet")[0] == 0
        place = ["place", "one.parquet", "--yes", "--max-credits", "99999999"]
        code, _, errors = command(*place)
        assert (code, "scenecart licences --accept ID" in errors) == (1, True), errors
        accept = ["licences", "--accept", "licence-aurora-1"]
        for answer in ("", "no\n"):
            code, out, errors = command(*accept, answer=answer)
            assert (code, "Nothing was accepted." in errors, "--yes" in errors) == (1, True, not answer)
            assert "internal use by the organization" in out
        code, out, errors = command(*accept, "--json", answer="yes\n")
        assert (code, check("licences", out)[0]["accepted"]) == (0, True)
        assert "Type yes" in errors
        # no question about what is accepted
        code, out, errors = command(*accept)
        assert (code, out.startswith("licence-aurora-1: accepted on "), errors) == (0, True, "")
        assert command(*place)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--accept", "other"], 2, "--accept must be a licence"),
        (["--accept", ""], 2, "--accept"),
        (["--accept", "other", "--yes"], 2, "licence-aurora-1"),
        (["--yes"], 2, "--accept ID"),
    ],
)
def test_wrong_arguments_about_licences_are_one_message(box: Sandbox, tmp_path: Path, arguments: list[str], code: int, named: str):
    """An unknown licence and an option alone end with a message that names what was typed."""
    done = run("licences", *arguments, box=box, **account(box, tmp_path / "home"))
    assert (done.returncode, named in done.stderr, done.stdout) == (code, True, ""), done.stderr
