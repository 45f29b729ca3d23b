"""Raw LMDB with group commit, in Python: the floor under any store on LMDB.

The records are those of the SQLite engines, in three trees of JSON values; no operation
log, no idempotency keys, no checksums and no feed. An owner's association and its name
lie under the session, a thread's states under the thread, numbered.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import lmdb
import msgspec

from bench.group_commit import Answer, GroupCommit, Item
from bench.relational import Refused
from bench.work import CONFIG, Append, Counts, Create, Transfer, Work, World
from weft.storage import new_id

__all__ = ["LmdbGroup"]

_TREES: Final = (b"sessions", b"threads", b"associations", b"states")
_MAP_SIZE_BYTES: Final = 16 << 30

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode

_Change = Callable[["_Trees", lmdb.Transaction], None]


class _Trees:
    """The environment and the handles of its trees."""

    def __init__(self, directory: Path) -> None:
        self.environment = lmdb.open(
            str(directory / "lmdb"), map_size=_MAP_SIZE_BYTES, max_dbs=len(_TREES)
        )
        handles: list[Any] = [self.environment.open_db(name) for name in _TREES]
        self.sessions, self.threads, self.associations, self.states = handles
        self.steps: dict[bytes, int] = {}

    def add_thread(
        self, transaction: lmdb.Transaction, thread_id: str, session_id: str, name: str
    ) -> None:
        now_us = time.time_ns() // 1000
        thread = {
            "session_id": session_id, "thread_name": name, "config": CONFIG,
            "status": "idle", "metadata": {}, "rev": 1,
            "created_at": now_us, "updated_at": now_us,
        }  # fmt: skip
        transaction.put(thread_id.encode(), _encode(thread), db=self.threads)
        self.associate(transaction, thread_id, session_id, name, active=True)

    def associate(
        self,
        transaction: lmdb.Transaction,
        thread_id: str,
        session_id: str,
        name: str,
        *,
        active: bool,
    ) -> None:
        now_us = time.time_ns() // 1000
        row = {
            "thread_name": name, "is_active": active, "metadata": {},
            "association_type": "session_thread",
            "created_at": now_us, "updated_at": now_us,
        }  # fmt: skip
        key = f"{session_id}|{thread_id}".encode()
        transaction.put(key, _encode(row), db=self.associations)


class LmdbGroup(GroupCommit):
    """One environment, one writing OS thread, one commit for a group."""

    def __init__(self, trees: _Trees) -> None:
        self._trees = trees
        super().__init__()

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        trees = _Trees(directory)
        with trees.environment.begin(write=True) as transaction:
            for session_id in world.session_ids:
                session = _encode({"status": "open", "metadata": {}})
                transaction.put(session_id.encode(), session, db=trees.sessions)
            for thread_id, session_id, name in world.threads:
                trees.add_thread(transaction, thread_id, session_id, name)
        return cls(trees)

    def prepare(self, work: Work) -> _Change:
        match work:
            case Create(session_id, name):
                return _create(session_id, name)
            case Transfer(thread_id, here, there):
                return _transfer(thread_id, here, there)
            case Append(thread_id, _, values):
                return _append(thread_id.encode(), values)

    def commit(self, group: Sequence[Item]) -> list[Answer]:
        answers: list[Answer] = []
        with self._trees.environment.begin(write=True) as transaction:
            for change, reply in group:
                try:
                    change(self._trees, transaction)
                except Refused as error:  # before the first write of it
                    answers.append((reply, error))
                else:
                    answers.append((reply, None))
        return answers

    def close_database(self) -> None:
        self._trees.environment.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        trees = _Trees(directory)
        threads = revisions = 0
        with trees.environment.begin() as transaction:
            for key, data in transaction.cursor(db=trees.threads):
                thread = _decode(data)
                place = thread["session_id"].encode() + b"|" + bytes(key)
                row = transaction.get(place, db=trees.associations)
                if row is not None and _decode(row)["is_active"]:
                    threads += 1
                    revisions += thread["rev"]
            states = transaction.stat(trees.states)["entries"]
        trees.environment.close()
        return Counts(threads, revisions - threads, states)


def _create(session_id: str, name: str) -> _Change:
    thread_id = new_id()

    def change(trees: _Trees, transaction: lmdb.Transaction) -> None:
        if transaction.get(session_id.encode(), db=trees.sessions) is None:
            raise Refused(session_id)
        trees.add_thread(transaction, thread_id, session_id, name)

    return change


def _transfer(thread_id: str, here: str, there: str) -> _Change:
    key = thread_id.encode()

    def change(trees: _Trees, transaction: lmdb.Transaction) -> None:
        data = transaction.get(key, db=trees.threads)
        thread = None if data is None else _decode(data)
        known = transaction.get(there.encode(), db=trees.sessions)
        if known is None or thread is None or thread["session_id"] != here:
            raise Refused(thread_id)
        name = thread["thread_name"]
        thread |= {"session_id": there, "rev": thread["rev"] + 1}
        transaction.put(key, _encode(thread), db=trees.threads)
        trees.associate(transaction, thread_id, here, name, active=False)
        trees.associate(transaction, thread_id, there, name, active=True)

    return change


def _append(key: bytes, values: bytes) -> _Change:
    head = _encode({"state_id": new_id(), "created_at": time.time_ns() // 1000})

    def change(trees: _Trees, transaction: lmdb.Transaction) -> None:
        if transaction.get(key, db=trees.threads) is None:
            raise Refused(key)
        step = trees.steps[key] = trees.steps.get(key, 0) + 1
        place = key + step.to_bytes(4, "big")
        transaction.put(place, head + values, db=trees.states)

    return change
