"""``weft top``: a daemon at work."""

from typing import TYPE_CHECKING

import click

from weft.daemon.commands.choices import interval_option, output_option, targeted

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["top"]


@click.command()
@interval_option
@click.option(
    "--times", type=click.IntRange(min=1), help="Look so often; else until Ctrl-C."
)
@click.option(
    "--rows",
    type=click.IntRange(min=0, max=1000),
    default=10,
    show_default=True,
    help="How many of the hottest sessions.",
)
@output_option
@targeted(data=False)
def top(
    target: "Target", interval_s: float, times: int | None, rows: int, output: str
) -> None:
    """Watch rates, latencies, backlog and the hottest sessions.

    With -o json or jsonl each look is a line of JSON.
    """
    from weft.daemon.commands.watch import watch
    from weft.daemon.top_command import Top

    with target.remote() as remote:
        shown = Top(remote, rows, output)
        watch(shown.look, watch=True, interval_s=interval_s, times=times)
