"""``weft cluster``: the schema, the shards, how they are, who has which slots."""

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from weft.daemon.printing import print_json, print_lines, print_records
from weft.daemon.workflows import load_workflows
from weft.storage.errors import SessionThreadException

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.cluster.ray_cluster import ClusterStatus

__all__ = [
    "ExtraMissing",
    "drain",
    "init",
    "require_extra",
    "reshard",
    "start",
    "status",
]

T = TypeVar("T")

COLUMNS = {
    "SHARD": "shard",
    "EPOCH": "epoch",
    "SLOTS": "slots",
    "OWNER": "owner",
    "DRAINED": "drained",
    "ANSWERS": "answers",
    "SESSIONS": "sessions",
    "APPLIED": "applied",
    "PROVEN": "epoch_age_s",
}


class ExtraMissing(SessionThreadException):
    """The extra [cluster] is not installed."""

    remedy = "Install it: pip install 'weft[cluster]'."
    exit_code = 69


def require_extra() -> None:
    """Return if Ray and PostgreSQL's driver are installed.

    Raises:
        ExtraMissing: they are not.
    """
    for module in ("ray", "psycopg"):
        if find_spec(module) is None:
            raise ExtraMissing(f"A cluster needs {module}.")


def init(dsn: str, shards: int) -> int:
    """Make the schema; return the exit code.

    Args:
        dsn: the database.
        shards: how many, in a new one.
    """
    require_extra()
    from weft.cluster.line import Line
    from weft.cluster.reader import PostgresReader
    from weft.cluster.schema import install

    line = Line(dsn)
    try:
        before = install(line, shards)
    finally:
        line.close()
    reader = PostgresReader(dsn)
    try:
        found = reader.slot_map().counts()
    finally:
        reader.close()
    made = "made" if not before else f"there already, of version {before}"
    print_lines([("schema", made), ("shards", len(found))])
    return 0


def start(dsn: str, address: str, app: str | None, accept_loss: bool) -> int:
    """Start the shards; return the exit code.

    Args:
        dsn: the database.
        address: of Ray.
        app: the workflows.
        accept_loss: start although a standby may lack what was acknowledged.
    """
    require_extra()
    load_workflows(app)  # a bad name is told here, not in a shard's log
    from weft.cluster.ray_cluster import join
    from weft.cluster.ray_cluster import start as start_shards
    from weft.cluster.ray_shard import ShardSettings

    join(address)
    load: Callable[[], Any] | None = partial(load_workflows, app) if app else None
    settings = ShardSettings(dsn, -1, load, store={"accept_loss": accept_loss})
    reports = start_shards(settings)
    print_lines([("shards", len(reports)), ("database", "reached")])
    return 0


def status(dsn: str, address: str, output: str) -> int:
    """Print how the shards are; return the exit code.

    Args:
        dsn: the database.
        address: of Ray.
        output: table, json or jsonl.
    """
    require_extra()
    from weft.cluster.ray_cluster import join
    from weft.cluster.ray_cluster import status as status_of

    join(address)
    found = status_of(dsn)
    rows = _rows(found)
    if output == "json":
        print_json({"shards": rows, "supervisor": found.supervisor})
    else:
        print_records(rows, COLUMNS, output, empty="There are no shards.")
    return 1 if found.silent else 0


def _rows(found: "ClusterStatus") -> list[dict[str, Any]]:
    rows = []
    for row in found.rows:
        report = found.reports.get(row.shard)
        rows.append(
            {
                "shard": row.shard,
                "epoch": row.epoch,
                "slots": row.slots,
                "owner": row.owner,
                "drained": not row.slots,
                "answers": found.answers(row),
                "sessions": None if report is None else report.sessions,
                "applied": None if report is None else report.applied,
                "epoch_age_s": None if report is None else round(report.epoch_age_s, 3),
            }
        )
    return rows


def reshard(dsn: str, from_shard: int, to_shard: int, share: float, yes: bool) -> int:
    """Move slots; return the exit code.

    Args:
        dsn: the database.
        from_shard: from where.
        to_shard: where to.
        share: how much of its slots.
        yes: do not ask.
    """
    require_extra()
    from weft.cluster.reader import PostgresReader
    from weft.cluster.reshard import reshard as move

    reader = PostgresReader(dsn)
    try:
        slots = reader.slot_map().slots_of(from_shard)
    finally:
        reader.close()
    moved = slots[: max(1, round(len(slots) * share))]
    words = f"Move {len(moved)} of {len(slots)} slots from {from_shard} to {to_shard}?"
    if not slots or not (yes or _confirmed(words)):
        print_lines([("moved", "nothing")])
        return 1
    fenced = move(dsn, moved, to_shard)
    print_lines([("moved", len(moved)), ("begin anew", ", ".join(map(str, fenced)))])
    return 0


def drain(dsn: str, address: str, shard: int, yes: bool) -> int:
    """Take a shard out of service; return the exit code.

    Args:
        dsn: the database.
        address: of Ray.
        shard: which one.
        yes: do not ask.
    """
    require_extra()
    from weft.cluster.ray_cluster import drain as drain_shard
    from weft.cluster.ray_cluster import join

    join(address)
    if not (yes or _confirmed(f"Take shard {shard} out of service?")):
        print_lines([("drained", "nothing")])
        return 1
    takers = drain_shard(dsn, shard).counts()
    print_lines([("drained", shard), ("in service", ", ".join(map(str, takers)))])
    return 0


def _confirmed(words: str) -> bool:
    import click

    return click.confirm(words, err=True)
