"""``weft status``, ``doctor``, ``tree``, ``ops``: looking without changing."""

from typing import TYPE_CHECKING, Any

import click

from weft.daemon.commands.choices import (
    limit_option,
    output_option,
    targeted,
    watched,
)
from weft.daemon.commands.completing import complete_session, complete_thread

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["doctor", "ops", "status", "tree"]


@click.command()
@output_option
@watched
@targeted(data=True)
def status(target: "Target", output: str, **options: Any) -> int:
    """Tell whether a daemon is ready, and what its store holds.

    Exit codes: 0 it is ready; 1 it is not, or a check found something; 69 there is
    none.
    """
    from weft.daemon.commands.watch import watch
    from weft.daemon.status_command import show_status

    codes: list[int] = []
    watch(lambda: codes.append(show_status(target, output)), **options)
    return codes[-1] if codes else 0


@click.command()
@output_option
@targeted(data=True)
def doctor(target: "Target", output: str) -> int:
    """Examine this machine, a daemon and a data directory.

    Exit codes: 0 all is well; 1 something is to be mended, and told with its remedy.
    """
    from weft.daemon.doctor_command import doctor as command

    return command(target, output)


@click.command()
@click.argument(
    "session_ids",
    metavar="[SESSION_ID]...",
    nargs=-1,
    shell_complete=complete_session,
)
@limit_option(1000)
@output_option
@watched
@targeted(data=True)
def tree(
    target: "Target",
    session_ids: tuple[str, ...],
    limit: int,
    output: str,
    **options: Any,
) -> None:
    """Show sessions with their threads.

    All sessions, or those that are named; --limit is of sessions.
    """
    from weft.daemon.commands.watch import watch
    from weft.daemon.tree_command import show_tree

    def look() -> None:
        with target.source() as source:
            show_tree(source, session_ids, limit, output)

    watch(look, **options)


class _Ops(click.Group):
    """``weft ops`` without a command shows the log."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what is no command's name for the options of ``log``."""
        if not args or (
            args[0] not in self.commands and args[0] not in {"-h", "--help"}
        ):
            args = ["log", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Ops)
def ops() -> None:
    """Show what happened: the log of operations.

    `weft ops` is short for `weft ops log`.
    """


@ops.command()
@click.option(
    "--session",
    "session_id",
    metavar="ID",
    shell_complete=complete_session,
    help="Of this session.",
)
@click.option(
    "--thread",
    "thread_id",
    metavar="ID",
    shell_complete=complete_thread,
    help="Of this thread.",
)
@click.option(
    "--after",
    "after_seq",
    type=click.IntRange(min=0),
    metavar="SEQ",
    help="Behind this operation, the oldest first; else the newest are shown.",
)
@click.option("--refused", is_flag=True, help="Only those that were refused.")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option(
    "--times", type=click.IntRange(min=1), help="End after following so many."
)
@limit_option(50)
@output_option
@targeted(data=True)
def log(target: "Target", **options: Any) -> None:
    """Show the log of operations, applied and refused, in the one order.

    With -o jsonl each is a line of JSON, also while it is followed.
    """
    from weft.daemon.ops_command import show_log

    show_log(target, **options)


@ops.command("export")
@click.argument("directory", metavar="DIR")
@click.option("--replace", is_flag=True, help="Write over files that are there.")
def export_shipped(directory: str, *, replace: bool) -> None:
    """Write what Prometheus and Grafana need: rules, dashboard, scrape configuration.

    The rules come with their unit tests for promtool. Exit code 73: a file is there
    already, or cannot be written.
    """
    from weft.daemon.ops_command import write_shipped

    write_shipped(directory, replace=replace)
