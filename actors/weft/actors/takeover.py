"""Taking runs over: which may go on, and under which version of their workflow.

Guarantees: a run never goes on under code of another version unless that code's own
rule made a state for it, durable together with the version.
"""

from contextvars import copy_context
from typing import Any

import msgspec

from weft.actors.cell import Cell
from weft.actors.context import ExecutionContext
from weft.actors.messages import Failed
from weft.actors.run_messages import Migrated
from weft.actors.steps import failure_of
from weft.actors.workflow import Workflow, Workflows
from weft.storage import Run, RunInterrupted, Store
from weft.storage.operations import Failure, encode_value

__all__ = ["Migration", "needs_migration", "objection"]


def objection(run: Run, workflows: Workflows) -> Failure | None:
    """Return why a pending run, or one whose process died, may not go on.

    Args:
        run: as it was left.
        workflows: those that are registered now.
    """
    if run.superseding:
        return Failure("RunInterrupted", "A later run took its place.")
    if run.workflow not in workflows:
        words = f"The process ended and workflow {run.workflow!r} is not registered."
        return Failure("WorkflowNotRegistered", words)
    workflow = workflows.get(run.workflow)
    if run.status == "running" and not workflow.policy.resumable:
        words = f"The process ended, and workflow {run.workflow!r} is not resumable."
        return Failure("ProcessEnded", words)
    if needs_migration(run, workflow) and workflow.policy.migrate is None:
        words = (
            f"The run began under version {run.workflow_version!r} of workflow "
            f"{run.workflow!r}; registered is {workflow.version!r}, without a rule "
            "for it (RunPolicy.migrate)."
        )
        return Failure("WorkflowVersionChanged", words)
    return None


def needs_migration(run: Run, workflow: Workflow) -> bool:
    """Return whether a run has begun under another version.

    One that found its thread through the store alone was told none.
    """
    return run.attempt > 0 and run.workflow_version not in {"", workflow.version}


class Migration:
    """The first step of a run's attempt under another version of its workflow.

    Args:
        cell: the thread's actor; told of the new state.
        store: where the last durable state is read.
        workflow: the registered one.
        run: the run, at this attempt.
        context: its context, which counts heartbeats.
    """

    def __init__(
        self,
        cell: Cell[Any],
        store: Store,
        workflow: Workflow,
        run: Run,
        context: ExecutionContext,
    ) -> None:
        self._cell, self._store, self._workflow = cell, store, workflow
        self.run = run
        self._context = context

    def __call__(self) -> None:
        """Ask the workflow's rule; called on an OS thread of the executor."""
        run = self.run
        message: Migrated | Failed
        self._context.code_begins()
        try:
            message = Migrated(
                run.run_id, run.attempt, self._migrated(), self._workflow.version
            )
        except BaseException as error:  # noqa: BLE001 - SystemExit ends the run only
            refused = RunInterrupted(
                f"The rule of workflow {run.workflow!r} for version "
                f"{run.workflow_version!r} failed.",
                thread_id=run.thread_id,
                cause=error,
            )
            message = Failed(run.run_id, run.attempt, refused, failure_of(refused))
        self._context.code_rests()
        self._cell.scheduler.post(self._cell, message)

    def _migrated(self) -> msgspec.Raw:
        migrate = self._workflow.policy.migrate
        with self._store.read() as snapshot:
            state = snapshot.state(self.run.thread_id)
        values = None if state is None else state.values
        if migrate is None:
            return encode_value(values, "the state")
        migrated = copy_context().run(migrate, self.run.workflow_version, values)
        return encode_value(migrated, "the migrated state")
