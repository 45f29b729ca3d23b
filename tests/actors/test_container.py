"""The container: one instance of each part, others in their place, nothing unfit."""

from pathlib import Path
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import answer, in_threads
from weft.actors import Coordinator, PoolExecutor, Runtime, WorkflowExecutor, compat
from weft.actors.container import asking
from weft.actors.sources import Sources
from weft.storage import InvalidArgument, LmdbStore, MemoryStore, Store

KINDS = [
    getattr(compat, name)
    for name in compat.__all__
    if name.startswith("I") and name not in {"Issue", "ISessionThreadAssociation"}
]


class Transaction:
    """A transaction of the application's own."""

    async def create_thread_with_session(self, *_: Any) -> str:
        return "mine"

    async def remove_thread_from_session(self, *_: Any) -> bool:
        return True

    async def transfer_thread_between_sessions(self, *_: Any) -> bool:
        return True


class Half(Transaction):
    """One that lacks something."""

    remove_thread_from_session: Any = None


class Synchronous(Transaction):
    """One that would have to be awaited and cannot be."""

    def create_thread_with_session(self, *_: Any) -> str:  # type: ignore[override]
        return "mine"


@pytest.mark.parametrize("kind", [*KINDS, compat.SessionThreadCoordinator, Coordinator])
def test_a_part_is_made_once(open_runtime: Open, kind: type) -> None:
    runtime, other = open_runtime(), open_runtime()
    assert runtime.get(kind) is runtime.get(kind)
    assert runtime.get(kind) is not other.get(kind)


def test_a_class_and_its_interface_are_one_part(open_runtime: Open) -> None:
    runtime = open_runtime()
    assert runtime.get(compat.ISessionThreadTransaction) is runtime.get(
        compat.SessionThreadTransaction
    )
    assert runtime.get(Coordinator) is runtime.coordinator


def test_a_part_is_one_however_many_ask_at_once(open_runtime: Open) -> None:
    runtime = open_runtime()
    found: list[Any] = []
    in_threads([lambda: found.append(runtime.get(compat.IThreadService))] * 8)
    assert 1 == len({id(part) for part in found})


def test_what_is_no_part_is_refused(open_runtime: Open) -> None:
    with pytest.raises(InvalidArgument, match="no part of type str"):
        open_runtime().get(str)


def test_a_part_made_by_hand_has_to_be_told_its_runtime(open_runtime: Open) -> None:
    with pytest.raises(InvalidArgument, match="Give the runtime"):
        asking()
    runtime = open_runtime()
    assert runtime is compat.SessionThreadTransaction(runtime)._runtime


def test_an_override_is_what_everybody_uses() -> None:
    mine = Transaction()
    overrides = {compat.ISessionThreadTransaction: mine}
    with Runtime.open(store=MemoryStore(), overrides=overrides) as runtime:
        assert mine is runtime.get(compat.ISessionThreadTransaction)
        assert mine is runtime.get(compat.SessionThreadTransaction)
        coordinator = runtime.get(compat.SessionThreadCoordinator)
        assert mine is coordinator._transaction


def test_store_executor_and_clock_can_be_overridden() -> None:
    store, executor = MemoryStore(), PoolExecutor(2)
    clock = Sources(clock_us=lambda: 7)
    overrides = {Store: store, WorkflowExecutor: executor, Sources: clock}
    with Runtime.open(overrides=overrides) as runtime:
        assert (store, executor) == (runtime.store, runtime.get(WorkflowExecutor))
        session = answer(runtime.coordinator.create_session("a"))
        assert 7 == session.created_at_us


def test_a_store_is_given_once(tmp_store: Path) -> None:
    with pytest.raises(InvalidArgument, match="one of them"):
        Runtime.open(tmp_store, overrides={Store: MemoryStore()})


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            {compat.ISessionThreadTransaction: Half()},
            "lacks remove_thread_from_session",
        ),
        ({compat.ISessionThreadTransaction: Synchronous()}, "lacks create_thread"),
        ({compat.ISessionThreadTransaction: Transaction}, "takes an instance"),
        ({Store: object()}, "lacks apply, close, read, statistics"),
        ({WorkflowExecutor: MemoryStore()}, "lacks abandon, submit"),
        ({Sources: object()}, "is no Sources"),
        ({int: 1}, "no part of type int"),
        ({"Store": MemoryStore()}, "no part of type 'Store'"),
        ([Store], "are a mapping"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_type_is_refused_before_anything_is_opened(
    tmp_store: Path, overrides: Any, words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Runtime.open(tmp_store / "never", overrides=overrides)
    assert not (tmp_store / "never").exists()


def test_a_part_that_is_registered_later_is_checked_when_it_is_made(
    open_runtime: Open,
) -> None:
    runtime = open_runtime()
    runtime.register_singleton(compat.ISessionThreadTransaction, Half)
    with pytest.raises(InvalidArgument, match="lacks remove"):
        runtime.get(compat.ISessionThreadTransaction)
    runtime.register_singleton(compat.ISessionThreadTransaction, Transaction)
    assert isinstance(runtime.get(compat.ISessionThreadTransaction), Transaction)


def test_a_runtime_on_disk_has_its_parts_too(tmp_store: Path) -> None:
    overrides = {Store: LmdbStore(tmp_store)}
    with Runtime.open(overrides=overrides) as runtime:
        assert runtime.store is runtime.get(Store)
