"""What callers and shards write to each other arrives as it was meant."""

import threading

import msgspec
import pytest

from weft.actors.errors import RemoteError
from weft.actors.future import Future
from weft.actors.messages import Command, RunCommand
from weft.cluster.shard_mail import (
    Answer,
    Letter,
    RunOrder,
    answer_failure,
    answer_result,
    decode_answers,
    decode_letters,
    decode_order,
    encode,
    failure_of,
    result_of,
    run_result_of,
)
from weft.storage import (
    Batch,
    CreateSession,
    CreateThreads,
    NameTaken,
    NewThread,
    Session,
    Thread,
    WorkflowExecutionError,
)
from weft.storage.records import EMPTY

SESSION = Session("s", None, "open", EMPTY, 1, 1, 1, 1, 1)
THREAD = Thread("t", "s", "n", "idle", None, EMPTY, EMPTY, 1, 1, 1, 1, 1)
CREATE = CreateThreads(
    op_id="o", at_us=5, session_id="s", threads=(NewThread("t", "n", "w"),)
)


def through(answer: Answer) -> Answer:
    (found,) = decode_answers(encode([answer]))
    return found


def test_a_command_arrives_whole_but_for_what_stays_with_its_caller() -> None:
    command = Command(CREATE, Future(), ("n",), ("t",), len, "wait")
    letter = Letter.of(command, "s", 2.5)
    (found,) = decode_letters(encode([letter]))
    assert letter == found
    made = found.to_command(Future())
    assert (CREATE, ("n",), ("t",), "wait") == (
        made.operation,
        made.names,
        made.thread_ids,
        made.if_running,
    )
    assert [1] == made.answer([1])  # raw: the caller makes its own answer of it


def test_a_run_arrives_with_all_that_it_was_asked_with() -> None:
    command = RunCommand(
        op_id="o", run_id="r", thread_id=None, session_id="s", thread_name="n",
        workflow="w", config=msgspec.Raw(b"\x80"), future=Future(), if_running="reject",
        not_before_us=7, timeout_us=8, modes=("states", "custom"), tagged=True,
        background=True, joins=True, is_lasting=False,
    )  # fmt: skip
    made = decode_order(encode(RunOrder.of(command, 1.0))).to_command(Future())
    for name in RunOrder.__struct_fields__:
        if name != "timeout_s":
            assert getattr(command, name) == getattr(made, name), name


def test_a_result_arrives_as_the_rules_made_it() -> None:
    assert [THREAD] == result_of(CREATE, through(answer_result([THREAD])))
    batch = Batch(op_id="b", at_us=1, parts=(CreateSession(session_id="s"), CREATE))
    answer = through(answer_result([SESSION, [THREAD]]))
    assert [SESSION, [THREAD]] == result_of(batch, answer)


def test_what_a_run_came_to_arrives() -> None:
    order = RunOrder("o", "r", None, "s", "n", None)
    assert {"a": [1]} == run_result_of(order, through(answer_result({"a": [1]})))


def test_an_error_arrives_with_its_class_its_data_and_its_cause() -> None:
    sent = WorkflowExecutionError(
        "It failed.", thread_id="t", op_id="o", cause=ValueError("deep"),
        details={"run_id": "r"},
    )  # fmt: skip
    found = failure_of(through(answer_failure(sent)))
    assert isinstance(found, WorkflowExecutionError)
    assert ("t", "o", "r") == (found.thread_id, found.op_id, found.run_id)
    assert isinstance(found.cause, ValueError)
    assert failure_of(through(answer_result(1))) is None


class Unpicklable(Exception):
    """An error with something in it that stays where it is."""

    def __init__(self) -> None:
        super().__init__("it holds a lock")
        self.lock = threading.Lock()


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_that_cannot_be_sent_arrives_in_words(wrapped: bool) -> None:
    error: Exception = Unpicklable()
    if wrapped:
        error = NameTaken("Taken.", session_id="s", cause=error)
    found = failure_of(through(answer_failure(error)))
    if wrapped:
        assert isinstance(found, NameTaken)
        assert "s" == found.session_id
        found = found.cause
    assert isinstance(found, RemoteError)
    assert "it holds a lock" in str(found)


def test_an_error_whose_class_is_unknown_here_is_told_as_such() -> None:
    answer = Answer(error=b"cnowhere\nNothing\n.")
    assert isinstance(failure_of(answer), RemoteError)
