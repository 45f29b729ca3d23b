"""The same calls on the original in plain dicts and on Weft: the same answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.actors.compat.model import Original, Refused
from tests.actors.conftest import increment
from tests.actors.support import LONG_S
from weft.actors import Runtime
from weft.actors.compat import (
    ISessionRepository,
    ISessionService,
    ISessionThreadAssociationRepository,
    ISessionThreadTransaction,
    IThreadRepository,
    SessionThreadAssociation,
    SessionThreadAssociationRepository,
    SessionThreadCoordinator,
)
from weft.actors.logs import OPERATIONS
from weft.storage import MemoryStore
from weft.storage.check import check

sessions = st.sampled_from(["a", "b", "c"])
threads = st.sampled_from(["t1", "t2", "t3", "t4"])
names = st.sampled_from(["x", "y", "z"])
metadata = st.dictionaries(st.sampled_from("kl"), st.integers(0, 3), max_size=2)


class Calls(RuleBasedStateMachine):
    """Random calls, each made twice: on the model and on the runtime."""

    def __init__(self) -> None:
        super().__init__()
        self.original = Original()
        self.loop = asyncio.new_event_loop()
        self.runtime = Runtime.open(
            store=MemoryStore(), workflows={"default": increment}
        )
        get = self.runtime.get
        self.coordinator: SessionThreadCoordinator = get(SessionThreadCoordinator)
        self.transaction: ISessionThreadTransaction = get(ISessionThreadTransaction)
        self.rows: SessionThreadAssociationRepository = get(
            ISessionThreadAssociationRepository
        )
        self.service: ISessionService = get(ISessionService)

    def teardown(self) -> None:
        self.runtime.close(timeout_s=5.0)
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def wait(self, call: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(call, LONG_S))

    def both(self, model: Callable[[], Any], call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call on both; both answer, or both refuse it under the same name."""
        try:
            expected = model()
        except Refused as refused:
            try:
                answer = self.wait(call())
            except refused.kind:
                return None
            raise AssertionError(f"{answer} instead of {refused}") from refused
        answer = self.wait(call())
        return expected, answer

    @initialize()
    def two_sessions(self) -> None:
        for session_id in "ab":
            self.create_session(session_id)

    @rule(session_id=sessions)
    def create_session(self, session_id: str) -> None:
        same = self.both(
            lambda: self.original.create_session(session_id),
            lambda: self.service.create_session(session_id),
        )
        assert same is None or same[0] == same[1]

    @rule(session_id=sessions, plan=st.dictionaries(names, threads, max_size=3))
    def coordinate_threads(self, session_id: str, plan: dict[str, str]) -> None:
        configs = [{"name": n, "thread_id": i} for n, i in plan.items()]
        if session_id not in self.original.sessions and not plan:
            return  # nothing in nothing: the original did not say
        same = self.both(
            lambda: self.original.create_threads(session_id, plan),
            lambda: self.coordinator.coordinate_threads(session_id, configs),
        )
        assert same is None or plan == same[1]

    @rule(session_id=sessions, thread=threads | names)
    def remove_thread(self, session_id: str, thread: str) -> None:
        same = self.both(
            lambda: self.original.remove_thread(session_id, thread),
            lambda: self.transaction.remove_thread_from_session(session_id, thread),
        )
        assert same is None or same[0] == same[1]

    @rule(thread_id=threads, source=sessions, to=sessions, name=st.none() | names)
    def transfer(self, thread_id: str, source: str, to: str, name: str | None) -> None:
        owners = [s for s, ids in self.original.sessions.items() if thread_id in ids]
        source = owners[0] if owners and source != "c" else source
        same = self.both(
            lambda: self.original.transfer(thread_id, source, to, name),
            lambda: self.transaction.transfer_thread_between_sessions(
                thread_id, source, to, name
            ),
        )
        assert same is None or same[0] == same[1]

    @rule(session_id=sessions, name=names)
    def execute(self, session_id: str, name: str) -> None:
        same = self.both(
            lambda: self.original.execute(session_id, name),
            lambda: self.coordinator.execute_workflow_in_session(session_id, name),
        )
        assert same is None or {"runs": same[0]} == same[1]

    @rule(session_id=sessions, thread_id=threads, name=names, data=metadata)
    def create_row(
        self, session_id: str, thread_id: str, name: str, data: dict[str, Any]
    ) -> None:
        row = SessionThreadAssociation(
            session_id=session_id, thread_id=thread_id, thread_name=name, metadata=data
        )
        self.both(
            lambda: self.original.create_row(session_id, thread_id, name, data),
            lambda: self.rows.create(row),
        )

    @rule(
        session_id=sessions,
        thread_id=threads,
        name=st.none() | names,
        is_active=st.booleans(),
        data=metadata,
    )
    def update_row(
        self,
        session_id: str,
        thread_id: str,
        name: str | None,
        is_active: bool,
        data: dict[str, Any],
    ) -> None:
        row = self.wait(self.rows.get_by_session_and_thread(session_id, thread_id))
        assert (row is None) == ((session_id, thread_id) not in self.original.rows)
        if row is None:
            return
        changed = row.update_metadata(data)
        changed = changed.activate() if is_active else changed.deactivate()
        changed = SessionThreadAssociation(
            **{f: getattr(changed, f) for f in changed.__struct_fields__}
            | {"thread_name": name or row.thread_name}
        )
        changes = {
            "name": changed.thread_name,
            "active": is_active,
            "metadata": changed.metadata,
        }
        self.both(
            lambda: self.original.update_row(session_id, thread_id, changes),
            lambda: self.rows.update(changed),
        )

    @rule(session_id=sessions, thread_id=threads, by_key=st.booleans())
    def delete_row(self, session_id: str, thread_id: str, by_key: bool) -> None:
        same = self.both(
            lambda: self.original.delete_row(session_id, thread_id),
            lambda: (
                self.rows.delete(f"{session_id}/{thread_id}")
                if by_key
                else self.rows.delete_by_session_and_thread(session_id, thread_id)
            ),
        )
        assert same is None or same[0] == same[1]

    @invariant()
    def both_show_the_same(self) -> None:
        assert self.original.image() == self.wait(self.seen())
        with self.runtime.store.read() as snapshot:
            assert [] == check(snapshot).inconsistencies

    async def seen(self) -> dict[str, Any]:
        """Return what the runtime shows, as the model has it."""
        records: ISessionRepository = self.runtime.get(ISessionRepository)
        found = {one.session_id: one for one in await records.list_all()}
        kept: IThreadRepository = self.runtime.get(IThreadRepository)
        ids = [i for one in found.values() for i in one.thread_ids]
        live = {i: await kept.get(i) for i in ids}
        histories = {i: await self.runtime.coordinator.thread_history(i) for i in live}
        rows = [row for one in found for row in await self.rows.list_by_session(one)]
        return {
            "sessions": {one: sorted(r.thread_ids) for one, r in found.items()},
            "threads": {
                i: {
                    "name": record.thread_name if record else None,
                    "states": [state.values for state in histories[i]][::-1],
                }
                for i, record in live.items()
            },
            "rows": {
                (row.session_id, row.thread_id): {
                    "name": row.thread_name,
                    "active": row.is_active,
                    "metadata": row.metadata,
                    "version": row.version,
                }
                for row in rows
            },
        }


@pytest.mark.parametrize(
    "examples",
    [40, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
def test_the_same_calls_have_the_same_answers_as_in_the_original(
    examples: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, OPERATIONS)  # refusals are what is expected
    run_state_machine_as_test(
        Calls,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
