"""SQLAlchemy's ORM on SQLite, as applications of this sort have it.

A unit of work for each operation, SQLite's default pragmas (a rollback journal, flushed
in full), and the engine's default pool. The time-out is a minute and not five seconds:
with them, callers fail before they are served.
"""

import json
from pathlib import Path
from time import time
from typing import Any, Final, Self

from bench import relational
from bench.engine import ANSWER_TIMEOUT_S
from bench.peers.blocking import Blocking, package
from bench.work import CONFIG, Append, Counts, Create, Transfer, Work, World
from weft.storage import new_id

__all__ = ["SqlAlchemy"]

sqlalchemy: Final = package("sqlalchemy")
orm: Final = package("sqlalchemy.orm")


class _Row:
    """A mapped row."""

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class _Session(_Row):
    status: Any


class _Thread(_Row):
    session_id: Any
    thread_name: Any
    rev: Any
    updated_at: Any


class _Association(_Row):
    session_id: Any
    thread_id: Any
    is_active: Any
    updated_at: Any


class _State(_Row):
    thread_id: Any
    step: Any


_TABLES: Final[dict[str, type[_Row]]] = {
    "sessions": _Session,
    "threads": _Thread,
    "session_thread_associations": _Association,
    "states": _State,
}


def _map(engine: Any) -> None:
    """Map the tables of the schema, as they are."""
    metadata, registry = sqlalchemy.MetaData(), orm.registry()
    metadata.reflect(engine)
    for name, kind in _TABLES.items():
        table = metadata.tables[name]
        key = [table.c.state_id] if name == "states" else list(table.primary_key)
        mapped = {"primary_key": key}
        if "metadata" in table.c:  # a name that the ORM keeps for itself
            mapped["properties"] = {"metadata_": table.c.metadata}  # type: ignore[assignment]
        registry.map_imperatively(kind, table, **mapped)


class SqlAlchemy(Blocking):
    """An engine with its pool, and a session for each operation."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._engine = sqlalchemy.create_engine(
            f"sqlite:///{directory / relational.DATABASE}",
            connect_args={"timeout": ANSWER_TIMEOUT_S},
            pool_timeout=ANSWER_TIMEOUT_S,
        )
        _map(self._engine)
        self._open = orm.sessionmaker(self._engine)

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        database = relational.create(directory, world)
        database.execute("PRAGMA journal_mode = DELETE")
        database.close()
        return cls(directory)

    def work(self, work: Work) -> None:
        with self._open() as session, session.begin():
            match work:
                case Create():
                    _create(session, work)
                case Transfer():
                    _transfer(session, work)
                case Append():
                    _append(session, work)

    def close(self) -> None:
        self._engine.dispose()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return relational.count(directory)


def _associate(thread_id: str, session_id: str, name: str) -> _Association:
    now_us = int(time() * 1e6)
    return _Association(
        association_id=new_id(), session_id=session_id, thread_id=thread_id,
        thread_name=name, created_at=now_us, updated_at=now_us, is_active=True,
        association_type="session_thread", metadata_="{}",
    )  # fmt: skip


def _create(session: Any, work: Create) -> None:
    owner = session.get(_Session, work.session_id)
    if owner is None or owner.status != "open":
        raise relational.Refused(work)
    now_us, thread_id = int(time() * 1e6), new_id()
    thread = _Thread(
        thread_id=thread_id, session_id=work.session_id, thread_name=work.name,
        config=json.dumps(CONFIG), status="idle", metadata_="{}", rev=1,
        created_at=now_us, updated_at=now_us,
    )  # fmt: skip
    session.add(thread)
    session.add(_associate(thread_id, work.session_id, work.name))


def _transfer(session: Any, work: Transfer) -> None:
    thread = session.get(_Thread, work.thread_id)
    there = session.get(_Session, work.to_session_id)
    if thread is None or thread.session_id != work.from_session_id or there is None:
        raise relational.Refused(work)
    now_us = int(time() * 1e6)
    find = session.query(_Association).filter_by
    old = find(thread_id=work.thread_id, session_id=work.from_session_id).one()
    old.is_active, old.updated_at = False, now_us
    thread.session_id, thread.updated_at = work.to_session_id, now_us
    thread.rev += 1
    new = find(thread_id=work.thread_id, session_id=work.to_session_id).one_or_none()
    if new is None:
        name = thread.thread_name
        session.add(_associate(work.thread_id, work.to_session_id, name))
    else:
        new.is_active, new.updated_at = True, now_us


def _append(session: Any, work: Append) -> None:
    if session.get(_Thread, work.thread_id) is None:
        raise relational.Refused(work)
    last = sqlalchemy.func.max(_State.step)
    mine = session.query(last).filter(_State.thread_id == work.thread_id)
    state = _State(
        state_id=new_id(), thread_id=work.thread_id, step=(mine.scalar() or 0) + 1,
        state=work.values, metadata_="{}", created_at=int(time() * 1e6),
    )  # fmt: skip
    session.add(state)
