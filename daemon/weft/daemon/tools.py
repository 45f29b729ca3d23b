"""What an agent may do with a daemon: functions that take and give plain data.

Their names, parameters and docstrings are what a model reads, so they say what a
person would be told, too. Rights are those of the token that the daemon is shown.

Guarantees:
    * a change is one operation of the daemon, all of it or nothing;
    * the daemon's refusal arrives with its reason and its remedy;
    * a result has at most :data:`ROWS_MAX` rows, for a model pays by the word.

Not here: the protocol that carries the calls (:mod:`weft.daemon.mcp_command`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from weft.daemon.remote import Remote
from weft.daemon.remote_problems import raise_failure
from weft.daemon.source import RemoteSource
from weft.daemon.wire import path_of
from weft.storage.ids import new_id

__all__ = ["ROWS_MAX", "Tool", "Tools"]

ROWS_MAX: Final = 200

Doc = dict[str, Any]
IfRunning = Literal["reject", "wait", "move"]


class Tool(msgspec.Struct, frozen=True):
    """One of the functions.

    Attributes:
        function: what is called; its name is the tool's.
        reads_only: it changes nothing.
        destroys: what it takes away does not come back.
    """

    function: Callable[..., Any]
    reads_only: bool = False
    destroys: bool = False


class Tools:
    """The tools of one daemon.

    Args:
        remote: the daemon.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._source = RemoteSource(remote)

    def all(self, *, read_only: bool = False) -> list[Tool]:
        """Return the tools.

        Args:
            read_only: only those that change nothing.
        """
        looks = (
            self.list_sessions, self.get_session, self.list_threads, self.get_thread,
            self.thread_history, self.list_runs, self.list_workflows,
            self.list_operations, self.check_session,
        )  # fmt: skip
        changes = (
            self.create_session, self.create_thread, self.transfer_thread,
            self.rename_thread, self.run_thread, self.start_run, self.cancel_run,
        )  # fmt: skip
        tools = [Tool(each, reads_only=True) for each in looks]
        if not read_only:
            tools += [Tool(each) for each in changes]
            tools.append(Tool(self.remove_thread, destroys=True))
        return tools

    def list_sessions(
        self,
        search: str | None = None,
        user_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Doc:
        """List sessions, a page at a time.

        Args:
            search: only those whose id contains this.
            user_id: only those of this user.
            limit: how many at the most.
            cursor: where to go on: next_cursor of the page before.
        """
        query = {"search": search, "user_id": user_id, "limit": _bounded(limit)}
        query["cursor"] = cursor
        return self._doc("GET", "/sessions", query=query)

    def get_session(self, session_id: str) -> Doc:
        """Return a session."""
        return self._source.session(session_id)

    def list_threads(self, session_id: str) -> list[Doc]:
        """List the live threads that a session owns, by name."""
        return self._source.threads(session_id)[:ROWS_MAX]

    def get_thread(self, thread: str, session_id: str | None = None) -> Doc:
        """Return a thread with its owner, its status and its last state.

        Args:
            thread: its id; or its name, with the session that owns it.
            session_id: the owner.
        """
        found = self._source.thread(thread, session_id)
        last = self._source.states(found["thread_id"], 1)
        return {**found, "state": last[0] if last else None}

    def thread_history(self, thread_id: str, limit: int = 10) -> list[Doc]:
        """Return a thread's durable states, newest first."""
        return self._source.states(thread_id, _bounded(limit))

    def list_runs(self, thread_id: str, limit: int = 10) -> list[Doc]:
        """Return a thread's runs with their status, newest first."""
        path = path_of("threads", thread_id, "runs")
        query = {"limit": _bounded(limit)}
        found: list[Doc] = self._remote.ask("GET", path, query=query)
        return found

    def list_workflows(self) -> list[str]:
        """Return the names of the workflows that threads can run here."""
        wanted = {"metadata": {"created_by": "system"}, "limit": ROWS_MAX}
        found = self._remote.ask("POST", "/assistants/search", wanted)
        return sorted({each["graph_id"] for each in found})

    def list_operations(
        self,
        session_id: str | None = None,
        thread_id: str | None = None,
        limit: int = 20,
    ) -> list[Doc]:
        """Return what happened, newest first: who was created, moved, refused, why.

        Args:
            session_id: only what touched this session.
            thread_id: only what touched this thread.
            limit: how many at the most.
        """
        query = {"session_id": session_id, "thread_id": thread_id}
        query |= {"limit": str(_bounded(limit)), "order": "desc"}
        found: list[Doc] = self._doc("GET", "/operations", query=query)["operations"]
        return found

    def check_session(self, session_id: str) -> Doc:
        """Compare all stored copies of who owns what in a session."""
        return self._doc("POST", "/check", {"session_id": session_id})

    def create_session(
        self,
        session_id: str,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Doc:
        """Create a session."""
        body = _given(session_id=session_id, user_id=user_id, metadata=metadata)
        created: Doc = self._change("/sessions", body)
        return created

    def create_thread(
        self,
        session_id: str,
        name: str,
        workflow: str | None = None,
        config: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Doc:
        """Create a thread in a session; the session is made if it is missing.

        Args:
            session_id: the owner.
            name: unique among the owner's threads.
            workflow: what it runs; list_workflows has the names.
            config: what each of its runs gets.
            metadata: free data.
        """
        spec = _given(name=name, workflow=workflow, config=config, metadata=metadata)
        body = {"threads": [spec], "create_session": True}
        path = path_of("sessions", session_id, "threads")
        made: dict[str, str] = self._change(path, body)["threads"]
        return self._source.thread(made[name])

    def transfer_thread(
        self,
        thread_id: str,
        from_session_id: str,
        to_session_id: str,
        new_thread_name: str | None = None,
        if_running: IfRunning = "reject",
    ) -> Doc:
        """Move a thread with its states from one session to another, at once.

        Args:
            thread_id: what is moved.
            from_session_id: who owns it now.
            to_session_id: who owns it then; made if it is missing.
            new_thread_name: its name there, where the present one is taken.
            if_running: of a thread in the middle of a run: reject, wait for its end,
                or move the run along.
        """
        body = _given(
            from_session_id=from_session_id,
            to_session_id=to_session_id,
            new_thread_name=new_thread_name,
            if_running=if_running,
            create=True,
        )
        moved: Doc = self._change(path_of("threads", thread_id, "transfer"), body)
        return moved

    def rename_thread(self, thread_id: str, new_thread_name: str) -> Doc:
        """Give a thread another name within its session."""
        body = {"thread_name": new_thread_name}
        renamed: Doc = self._change(path_of("threads", thread_id, "rename"), body)
        return renamed

    def remove_thread(self, session_id: str, thread_id: str) -> str:
        """Remove a thread for good, with its states and runs; a run is stopped."""
        path = path_of("sessions", session_id, "threads", thread_id)
        query = {"if_running": "cancel"}
        self._remote.ask("DELETE", path, query=query, op_id=new_id())
        return f"Thread {thread_id} is removed."

    def run_thread(
        self,
        thread_id: str,
        input: dict[str, Any] | None = None,  # noqa: A002 - as the protocol says
        workflow: str | None = None,
    ) -> Doc:
        """Run a thread's workflow, wait for its end, and return its result.

        Args:
            thread_id: whose workflow.
            input: what the workflow gets on top of the thread's config.
            workflow: another one than the thread's own.
        """
        path = path_of("threads", thread_id, "runs", "wait")
        result = self._change(path, self._run(thread_id, input, workflow))
        raise_failure(result, thread_id)
        return {"result": result}

    def start_run(
        self,
        thread_id: str,
        input: dict[str, Any] | None = None,  # noqa: A002 - as the protocol says
        workflow: str | None = None,
    ) -> Doc:
        """Start a run of a thread's workflow and return it; list_runs tells its end.

        Args:
            thread_id: whose workflow.
            input: what the workflow gets on top of the thread's config.
            workflow: another one than the thread's own.
        """
        path = path_of("threads", thread_id, "runs")
        run: Doc = self._change(path, self._run(thread_id, input, workflow))
        return run

    def _run(self, thread_id: str, given: Doc | None, workflow: str | None) -> Doc:
        if workflow is None:
            workflow = self._source.thread(thread_id)["workflow"] or "default"
        return {"assistant_id": workflow, "input": given}

    def cancel_run(self, thread_id: str, run_id: str) -> str:
        """Stop a run that is in progress, or that waits."""
        self._change(path_of("threads", thread_id, "runs", run_id, "cancel"), {})
        return f"Run {run_id} was told to stop."

    def _doc(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
    ) -> Doc:
        found: Doc = self._remote.ask(method, path, body, query=query)
        return found

    def _change(self, path: str, body: Doc) -> Any:
        return self._remote.ask("POST", path, body, op_id=new_id())


def _bounded(limit: int) -> int:
    return min(limit, ROWS_MAX)


def _given(**fields: Any) -> Doc:
    return {name: value for name, value in fields.items() if value is not None}
