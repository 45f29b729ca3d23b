"""``weft sessions``: the owners of threads."""

from typing import TYPE_CHECKING, Any, Final

import click

from weft.daemon.commands.choices import (
    dry_run_option,
    limit_option,
    metadata_option,
    output_option,
    quiet_option,
    targeted,
    watched,
    yes_option,
)
from weft.daemon.commands.completing import complete_session

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["sessions"]

COLUMNS: Final = {
    "SESSION": "session_id",
    "USER": "user_id",
    "STATUS": "status",
    "CREATED": "created_at",
    "UPDATED": "updated_at",
}
ROWS: Final = {
    "THREAD": "thread_id",
    "NAME": "thread_name",
    "OWNED": "is_active",
    "VERSION": "version",
    "SINCE": "created_at",
    "UPDATED": "updated_at",
}


@click.group()
def sessions() -> None:
    """List, show, create, move and remove sessions."""


@sessions.command()
@click.option("--user", "user_id", metavar="ID", help="Only this user's.")
@click.option(
    "--status", type=click.Choice(["open", "closed"]), help="Only those that are so."
)
@limit_option(1000)
@output_option
@watched
@targeted(data=True)
def ls(target: "Target", limit: int, output: str, **options: Any) -> None:
    """List sessions."""
    from itertools import islice

    from weft.daemon.commands.watch import watch
    from weft.daemon.printing import print_records

    user_id, status = options.pop("user_id"), options.pop("status")

    def look() -> None:
        with target.source() as source:
            found = (
                session
                for session in source.sessions()
                if user_id in {None, session["user_id"]}
                and status in {None, session["status"]}
            )
            print_records(islice(found, limit), COLUMNS, output, empty="no sessions.")

    watch(look, **options)


@sessions.command()
@click.argument("session_id", shell_complete=complete_session)
@output_option
@watched
@targeted(data=True)
def show(target: "Target", session_id: str, output: str, **options: Any) -> None:
    """Show a session and its threads."""
    from weft.daemon.commands.showing import show_session
    from weft.daemon.commands.watch import watch

    def look() -> None:
        with target.source() as source:
            session = source.session(session_id)
            show_session(session, source.threads(session_id), output)

    watch(look, **options)


@sessions.command()
@click.argument("session_id", required=False)
@click.option("--user", "user_id", metavar="ID", help="Whose it is.")
@metadata_option
@click.option("--if-missing", is_flag=True, help="Open it if it is there already.")
@output_option
@targeted(data=False)
def create(
    target: "Target",
    session_id: str | None,
    user_id: str | None,
    metadata: dict[str, Any] | None,
    if_missing: bool,
    output: str,
) -> None:
    """Create a session; without SESSION_ID one is generated."""
    from weft.daemon.commands.showing import show_session

    body = {
        "session_id": session_id,
        "user_id": user_id,
        "metadata": metadata or {},
        "if_exists": "open" if if_missing else "raise",
    }
    with target.remote() as remote:
        show_session(remote.ask("POST", "/sessions", body), None, output)


@sessions.command()
@click.argument(
    "session_ids",
    metavar="SESSION_ID...",
    nargs=-1,
    required=True,
    shell_complete=complete_session,
)
@click.option("--move-to", metavar="ID", help="Move the threads there first.")
@dry_run_option
@yes_option
@quiet_option
@targeted(data=False)
def rm(
    target: "Target",
    session_ids: tuple[str, ...],
    move_to: str | None,
    dry_run: bool,
    yes: bool,
    quiet: bool,
) -> int:
    """Close sessions for good; their threads are removed, or moved.

    All in one transaction: if one of them cannot be closed, none is.
    """
    from weft.daemon.commands.asking import confirmed, say
    from weft.daemon.printing import counted
    from weft.daemon.source import RemoteSource

    with target.remote() as remote:
        source = RemoteSource(remote)
        number = sum(len(source.threads(session_id)) for session_id in session_ids)
        fate = "moves" if move_to else "removes"
        closed = counted(len(session_ids), "session")
        what = f"This closes {closed} and {fate} {counted(number, 'thread')}."
        if dry_run:
            click.echo(what)
            return 0
        if not confirmed(what, yes=yes):
            return 1
        parts = [
            {"kind": "CloseSession", "session_id": session_id, "move_to": move_to}
            for session_id in session_ids
        ]
        remote.ask("POST", "/transactions", {"operations": parts})
    say(f"closed {closed}.", quiet=quiet)
    return 0


@sessions.command()
@click.argument("session_id", shell_complete=complete_session)
@click.option(
    "--to",
    required=True,
    metavar="ID",
    shell_complete=complete_session,
    help="Who gets the threads.",
)
@click.option("--create", is_flag=True, help="Create that session if it is missing.")
@dry_run_option
@quiet_option
@targeted(data=False)
def mv(
    target: "Target", session_id: str, to: str, create: bool, dry_run: bool, quiet: bool
) -> None:
    """Move all threads of a session to another, in one transaction."""
    from weft.daemon.commands.asking import say
    from weft.daemon.printing import counted
    from weft.daemon.source import RemoteSource

    with target.remote() as remote:
        threads = RemoteSource(remote).threads(session_id)
        if dry_run:
            for thread in threads:
                click.echo(f"would move {thread['thread_id']} to {to}")
            return
        if threads:
            part = {
                "kind": "TransferThreads",
                "thread_ids": [thread["thread_id"] for thread in threads],
                "from_session_id": session_id,
                "to_session_id": to,
                "create_session": create,
            }
            remote.ask("POST", "/transactions", {"operations": [part]})
    say(f"moved {counted(len(threads), 'thread')} to {to}.", quiet=quiet)


@sessions.command()
@click.argument("session_id", shell_complete=complete_session)
@limit_option(50)
@output_option
@targeted(data=True)
def log(target: "Target", session_id: str, limit: int, output: str) -> None:
    """Show what happened to a session, the newest at the end."""
    from weft.daemon.commands.showing import show_operations

    with target.source() as source:
        source.session(session_id)
        show_operations(source.operations(0, session_id), limit, output)


@sessions.command()
@click.argument("session_id", shell_complete=complete_session)
@output_option
@targeted(data=True)
def history(target: "Target", session_id: str, output: str) -> None:
    """List the threads of a session, those it gave away too."""
    from weft.daemon.printing import print_records

    with target.source() as source:
        print_records(source.holdings(session_id), ROWS, output, empty="no threads.")
