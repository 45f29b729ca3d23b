"""A runtime as the daemon runs it: in a process of its own."""

from contextlib import ExitStack
from typing import Final

from weft.actors import Executors, Runtime
from weft.actors.workflow import Workflows
from weft.daemon.places import Place, is_database
from weft.daemon.progress import Show, progress
from weft.daemon.workflows import Registry
from weft.storage import LmdbStore, Store

__all__ = ["open_runtime"]

SWITCH_INTERVAL_S: Final = 0.0005
"""How long an OS thread may keep the GIL from another. With Python's own 5 ms one
busy workflow cuts durable throughput to 2 %."""


def open_runtime(
    data: Place,
    workflows: Registry,
    executor: Executors | None = None,
    *,
    one_core: bool = False,
) -> Runtime:
    """Open a runtime on a data directory, or on a database.

    Args:
        data: the directory, created if it is missing; or the database's address.
        workflows: what ``Runtime.open`` takes.
        executor: where runs are executed; the runtime's own if omitted.
        one_core: keep the process's OS threads on one core.

    Raises:
        SessionThreadException: it cannot be opened.
    """
    registered = Workflows(workflows)  # a bad one leaves no directory behind
    with ExitStack() as stack:
        store = _open_store(data, _shown(stack))
    try:
        return Runtime.open(
            store=store,
            workflows=registered,
            executor=executor,
            switch_interval_s=SWITCH_INTERVAL_S,
            collector=True,
            one_core=one_core,
        )
    except BaseException:
        store.close()
        raise


def _open_store(data: Place, show: Show) -> Store:
    if not is_database(data):
        return LmdbStore(data, progress=show)
    from weft.cluster import open_store

    return open_store(str(data))


def _shown(stack: ExitStack) -> Show:
    """Return a progress that appears when the first is told: mostly none is."""
    show: Show | None = None

    def tell(done: int, total: int) -> None:
        nonlocal show
        if show is None:
            show = stack.enter_context(progress("verify"))
        show(done, total)

    return tell
