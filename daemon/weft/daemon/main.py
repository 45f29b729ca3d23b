"""The ``weft`` command: options in, exit codes out.

Guarantees:
    * Commands import what they need when they run: ``weft --help`` answers at once.
    * Results go to stdout, talk to stderr.
    * A failure that can be foreseen is one sentence with a remedy and the exit code
      of sysexits.h that its class names. Anything else is a bug and shows all.

Exit codes: 0 done; 1 done, and the check found something; 2 wrong usage; 64 to 78 as
sysexits.h has them (65 bad data, 66 no input, 69 address in use, 73 cannot create, 75
in use by another process, 77 not permitted); 128 + n stopped by signal n.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from weft.daemon.listen import Address

__all__ = ["cli", "main", "run"]

INTERRUPTED: Final = 130
"""128 + SIGINT, what shells report."""


def _read_address(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> "Address | None":
    from weft.daemon.listen import Address

    try:
        return None if value is None else Address.parse(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error


_data = click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The data directory; created if it is missing.",
)


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        try:
            found = version("weft")
        except PackageNotFoundError:
            found = "(not installed, run from a checkout)"
        click.echo(f"weft {found}")
        ctx.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Sessions and the threads they own: one owner, one transaction, one order."""


@cli.command()
@_data
@click.option(
    "--listen",
    callback=_read_address,
    metavar="HOST:PORT",
    default="127.0.0.1:8123",
    show_default=True,
    help="Where to answer; port 0 takes a free one.",
)
@click.option(
    "--app",
    metavar="MODULE:ATTR",
    help="The workflows: a list, or a dict of name to function.",
)
def serve(data: Path, listen: "Address", app: str | None) -> None:
    """Serve a data directory over HTTP until Ctrl-C or SIGTERM.

    Answers /livez, /readyz and /metrics.
    """
    from weft.daemon.serve import serve as command

    command(data, listen, app)


@cli.command()
@click.argument("logdir", type=click.Path(path_type=Path))
@_data
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
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def replay(logdir: Path, data: Path, **options: Any) -> int:
    """Turn the chat logs of LOGDIR into sessions and threads.

    Every log becomes a session, every conversation a thread of it, every chat line a
    run of that thread. A conversation that has ended is transferred to the session of
    the user who started it. Running it again continues, or applies nothing.
    """
    from weft.daemon.replay_command import Options
    from weft.daemon.replay_command import replay as command

    return command(logdir, data, Options(**options))


def run(arguments: Sequence[str]) -> int:
    """Run the command.

    Args:
        arguments: without the program's name.

    Returns:
        the exit code.
    """
    try:
        result = cli.main(list(arguments), prog_name="weft", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _fail("Interrupted.", INTERRUPTED)
    except Exception as error:
        failure = _foreseen(error)
        if failure is None:
            raise
        return _fail(*failure)
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    """Run the command with the process's arguments, and exit."""
    sys.exit(run(sys.argv[1:]))


def _fail(words: str, code: int) -> int:
    click.echo(f"weft: {words}", err=True)
    return code


def _foreseen(error: Exception) -> tuple[str, int] | None:
    """Return the sentence and the exit code of a failure, None for a bug."""
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return str(error), code
    if isinstance(error, OSError):  # after exit_code: a missed deadline is one, too
        what = error.strerror or str(error)
        place = f"{error.filename}: " if error.filename else ""
        denied = isinstance(error, PermissionError)
        words = f"{place}{what}. Mend this, or name another place."
        return words, os.EX_NOPERM if denied else os.EX_IOERR
    return None
