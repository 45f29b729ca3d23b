"""The coordinator as plain dicts: what every call must answer, and leave behind.

A :class:`Step` is one call. ``Model.apply`` says what it must answer in a small
language that a real coordinator's answers are put into (model_calls): ``("ok",
value)`` or ``("no", name of the error)``. What must be left behind is its image, and
what a real store holds is read in the same terms (model_seen). The model knows no
actors, no writer and no trees.
"""

from copy import deepcopy
from typing import Any, NamedTuple

Answer = tuple[str, Any]


class Step(NamedTuple):
    """One call of the coordinator."""

    kind: str
    op_id: str
    arguments: tuple[Any, ...]


class No(Exception):
    """The call is refused; the argument is the error's class name."""


class Model:
    """What the store must hold, and what was answered under which ``op_id``."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.threads: dict[str, dict[str, Any]] = {}
        self.revs: dict[str, int] = {}
        self.rows: dict[str, dict[str, tuple[bool, int]]] = {}
        self.answers: dict[str, Answer] = {}
        self.runs: dict[str, tuple[str, int]] = {}

    def apply(self, step: Step) -> Answer:
        """Return what a call must answer; the first answer if it is a repeated one."""
        if step.op_id in self.answers:
            return self._again(step)
        before = deepcopy((self.sessions, self.threads, self.revs, self.rows))
        try:
            answer: Answer = ("ok", getattr(self, step.kind)(*step.arguments))
        except No as error:
            if step.kind != "execute" or str(error) != "WorkflowExecutionError":
                self.sessions, self.threads, self.revs, self.rows = before
            answer = ("no", str(error))
        self.answers[step.op_id] = answer
        return answer

    def _again(self, step: Step) -> Answer:
        life = self.runs.get(step.op_id)
        if step.kind != "execute" or life is None:
            return self.answers[step.op_id]
        thread = self.threads.get(life[0])
        if thread is None or thread["life"] != life[1]:
            return "no", "ThreadNotFound"  # its run went with the thread's life
        return self.answers[step.op_id]

    # Sessions

    def create_session(self, session_id: str, user_id: str, if_exists: str) -> Any:
        if session_id in self.sessions:
            if if_exists == "raise":
                raise No("SessionExists")
            self._open(session_id)
        else:
            self.sessions[session_id] = {
                "status": "open",
                "user_id": user_id,
                "clicks": [],
            }
        return self._session(session_id)

    def close_session(self, session_id: str, threads: str) -> Any:
        self._open(session_id)
        if threads == session_id:
            raise No("InvalidArgument")
        if threads != "remove":
            self._open(threads)
        for name, thread_id in sorted(self.names(session_id).items()):
            if threads == "remove":
                self._bury(thread_id)
            else:
                self._move(thread_id, threads, name)
        self.sessions[session_id]["status"] = "closed"
        return self._session(session_id)

    def track(self, session_id: str, content: int) -> Any:
        self._open(session_id)["clicks"].append(content)
        return session_id, content

    def _open(self, session_id: str) -> dict[str, Any]:
        if session_id not in self.sessions:
            raise No("SessionNotFound")
        session = self.sessions[session_id]
        if session["status"] == "closed":
            raise No("SessionClosed")
        return session

    def _session(self, session_id: str) -> Any:
        session = self.sessions[session_id]
        return session_id, session["status"], session["user_id"]

    # Threads

    def names(self, session_id: str) -> dict[str, str]:
        """Return the ids of a session's threads by name."""
        return {
            thread["name"]: thread_id
            for thread_id, thread in self.threads.items()
            if thread["session"] == session_id
        }

    def create(self, session_id: str, threads: tuple[tuple[str, str], ...]) -> Any:
        self._open(session_id)
        for name, thread_id in threads:
            if thread_id in self.threads:
                raise No("ThreadExists")
            self._take_name(session_id, name)
            self.revs[thread_id] = self.revs.get(thread_id, 0) + 1
            self.threads[thread_id] = {
                "session": session_id,
                "name": name,
                "states": [],
                "life": self.revs[thread_id],
                "status": "idle",
            }
            self._associate(thread_id, session_id)
        return dict(threads)

    def remove(self, session_id: str, name: str) -> bool:
        self._open(session_id)
        self._bury(self._called(session_id, name))
        return True

    def transfer(
        self, thread_id: str, source: str, target: str, name: str | None
    ) -> Any:
        self._open(source)
        self._open(target)
        thread = self.threads.get(thread_id)
        if thread is None or thread["session"] != source:
            raise No("ThreadNotFound")
        if target == source:
            self._rename(thread_id, name or thread["name"])
        else:
            self._move(thread_id, target, name or thread["name"])
        return self._thread(thread_id)

    def rename(self, thread_id: str, name: str) -> Any:
        if thread_id not in self.threads:
            raise No("ThreadNotFound")
        self._rename(thread_id, name)
        return self._thread(thread_id)

    def _thread(self, thread_id: str) -> Any:
        thread = self.threads[thread_id]
        return thread_id, thread["session"], thread["name"], self.revs[thread_id]

    def _called(self, session_id: str, name: str) -> str:
        names = self.names(session_id)
        if name not in names:
            raise No("ThreadNotFound")
        return names[name]

    def _take_name(self, session_id: str, name: str) -> None:
        if name in self.names(session_id):
            raise No("NameTaken")

    def _rename(self, thread_id: str, name: str) -> None:
        thread = self.threads[thread_id]
        if name != thread["name"]:
            self._take_name(thread["session"], name)
            thread["name"] = name

    def _move(self, thread_id: str, target: str, name: str) -> None:
        self._take_name(target, name)
        self._dissociate(thread_id)
        self.threads[thread_id].update(session=target, name=name)
        self.revs[thread_id] += 1
        self._associate(thread_id, target)

    def _bury(self, thread_id: str) -> None:
        self._dissociate(thread_id)
        del self.threads[thread_id]

    def _associate(self, thread_id: str, session_id: str) -> None:
        rows = self.rows.setdefault(thread_id, {})
        rows[session_id] = (True, rows.get(session_id, (False, 0))[1] + 1)

    def _dissociate(self, thread_id: str) -> None:
        session_id = self.threads[thread_id]["session"]
        self.rows[thread_id][session_id] = (False, self.rows[thread_id][session_id][1])

    # Batches and runs

    def transact(self, steps: tuple[Step, ...]) -> list[Any]:
        return [getattr(self, step.kind)(*step.arguments) for step in steps]

    def execute(self, session_id: str, name: str, workflow: str, op_id: str) -> Any:
        self._open(session_id)
        thread_id = self._called(session_id, name)
        thread = self.threads[thread_id]
        states = thread["states"]
        self.runs[op_id] = (thread_id, thread["life"])
        thread["status"] = "idle"
        if workflow == "default":
            states.append(int((states or [0])[-1] or 0) + 1)
            return states[-1]
        if workflow == "count":
            states.extend(range(3))
            return 2
        states.append(-1)
        thread["status"] = "error"
        raise No("WorkflowExecutionError")

    def image(self) -> dict[str, Any]:
        """Return everything, as ``seen`` in model_seen returns it of a store."""
        return {
            "sessions": {
                session_id: (
                    *self._session(session_id)[1:],
                    session["clicks"],
                    dict(sorted(self.names(session_id).items())),
                )
                for session_id, session in self.sessions.items()
            },
            "threads": {
                thread_id: (
                    *self._thread(thread_id)[1:],
                    thread["status"],
                    thread["states"],
                )
                for thread_id, thread in self.threads.items()
            },
            "rows": {t: rows for t, rows in self.rows.items() if rows},
        }
