"""The writer counts every operation once, and knows since when the oldest waits."""

from tests.storage.client import Client
from weft.storage import MemoryStore, NameTaken, Submission, Writer
from weft.storage import operations as op
from weft.storage.outcome import Outcome
from weft.storage.writer_statistics import WriterCounter


def submission(submitted_ns: int = 0) -> Submission:
    operation = op.CreateSession(session_id="s", op_id="o", at_us=1)
    return Submission(operation, submitted_ns=submitted_ns)


def test_refusals_are_told_by_their_error() -> None:
    counter = WriterCounter()
    one = submission()
    refused = Outcome(one.operation, None, error=NameTaken("taken"))
    counter.written([(one, refused), (one, refused)], began_ns=5)
    found = counter.snapshot((), read_only=False)
    assert {"NameTaken": 2} == found.refusals
    assert {("CreateSession", "refused"): 2} == found.operations
    assert 2 == found.duration_ns["CreateSession"].count


def test_the_wait_in_the_queue_ends_with_the_first_decision() -> None:
    counter = WriterCounter()
    one = submission(submitted_ns=1_000)
    counter.written([(one, Outcome(one.operation, None))], began_ns=4_000)
    wait = counter.snapshot((), read_only=False).queue_wait_ns
    assert (1, 3_000) == (wait.count, wait.total)


def test_what_is_in_hand_and_what_waits_is_in_flight() -> None:
    counter = WriterCounter()
    counter.in_hand = [submission(), submission()]
    found = counter.snapshot([submission()], read_only=False)
    assert (1, 3) == (found.queued, found.in_flight)


def test_the_lag_is_that_of_the_oldest() -> None:
    counter = WriterCounter()
    assert 0 == counter.snapshot((), read_only=False).lag_ns
    young = submission(submitted_ns=1 << 62)
    assert 0 == counter.snapshot([young], read_only=False).lag_ns
    counter.in_hand = [submission(submitted_ns=1)]
    assert 0 < counter.snapshot([young], read_only=False).lag_ns


def test_a_writer_that_has_answered_has_nothing_in_flight() -> None:
    store = MemoryStore()
    Client(store)
    writer = Writer(store, lambda _: None)
    writer.submit(submission())
    assert (1, 1) == (writer.statistics().queued, writer.statistics().in_flight)
    assert writer.step()
    assert (0, 0) == (writer.statistics().queued, writer.statistics().in_flight)


def test_decisions_and_flush_of_a_group_are_timed_apart() -> None:
    store = MemoryStore()
    writer = Writer(store, lambda _: None)
    writer.submit(submission())
    writer.step()
    found = store.statistics()
    assert (1, 1) == (found.decide_ns.count, found.flush_ns.count)
    commit = writer.statistics().commit_ns
    assert 0 < found.decide_ns.total + found.flush_ns.total <= commit.total
