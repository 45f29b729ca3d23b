"""``weft bench``: what this machine and its disk give."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.daemon.commands.choices import output_option, quiet_option, targeted

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["bench"]


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.05, max=60),
    default=2.0,
    show_default=True,
    help="How long for each figure.",
)
@click.option(
    "--callers",
    type=click.IntRange(min=1, max=1024),
    default=64,
    show_default=True,
    help="How many ask at once.",
)
@click.option(
    "--data",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure the disk of this directory; else that of the current one.",
)
@output_option
@quiet_option
@targeted(data=False)
def bench(
    target: "Target",
    seconds: float,
    callers: int,
    directory: Path | None,
    output: str,
    quiet: bool,
) -> None:
    """Measure what this machine and its disk give, in a few seconds.

    A store of its own in a temporary directory is written to, then removed; no other
    is touched. With --url or --socket a daemon is asked instead, and nothing is
    written: `weft latency --durable` times writes. Figures of a busy machine say
    little; repeat them.
    """
    from weft.daemon.bench_command import Plan, bench_daemon, bench_disk

    plan = Plan(seconds, callers, output, quiet)
    if directory is None and (target.url or target.socket):
        bench_daemon(target, plan)
    else:
        bench_disk(directory or Path(), plan)
