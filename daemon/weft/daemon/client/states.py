"""States through a daemon: the remote coordinator's part about the past of threads."""

from collections.abc import Mapping
from typing import Any

from weft.actors import Future
from weft.actors.door import at_the_door, check_limit
from weft.daemon.client.asking import Asking, id_or_none, mapping_of
from weft.daemon.client.rebuild import record_of
from weft.daemon.wire import path_of
from weft.storage import State, Thread
from weft.storage.ids import check_id, check_name
from weft.storage.operations import encode_value
from weft.storage.records import StateRef

__all__ = ["StateRequests"]

LIST_LIMIT = 100


class StateRequests(Asking):
    """Read, append, restore and forget states; copy threads with theirs."""

    @at_the_door
    def get_thread_state(
        self, thread_id: str, step: int | None = None
    ) -> Future[State | None]:
        """Return a thread's last durable state, or that of a step; None for none."""
        query = {"limit": 1} if step is None else {"step": check_limit(step, "step")}
        return self._ask("GET", _states(thread_id), _first, query=query)

    @at_the_door
    def thread_history(
        self, thread_id: str, *, limit: int = LIST_LIMIT, before: int | None = None
    ) -> Future[list[State]]:
        """Return a thread's states, newest first."""
        query = {
            "limit": check_limit(limit),
            "before": None if before is None else check_limit(before, "before"),
        }
        return self._ask("GET", _states(thread_id), _all, query=query)

    @at_the_door
    def append_state(
        self,
        thread_id: str,
        values: Any,
        *,
        metadata: Mapping[str, Any] | None = None,
        session_id: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[StateRef]:
        """Append a state by hand, without a run; ``session_id`` is not needed here."""
        del session_id
        encode_value(values, "values")
        body = {"values": values, "metadata": mapping_of(metadata, "metadata")}
        path = _states(thread_id)
        return self._change("POST", path, _ref, body, op_id=op_id, timeout_s=timeout_s)

    @at_the_door
    def restore_state(
        self,
        thread_id: str,
        step: int,
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[StateRef]:
        """Append a copy of an earlier state: the next run goes on from there."""
        path = path_of("threads", check_id(thread_id, "thread id"), "restore")
        body = {"step": check_limit(step, "step")}
        return self._change("POST", path, _ref, body, op_id=op_id, timeout_s=timeout_s)

    @at_the_door
    def delete_history(self, thread_id: str, *, keep_latest: int = 0) -> Future[int]:
        """Forget a thread's states, but for the newest; the answer is how many."""
        query = {"keep_latest": check_limit(keep_latest, "keep_latest")}
        return self._ask("DELETE", _states(thread_id), _forgotten, query=query)

    @at_the_door
    def fork_thread(
        self,
        thread_id: str,
        new_name: str,
        session_id: str | None = None,
        *,
        step: int | None = None,
        new_thread_id: str | None = None,
        create_session: bool = True,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Copy a thread, with config, metadata and states, in one transaction."""
        body = {
            "new_name": check_name(new_name),
            "session_id": id_or_none(session_id, "session id"),
            "step": None if step is None else check_limit(step, "step"),
            "new_thread_id": id_or_none(new_thread_id, "thread id"),
            "create_session": create_session,
        }
        return self._change(
            "POST",
            path_of("threads", check_id(thread_id, "thread id"), "fork"),
            lambda view: record_of(Thread, view),
            body,
            op_id=op_id,
            timeout_s=timeout_s,
        )


def _states(thread_id: str) -> str:
    return path_of("threads", check_id(thread_id, "thread id"), "states")


def _all(told: Any) -> list[State]:
    return [record_of(State, view) for view in told["states"]]


def _first(told: Any) -> State | None:
    return next(iter(_all(told)), None)


def _ref(view: Any) -> StateRef:
    return record_of(StateRef, view)


def _forgotten(told: Any) -> int:
    return int(told["forgotten"])
