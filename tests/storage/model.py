"""The store's meaning in plain dicts: what the rules must come to, written anew.

Slow and obvious. An operation works on a copy of the world, and the copy counts only if
nothing was refused; there are no drafts, groups, keys or bytes here. Refusals are the
names of the error classes.

What an operation does is in the `model_` module of its noun, and stands in `STEPS`;
what a real store shows, to be compared, is in model_seen.
"""

from copy import deepcopy
from typing import Any, Final, get_args

from tests.storage.model_associations import delete_association, save_association
from tests.storage.model_items import put_item, remove_item, touch_items
from tests.storage.model_retention import expire
from tests.storage.model_runs import (
    append_state,
    finish_run,
    record_step,
    resume_run,
    retry_run,
    start_run,
)
from tests.storage.model_sessions import (
    close_session,
    create_session,
    track,
    update_session,
)
from tests.storage.model_threads import (
    create_threads,
    remove_threads,
    rename_thread,
    transfer_threads,
    update_thread,
)
from tests.storage.model_world import No, World
from weft.storage import operations as op
from weft.storage.operations_associations import DeleteAssociation, SaveAssociation
from weft.storage.operations_checkpoints import GraphOperation
from weft.storage.operations_items import PutItem, RemoveItem, TouchItems

Answer = tuple[int | None, str | None]
"""The number that an operation takes, or the name of its refusal."""


class Model:
    """A world and the answers already given."""

    def __init__(self) -> None:
        self.world = World()
        self.seq = 0
        self.answers: dict[str, tuple[op.Operation, Answer]] = {}

    def apply(self, operation: op.Operation) -> Answer:
        """Return what an operation must be answered."""
        if operation.op_id in self.answers:
            first, answer = self.answers[operation.op_id]
            other = first.kind != operation.kind
            # A refusal answers whatever parts come; an answer has the parts' shapes.
            if other or (answer[1] is None and shape(first) != shape(operation)):
                return None, "OperationMismatch"
            return answer
        draft = deepcopy(self.world)
        try:
            STEPS[type(operation)](draft, operation)
        except No as refusal:
            answer = None, str(refusal)
        else:
            self.seq += 1
            self.world = draft
            answer = self.seq, None
        self.answers[operation.op_id] = (operation, answer)
        return answer


SHAPES: Final = {
    "UpdateSession": "CreateSession",
    "CloseSession": "CreateSession",
    "TransferThreads": "CreateThreads",
    "UpdateThread": "RenameThread",
}
"""Kinds whose answers look like those of another kind."""


def shape(operation: op.Operation) -> list[str]:
    """Return what the answers to a batch look like, nothing for other operations."""
    parts = operation.parts if isinstance(operation, op.Batch) else ()
    return [SHAPES.get(part.kind, part.kind) for part in parts]


def leave(_world: World, _o: object) -> None:
    """Change nothing that is shown here."""


def batch(world: World, o: op.Batch) -> None:
    for part in o.parts:
        STEPS[type(part)](world, part)


STEPS: Final[dict[type, Any]] = {
    op.CreateSession: create_session,
    op.UpdateSession: update_session,
    op.CloseSession: close_session,
    op.CreateThreads: create_threads,
    op.RemoveThreads: remove_threads,
    op.TransferThreads: transfer_threads,
    op.RenameThread: rename_thread,
    op.UpdateThread: update_thread,
    op.StartRun: start_run,
    op.ResumeRun: resume_run,
    op.AppendState: append_state,
    op.FinishRun: finish_run,
    op.RetryRun: retry_run,
    op.RecordStep: record_step,
    # Copies are judged with the rule: no script here makes any.
    op.ForkThread: leave,
    op.TrackInteraction: track,
    op.Expire: expire,
    op.Repair: leave,  # what the rules wrote is in order
    op.Batch: batch,
    SaveAssociation: save_association,
    DeleteAssociation: delete_association,
    PutItem: put_item,
    RemoveItem: remove_item,
    TouchItems: touch_items,
    # Checkpoints are judged next door: they change nothing that is shown here.
    **dict.fromkeys(get_args(GraphOperation), leave),
}
