"""Weaker protocols: what the real one is not, and why.

Each patches a method of production. A simulation that does not fail on every one of
them would not notice if somebody wrote one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from weft.actors.messages import Command, Feed, Publication
from weft.actors.names import with_name
from weft.actors.root import Root
from weft.actors.session import SessionActor
from weft.storage import Outcome, Thread, ThreadNotFound
from weft.storage.operation_log import OperationLog

__all__ = ["MUTANTS", "Patch", "mutated"]

Patch = Callable[[pytest.MonkeyPatch], None]


def the_source_tells_the_destination(patch: pytest.MonkeyPatch) -> None:
    """The writer's news of an arrival go to nobody; who gave the thread away tells."""
    tell, settle = Root._tell, SessionActor._settle

    def tell_all_but_destinations(
        self: Root, outcome: Outcome, mail: Any, now_ns: int
    ) -> None:
        kept = [
            event
            for event in outcome.events
            if event.change != "adopted" or event.counterpart is None
        ]
        told = Outcome(outcome.operation, outcome.seq, outcome.result, events=kept)
        if kept:
            tell(self, told, mail, now_ns)

    def settle_and_tell(self: SessionActor, command: Command, outcome: Outcome) -> None:
        settle(self, command, outcome)
        for event in outcome.events:
            cell = self._services.sessions.get(event.session_id)
            if event.change == "adopted" and event.counterpart and cell is not None:
                self._services.scheduler.post(cell, Feed(event.seq, [event]))

    patch.setattr(Root, "_tell", tell_all_but_destinations)
    patch.setattr(SessionActor, "_settle", settle_and_tell)


def a_session_refuses_from_its_cache(patch: pytest.MonkeyPatch) -> None:
    """What is not in the view is not there."""
    submit = SessionActor._submit

    def refuse_or_submit(self: SessionActor, command: Command) -> None:
        mine = self._names.values()
        if all(thread_id in mine for thread_id in command.thread_ids):
            submit(self, command)
        else:
            error = ThreadNotFound("Not in this session's view.")
            self._settle(command, Outcome(command.operation, None, error=error))

    patch.setattr(SessionActor, "_submit", refuse_or_submit)


def the_watermark_is_of_the_group(patch: pytest.MonkeyPatch) -> None:
    """All operations of a group bear the number of its last one."""
    publish = Root._publish

    def publish_as_one(self: Root, publication: Publication) -> None:
        last = max((outcome.seq or 0 for _, outcome in publication.pairs), default=0)
        for _, outcome in publication.pairs:
            if outcome.seq is not None:
                outcome.seq = last
        publish(self, publication)

    _patch_handler(patch, Root, Publication, publish_as_one)


def a_reply_updates_the_view(patch: pytest.MonkeyPatch) -> None:
    """An answer is believed to tell what is, also when it is a repeated one."""
    settle = SessionActor._settle

    def settle_and_believe(
        self: SessionActor, command: Command, outcome: Outcome
    ) -> None:
        threads = outcome.result if isinstance(outcome.result, list) else []
        for thread in threads:
            if isinstance(thread, Thread) and thread.session_id == self._session_id:
                self._names = with_name(self._names, thread)
            elif isinstance(thread, Thread):
                self._names = {
                    name: thread_id
                    for name, thread_id in self._names.items()
                    if thread_id != thread.thread_id
                }
        settle(self, command, outcome)

    patch.setattr(SessionActor, "_settle", settle_and_believe)


def the_log_is_not_looked_into(patch: pytest.MonkeyPatch) -> None:
    """A repeated operation is decided like a new one."""
    patch.setattr(OperationLog, "first_answer", lambda _self, _operation: None)


def _patch_handler(
    patch: pytest.MonkeyPatch, actor: Any, message: type, function: Any
) -> None:
    patch.setattr(actor, "handlers", {**actor.handlers, message: function})


MUTANTS: Final[tuple[Patch, ...]] = (
    the_source_tells_the_destination,
    a_session_refuses_from_its_cache,
    the_watermark_is_of_the_group,
    a_reply_updates_the_view,
    the_log_is_not_looked_into,
)


@contextmanager
def mutated(mutant: Patch) -> Iterator[None]:
    """Run production with a mutant in it, inside a with block."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        yield
