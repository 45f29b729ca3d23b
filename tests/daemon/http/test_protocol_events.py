"""Events of runs in the words of the protocol's third version, one by one."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from weft.daemon.http.event_numbers import RunNumbers
from weft.daemon.http.event_places import EventPlace, slot_of
from weft.daemon.http.protocol_events import ProtocolEvent, end_of, events_of
from weft.daemon.http.streams import ServerEvent
from weft.storage import MemoryStore, Run

AT_US = 1_700_000_000_123_456
RAW = msgspec.Raw(msgspec.msgpack.encode(None))
RUN = Run(
    run_id="r",
    thread_id="t",
    workflow="w",
    workflow_version="1",
    config_raw=RAW,
    status="running",
    attempt=1,
    error=None,
    result_raw=RAW,
    created_at_us=AT_US,
    started_at_us=AT_US,
    finished_at_us=None,
    rev=1,
    created_seq=1,
    updated_seq=9,
    base_step=4,
    began_seq=7,
    turn=3,
)


def made(name: str, data: Any, n: int = 5) -> list[ProtocolEvent]:
    """Return what an event at place ``7-n`` is made to; values are the fifth state."""
    raw = msgspec.Raw(msgspec.json.encode(data))
    step = 5 if name == "values" else 0
    event = ServerEvent(raw, name, f"7-{n}", AT_US, step)
    return list(events_of(RunNumbers(MemoryStore(), RUN), event))


def plain(event: ProtocolEvent) -> Any:
    """Return an event as a client has it."""
    return msgspec.json.decode(msgspec.json.encode(event))


def told(data: Any, node: str | None = None) -> dict[str, Any]:
    """Return what a graph tells."""
    return {"timestamp": 17, "data": data, "node": node}


def test_an_event_has_all_that_clients_look_at() -> None:
    (event,) = made("values", {"n": 1}, n=1)
    assert {
        "type": "event",
        "event_id": "7-1",
        "seq": EventPlace.at(3, 1, 0, 1).seq,
        "method": "values",
        "params": {
            "namespace": [],
            "timestamp": AT_US // 1000,
            "data": {"n": 1},
        },
    } == plain(event)


def test_what_is_waited_for_is_told_behind_the_values() -> None:
    waiting = [{"id": "i", "value": {"q": 1}}, {"id": "j", "value": None}, "no id"]
    events = made("values", {"n": 1, "__interrupt__": waiting}, n=1)
    assert ["values", "input.requested", "input.requested"] == [
        each.method for each in events
    ]
    assert {"n": 1} == events[0].params.data
    asked = events[1].params.data
    assert ("i", {"q": 1}) == (asked["interrupt_id"], asked["payload"])
    assert all(one.seq < next_.seq for one, next_ in pairwise(events))
    assert 3 == len({each.event_id for each in events})


def test_what_a_graph_tells_keeps_its_time_place_and_node() -> None:
    (event,) = made("v3/messages|inner:1|deep:2", told({"event": "x"}, "model"))
    params = plain(event)["params"]
    assert ("messages", ["inner:1", "deep:2"]) == (event.method, params["namespace"])
    assert (17, "model") == (params["timestamp"], params["node"])
    assert {"event": "x"} == params["data"]


def test_a_graph_within_does_not_wait_by_itself() -> None:
    data = {"n": 1, "__interrupt__": [{"id": "i", "value": 1}]}
    (event,) = made("v3/values|inner:1", told(data))
    assert {"n": 1} == event.params.data


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("custom", 7, [("custom", {"payload": 7})]),
        ("updates", {"a": 1}, [("updates", {"a": 1})]),
        (
            "messages",
            {"event": "message-start"},
            [("messages", {"event": "message-start"})],
        ),
        ("messages", {"text": "piece"}, []),
        ("messages", ["piece", {}], []),
        ("messages/partial", [], []),
        ("debug", {}, []),
    ],
)
def test_what_other_runs_tell_is_told_where_there_are_words_for_it(
    name: str, data: Any, expected: Any
) -> None:
    assert expected == [
        (each["method"], each["params"]["data"])
        for each in map(plain, made(name, data))
    ]


def test_each_beginning_of_a_run_has_an_id_of_its_own() -> None:
    events = [
        event
        for attempt in (1, 2)
        for event in made("metadata", {"run_id": "r", "attempt": attempt}, n=0)
    ]
    assert ["synth:r:lc||running", "synth:r:lc||running:2"] == [
        each.event_id for each in events
    ]


def test_a_gap_is_told_in_numbers() -> None:
    gap = ServerEvent({"after": "7-5", "resume_after": "8-9"}, "gap", "7-6")
    (event,) = events_of(RunNumbers(MemoryStore(), RUN), gap)
    known, missing = (
        EventPlace.at(3, 0, 0, slot_of(5)),
        EventPlace.at(3, 0, 1, slot_of(9)),
    )
    assert {"after": known.seq, "resume_after": missing.seq} == event.params.data
    assert ("gap", EventPlace.at(3, 0, 0, slot_of(6)).seq) == (event.method, event.seq)


def test_a_gap_before_all_else_stands_behind_the_run_before() -> None:
    gap = ServerEvent({"after": "0-0", "resume_after": "7-2"}, "gap", "0-4")
    (event,) = events_of(RunNumbers(MemoryStore(), RUN), gap)
    before = EventPlace.end_of(2).seq
    assert (before, before) == (event.seq, event.params.data["after"])


@pytest.mark.parametrize(
    ("status", "error", "expected", "words"),
    [
        ("success", None, "completed", None),
        ("error", {"type": "E", "message": "no"}, "failed", "E: no"),
        ("timeout", {"type": "E", "message": "late"}, "failed", "E: late"),
        ("interrupted", {"type": "GraphWaits", "message": ""}, "interrupted", None),
        ("interrupted", {"type": "RunCancelled", "message": ""}, "interrupted", None),
    ],
)
def test_the_end_says_how(
    status: Any, error: Any, expected: str, words: str | None
) -> None:
    run = msgspec.structs.replace(
        RUN, status=status, error=error, finished_at_us=AT_US + 5000
    )
    event = end_of(run)
    data = event.params.data
    assert (expected, words) == (data["event"], data.get("error"))
    assert AT_US // 1000 + 5 == event.params.timestamp
    assert f"synth:r:lc||{expected}" == event.event_id
    assert EventPlace.end_of(3).seq == event.seq
