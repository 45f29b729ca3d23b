"""``weft serve``, ``weft demo``, ``weft replay``: commands that run a runtime."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weft.daemon.commands.choices import data_option, output_option, quiet_option
from weft.daemon.options import load_config, serve_options

if TYPE_CHECKING:
    from weft.daemon.listen import Address

__all__ = ["demo", "replay", "serve"]


def _read_address(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> "Address | None":
    from weft.daemon.listen import Address

    try:
        return None if value is None else Address.parse(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error


@click.command()
@serve_options
def serve(file: Path | None, **flags: Any) -> None:
    """Serve a data directory over HTTP until Ctrl-C or SIGTERM.

    Every option is a key of the configuration, see `weft config`. The second signal
    stops it at once; runs that have not ended are taken over at the next start.
    """
    from weft.daemon.serve import serve as command

    command(load_config(file, flags))


@click.command()
@click.option(
    "--listen",
    callback=_read_address,
    metavar="HOST:PORT",
    default="127.0.0.1:0",
    show_default="a free port of 127.0.0.1",
    help="Where to answer.",
)
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End by itself after so long.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1, max=1000),
    default=20.0,
    show_default=True,
    metavar="N",
    help="How many operations a second.",
)
@quiet_option
def demo(**options: Any) -> None:
    """Show a daemon at work: a temporary store with a living load.

    It prints what to try: addresses, curl lines, commands. Nothing is left behind.
    """
    from weft.daemon.demo_command import demo as command

    command(**options)


@click.command()
@click.argument("logdir", type=click.Path(path_type=Path))
@data_option
@click.option(
    "--metrics",
    callback=_read_address,
    metavar="HOST:PORT",
    help="Serve /metrics there during the replay; port 0 takes a free one.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="How many logs to replay at once.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@output_option
@quiet_option
def replay(logdir: Path, data: Path, output: str, as_json: bool, **options: Any) -> int:
    """Turn the chat logs of LOGDIR into sessions and threads.

    Every log becomes a session, every conversation a thread of it, every chat line a
    run of that thread. A conversation that has ended is transferred to the session of
    the user who started it. Running it again continues, or applies nothing.
    """
    from weft.daemon.replay_command import Options
    from weft.daemon.replay_command import replay as command

    as_json = as_json or output != "table"
    return command(logdir, data, Options(as_json=as_json, **options))
