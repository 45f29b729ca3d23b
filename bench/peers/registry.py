"""Which peers there are, what they can do, and what they need to be installed.

A peer's module is imported when it is measured, in its own process. One that is not
installed is reported as missing, with what would install it: never left out silently.
"""

import importlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from subprocess import check_output
from typing import Final

import msgspec

from bench.engine import Engine
from bench.peers.postgres_server import binary
from bench.spec import Case, EngineName, Kind

__all__ = ["PEERS", "Peer", "load", "missing", "versions"]

_ALL: Final[tuple[Case, ...]] = ("create", "transfer", "append")
_APPEND: Final[tuple[Case, ...]] = ("append",)


class Peer(msgspec.Struct, frozen=True):
    """A system to compare with.

    Attributes:
        module: where its engine is, in ``bench.peers``.
        engine: the engine's name there.
        packages: distribution and module of what it needs.
        cases: the work it can do.
        kind: how its callers wait.
        callers_max: more of them only wait for a connection, a lock or an OS thread.
        programs: of PostgreSQL.
    """

    module: str
    engine: str
    packages: dict[str, str]
    cases: tuple[Case, ...]
    kind: Kind
    callers_max: int
    programs: tuple[str, ...] = ()


PEERS: Final[dict[EngineName, Peer]] = {
    "sqlalchemy": Peer(
        "sqlalchemy_orm", "SqlAlchemy", {"sqlalchemy": "sqlalchemy"}, _ALL,
        "threads", 16,
    ),
    "langgraph": Peer(
        "langgraph", "LangGraphSync",
        {"langgraph-checkpoint-sqlite": "langgraph.checkpoint.sqlite"}, _APPEND,
        "threads", 64,
    ),
    "langgraph-async": Peer(
        "langgraph", "LangGraphAsync",
        {"langgraph-checkpoint-sqlite": "langgraph.checkpoint.sqlite.aio"}, _APPEND,
        "asyncio", 64,
    ),
    "openai-agents": Peer(
        "agents", "Agents", {"openai-agents": "agents"}, _APPEND, "asyncio", 64,
    ),
    "dbos": Peer(
        "dbos", "Dbos", {"dbos": "dbos"}, _APPEND, "threads", 16,
    ),
    "postgres": Peer(
        "postgres", "Postgres", {"psycopg": "psycopg"}, _ALL, "threads", 16,
        ("initdb", "postgres"),
    ),
}  # fmt: skip


def missing(name: EngineName) -> str | None:
    """Return what has to be installed to measure a peer; None if nothing."""
    peer = PEERS.get(name)
    if peer is None:
        return None
    lacking = [
        distribution
        for distribution, module in peer.packages.items()
        if not _installed(module)
    ]
    if lacking:
        return f"missing: pip install {' '.join(lacking)}"
    if not all(map(binary, peer.programs)):
        return "missing: apt install postgresql"
    return None


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def load(name: EngineName) -> type[Engine]:
    """Import a peer, and return its engine."""
    peer = PEERS[name]
    engine: type[Engine] = getattr(
        importlib.import_module(f"bench.peers.{peer.module}"), peer.engine
    )
    return engine


def versions() -> dict[str, str]:
    """Return the versions of the peers that are installed."""
    found: dict[str, str] = {}
    for peer in PEERS.values():
        for distribution in peer.packages:
            try:
                found[distribution] = version(distribution)
            except PackageNotFoundError:
                continue
    server = binary("postgres")
    if server is not None:
        found["postgresql"] = check_output([server, "--version"], text=True).split()[2]
    return dict(sorted(found.items()))
