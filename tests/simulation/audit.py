"""What must hold when a simulated case has come to rest."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tests.simulation.world import Answer, Case
from tests.storage.invariants import broken
from weft.storage import OperationMismatch, Snapshot, Thread, WorkflowExecutionError
from weft.storage.records import OperationRecord, Run, Session
from weft.storage.rules import RESULTS

__all__ = ["faults"]

_decode = msgspec.msgpack.decode

RUNS = frozenset({"run", "run by name"})
UNLOGGED = frozenset({"read", "passivate", "tick"})


def faults(case: Case) -> list[str]:
    """Return a sentence for everything that is wrong."""
    found = list(case.wrong)
    found += case.simulation.errors
    found += [
        f"{client} got no reply"
        for client in case.simulation.clients
        if not client.done
    ]
    with case.simulation.store.read() as snapshot:
        found += broken(snapshot)
        found += _views(case, snapshot)
        found += _children(case, snapshot)
        log = list(snapshot.operations())
        found += _states(snapshot)
        found += _Ledger(log).faults(snapshot)
    found += _answers(case, log)
    found += _order(case, log)
    return found


def _views(case: Case, snapshot: Snapshot) -> Iterator[str]:
    """Resident sessions see what is stored, and have nothing left to do."""
    services = case.simulation.process.services
    for session_id, cell in services.sessions.items():
        session: Any = cell.actor
        stored = dict(snapshot.names(session_id))
        if session._names != stored:
            yield f"session {session_id} sees {session._names}, stored is {stored}"
        record = snapshot.session(session_id)
        if session._status != (record and record.status):
            yield f"session {session_id} is {record}, and sees {session._status}"
        if session._stash:
            yield f"session {session_id} has commands that nobody will answer"
        for thread_id, child in session._children.items():
            if services.threads.get(thread_id) is not child:
                yield f"session {session_id} has another child {thread_id}"
    if services.live_runs:
        yield f"runs {list(services.live_runs)} are said to be in progress"


def _children(case: Case, snapshot: Snapshot) -> Iterator[str]:
    """Resident threads are what is stored, idle, and children of their sessions."""
    services = case.simulation.process.services
    for thread_id, cell in services.threads.items():
        thread = snapshot.thread(thread_id)
        actor: Any = cell.actor
        if thread is None:
            yield f"thread {thread_id} is gone and has an actor"
            continue
        if cell.parent is not services.sessions.get(thread.session_id):
            yield f"thread {thread_id} of {thread.session_id} has another parent"
        known = actor._thread
        if (known.rev, known.session_id) != (thread.rev, thread.session_id):
            yield f"thread {thread_id} knows {known}, stored is {thread}"
        if not actor.is_idle:
            yield f"thread {thread_id} is not idle at rest"


def _states(snapshot: Snapshot) -> Iterator[str]:
    """Each run's states count from 0 without a gap or a repetition."""
    for session in snapshot.sessions():
        for thread in snapshot.threads(session.session_id):
            steps: dict[str, list[int]] = {}
            for state in reversed(list(snapshot.states(thread.thread_id))):
                value = _decode(state.values_raw)
                steps.setdefault(value["run"], []).append(value["step"])
            for run_id, taken in steps.items():
                if taken != list(range(len(taken))):
                    yield f"run {run_id} has states {taken}"


class _Ledger:
    """The log, followed by somebody who knows what operations mean."""

    def __init__(self, log: list[OperationRecord]) -> None:
        self._log = log
        self._threads: dict[str, tuple[str, str, int]] = {}
        self._last_rev: dict[str, int] = {}

    def faults(self, snapshot: Snapshot) -> Iterator[str]:
        """Follow it to the end, and compare with what is stored."""
        op_ids = [record.op_id for record in self._log]
        if len(op_ids) != len(set(op_ids)):
            yield f"an operation is in the log twice: {op_ids}"
        applied = [record for record in self._log if record.outcome == "applied"]
        if [r.seq for r in applied] != list(range(1, len(applied) + 1)):
            yield f"the log is numbered {[r.seq for r in applied]}"
        for record in applied:
            yield from self._follow(record)
        stored = {
            thread.thread_id: (thread.session_id, thread.thread_name, thread.rev)
            for session in snapshot.sessions()
            for thread in snapshot.threads(session.session_id)
        }
        if stored != self._threads:
            yield f"the log leads to {self._threads}, stored is {stored}"

    def _follow(self, record: OperationRecord) -> Iterator[str]:
        if record.kind == "Batch":
            kinds = ("CreateThreads", "RenameThread", "TransferThreads")
            parts = _decode(record.result_raw, type=list[msgspec.Raw])
            for kind, part in zip(kinds, parts, strict=True):
                yield from self._apply(record, kind, part)
        else:
            yield from self._apply(record, record.kind, record.result_raw)

    def _apply(
        self, record: OperationRecord, kind: str, raw: msgspec.Raw
    ) -> Iterator[str]:
        result = _decode(raw, type=RESULTS[kind])
        match kind:
            case "CreateThreads":
                for thread in result:
                    yield from self._create(thread)
            case "RenameThread":
                yield from self._change(result)
            case "TransferThreads":
                for thread in result:
                    yield from self._change(thread)
            case "RemoveThreads":
                for thread_id in result:
                    self._threads.pop(thread_id, None)
            case "CloseSession":
                self._close(record)

    def _create(self, thread: Thread) -> Iterator[str]:
        thread_id = thread.thread_id
        if thread_id in self._threads:
            yield f"{thread_id} was created while it lived"
        if thread.rev != self._last_rev.get(thread_id, 0) + 1:
            yield f"{thread_id} was created at rev {thread.rev}"
        self._set(thread_id, thread.session_id, thread.thread_name, thread.rev)

    def _change(self, thread: Thread) -> Iterator[str]:
        thread_id = thread.thread_id
        if thread_id not in self._threads:
            yield f"{thread_id} was changed when it was not there"
            return
        owner, _, rev = self._threads[thread_id]
        if thread.rev != rev + (thread.session_id != owner):
            yield f"{thread_id} went from rev {rev} of {owner} to {thread}"
        self._set(thread_id, thread.session_id, thread.thread_name, thread.rev)

    def _close(self, record: OperationRecord) -> None:
        closed = _decode(record.result_raw, type=Session).session_id
        others = [one for one in record.session_ids if one != closed]
        for thread_id, (owner, name, rev) in list(self._threads.items()):
            if owner == closed and others:
                self._set(thread_id, others[0], name, rev + 1)
            elif owner == closed:
                del self._threads[thread_id]

    def _set(self, thread_id: str, owner: str, name: str, rev: int) -> None:
        self._threads[thread_id] = (owner, name, rev)
        self._last_rev[thread_id] = rev


def _answers(case: Case, log: list[OperationRecord]) -> Iterator[str]:
    """Acknowledged means applied, with this answer; refused means never applied."""
    records = {record.op_id: record for record in log}
    for answer in case.answers:
        act, error = answer.act, answer.error
        if act.kind in UNLOGGED or isinstance(error, OperationMismatch):
            continue
        record = records.get(act.op_id)
        if act.kind in RUNS:
            yield from _run_answer(answer, record)
        elif record is None:
            yield f"{act} was answered {error or answer.value} and is not in the log"
        elif (record.outcome == "applied") != (error is None):
            yield f"{act} was {record.outcome}, and answered {error or answer.value}"
        elif act.kind in {"transfer", "rename"} and error is None:
            result = _decode(record.result_raw, type=RESULTS[record.kind])
            first = result[0] if isinstance(result, list) else result
            if answer.value != first:
                yield f"{act} was answered {answer.value}, the log says {first}"


def _run_answer(answer: Answer, record: OperationRecord | None) -> Iterator[str]:
    error = answer.error
    began = record is not None and record.outcome == "applied"
    if error is None and not began:
        yield f"{answer.act} was answered {answer.value} and never began"
    elif isinstance(error, WorkflowExecutionError) and not began:
        yield f"{answer.act} failed with {error} and never began"
    elif error is None and record is not None:
        run = _decode(record.result_raw, type=Run)
        if (answer.value or {}).get("run") != run.run_id:
            yield f"{answer.act} was run {run.run_id}, answered {answer.value}"


def _order(case: Case, log: list[OperationRecord]) -> Iterator[str]:
    """What was answered before something else was asked comes before it in the log."""
    place = {record.op_id: index for index, record in enumerate(log)}
    called: dict[str, int] = {}
    answered: dict[str, int] = {}
    for answer in case.answers:
        op_id = answer.act.op_id
        called[op_id] = min(answer.called, called.get(op_id, answer.called))
        answered[op_id] = min(answer.answered, answered.get(op_id, answer.answered))
    known = [op_id for op_id in called if op_id in place]
    for one in known:
        for other in known:
            if answered[one] < called[other] and place[one] > place[other]:
                yield f"{one} was answered before {other} was asked, and comes after it"
