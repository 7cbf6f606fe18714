"""Problem documents."""

from __future__ import annotations

from scenecart.sandbox._problem import Invalid, Problem


def test_problem_is_rfc7807_document():
    """A problem has type, title, status and detail, and its additional members."""
    assert Problem(404, "there is no such order", order="a").document == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such order",
        "order": "a",
    }


def test_invalid_lists_each_field():
    """A validation error has one entry per field, with the path to it, and a summary for other formats."""
    invalid = Invalid(("query.gsd", "must be a number"), ("", "must be an object"))
    assert invalid.status == 422
    assert [entry["loc"] for entry in invalid.document["detail"]] == [["body", "query", "gsd"], ["body"]]
    assert invalid.summary == "query.gsd: must be a number; must be an object"
