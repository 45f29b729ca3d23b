"""The router brings every command to its shard, until it is answered."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future as Call

import pytest

from weft.actors.future import Future
from weft.cluster.errors import ShardUnavailable, WrongShard
from weft.cluster.router import BATCH_LETTERS_MAX, Address, Method, Router
from weft.cluster.router_map import RouterMap
from weft.cluster.shard_mail import (
    Answer,
    Letter,
    answer_failure,
    answer_result,
    decode_letters,
    encode,
)
from weft.cluster.slots import SLOTS, SlotMap, slot_of
from weft.storage import (
    CreateSession,
    NameTaken,
    RemoveThreads,
    Session,
    StoreClosed,
    new_id,
)
from weft.storage.records import EMPTY

WAIT_S = 5.0

Reply = Callable[[int, list[Letter]], list[Answer] | Exception | None]


def session_of(letter: Letter) -> Session:
    assert isinstance(letter.operation, CreateSession)
    return Session(letter.operation.session_id, None, "open", EMPTY, 0, 0, 1, 1, 1)


def created(_shard: int, letters: list[Letter]) -> list[Answer]:
    return [answer_result(session_of(letter)) for letter in letters]


class Script:
    """A post whose shards answer as a test says; None is no answer at all."""

    def __init__(self, reply: Reply = created) -> None:
        self.reply = reply
        self.calls: list[tuple[int, Method, list[Letter]]] = []
        self.open: list[Call[bytes]] = []

    def send(self, shard: int, method: Method, payload: bytes) -> "Call[bytes]":
        letters = decode_letters(payload)
        self.calls.append((shard, method, letters))
        call: Call[bytes] = Call()
        said = self.reply(shard, letters)
        if isinstance(said, Exception):
            call.set_exception(said)
        elif said is None:
            self.open.append(call)
        else:
            call.set_result(encode(said))
        return call


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another OS thread does, with a deadline."""
    deadline_s = time.monotonic() + WAIT_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline_s
        pause.wait(0.001)


def places(*shards: int) -> RouterMap:
    return RouterMap(
        lambda: SlotMap(tuple(shards[slot % len(shards)] for slot in range(SLOTS)))
    )


def address(session_id: str, **fields: str) -> tuple[Letter, Address]:
    operation = CreateSession(session_id=session_id, op_id=new_id(), at_us=1)
    letter = Letter(operation, session_id, (), (), "reject", **fields)  # type: ignore[arg-type]
    return letter, lambda: (session_id, letter)


def submit(
    router: Router, session_id: str, timeout_s: float | None = None
) -> Future[Session]:
    letter, where = address(session_id)
    future: Future[Session] = Future()
    router.submit(letter, future, where, timeout_s)
    return future


def test_a_command_goes_to_the_shard_of_its_session() -> None:
    post = Script()
    router = Router(post, places(0, 1, 2))
    names = [f"s{n}" for n in range(30)]
    asked = [submit(router, name) for name in names]
    assert names == [future.get(timeout=WAIT_S).session_id for future in asked]
    for shard, _, letters in post.calls:
        for letter in letters:
            assert slot_of(letter.session_id or "") % 3 == shard
    router.close()


def test_what_waits_while_calls_are_on_their_way_travels_together() -> None:
    gate = threading.Event()

    def slow(shard: int, letters: list[Letter]) -> list[Answer]:
        gate.wait(WAIT_S)
        return created(shard, letters)

    post = Script(slow)
    router = Router(post, places(0))
    asked = [submit(router, f"s{n}") for n in range(1200)]
    gate.set()
    for future in asked:
        future.get(timeout=WAIT_S)
    sizes = [len(letters) for _, _, letters in post.calls]
    assert 1200 == sum(sizes)
    assert BATCH_LETTERS_MAX == max(sizes)
    assert len(sizes) <= 6
    router.close()


def test_a_call_that_failed_is_sent_again_under_the_same_op_id() -> None:
    def flaky(shard: int, letters: list[Letter]) -> list[Answer] | Exception:
        if len(post.calls) < 3:
            return ConnectionError("the process died")
        return created(shard, letters)

    post = Script(flaky)
    router = Router(post, places(0))
    assert "alice" == submit(router, "alice").get(timeout=WAIT_S).session_id
    op_ids = {letters[0].operation.op_id for _, _, letters in post.calls}
    assert 3 == len(post.calls)
    assert 1 == len(op_ids)
    assert 2 == router.statistics().repeated
    router.close()


def test_a_command_that_reached_the_wrong_shard_goes_to_the_right_one() -> None:
    right = [0]

    def reply(shard: int, letters: list[Letter]) -> list[Answer]:
        if shard == right[0]:
            return created(shard, letters)
        return [answer_failure(WrongShard()) for _ in letters]

    post = Script(reply)
    router = Router(post, RouterMap(lambda: SlotMap((right[0],) * SLOTS)))
    submit(router, "a").get(timeout=WAIT_S)
    right[0] = 7
    assert "b" == submit(router, "b").get(timeout=WAIT_S).session_id
    assert 7 == post.calls[-1][0]
    assert 1 <= router.statistics().misdirected
    router.close()


def test_an_error_of_its_own_is_the_answer_and_is_not_tried_again() -> None:
    post = Script(lambda _, letters: [answer_failure(NameTaken("x")) for _ in letters])
    router = Router(post, places(0))
    with pytest.raises(NameTaken):
        submit(router, "alice").get(timeout=WAIT_S)
    assert 1 == len(post.calls)
    router.close()


def test_a_command_is_given_up_when_its_time_is_over_and_says_why() -> None:
    post = Script(lambda _shard, _letters: ConnectionError("the process died"))
    router = Router(post, places(0))
    with pytest.raises(ShardUnavailable, match="the process died") as caught:
        submit(router, "alice", timeout_s=0.2).get(timeout=WAIT_S)
    assert caught.value.op_id is not None
    assert 0 == router.statistics().pending
    router.close()


def test_one_shard_that_hangs_holds_up_nobody_who_speaks_to_another() -> None:
    post = Script(lambda shard, found: None if shard == 1 else created(shard, found))
    router = Router(post, places(0, 1))
    stuck = next(f"s{n}" for n in range(99) if slot_of(f"s{n}") % 2 == 1)
    other = next(f"s{n}" for n in range(99) if slot_of(f"s{n}") % 2 == 0)
    hangs = submit(router, stuck)
    assert other == submit(router, other).get(timeout=WAIT_S).session_id
    assert not hangs.done()
    router.close()


def test_a_batch_that_is_late_is_sent_again_and_its_late_answer_is_not_heard() -> None:
    now_s = [0.0]
    post = Script(lambda _shard, _letters: None)
    router = Router(post, places(0), monotonic_s=lambda: now_s[0])
    future = submit(router, "alice")
    until(lambda: bool(post.open))
    post.reply = created
    now_s[0] = 16.0
    until(lambda: len(post.calls) == 2)
    assert "alice" == future.get(timeout=WAIT_S).session_id
    post.open[0].set_result(encode([answer_failure(NameTaken("late"))]))
    assert "bob" == submit(router, "bob").get(timeout=WAIT_S).session_id
    router.close()


def test_a_command_that_waits_for_a_run_travels_alone() -> None:
    post = Script(lambda _shard, _letters: None)
    router = Router(post, places(0))
    remove = RemoveThreads(session_id="a", threads=("t",), op_id=new_id(), at_us=1)
    letter = Letter(remove, "a", ("t",), (), "wait")
    router.submit(letter, Future(), lambda: ("a", letter))
    for n in range(3):
        submit(router, f"s{n}")
    until(lambda: any(letter in letters for *_, letters in post.calls))
    alone = [letters for *_, letters in post.calls if letter in letters]
    assert [[letter]] == alone
    router.close()


def test_closing_answers_whoever_waits() -> None:
    post = Script(lambda _shard, _letters: None)
    router = Router(post, places(0))
    futures = [submit(router, f"s{n}") for n in range(20)]
    router.close()
    for future in futures:
        with pytest.raises(StoreClosed):
            future.get(timeout=WAIT_S)
    with pytest.raises(StoreClosed):
        submit(router, "late")


def test_a_caller_that_has_given_up_is_not_spoken_for_again() -> None:
    post = Script(lambda _shard, _letters: ConnectionError("gone"))
    router = Router(post, places(0))
    future = submit(router, "alice")
    until(lambda: bool(post.calls))
    future.try_fail(TimeoutError("I left"))
    until(lambda: not router.statistics().pending)
    sent = len(post.calls)
    post.reply = created
    submit(router, "bob").get(timeout=WAIT_S)
    assert sent + 1 == len(post.calls)
    router.close()
