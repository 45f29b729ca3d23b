"""DBOS on SQLite: a workflow of one step, whose result is the state.

What DBOS makes durable by itself: the workflow with its input, the step with its
result, the workflow's end. It has no threads to own or move, so this is ``append``
only. Pragmas and pool are its own.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final, Self

from bench.peers.blocking import Blocking, appended, package, state_of
from bench.work import Counts, Work, World

__all__ = ["Dbos"]

_DATABASE: Final = "dbos.db"


class Dbos(Blocking):
    """A launched DBOS; it is one for the process."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._dbos: Any = package("dbos").DBOS
        url = f"sqlite:///{directory / _DATABASE}"
        config = {
            "name": "bench", "system_database_url": url, "log_level": "ERROR",
            "run_admin_server": False, "application_version": "1",
        }  # fmt: skip
        self._dbos(config=config)
        step = self._dbos.step()(_keep)

        def run(_thread_id: str, values: bytes) -> Any:
            return step(values)

        self._run = self._dbos.workflow()(run)
        self._dbos.launch()

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:  # noqa: ARG003 - no records
        return cls(directory)

    def work(self, work: Work) -> None:
        state = state_of(work)
        self._run(state.thread_id, state.values)

    def close(self) -> None:
        self._dbos.destroy()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        database = sqlite3.connect(directory / _DATABASE)
        (states,) = database.execute(
            "SELECT count(*) FROM operation_outputs JOIN workflow_status"
            " USING (workflow_uuid) WHERE status = 'SUCCESS'"
        ).fetchone()
        database.close()
        return appended(states)


def _keep(values: bytes) -> bytes:
    return values
