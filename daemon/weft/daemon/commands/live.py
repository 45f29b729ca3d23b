"""``weft watch``, ``weft latency``, ``weft shell``: beside a daemon while it works."""

from typing import TYPE_CHECKING

import click

from weft.daemon.commands.choices import interval_option, output_option, targeted
from weft.daemon.commands.completing import complete_thread

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["latency", "shell", "watch"]


@click.command()
@click.argument("thread_id", shell_complete=complete_thread)
@click.option("--times", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--after", metavar="ID", help="Behind this event; else from now on.")
@targeted(data=False)
def watch(
    target: "Target", thread_id: str, times: int | None, after: str | None
) -> None:
    """Follow a thread live: its runs, their states, wherever it moves.

    Each event is a line of JSON with its id, which --after takes. Ctrl-C ends it.
    `weft ops --follow` follows what happens to all threads.
    """
    from weft.daemon.watch_command import watch as command

    command(target, thread_id, times, after)


@click.command()
@click.option(
    "--count", type=click.IntRange(min=1), help="Ask so often; else until Ctrl-C."
)
@click.option(
    "--durable",
    is_flag=True,
    help="Time a durable write, an interaction of the session --session, instead.",
)
@click.option("--session", "session_id", metavar="ID", help="Made if it is missing.")
@interval_option
@output_option
@targeted(data=False)
def latency(
    target: "Target",
    count: int | None,
    durable: bool,
    session_id: str | None,
    interval_s: float,
    output: str,
) -> None:
    """Time a daemon's answers as a client sees them.

    Without options the request is one that the daemon answers from memory, so what is
    timed is the way there and back. One request is under way at a time; a line of
    figures comes at each interval, and one over all at the end.
    """
    from weft.daemon.latency_command import measure

    if durable and session_id is None:
        raise click.UsageError("--durable goes with --session.")
    written_to = session_id if durable else None
    measure(target, count, written_to, interval_s, output)


@click.command()
@targeted(data=False)
def shell(target: "Target") -> None:
    """Open a Python shell with a daemon at hand.

    `weft` is the client, `weft.coordinator` has every method of the Coordinator, and
    the names of the operations are there. With input from a pipe it runs that.
    """
    from weft.daemon.shell_command import shell as command

    command(target)
