"""``weft crons``: runs that start by themselves when they are due."""

from typing import TYPE_CHECKING, Any, Final

import click

from weft.daemon.commands.choices import (
    limit_option,
    metadata_option,
    output_option,
    quiet_option,
    targeted,
    yes_option,
)
from weft.daemon.commands.values import json_object

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["crons"]

COLUMNS: Final = {
    "CRON": "cron_id",
    "SCHEDULE": "schedule",
    "NEXT": "next_run_date",
    "WORKFLOW": "workflow",
    "ERROR": "last_error",
}


@click.group()
def crons() -> None:
    """List, add and remove runs that start when they are due."""


@crons.command()
@limit_option(100)
@output_option
@targeted(data=False)
def ls(target: "Target", limit: int, output: str) -> None:
    """List crons, the next that is due first."""
    body = {"limit": limit, "sort_by": "next_run_date", "sort_order": "asc"}
    with target.remote() as remote:
        _print(remote.ask("POST", "/runs/crons/search", body), output)


@crons.command()
@click.argument("workflow")
@click.argument("schedule")
@click.option("--thread", "thread_id", metavar="ID", help="Where the runs are.")
@click.option("--timezone", metavar="NAME", help="Of the schedule.  [default: UTC]")
@click.option(
    "--input", callback=json_object, metavar="JSON", help="Of the runs; @FILE, or -."
)
@click.option("--end", "end_time", metavar="TIME", help="After which none is due.")
@click.option("--keep", is_flag=True, help="Keep the threads that runs are given.")
@metadata_option
@output_option
@targeted(data=False)
def add(
    target: "Target",
    workflow: str,
    schedule: str,
    thread_id: str | None,
    keep: bool,
    output: str,
    **given: Any,
) -> None:
    """Have WORKFLOW run when SCHEDULE says, such as "0 9 * * MON-FRI".

    Without --thread each run gets a thread of its own, which goes when it has ended.
    """
    from weft.daemon.wire import path_of

    body = {"assistant_id": workflow, "schedule": schedule}
    body |= {name: value for name, value in given.items() if value is not None}
    path = "/runs/crons"
    if thread_id is not None:
        path = path_of("threads", thread_id, "runs", "crons")
    elif keep:
        body["on_run_completed"] = "keep"
    with target.remote() as remote:
        _print([remote.ask("POST", path, body)], output)


@crons.command()
@click.argument("cron_ids", metavar="CRON...", nargs=-1, required=True)
@yes_option
@quiet_option
@targeted(data=False)
def rm(target: "Target", cron_ids: tuple[str, ...], yes: bool, quiet: bool) -> int:
    """Remove crons; runs that they have started go on."""
    from weft.daemon.commands.asking import confirmed, say
    from weft.daemon.printing import counted
    from weft.daemon.wire import path_of

    removed = counted(len(cron_ids), "cron")
    if not confirmed(f"This removes {removed}.", yes=yes):
        return 1
    with target.remote() as remote:
        for cron_id in cron_ids:
            remote.ask("DELETE", path_of("runs", "crons", cron_id))
    say(f"removed {removed}.", quiet=quiet)
    return 0


def _print(found: list[dict[str, Any]], output: str) -> None:
    from weft.daemon.printing import print_records

    records = [{**cron, "workflow": cron["payload"]["assistant_id"]} for cron in found]
    print_records(records, COLUMNS, output, empty="no crons.")
