"""Threads through a daemon: the remote coordinator's part about who owns which."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from weft.actors import Future, ThreadSpec
from weft.actors.door import at_the_door
from weft.actors.spec import new_thread
from weft.daemon.client.asking import Asking, id_or_none, mapping_of
from weft.daemon.client.rebuild import record_of
from weft.daemon.wire import path_of
from weft.storage import InvalidArgument, NewThread, Thread
from weft.storage.ids import check_id, check_name

__all__ = ["ThreadRequests"]

REMOVALS: Final = ("reject", "cancel", "wait")

Busy = Literal["reject", "cancel", "wait", "move"]


class ThreadRequests(Asking):
    """Create, look at, move, rename, change and remove threads."""

    @at_the_door
    def coordinate_threads(
        self,
        session_id: str,
        thread_configs: Iterable[ThreadSpec | Mapping[str, Any]],
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[dict[str, str]]:
        """Create threads in a session, all or none; the answer is id by name."""
        try:
            specs = [ThreadSpec.of(config) for config in thread_configs]
        except TypeError as error:
            raise InvalidArgument(f"Thread configs are a list: {error}.") from error
        if not specs:
            path = path_of("sessions", check_id(session_id, "session id"))
            return self._ask("GET", path, lambda _: {})
        threads = tuple(spec.to_new_thread() for spec in specs)
        return self.create_threads(
            session_id, threads, _ids_by_name, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def create_thread_with_session(
        self,
        session_id: str,
        thread_config: Mapping[str, Any] | None,
        thread_name: str,
        *,
        workflow: str | None = None,
        thread_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[str]:
        """Create one thread; the answer is its id."""
        thread = new_thread(thread_name, workflow, thread_config, metadata, thread_id)
        return self.create_threads(
            session_id, (thread,), _first_id, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def create_threads(
        self,
        session_id: str,
        threads: tuple[NewThread, ...],
        answer: Callable[[list[Thread]], Any],
        *,
        create_session: bool = False,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Create threads; ``answer`` makes the caller's answer of their records."""
        body = {
            "threads": [_config(thread) for thread in threads],
            "create_session": create_session,
        }
        return self._change(
            "POST",
            path_of("sessions", check_id(session_id, "session id"), "threads"),
            lambda told: answer([_thread(view) for view in told["records"]]),
            body,
            op_id=op_id,
            timeout_s=timeout_s,
        )

    @at_the_door
    def remove_thread_from_session(
        self,
        session_id: str,
        thread: str,
        if_running: Literal["reject", "cancel", "wait"] = "reject",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[bool]:
        """Remove a thread, named or by its id, with its states and runs."""
        check_name(thread, "thread")
        path = path_of(
            "sessions", check_id(session_id, "session id"), "threads", thread
        )
        query = _removal(if_running)
        return self._change(
            "DELETE", path, _true, query=query, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def remove_thread(
        self,
        thread_id: str,
        if_running: Literal["reject", "cancel", "wait"] = "reject",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[bool]:
        """Remove a thread by its id, whoever owns it."""
        query = _removal(if_running)
        path = _record(thread_id)
        return self._change(
            "DELETE", path, _true, query=query, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def transfer_thread_between_sessions(
        self,
        thread_id: str,
        from_session_id: str,
        to_session_id: str,
        new_thread_name: str | None = None,
        if_running: Literal["reject", "wait", "move"] = "reject",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Move a thread to another session; the answer is the thread as it is now."""
        return self.transfer_thread(
            thread_id,
            check_id(from_session_id, "session id"),
            to_session_id,
            new_thread_name,
            if_running,
            op_id=op_id,
            timeout_s=timeout_s,
        )

    @at_the_door
    def transfer_thread(
        self,
        thread_id: str,
        from_session_id: str | None,
        to_session_id: str,
        new_thread_name: str | None,
        if_running: Busy,
        *,
        create_session: bool = False,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Move a thread, from whoever owns it where ``from_session_id`` is None."""
        body = {
            "to_session_id": check_id(to_session_id, "session id"),
            "from_session_id": id_or_none(from_session_id, "session id"),
            "new_thread_name": new_thread_name,
            "if_running": if_running,
            "create": create_session,
        }
        path = path_of("threads", check_id(thread_id, "thread id"), "transfer")
        return self._change(
            "POST", path, _thread, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def rename_thread(
        self,
        thread_id: str,
        new_name: str,
        *,
        session_id: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Give a thread another name within its session."""
        body = {
            "thread_name": check_name(new_name),
            "session_id": id_or_none(session_id, "session id"),
        }
        path = path_of("threads", check_id(thread_id, "thread id"), "rename")
        return self._change(
            "POST", path, _thread, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def update_thread(
        self,
        thread_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        session_id: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Update a thread's metadata and config, key by key."""
        body = {
            "metadata": mapping_of(metadata, "metadata"),
            "config": mapping_of(config, "config"),
            "session_id": id_or_none(session_id, "session id"),
        }
        path = _record(thread_id)
        return self._change(
            "PATCH", path, _thread, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def get_thread(self, thread_id: str) -> Future[Thread]:
        """Return a live thread."""
        return self._ask("GET", _record(thread_id), _thread)

    @at_the_door
    def list_threads(self, session_id: str) -> Future[list[Thread]]:
        """Return a session's live threads, ordered by name."""
        path = path_of("sessions", check_id(session_id, "session id"), "threads")
        return self._ask(
            "GET", path, lambda told: [_thread(view) for view in told["threads"]]
        )


def _removal(if_running: str) -> dict[str, str]:
    if if_running in REMOVALS:
        return {"if_running": if_running}
    words = f"if_running is one of {REMOVALS}, not {if_running!r}."
    raise InvalidArgument(words)


def _record(thread_id: str) -> str:
    return path_of("threads", check_id(thread_id, "thread id"), "record")


def _config(thread: NewThread) -> dict[str, Any]:
    return {
        "name": thread.name,
        "workflow": thread.workflow,
        "config": msgspec.msgpack.decode(thread.config),
        "metadata": msgspec.msgpack.decode(thread.metadata),
        "thread_id": thread.thread_id,
    }


def _thread(view: Any) -> Thread:
    return record_of(Thread, view)


def _first_id(threads: list[Thread]) -> str:
    return threads[0].thread_id


def _ids_by_name(threads: list[Thread]) -> dict[str, str]:
    return {thread.thread_name: thread.thread_id for thread in threads}


def _true(_: Any) -> bool:
    return True
