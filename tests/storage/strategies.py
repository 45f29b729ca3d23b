"""Random operations on a world so small that they meet, for Hypothesis.

A script is a list of commit groups. Its operations draw sessions, threads, names and
runs from a handful of each, so that most are about something another one made, and
some repeat an `op_id`. `complete` gives each its id and time, by its place.
"""

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from msgspec.structs import replace

from tests.storage.client import START_US
from weft.storage import operations as op
from weft.storage.operations import encode_value as raw
from weft.storage.operations_associations import DeleteAssociation, SaveAssociation
from weft.storage.operations_items import ItemOperation, PutItem, RemoveItem, TouchItems

SESSIONS: Final = ("a", "b", "c", "d")
THREADS: Final = ("t1", "t2", "t3", "t4", "01890a5d-ac96-774b-bcce-b302099a8057")
NAMES: Final = ("x", "y", "z")
RUNS: Final = ("r1", "r2", "r3", "r4")
PLACES: Final = ((("u",), "k"), (("u",), "l"), (("u", "v"), "k"), (("u\0",), ""))

Script = Sequence[Sequence[op.Operation]]

OPENINGS: Final[dict[bool, list[op.Operation]]] = {
    False: [],
    # Most operations are about something: let there be something.
    True: [
        op.CreateSession(session_id="a"),
        op.CreateSession(session_id="b"),
        op.CreateThreads(
            session_id="a",
            threads=(op.NewThread(THREADS[0], "x"), op.NewThread(THREADS[1], "y")),
        ),
        op.CreateThreads(
            session_id="b",
            threads=(op.NewThread(THREADS[2], "x"), op.NewThread(THREADS[4], "z")),
        ),
        op.StartRun(thread_id=THREADS[1], run_id=RUNS[0]),
        op.AppendState(thread_id=THREADS[0], state_id="s0", values=raw(0)),
    ],
}

session_ids = st.sampled_from([*SESSIONS, "a", "a", "b", "b"])
owner_ids = st.none() | st.none() | st.none() | session_ids
thread_ids = st.sampled_from(THREADS)
names = st.sampled_from(NAMES)
run_ids = st.sampled_from(["r1", "r1", *RUNS])
flags = st.booleans()
mappings = st.sampled_from([raw({}), raw({"k": 1}), raw({"k": [None, "v"]})])
values = st.sampled_from([raw(None), raw(0), raw({"done": [1, 2]})])
revs = st.integers(1, 3)
attempts = st.sampled_from([1, 1, 1, 2])


def create_sessions() -> st.SearchStrategy[op.CreateSession]:
    """Draw a session to create or open."""
    return st.builds(
        op.CreateSession,
        session_id=session_ids,
        user_id=st.sampled_from([None, "u"]),
        metadata=mappings,
        open_existing=flags,
    )


def update_sessions() -> st.SearchStrategy[op.UpdateSession]:
    """Draw a change of a session."""
    return st.builds(
        op.UpdateSession,
        session_id=session_ids,
        user_id=st.sampled_from([None, "v"]),
        metadata=st.just(raw(None)) | mappings,
    )


def close_sessions() -> st.SearchStrategy[op.CloseSession]:
    """Draw a session to close."""
    return st.builds(
        op.CloseSession,
        session_id=st.sampled_from(SESSIONS),
        move_to=st.none() | session_ids,
    )


def create_threads() -> st.SearchStrategy[op.CreateThreads]:
    """Draw up to three threads to create; mostly with their session."""
    new = st.builds(op.NewThread, thread_ids, names, st.none(), mappings, mappings)
    return st.builds(
        op.CreateThreads,
        session_id=session_ids,
        threads=st.lists(new, min_size=1, max_size=3).map(tuple),
        create_session=st.sampled_from([True, True, False]),
    )


def remove_threads() -> st.SearchStrategy[op.RemoveThreads]:
    """Draw up to two threads to remove, by id or by name."""
    return st.builds(
        op.RemoveThreads,
        session_id=owner_ids,
        threads=st.lists(thread_ids | names, min_size=1, max_size=2).map(tuple),
        even_busy=flags,
    )


def transfer_threads() -> st.SearchStrategy[op.TransferThreads]:
    """Draw up to three threads to move."""
    return st.builds(
        op.TransferThreads,
        thread_ids=st.lists(thread_ids, min_size=1, max_size=2).map(tuple),
        from_session_id=owner_ids,
        to_session_id=session_ids,
        new_name=st.sampled_from([None, None, *NAMES]),
        create_session=flags,
        even_busy=flags,
    )


def rename_threads() -> st.SearchStrategy[op.RenameThread]:
    """Draw a new name for a thread."""
    return st.builds(
        op.RenameThread,
        thread_id=thread_ids,
        session_id=owner_ids,
        new_name=names,
    )


def update_threads() -> st.SearchStrategy[op.UpdateThread]:
    """Draw news about a thread."""
    return st.builds(
        op.UpdateThread,
        thread_id=thread_ids,
        session_id=owner_ids,
        metadata=mappings,
        config=mappings,
    )


def append_states() -> st.SearchStrategy[op.AppendState]:
    """Draw a state by hand or by a run, in or out of its time."""
    return st.builds(
        op.AppendState,
        thread_id=thread_ids,
        state_id=st.sampled_from(["s1", "s2"]),
        run_id=st.none() | run_ids,
        attempt=attempts,
        rev=st.none() | revs,
        after_step=st.none() | st.integers(0, 2),
        values=values,
        metadata=mappings,
    )


def interactions() -> st.SearchStrategy[op.TrackInteraction]:
    """Draw something a user did."""
    return st.builds(
        op.TrackInteraction,
        session_id=session_ids,
        interaction_id=st.just("i"),
        thread_id=st.none() | thread_ids,
        interaction_type=st.just("say"),
        content=values,
        metadata=mappings,
        timestamp_us=st.integers(0, 9),
    )


def start_runs() -> st.SearchStrategy[op.StartRun]:
    """Draw a run to start, by the thread's id or by its name."""
    by_id = st.builds(
        op.StartRun,
        thread_id=thread_ids,
        session_id=owner_ids,
        run_id=run_ids,
        workflow=st.sampled_from([None, "w"]),
        config=mappings,
    )
    by_name = st.builds(
        op.StartRun,
        session_id=session_ids,
        thread_name=names | thread_ids,
        run_id=run_ids,
    )
    return by_id | by_name


def resume_runs() -> st.SearchStrategy[op.ResumeRun]:
    """Draw a run to resume."""
    return st.builds(op.ResumeRun, thread_id=thread_ids, run_id=run_ids)


def finish_runs() -> st.SearchStrategy[op.FinishRun]:
    """Draw a run to end, with or without a last state."""
    return st.builds(
        op.FinishRun,
        thread_id=thread_ids,
        run_id=run_ids,
        attempt=attempts,
        status=st.sampled_from(["success", "error", "interrupted", "running"]),
        error=st.none() | st.just(op.Failure("E", "why")),
        result=values,
        state_id=st.none() | st.just("last"),
        values=values,
    )


def expiries() -> st.SearchStrategy[op.Expire]:
    """Draw what retention may name, rightly or wrongly, of rows, runs and states.

    The model does not keep what log entries and idle threads are judged by, and a
    ``rev`` grows only as long as its tombstone is there.
    """
    versions = st.integers(1, 2)
    return st.builds(
        op.Expire,
        associations=some(st.tuples(thread_ids, session_ids, versions)),
        items=some(
            st.builds(
                lambda place, at: (*place, START_US + at),
                st.sampled_from(PLACES),
                st.integers(0, 9),
            )
        ),
        runs=some(st.tuples(thread_ids, run_ids)),
        states=some(st.tuples(thread_ids, st.integers(1, 2), st.integers(1, 4))),
    )


def some(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw up to two."""
    return st.lists(items, max_size=2).map(tuple)


def associations() -> st.SearchStrategy[SaveAssociation | DeleteAssociation]:
    """Draw a row to save or delete; of what the model does not count, one of the past.

    No operation has the number 0, so a row that was seen there has always changed.
    """
    seen = st.sampled_from([None, None, None, 0])
    save = st.builds(
        SaveAssociation,
        session_id=session_ids,
        thread_id=thread_ids,
        thread_name=names,
        is_active=st.sampled_from([True, True, True, False]),
        metadata=mappings,
        seen_seq=seen,
    )
    delete = st.builds(
        DeleteAssociation, session_id=session_ids, thread_id=thread_ids, seen_seq=seen
    )
    return save | delete


def items() -> st.SearchStrategy[ItemOperation]:
    """Draw what is done to items, of which some live for a few operations only."""
    places = st.sampled_from(PLACES)
    ttls = st.sampled_from([None, 1, 4])

    def put(place: Any, value: Any, ttl_us: int | None) -> PutItem:
        return PutItem(namespace=place[0], key=place[1], value=value, ttl_us=ttl_us)

    def remove(place: Any) -> RemoveItem:
        return RemoveItem(namespace=place[0], key=place[1])

    touch = st.builds(TouchItems, items=some(places))
    return st.builds(put, places, mappings, ttls) | st.builds(remove, places) | touch


def batches() -> st.SearchStrategy[op.Batch]:
    """Draw up to four parts to take effect together."""
    part: st.SearchStrategy[Any] = st.one_of(
        create_threads(),
        transfer_threads(),
        remove_threads(),
        rename_threads(),
        update_threads(),
        append_states(),
        create_sessions(),
        update_sessions(),
        close_sessions(),
        interactions(),
    )
    return st.builds(op.Batch, parts=st.lists(part, max_size=4).map(tuple))


def operations() -> st.SearchStrategy[op.Operation]:
    """Draw one operation of any kind."""
    kinds: list[st.SearchStrategy[Any]] = [
        create_threads(),
        transfer_threads(),
        remove_threads(),
        start_runs(),
        append_states(),
        batches(),
        finish_runs(),
        rename_threads(),
        update_threads(),
        create_sessions(),
        resume_runs(),
        close_sessions(),
        update_sessions(),
        interactions(),
        expiries(),
        associations(),
        items(),
    ]
    return st.one_of(kinds)


@st.composite
def scripts(draw: st.DrawFn, operations_max: int = 40) -> list[list[op.Operation]]:
    """Draw operations in groups, complete, some with the `op_id` of another one."""
    drawn = [*OPENINGS[draw(flags)]]
    # Left to itself, a list is short: seven operations make no history.
    size = draw(st.integers(1, operations_max))
    drawn += draw(st.lists(operations(), min_size=size, max_size=size))
    repeats = draw(st.sets(st.integers(0, len(drawn) - 1), max_size=3))
    flat = [complete(operation, n) for n, operation in enumerate(drawn)]
    for n in sorted(repeats):
        other = draw(st.integers(0, len(drawn) - 1))
        again = draw(st.sampled_from([flat[other], flat[n]]))
        flat[n] = replace(again, op_id=flat[other].op_id)
    groups: list[list[op.Operation]] = []
    while flat:
        size = draw(st.integers(1, 8))
        groups.append(flat[:size])
        flat = flat[size:]
    return groups


def complete(operation: op.Operation, place: int) -> op.Operation:
    """Return an operation with the id and the time of its place in a script."""
    return replace(operation, op_id=f"op-{place}", at_us=START_US + place)


ID_SIZE_BYTES_MAX: Final = 100


def _fits(value: str) -> bool:
    return 1 <= len(value.encode()) <= ID_SIZE_BYTES_MAX


given_ids: st.SearchStrategy[str] = st.one_of(
    st.text(
        st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=100
    ).filter(_fits),
    st.text("ab-\N{BULLET}", min_size=1, max_size=3),
    st.uuids().map(str),
    st.uuids().map(lambda value: str(value).upper()),
)
"""Ids that callers may use: free text, texts that nearly coincide, UUIDs."""
