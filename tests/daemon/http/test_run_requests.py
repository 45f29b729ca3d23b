"""What is asked for a run, and what that means for functions and for graphs."""

from typing import Any

import msgspec
import pytest

from weft.actors import Workflow
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.run_requests import (
    NewRun,
    StreamMode,
    config_of,
    modes_in,
    tape_modes,
)

FUNCTION = Workflow("count", "1", lambda _context, _config: None)
GRAPH = Workflow("graph", "1", lambda _context, _config: None, takes_order=True)


def asked(**body: Any) -> NewRun:
    return msgspec.convert({"assistant_id": "a", **body}, NewRun)


def test_a_function_gets_the_input_as_its_config() -> None:
    assert {"a": 1} == config_of(asked(input={"a": 1}), FUNCTION)
    assert {} == config_of(asked(), FUNCTION)


def test_a_graph_gets_an_order() -> None:
    new = asked(
        command={"resume": False, "goto": "b"},
        config={"recursion_limit": 5, "tags": ["t"], "configurable": {"c": 1}},
        checkpoint={"checkpoint_id": "x"},
        stream_mode=["values", "updates"],
        checkpoint_during=False,
    )
    expected = {
        "input": None,
        "resume": False,
        "goto": "b",
        "checkpoint_id": "x",
        "recursion_limit": 5,
        "configurable": {"c": 1},
        "tags": ["t"],
        "durability": "exit",
        "tell": ["updates"],
        "tell_subgraphs": False,
    }
    assert expected == config_of(new, GRAPH)


def test_values_of_graphs_within_a_graph_are_told_because_they_are_no_states() -> None:
    new = asked(stream_mode=["values"], stream_subgraphs=True)
    assert ["values"] == config_of(new, GRAPH)["tell"]


def test_a_state_of_a_graph_within_is_no_beginning() -> None:
    new = asked(checkpoint={"checkpoint_ns": "inner:1", "checkpoint_id": "x"})
    with pytest.raises(RequestFault) as caught:
        config_of(new, GRAPH)
    assert 501 == caught.value.status


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["custom"]),
        ([""], ["custom"]),
        (["values"], ["values"]),
        (["values", "updates", "values"], ["values", "updates"]),
        (['["values","debug"]'], ["values", "debug"]),
    ],
)
def test_modes_in_a_query_come_one_by_one_or_as_json(
    given: list[str], expected: list[str]
) -> None:
    assert expected == modes_in(given, StreamMode, ["custom"])


@pytest.mark.parametrize("given", [["loud"], ["[1]"], ["[values"], ['["loud"]']])
def test_modes_that_are_none_are_refused(given: list[str]) -> None:
    with pytest.raises(RequestFault, match="stream_mode") as caught:
        modes_in(given, StreamMode, [])
    assert 422 == caught.value.status


def test_a_tape_is_told_what_its_streams_cannot_read_in_the_store() -> None:
    modes = ["values", "updates", "messages", "messages-tuple", "custom"]
    assert ("messages", "custom") == tape_modes(modes, FUNCTION)
    assert () == tape_modes(modes, GRAPH)
