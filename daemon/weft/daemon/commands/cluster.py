"""``weft cluster``: the shards of a database, on the machines of a Ray."""

from typing import Any, Final

import click

from weft.daemon.commands.choices import output_option, yes_option

__all__ = ["cluster"]

_dsn: Final = click.option(
    "--dsn",
    envvar="WEFT_CLUSTER_DSN",
    required=True,
    metavar="URL",
    help="The database: postgresql://...  [env var: WEFT_CLUSTER_DSN]",
)
_address: Final = click.option(
    "--address",
    envvar="RAY_ADDRESS",
    default="auto",
    show_default="the Ray of this machine",
    metavar="ADDRESS",
    help="Of Ray: HOST:PORT, or ray://HOST:PORT.",
)
_shard: Final = click.IntRange(min=0, max=8191)


@click.group()
def cluster() -> None:
    """Spread sessions over processes and machines: Ray and PostgreSQL.

    Ray places the processes and restarts them; the database has the truth, and decides
    who may write.
    """


@cluster.command()
@_dsn
@click.option(
    "--shards",
    type=click.IntRange(min=1, max=8192),
    default=8,
    show_default=True,
    help="How many, in a new database; some for each machine.",
)
def init(**options: Any) -> int:
    """Make the schema in a database, or bring it up to date."""
    from weft.daemon.cluster_command import init as command

    return command(**options)


@cluster.command()
@_dsn
@_address
@click.option(
    "--app",
    metavar="MODULE:ATTR",
    help="The workflows; the module must be installed on every machine.",
)
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Start although a standby may lack what was acknowledged.",
)
def start(**options: Any) -> int:
    """Start the shards of a database and their supervisor; they stay.

    Those that run already are left as they are.
    """
    from weft.daemon.cluster_command import start as command

    return command(**options)


@cluster.command()
@_dsn
@_address
@output_option
def status(**options: Any) -> int:
    """Tell how the shards are: in the database, and in their own words.

    A drained one has no slots, and is not expected to answer.

    Exit codes: 0 all others answer; 1 some do not.
    """
    from weft.daemon.cluster_command import status as command

    return command(**options)


@cluster.command()
@_dsn
@_address
@click.argument("shard", type=_shard)
@yes_option
def drain(**options: Any) -> int:
    """Take SHARD out of service: the others get its slots, and its process ends.

    All of them begin anew and answer again after some seconds, when this returns;
    callers wait that long. `weft cluster reshard --to SHARD` and `weft cluster start`
    bring it back.

    Exit codes: 0 it is out of service; 1 that was not confirmed.
    """
    from weft.daemon.cluster_command import drain as command

    return command(**options)


@cluster.command()
@_dsn
@click.option("--from", "from_shard", type=_shard, required=True, help="From where.")
@click.option(
    "--to",
    "to_shard",
    type=_shard,
    required=True,
    help="Where to; a new one is made, and started by `weft cluster start`.",
)
@click.option(
    "--share",
    type=click.FloatRange(min=0, min_open=True, max=1),
    default=0.5,
    show_default=True,
    help="How much of its slots.",
)
@yes_option
def reshard(**options: Any) -> int:
    """Move slots, and the sessions in them, to another shard.

    Both shards begin anew and answer again after some seconds; nothing is copied.
    """
    from weft.daemon.cluster_command import reshard as command

    return command(**options)
