"""What a stream shows of a run: states, updates, events, messages, its own life."""

from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import Stop, answer, failure
from weft.actors import ExecutionContext, ThreadHandle
from weft.storage import InvalidArgument


def tell(context: ExecutionContext, _config: Any) -> Any:
    piece = {"text": "he"}
    context.emit(piece, mode="messages")
    piece["text"] = "llo"
    context.emit(piece, mode="messages")
    yield {"a": 1, "b": 1}
    context.emit("half")
    yield {"a": 1, "b": 2}


@pytest.fixture
def notes(open_runtime: Open) -> ThreadHandle:
    runtime = open_runtime(workflows={"tell": tell})
    return answer(runtime.session("alice").create_thread("notes", "tell"))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("states", [{"a": 1, "b": 1}, {"a": 1, "b": 2}]),
        ("updates", [{"a": 1, "b": 1}, {"b": 2}]),
        ("custom", ["half"]),
        ("messages", [{"text": "he"}, {"text": "llo"}]),
        (("custom", "updates"), [
            ("updates", {"a": 1, "b": 1}), ("custom", "half"), ("updates", {"b": 2})
        ]),
    ],
)  # fmt: skip
def test_a_stream_shows_what_it_was_asked_for(
    notes: ThreadHandle, mode: Any, expected: list[Any]
) -> None:
    assert expected == list(notes.stream(mode=mode))


def test_a_second_run_tells_its_changes_from_what_the_first_left(
    notes: ThreadHandle,
) -> None:
    answer(notes.run())
    assert [{"b": 1}, {"b": 2}] == list(notes.stream(mode="updates"))


def test_debugging_shows_the_life_of_a_run(notes: ThreadHandle) -> None:
    events = list(notes.stream(mode="debug"))
    assert ["began", "state", "state", "ended"] == [event["type"] for event in events]
    assert "success" == events[-1]["status"]
    assert 1 == len({(event["run_id"], event["attempt"]) for event in events})


@pytest.mark.parametrize("mode", ["all", [], ["states", "all"]])
def test_an_unknown_mode_fails_the_stream(notes: ThreadHandle, mode: Any) -> None:
    with pytest.raises(InvalidArgument):
        list(notes.stream(mode=mode))


def test_what_cannot_be_encoded_is_the_codes_own_error(open_runtime: Open) -> None:
    def wrong(context: ExecutionContext, config: Any) -> None:
        context.emit(object(), mode=config.get("mode", "custom"))

    runtime = open_runtime(workflows={"wrong": wrong})
    notes = answer(runtime.session("alice").create_thread("notes", "wrong"))
    assert answer(notes.run()) is None  # nobody reads
    with pytest.raises(Exception, match="cannot be encoded"):
        list(notes.stream(mode="custom"))
    assert InvalidArgument is type(failure(notes.run({"mode": "states"})).cause)


def test_a_run_that_moves_keeps_streaming(open_runtime: Open) -> None:
    stop, sessions = Stop(), []

    def moving(context: ExecutionContext, _config: Any) -> Any:
        yield 1
        stop.here()
        for number in range(2, 50):
            yield number
            sessions.append(context.session_id)

    runtime = open_runtime(workflows={"moving": moving})
    notes = answer(runtime.session("alice").create_thread("notes", "moving"))
    stream = notes.stream()
    assert 1 == next(stream)
    stop.reached()
    moves = [notes.transfer_to(to, if_running="move") for to in ("bob", "carol")]
    stop.open()
    assert list(range(2, 50)) == list(stream)
    assert ["bob", "carol"] == [answer(move).session_id for move in moves]
    assert "carol" == sessions[-1]
    assert runtime.check().clean


def test_a_run_that_moves_keeps_streaming_and_writes_under_the_new_rev(
    open_runtime: Open,
) -> None:
    stop = Stop()

    def work(_context: ExecutionContext, _config: Any) -> Any:
        yield 1
        stop.here()
        yield 2

    runtime = open_runtime(workflows={"work": work})
    made = answer(runtime.session("alice").create_thread("notes", "work"))
    stream = made.stream()
    assert 1 == next(stream)
    stop.reached()
    moved = answer(made.transfer_to("bob", if_running="move"))
    stop.open()
    assert [2] == list(stream)
    newer, older = answer(made.history())
    assert (moved.rev, moved.rev - 1) == (newer.rev, older.rev)
    assert "bob" == answer(made.get()).session_id
