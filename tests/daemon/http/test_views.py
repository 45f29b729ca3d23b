"""Stored values as JSON: as it was sent, or as close to it as there is."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.client import Client
from tests.storage.samples import SAMPLES, build_world
from weft.daemon.http.record_views import StateView
from weft.daemon.http.views import (
    AssociationView,
    InteractionView,
    SessionView,
    ThreadView,
    View,
    json_of,
)
from weft.storage import MemoryStore, Snapshot
from weft.storage.operations import encode_value

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def shown(value: Any) -> Any:
    return msgspec.json.decode(json_of(encode_value(value)))


@settings(max_examples=50)
@given(JSON)
def test_what_was_json_is_the_same_json(value: Any) -> None:
    assert value == shown(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x00\xff", "AP8="),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (float("nan"), None),
        ({"$ref": "x"}, {"$ref": "x"}),
        ({1: "a"}, {"1": "a"}),
        (msgspec.msgpack.Ext(5, b"x"), {"$ext": [5, "eA=="]}),
    ],
)
def test_what_has_no_json_is_told_as_closely_as_can_be(
    value: Any, expected: Any
) -> None:
    assert expected == shown(value)


VIEWS: dict[str, type[View[Any]]] = {
    "session": SessionView,
    "thread": ThreadView,
    "association": AssociationView,
    "interaction": InteractionView,
    "state": StateView,
}


def records_in(snapshot: Snapshot) -> dict[str, list[Any]]:
    ids = [session.session_id for session in snapshot.sessions()]
    threads = [thread for one in ids for thread in snapshot.threads(one)]
    return {
        "session": list(snapshot.sessions()),
        "thread": threads,
        "association": [row for one in ids for row in snapshot.associations(one)],
        "interaction": [deed for one in ids for deed in snapshot.interactions(one)],
        "state": [s for thread in threads for s in snapshot.states(thread.thread_id)],
    }


@pytest.mark.parametrize("kind", VIEWS)
def test_a_view_has_what_its_record_has(kind: str) -> None:
    store = MemoryStore()
    client = Client(store)
    build_world(client)
    client.do(SAMPLES["TrackInteraction"].applied)
    with store.read() as snapshot:
        records = records_in(snapshot)[kind]
    assert records
    for record in records:
        view = msgspec.structs.asdict(VIEWS[kind].of(record))
        decoded = {
            name: msgspec.json.decode(value)
            for name, value in view.items()
            if isinstance(value, msgspec.Raw)
        }
        assert {name: getattr(record, name) for name in view} == view | decoded
