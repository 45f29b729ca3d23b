"""A store that cannot be written or read: everybody is told, nobody hangs."""

from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import (
    LONG_S,
    FailingStore,
    Walk,
    WrappedStore,
    answer,
    failure,
    settle,
)
from weft.actors import Future
from weft.actors import submitter as submitter_module
from weft.storage import (
    MemoryStore,
    SessionNotFound,
    SessionThreadException,
    StoreClosed,
    StoreCorrupt,
    StoreReadOnly,
)


@pytest.fixture
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitter_module, "RETRY_DELAY_S", 0.01)


@pytest.mark.usefixtures("_no_delay")
@pytest.mark.parametrize("cause", [OSError(28, "No space left"), StoreReadOnly("full")])
def test_when_the_store_fails_everybody_is_told_and_runs_end_when_it_writes_again(
    failing: FailingStore, walk: Walk, open_runtime: Open, cause: Exception
) -> None:
    runtime = open_runtime(store=failing, workflows={"walk": walk.__call__})
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", "walk"))
    drafts = answer(runtime.session("alice").create_thread("drafts"))
    stream = notes.stream()
    walk.stop.reached()

    failing.error = cause
    waiting: list[Future[Any]] = [
        coordinator.create_session("bob"),
        coordinator.coordinate_threads("alice", [{"name": "new"}]),
        coordinator.remove_thread_from_session("alice", "drafts"),
        drafts.transfer_to("bob"),
        drafts.run(),
        coordinator.track_user_interaction("alice", {"type": "click"}),
    ]
    errors = [failure(future) for future in waiting]
    assert {StoreReadOnly} == {type(error) for error in errors}
    assert [f.op_id for f in waiting] == [error.op_id for error in errors]
    assert "unhealthy" == answer(coordinator.health_check()).status
    failing.failed.clear()
    walk.stop.open()
    assert failing.failed.wait(LONG_S)  # the run's next state, in vain

    failing.error = None
    assert [1, 2] == list(stream)
    assert "idle" == answer(notes.get()).status
    assert {"runs": 1} == answer(drafts.run())
    assert "healthy" == answer(coordinator.health_check()).status
    assert runtime.check().clean


@pytest.mark.usefixtures("_no_delay")
def test_a_runtime_closes_while_the_store_fails(
    failing: FailingStore, walk: Walk, open_runtime: Open
) -> None:
    runtime = open_runtime(store=failing, workflows={"walk": walk.__call__})
    notes = answer(runtime.session("alice").create_thread("notes", "walk"))
    result = notes.run()
    walk.stop.reached()
    failing.error = OSError(5, "I/O error")
    walk.stop.open()
    assert failing.failed.wait(LONG_S)
    runtime.close(timeout_s=0.1)
    assert StoreClosed is type(failure(result))


class CorruptStore(WrappedStore):
    """A store that cannot be read while ``corrupt`` is set."""

    corrupt = False

    def read(self) -> Any:
        if self.corrupt:
            raise StoreCorrupt("A page is damaged.")
        return super().read()


def test_nobody_waits_for_ever_when_the_store_cannot_be_read(
    open_runtime: Open,
) -> None:
    store = CorruptStore(MemoryStore())
    runtime = open_runtime(store=store)
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    store.corrupt = True
    futures: list[Any] = [
        coordinator.create_session("bob"),  # has to be activated
        coordinator.execute_workflow_in_session("carol", "notes"),
        runtime.thread("u").run(),  # has to be looked up
        coordinator.rename_thread("u", "x"),
        notes.run(),  # has to be begun
        coordinator.get_session("alice"),
    ]
    assert {"StoreCorrupt"} == {type(failure(f)).__name__ for f in futures[:4]}
    with pytest.raises(SessionThreadException):
        futures[4].get(timeout=LONG_S)
    assert StoreCorrupt is type(failure(futures[5]))
    store.corrupt = False
    settle(runtime)
    assert "bob" == answer(coordinator.create_session("bob")).session_id
    assert SessionNotFound is type(
        failure(coordinator.execute_workflow_in_session("carol", "notes"))
    )
    assert {"runs": 1} == answer(notes.run())
