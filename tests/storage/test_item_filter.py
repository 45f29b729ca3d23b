"""Filters find what they say, as LangGraph's stores do."""

from typing import Any

import pytest

from weft.storage.errors import InvalidArgument
from weft.storage.item_filter import check_filter, is_wanted

VALUE = {
    "kind": "note",
    "score": 4.5,
    "count": 3,
    "open": True,
    "tags": ["a", "b"],
    "by": {"name": "ann", "age": 41},
    "gone": None,
    "day": "2026-01-31",
}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"kind": "note", "score": 4.5},
        {"count": 3.0},
        {"gone": None},
        {"missing": None},
        {"tags": ["a", "b"]},
        {"by": {"name": "ann"}},
        {"by": {"age": {"$gt": 40}}},
        {"kind": {"$eq": "note"}},
        {"kind": {"$ne": "memo"}},
        {"missing": {"$ne": 1}},
        {"score": {"$gt": 4.49, "$lt": 5}},
        {"count": {"$gte": 3, "$lte": 3}},
        {"day": {"$gte": "2026-01-01", "$lt": "2026-02-01"}},
        {"tags": [{"$ne": "b"}, "b"]},
    ],
    ids=str,
)
def test_what_agrees_is_wanted(wanted: dict[str, Any]) -> None:
    check_filter(wanted)
    assert is_wanted(VALUE, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "memo"},
        {"kind": "note", "score": 1},
        {"missing": 1},
        {"open": 1},
        {"count": True},
        {"tags": ["a"]},
        {"tags": ["b", "a"]},
        {"tags": {"a": 1}},
        {"by": {"name": "bob"}},
        {"by": "ann"},
        {"kind": {"name": "ann"}},
        {"kind": {"$eq": "memo"}},
        {"kind": {"$ne": "note"}},
        {"score": {"$gt": 4.5}},
        {"score": {"$gt": 4, "$lt": 4.5}},
        {"count": {"$gt": "2"}},
        {"kind": {"$gt": 1}},
        {"missing": {"$lt": 1}},
        {"open": {"$gte": True}},
    ],
    ids=str,
)
def test_what_disagrees_or_has_no_order_is_not_wanted(wanted: dict[str, Any]) -> None:
    check_filter(wanted)
    assert not is_wanted(VALUE, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {"score": {"$near": 1}},
        {"score": {"$gt": 1, "plain": 2}},
        {"by": {"age": {"$in": [1]}}},
        {"tags": [{"$any": 1}]},
    ],
    ids=str,
)
def test_an_operator_that_there_is_not_is_refused_with_those_that_there_are(
    wanted: dict[str, Any],
) -> None:
    with pytest.raises(InvalidArgument, match=r"\$eq, \$ne, \$gt, \$gte, \$lt, \$lte"):
        check_filter(wanted)


@pytest.mark.parametrize("wanted", [["a"], {1: "a"}, {"a": {1: 2}}], ids=str)
def test_a_filter_that_names_no_fields_is_refused(wanted: Any) -> None:
    with pytest.raises(InvalidArgument, match="A filter"):
        check_filter(wanted)
