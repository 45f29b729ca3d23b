"""What must hold in every store at every moment, told from the bytes of its trees.

Independent of the rules and of the checker: owner in the record, name index and active
association say the same; the counters are what a recount gives; no index entry points
to nothing.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from weft.storage.checkpoints import Checkpoint
from weft.storage.codec import decode
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys import TREES
from weft.storage.records import (
    Association,
    Counters,
    Interaction,
    Run,
    Session,
    State,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot


class _Image(NamedTuple):
    sessions: dict[str, Session]
    names: dict[tuple[str, str], str]
    pasts: set[tuple[str, str]]
    threads: dict[str, Thread]
    tombstones: dict[str, Tombstone]
    rows: dict[tuple[str, str], Association]
    run_index: set[tuple[str, str]]
    live_runs: dict[str, str]
    queued: set[tuple[str, int, str]]
    steps: set[str]
    runs: dict[str, Run]
    states: dict[str, list[State]]
    interactions: int
    graphs: dict[bytes, Any]
    items: list[bytes]


def broken(snapshot: Snapshot) -> list[str]:
    """Return a sentence for each invariant that does not hold."""
    transaction = snapshot._transaction
    image = _Image(
        {}, {}, set(), {}, {}, {}, set(), {}, set(), set(), {}, {}, 0, {}, []
    )
    interactions = 0
    for tree in TREES:
        for key, data in transaction.scan(tree):
            value = decode(tree, key, data)
            interactions += isinstance(value, Interaction)
            if tree in _READERS:
                _READERS[tree](image, key, value)
    image = image._replace(interactions=interactions)
    found = [*_ownership(image), *_runs(image), *_states(image), *_graphs(image)]
    if (expected := recount(image)) != snapshot.counters:
        found.append(f"counters {snapshot.counters} instead of {expected}")
    return found


def recount(image: _Image) -> Counters:
    """Return the counters as counting one by one gives them."""
    return Counters(
        sessions=dict(Counter(s.status for s in image.sessions.values())),
        threads=dict(Counter(t.status for t in image.threads.values())),
        runs=dict(Counter(r.status for r in image.runs.values())),
        states=sum(map(len, image.states.values())),
        interactions=image.interactions,
        associations=len(image.rows),
        tombstones=len(image.tombstones),
        graph_entries=len(image.graphs),
        items=len(image.items),
    )


def _read_s(image: _Image, key: bytes, value: Any) -> None:
    session_id, end = unpack_id(key)
    tag, rest = key[end], key[end + 1 :]
    if tag == 0:
        image.sessions[session_id] = value
    elif tag == 1:
        image.names[session_id, rest.decode()] = value
    else:
        image.pasts.add((session_id, unpack_id(rest)[0]))


def _read_t(image: _Image, key: bytes, value: Any) -> None:
    thread_id, end = unpack_id(key)
    tag, rest = key[end], key[end + 1 :]
    if tag == 0 and isinstance(value, Tombstone):
        image.tombstones[thread_id] = value
    elif tag == 0:
        image.threads[thread_id] = value
    elif tag == 1:
        image.rows[unpack_id(rest)[0], thread_id] = value
    else:
        image.run_index.add((thread_id, unpack_id(rest)[0]))


def _read_r(image: _Image, key: bytes, value: Any) -> None:
    run_id, end = unpack_id(key, 1)
    if key[0] == 0:
        image.live_runs[run_id] = value
    elif key[0] == 2:  # the id is the thread's
        seq, rest = key[end : end + 8], key[end + 8 :]
        image.queued.add((run_id, int.from_bytes(seq), unpack_id(rest)[0]))
    elif key[0] == 3:
        image.steps.add(run_id)
    else:
        image.runs[run_id] = value


def _read_x(image: _Image, key: bytes, value: Any) -> None:
    thread_id, end = unpack_id(key)
    image.states.setdefault(thread_id, []).append(value)
    assert key == pack_id(thread_id) + value.step.to_bytes(8, "big"), value
    assert end + 8 == len(key)


def _read_c(image: _Image, key: bytes, value: Any) -> None:
    image.graphs[key] = value


def _read_k(image: _Image, key: bytes, value: Any) -> None:
    image.items.append(key)
    assert key.endswith(b"\x01" + value.key.encode()), value


_READERS = {
    "S": _read_s,
    "T": _read_t,
    "R": _read_r,
    "X": _read_x,
    "C": _read_c,
    "K": _read_k,
}


def _ownership(image: _Image) -> Iterator[str]:
    owned = {
        (thread.session_id, thread.thread_name): thread_id
        for thread_id, thread in image.threads.items()
    }
    if len(owned) != len(image.threads):
        yield "two live threads have one name in one session"
    if owned != image.names:
        yield f"records say {owned}, the name index says {image.names}"
    active = {
        (session_id, row.thread_name): thread_id
        for (session_id, thread_id), row in image.rows.items()
        if row.is_active
    }
    if owned != active:
        yield f"records say {owned}, active associations say {active}"
    inactive = {pair for pair, row in image.rows.items() if not row.is_active}
    if inactive != image.pasts:
        yield f"inactive associations {inactive}, past index {image.pasts}"
    for thread_id, thread in image.threads.items():
        session = image.sessions.get(thread.session_id)
        if session is None or session.status != "open":
            yield f"the owner of {thread_id} is {session}"


def _runs(image: _Image) -> Iterator[str]:
    index = {(run.thread_id, run_id) for run_id, run in image.runs.items()}
    if index != image.run_index:
        yield f"runs {index}, indexed {image.run_index}"
    live = {
        run_id: run.thread_id
        for run_id, run in image.runs.items()
        if run.finished_at_us is None and run.attempt > 0
    }
    queued = {
        (run.thread_id, run.created_seq, run_id)
        for run_id, run in image.runs.items()
        if run.finished_at_us is None and run.attempt == 0
    }
    if queued != image.queued:
        yield f"runs that have not begun {queued}, queued {image.queued}"
    if not image.steps <= live.keys():
        yield f"steps of {image.steps}, runs in progress are {live}"
    if live != image.live_runs:
        yield f"unfinished runs {live}, live index {image.live_runs}"
    held = {t.run_id: i for i, t in image.threads.items() if t.run_id is not None}
    if live != held:
        yield f"unfinished runs {live}, threads are held by {held}"
    for thread in image.threads.values():
        busy = thread.status == "busy"
        if busy != (thread.run_id is not None):
            yield f"{thread.thread_id} is {thread.status} with run {thread.run_id}"
        if busy and image.runs[thread.run_id or ""].attempt != thread.run_attempt:
            yield f"{thread.thread_id} names another attempt than its run"


def _states(image: _Image) -> Iterator[str]:
    for thread_id, states in image.states.items():
        if thread_id not in image.threads:
            yield f"states without a live thread: {thread_id}"
        first = states[0]  # the oldest may have been forgotten, its children know it
        steps = range(first.step, first.step + len(states))
        if [state.step for state in states] != list(steps):
            yield f"steps of {thread_id} are {[state.step for state in states]}"
        parents = [first.parent_id, *[state.state_id for state in states]][:-1]
        if [state.parent_id for state in states] != parents or (
            (first.step == 1) != (first.parent_id is None)
        ):
            yield f"parents of {thread_id} do not chain"


def _graphs(image: _Image) -> Iterator[str]:
    index, marks, wrote = set(), set(), set()
    for key, value in image.graphs.items():
        if key[:1] == b"\x00":
            run_id, end = unpack_id(key, 1)
            index.add((unpack_id(key, end)[0], run_id))
            continue
        thread_id, end = unpack_id(key)
        if thread_id not in image.threads:
            yield f"graphs left {key.hex()} in {thread_id}, which does not live"
        if key[end] == 4 and value:
            marks.add((thread_id, unpack_id(key, end + 1)[0]))
        if isinstance(value, Checkpoint) and value.run_id is not None:
            wrote.add((thread_id, value.run_id))
    if index != marks:
        yield f"graphs' runs by their index {index}, by marks {marks}"
    if not wrote <= marks:
        yield f"checkpoints are of {wrote}, marks of {marks}"
