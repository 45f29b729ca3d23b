"""What a subscription wants to hear, and what it does not."""

from typing import Any

import msgspec
import pytest

from weft.daemon.http.event_filters import Subscription

INNER = ["inner:1", "deep:2"]


def wants(
    method: str, namespace: list[str] | None = None, data: Any = None, **given: Any
) -> bool:
    wanted: dict[str, Any] = {"channels": [method], **given}
    subscription = Subscription(**wanted)
    return subscription.wants(method, namespace or [], data)


def test_a_channel_is_one_kind_of_event() -> None:
    assert wants("values")
    assert not wants("values", channels=["updates"])
    assert wants("input.requested", channels=["input"])
    assert not wants("input.requested", channels=["lifecycle"])


def test_custom_events_have_channels_of_their_own() -> None:
    named = {"name": "a2a", "payload": 1}
    assert wants("custom", data=named)
    assert wants("custom", data=named, channels=["custom:a2a"])
    assert not wants("custom", data=named, channels=["custom:b"])
    assert not wants("custom", data={"payload": 1}, channels=["custom:a2a"])


def test_a_gap_is_told_to_everybody() -> None:
    assert wants("gap", channels=["values"], namespaces=[["inner"]])


@pytest.mark.parametrize(
    ("namespaces", "depth", "expected"),
    [
        (None, None, True),
        ([[]], None, True),
        ([[]], 1, False),
        ([[]], 2, True),
        ([["inner:1"]], None, True),
        ([["inner"]], 1, True),
        ([["inner"]], 0, False),
        ([["inner:2"]], None, False),
        ([["inne"]], None, False),
        ([["other"], ["inner", "deep"]], 0, True),
        ([["inner", "deep", "deeper"]], None, False),
    ],
)
def test_namespaces_are_paths_to_stand_under(
    namespaces: Any, depth: int | None, expected: bool
) -> None:
    assert expected == wants("values", INNER, namespaces=namespaces, depth=depth)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"channels": []},
        {"channels": ["all"]},
        {"channels": ["custom:"]},
        {"channels": ["values"], "depth": -1},
        {"channels": ["values"], "depth": False},
        {"channels": ["values"], "since": "7"},
        {"channels": ["values"], "namespaces": ["inner"]},
    ],
)
def test_what_means_nothing_is_refused(wrong: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Subscription)
