"""Thread specs: what callers may say of a thread to be created."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from weft.actors import ThreadSpec
from weft.storage import InvalidArgument
from weft.storage.records import EMPTY


@pytest.mark.parametrize(
    "given",
    [
        {"name": "notes", "workflow": "count", "config": {"a": 1}},
        MappingProxyType({"name": "notes", "workflow": "count", "config": {"a": 1}}),
        ThreadSpec("notes", "count", {"a": 1}),
    ],
)
def test_a_mapping_is_as_good_as_a_spec(given: ThreadSpec | Mapping[str, Any]) -> None:
    assert ThreadSpec("notes", "count", {"a": 1}) == ThreadSpec.of(given)


def test_a_thread_without_an_id_gets_one_of_its_own() -> None:
    spec = ThreadSpec("notes")
    first, second = spec.to_new_thread(), spec.to_new_thread()
    assert first.thread_id != second.thread_id
    assert re.fullmatch(r"[0-9a-f-]{36}", first.thread_id)
    assert (EMPTY, EMPTY, None) == (first.config, first.metadata, first.workflow)
    assert "t" == ThreadSpec("notes", thread_id="t").to_new_thread().thread_id


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "name"),
        ({"name": 5}, "str"),
        ({"name": "x", "colour": "red"}, "colour"),
        ({"name": "x", "config": []}, "config"),
        ({"name": "x", "thread_id": 5}, "thread_id"),
        ("x", "object"),
        (None, "object"),
    ],
)
def test_what_is_wrong_with_a_config_is_told(given: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        ThreadSpec.of(given)


@pytest.mark.parametrize(
    "spec",
    [
        ThreadSpec(""),
        ThreadSpec("a\n"),
        ThreadSpec("x", thread_id=""),
        ThreadSpec("x", ""),
        ThreadSpec("x", config={"a": object()}),
        ThreadSpec("x", metadata={1: 2}),  # type: ignore[dict-item]
        ThreadSpec("x", config=5),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_stored_is_refused_before_a_message_exists(
    spec: ThreadSpec,
) -> None:
    with pytest.raises(InvalidArgument):
        spec.to_new_thread()
