"""One world, and for each kind of operation one it accepts and one it refuses.

The world: session `a` owns `t1` (named `one`, two states), `t2` (`two`, run `r2` in
progress) and `t3` (`three`); `b` is empty; `c` is closed; `t0` was removed.
"""

from typing import Any, Final, NamedTuple

from tests.storage.client import Client
from weft.storage import errors
from weft.storage import operations as op
from weft.storage.keys import log_place
from weft.storage.operations import encode_value as raw
from weft.storage.operations_associations import DeleteAssociation, SaveAssociation
from weft.storage.operations_checkpoints import (
    CopyCheckpoints,
    DeleteCheckpoints,
    NewValue,
    NewWrite,
    PutCheckpoint,
    PutWrites,
)
from weft.storage.operations_items import PutItem, RemoveItem, TouchItems

WORLD: Final[tuple[op.Operation, ...]] = (
    op.CreateSession(session_id="a", user_id="u", metadata=raw({"k": 1})),
    op.CreateSession(session_id="b"),
    op.CreateSession(session_id="c"),
    op.CloseSession(session_id="c"),
    op.CreateThreads(
        session_id="a",
        threads=(
            op.NewThread("t0", "zero"),
            op.NewThread("t1", "one", workflow="w", config=raw({"n": 1})),
            op.NewThread("t2", "two", metadata=raw({"m": 2})),
            op.NewThread("t3", "three"),
        ),
    ),
    op.RemoveThreads(session_id="a", threads=("zero",)),
    op.AppendState(thread_id="t1", state_id="s1", values=raw({"done": 1})),
    op.AppendState(thread_id="t1", state_id="s2", values=raw({"done": 2})),
    op.StartRun(thread_id="t2", run_id="r2", workflow="w", config=raw({"c": 3})),
)


class Sample(NamedTuple):
    """What one kind of operation shows."""

    applied: op.Operation
    refused: op.Operation
    error: type[errors.SessionThreadException]


def new(thread_id: str, name: str) -> op.NewThread:
    """Return a thread with data of all sorts."""
    return op.NewThread(
        thread_id, name, workflow="w", config=raw({"x": [1]}), metadata=raw({})
    )


def checkpoint(thread_id: str, **fields: Any) -> PutCheckpoint:
    """Return the write of a checkpoint with one channel."""
    value = NewValue("words", "1.5", ("msgpack", b"\xa2hi"))
    return PutCheckpoint(
        thread_id=thread_id,
        checkpoint_ns="",
        checkpoint_id="c1",
        versions={"words": "1.5"},
        data=("msgpack", b"\x80"),
        metadata=("msgpack", b"\x80"),
        values=(value,),
        **fields,
    )


def writes(thread_id: str, **fields: Any) -> PutWrites:
    """Return what a task writes on that checkpoint."""
    return PutWrites(
        thread_id=thread_id,
        checkpoint_ns="",
        checkpoint_id="c1",
        task_id="task",
        writes=(NewWrite(0, "words", ("msgpack", b"\xa2ho")),),
        **fields,
    )


SAMPLES: Final[dict[str, Sample]] = {
    "CreateSession": Sample(
        op.CreateSession(
            session_id="d", user_id="u", metadata=raw({"deep": {"er": [1.5]}})
        ),
        op.CreateSession(session_id="a"),
        errors.SessionExists,
    ),
    "UpdateSession": Sample(
        op.UpdateSession(session_id="a", user_id="v", metadata=raw({"k": 2})),
        op.UpdateSession(session_id="c", user_id="v"),
        errors.SessionClosed,
    ),
    "CloseSession": Sample(
        op.CloseSession(session_id="b"),
        op.CloseSession(session_id="a", move_to="b"),
        errors.ThreadBusy,
    ),
    "CreateThreads": Sample(
        op.CreateThreads(session_id="b", threads=(new("t4", "one"), new("t5", "two"))),
        op.CreateThreads(session_id="a", threads=(new("t4", "four"), new("t5", "one"))),
        errors.NameTaken,
    ),
    "RemoveThreads": Sample(
        op.RemoveThreads(session_id="a", threads=("one", "t3")),
        op.RemoveThreads(session_id="a", threads=("one", "two")),
        errors.ThreadBusy,
    ),
    "TransferThreads": Sample(
        op.TransferThreads(
            thread_ids=("t1", "t3"), from_session_id="a", to_session_id="b"
        ),
        op.TransferThreads(
            thread_ids=("t1", "t0"), to_session_id="d", create_session=True
        ),
        errors.ThreadNotFound,
    ),
    "UpdateThread": Sample(
        op.UpdateThread(thread_id="t1", session_id="a", metadata=raw({"m": 2})),
        op.UpdateThread(thread_id="t1", session_id="b", config=raw({"c": 3})),
        errors.ThreadNotFound,
    ),
    "RenameThread": Sample(
        op.RenameThread(thread_id="t1", session_id="a", new_name="uno"),
        op.RenameThread(thread_id="t1", new_name="two"),
        errors.NameTaken,
    ),
    "StartRun": Sample(
        op.StartRun(session_id="a", thread_name="one", run_id="r1", workflow="w"),
        op.StartRun(thread_id="t2", run_id="r1", workflow="w"),
        errors.ThreadBusy,
    ),
    "ResumeRun": Sample(
        op.ResumeRun(thread_id="t2", run_id="r2", workflow_version="2"),
        op.ResumeRun(thread_id="t1", run_id="r2"),
        errors.StaleRevision,
    ),
    "AppendState": Sample(
        op.AppendState(
            thread_id="t2", state_id="s3", run_id="r2", rev=1, values=raw([None, "x"])
        ),
        op.AppendState(
            thread_id="t2", state_id="s3", run_id="r2", attempt=2, values=raw({})
        ),
        errors.StaleRevision,
    ),
    "FinishRun": Sample(
        op.FinishRun(
            thread_id="t2",
            run_id="r2",
            result=raw("end"),
            state_id="s3",
            values=raw({"z": 1}),
        ),
        op.FinishRun(thread_id="t2", run_id="r2", status="running"),
        errors.InvalidArgument,
    ),
    "RetryRun": Sample(
        op.RetryRun(
            thread_id="t2", run_id="r2", attempt=1, error=op.Failure("E", "why")
        ),
        op.RetryRun(
            thread_id="t2", run_id="r2", attempt=2, error=op.Failure("E", "why")
        ),
        errors.StaleRevision,
    ),
    "RecordStep": Sample(
        op.RecordStep(
            thread_id="t2", run_id="r2", attempt=1, rev=1, name="n", value=raw(1)
        ),
        op.RecordStep(thread_id="t2", run_id="r2", attempt=1, rev=2, name="n"),
        errors.StaleRevision,
    ),
    "ForkThread": Sample(
        op.ForkThread(thread_id="t1", new_thread_id="copy", name="copy"),
        op.ForkThread(thread_id="t1", step=99, new_thread_id="copy", name="copy"),
        errors.InvalidArgument,
    ),
    "TrackInteraction": Sample(
        op.TrackInteraction(
            session_id="a",
            interaction_id="i1",
            thread_id="t1",
            interaction_type="click",
            content=raw({"at": [1, 2]}),
            timestamp_us=7,
        ),
        op.TrackInteraction(
            session_id="z", interaction_id="i1", interaction_type="x", timestamp_us=7
        ),
        errors.SessionNotFound,
    ),
    "Expire": Sample(
        op.Expire(
            log=((log_place(0), "op-0"),),
            threads=(("t1", 5, 2),),
            tombstones=(("t0", 1),),
            associations=(("t0", "a", 1),),
            runs=(("t2", "r2"),),
            states=(("t2", 1, 3),),
        ),
        op.Expire(states=(("t1", 1, 1_001),)),
        errors.InvalidArgument,
    ),
    "Repair": Sample(
        op.Repair(fault="missing_association", session_id="a", thread_id="t1", rev=1),
        op.Repair(fault="missing_association", session_id="a", thread_id="t1", rev=2),
        errors.StaleRevision,
    ),
    "PutCheckpoint": Sample(
        checkpoint("t1", run_id="lg1"),
        checkpoint("t1", run_id="r2", attempt=1),
        errors.StaleRevision,
    ),
    "PutWrites": Sample(
        writes("t1", run_id="lg1"),
        writes("t0", session_id="a"),
        errors.ThreadNotFound,
    ),
    "DeleteCheckpoints": Sample(
        DeleteCheckpoints(thread_id="t1", keep_latest=True),
        DeleteCheckpoints(thread_id="t2", run_ids=("lg1",)),
        errors.ThreadBusy,
    ),
    "CopyCheckpoints": Sample(
        CopyCheckpoints(thread_id="t1", to_thread_id="t4", session_id="b"),
        CopyCheckpoints(thread_id="t1", to_thread_id="t4"),
        errors.ThreadNotFound,
    ),
    "SaveAssociation": Sample(
        SaveAssociation(
            session_id="a",
            thread_id="t1",
            thread_name="uno",
            metadata=raw({"by": ["hand"]}),
            seen_seq=5,
        ),
        SaveAssociation(session_id="a", thread_id="t1", thread_name="one", seen_seq=4),
        errors.StaleRevision,
    ),
    "DeleteAssociation": Sample(
        DeleteAssociation(session_id="a", thread_id="t3", seen_seq=5),
        DeleteAssociation(session_id="a", thread_id="t2"),
        errors.ThreadBusy,
    ),
    "PutItem": Sample(
        PutItem(namespace=("u", "x"), key="k", value=raw({"n": [1]}), ttl_us=7),
        PutItem(namespace=("u" * 511,), key="k"),
        errors.InvalidArgument,
    ),
    "RemoveItem": Sample(
        RemoveItem(namespace=("u", "x"), key="k"),
        RemoveItem(namespace=("u", ""), key="k"),
        errors.InvalidArgument,
    ),
    "TouchItems": Sample(
        TouchItems(items=((("u", "x"), "k"),)),
        TouchItems(items=(((), "k"),)),
        errors.InvalidArgument,
    ),
    "Batch": Sample(
        op.Batch(
            parts=(
                op.CreateSession(session_id="d"),
                op.TransferThreads(thread_ids=("t1",), to_session_id="d"),
                op.AppendState(thread_id="t1", state_id="s3", values=raw(3)),
                op.RemoveThreads(threads=("t3",)),
            )
        ),
        op.Batch(
            parts=(
                op.CreateSession(session_id="d"),
                op.TransferThreads(thread_ids=("t1",), to_session_id="d"),
                op.RemoveThreads(threads=("t3",)),
                op.RenameThread(thread_id="t3", new_name="four"),
            )
        ),
        errors.ThreadNotFound,
    ),
}


APPLIED: Final = {kind: sample.applied for kind, sample in SAMPLES.items()}
REFUSED: Final = {kind: sample.refused for kind, sample in SAMPLES.items()}


def build_world(client: Client) -> None:
    """Make the world that the samples are about."""
    for operation in WORLD:
        client.do(operation)
