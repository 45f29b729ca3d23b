"""``weft threads``: what sessions own."""

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import click

from weft.daemon.commands.choices import (
    dry_run_option,
    limit_option,
    metadata_option,
    of_session_option,
    output_option,
    quiet_option,
    targeted,
    watched,
    yes_option,
)
from weft.daemon.commands.completing import complete_session, complete_thread
from weft.daemon.commands.values import json_object

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["threads"]

COLUMNS: Final = {
    "SESSION": "session_id",
    "THREAD": "thread_id",
    "NAME": "thread_name",
    "WORKFLOW": "workflow",
    "STATUS": "status",
    "UPDATED": "updated_at",
}
STATES: Final = {"CREATED": "created_at", "VALUES": "values"}


@click.group()
def threads() -> None:
    """List, show, create, move, rename and remove threads."""


@threads.command()
@click.option(
    "--session",
    "session_id",
    metavar="ID",
    shell_complete=complete_session,
    help="Only this session's.",
)
@click.option(
    "--status",
    type=click.Choice(["idle", "busy", "interrupted", "error"]),
    help="Only those that are so.",
)
@limit_option(1000)
@output_option
@watched
@targeted(data=True)
def ls(target: "Target", limit: int, output: str, **options: Any) -> None:
    """List threads, by session and name."""
    from weft.daemon.commands.watch import watch
    from weft.daemon.printing import print_records

    session_id, status = options.pop("session_id"), options.pop("status")

    def look() -> None:
        with target.source() as source:
            owners = (
                (session["session_id"] for session in source.sessions())
                if session_id is None
                else [session_id]
            )
            found = chain.from_iterable(map(source.threads, owners))
            wanted = (each for each in found if status in {None, each["status"]})
            print_records(islice(wanted, limit), COLUMNS, output, empty="no threads.")

    watch(look, **options)


@threads.command()
@click.argument("thread", shell_complete=complete_thread)
@of_session_option
@output_option
@watched
@targeted(data=True)
def show(
    target: "Target", thread: str, session_id: str | None, output: str, **options: Any
) -> None:
    """Show a thread and who owns and owned it."""
    from weft.daemon.commands.showing import show_thread
    from weft.daemon.commands.watch import watch

    def look() -> None:
        with target.source() as source:
            found = source.thread(thread, session_id)
            show_thread(found, source.owners(found["thread_id"]), output)

    watch(look, **options)


@threads.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "--session",
    "session_id",
    required=True,
    metavar="ID",
    shell_complete=complete_session,
    help="The owner.",
)
@click.option("--create", is_flag=True, help="Create the session if it is missing.")
@click.option("--workflow", metavar="NAME", help="What they run.  [default: default]")
@click.option(
    "--config", callback=json_object, metavar="JSON", help="Of their runs; @FILE, or -."
)
@metadata_option
@output_option
@targeted(data=False)
def create(
    target: "Target",
    names: tuple[str, ...],
    session_id: str,
    create: bool,
    output: str,
    **given: Any,
) -> None:
    """Create threads in a session, all or none; prints their ids."""
    from weft.daemon.printing import print_records
    from weft.daemon.wire import path_of

    set_values = {name: value for name, value in given.items() if value is not None}
    body = {
        "threads": [{"name": name} | set_values for name in names],
        "create_session": create,
    }
    with target.remote() as remote:
        path = path_of("sessions", session_id, "threads")
        made = remote.ask("POST", path, body)["threads"]
    found = [{"thread_name": name, "thread_id": made[name]} for name in names]
    print_records(found, {"NAME": "thread_name", "THREAD": "thread_id"}, output)


@threads.command()
@click.argument(
    "names",
    metavar="THREAD...",
    nargs=-1,
    required=True,
    shell_complete=complete_thread,
)
@of_session_option
@click.option(
    "--if-running",
    type=click.Choice(["reject", "cancel", "wait"]),
    default="reject",
    show_default=True,
    help="What becomes of a run in progress; unless it rejects, one after another.",
)
@dry_run_option
@yes_option
@quiet_option
@targeted(data=False)
def rm(
    target: "Target",
    names: tuple[str, ...],
    session_id: str | None,
    if_running: str,
    dry_run: bool,
    yes: bool,
    quiet: bool,
) -> int:
    """Remove threads with their states and runs, all or none."""
    from weft.daemon.commands.asking import confirmed, say
    from weft.daemon.printing import counted
    from weft.daemon.source import RemoteSource
    from weft.daemon.wire import path_of

    with target.remote() as remote:
        source = RemoteSource(remote)
        found = [source.thread(name, session_id) for name in names]
        if dry_run:
            for each in found:
                click.echo(f"would remove {each['thread_id']} of {each['session_id']}")
            return 0
        removed = counted(len(found), "thread")
        what = f"This removes {removed} with all states and runs."
        if not confirmed(what, yes=yes):
            return 1
        if if_running == "reject":
            ids = [each["thread_id"] for each in found]
            part = {"kind": "RemoveThreads", "threads": ids}
            remote.ask("POST", "/transactions", {"operations": [part]})
        else:
            query = {"if_running": if_running}
            for each in found:
                owner, thread_id = each["session_id"], each["thread_id"]
                path = path_of("sessions", owner, "threads", thread_id)
                remote.ask("DELETE", path, query=query)
    say(f"removed {removed}.", quiet=quiet)
    return 0


@threads.command()
@click.argument("thread", shell_complete=complete_thread)
@of_session_option
@click.option(
    "--to",
    required=True,
    metavar="ID",
    shell_complete=complete_session,
    help="The session that gets it.",
)
@click.option("--create", is_flag=True, help="Create that session if it is missing.")
@click.option("--name", metavar="NAME", help="What it is called there.")
@click.option(
    "--if-running",
    type=click.Choice(["reject", "wait", "move"]),
    default="reject",
    show_default=True,
    help="What becomes of a run in progress: with move, it goes along.",
)
@dry_run_option
@output_option
@targeted(data=False)
def mv(
    target: "Target",
    thread: str,
    session_id: str | None,
    dry_run: bool,
    output: str,
    **options: Any,
) -> None:
    """Move a thread to another session, in one transaction."""
    from weft.daemon.commands.showing import show_thread
    from weft.daemon.source import RemoteSource
    from weft.daemon.wire import path_of

    with target.remote() as remote:
        source = RemoteSource(remote)
        found = source.thread(thread, session_id)
        to = options["to"]
        if dry_run:
            click.echo(
                f"would move {found['thread_id']} from {found['session_id']} to {to}"
            )
            return
        body = {
            "to_session_id": to,
            "from_session_id": found["session_id"],
            "new_thread_name": options["name"],
            "if_running": options["if_running"],
            "create": options["create"],
        }
        path = path_of("threads", found["thread_id"], "transfer")
        moved = remote.ask("POST", path, body)
        show_thread(moved, source.owners(moved["thread_id"]), output)


@threads.command()
@click.argument("thread", shell_complete=complete_thread)
@click.argument("name")
@of_session_option
@output_option
@targeted(data=False)
def rename(
    target: "Target", thread: str, name: str, session_id: str | None, output: str
) -> None:
    """Give a thread another name within its session."""
    from weft.daemon.commands.showing import show_thread
    from weft.daemon.source import RemoteSource
    from weft.daemon.wire import path_of

    with target.remote() as remote:
        source = RemoteSource(remote)
        thread_id = source.thread(thread, session_id)["thread_id"]
        path = path_of("threads", thread_id, "rename")
        renamed = remote.ask("POST", path, {"thread_name": name})
        show_thread(renamed, source.owners(thread_id), output)


@threads.command()
@click.argument("thread", shell_complete=complete_thread)
@of_session_option
@limit_option(50)
@output_option
@targeted(data=True)
def log(
    target: "Target", thread: str, session_id: str | None, limit: int, output: str
) -> None:
    """Show what happened to a thread, the newest at the end; removed ones too."""
    from weft.daemon.commands.showing import show_operations

    with target.source() as source:
        thread_id = thread
        if session_id is not None:
            thread_id = source.thread(thread, session_id)["thread_id"]
        found = source.operations(thread_id=thread_id)
        show_operations(found, limit, output)


@threads.command()
@click.argument("thread", shell_complete=complete_thread)
@of_session_option
@limit_option(20)
@output_option
@targeted(data=True)
def history(
    target: "Target", thread: str, session_id: str | None, limit: int, output: str
) -> None:
    """List the states of a thread, newest first."""
    from weft.daemon.printing import print_records

    with target.source() as source:
        thread_id = source.thread(thread, session_id)["thread_id"]
        found = source.states(thread_id, limit)
        print_records(found, STATES, output, empty="no states.")
