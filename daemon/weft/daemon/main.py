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
@click.option(
    "--stop-timeout",
    "stop_timeout_s",
    type=click.FloatRange(min=0, max=86_400),
    metavar="SECONDS",
    default=5.0,
    show_default=True,
    help="How long runs in progress may take once it is told to stop.",
)
def serve(
    data: Path, listen: "Address", app: str | None, stop_timeout_s: float
) -> None:
    """Serve a data directory over HTTP until Ctrl-C or SIGTERM.

    Answers /livez, /readyz and /metrics. The second signal stops it at once; runs that
    have not ended are taken over at the next start.
    """
    from weft.daemon.serve import serve as command

    command(data, listen, app, stop_timeout_s)


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


_output = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print the result.",
)
_quiet = click.option("--quiet", is_flag=True, help="Show no progress.")
_existing = click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The data directory.",
)


@cli.command()
@_existing
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@_output
@_quiet
def fsck(data: Path, repair: bool, output: str, quiet: bool) -> int:
    """Find what is wrong with a data directory that nobody has open.

    Without --repair nothing is changed. Exit codes: 0 nothing is wrong; 1 all that was
    found is repaired; 65 damage is left; 75 somebody has it open.
    """
    from weft.daemon.fsck_command import fsck as command

    return command(data, repair=repair, as_json=output == "json", quiet=quiet)


@cli.command()
@_existing
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path),
    help="The backup: a directory that does not exist yet.",
)
@_output
@_quiet
def backup(data: Path, to: Path, output: str, quiet: bool) -> None:
    """Make a verified copy of a data directory, also while it is in use."""
    from weft.daemon.backup_command import backup as command

    command(data, to, as_json=output == "json", quiet=quiet)


@cli.command()
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The backup.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="The data directory, which does not exist yet.",
)
@_output
@_quiet
def restore(source: Path, data: Path, output: str, quiet: bool) -> None:
    """Make a data directory from a backup, and check it."""
    from weft.daemon.restore_command import restore as command

    command(source, data, as_json=output == "json", quiet=quiet)


@cli.command()
@_existing
@click.option(
    "--out",
    type=click.Path(path_type=Path, allow_dash=True),
    default="-",
    show_default=True,
    help="The file to make, which does not exist yet; - for stdout.",
)
@click.option(
    "--session",
    "sessions",
    multiple=True,
    metavar="ID",
    help="Only this session; may be given several times.",
)
@_quiet
def export(data: Path, out: Path, sessions: tuple[str, ...], quiet: bool) -> None:
    """Write one moment of a data directory as JSON lines, also while it is in use."""
    from weft.daemon.export_command import export as command

    command(data, None if str(out) == "-" else out, sessions, quiet)


@cli.command(name="import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_data
@click.option(
    "--from",
    "source",
    type=click.Choice(["jsonl", "langgraph-sqlite"]),
    default="jsonl",
    show_default=True,
    help="What the file is.",
)
@click.option(
    "--session",
    metavar="ID",
    help="Who is to own the threads of another product.  [default: imported]",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; tell what would be.")
@click.option("--resume", is_flag=True, help="Go on where an import was interrupted.")
@_output
@_quiet
def import_(file: Path, data: Path, output: str, **options: Any) -> int:
    """Bring the rows of FILE into a data directory that nobody has open.

    What is there is never changed; importing a file again applies nothing. Exit codes:
    0 all rows are in; 65 some are not, each is told with its line and the reason.
    """
    from weft.daemon.import_command import Options, import_file

    return import_file(file, data, Options(as_json=output == "json", **options))


@cli.command()
@_existing
@click.option(
    "--session",
    "sessions",
    multiple=True,
    metavar="ID",
    help="Check this session only; may be given several times.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Read at most N entries a second, in small chunks.",
)
@click.option(
    "--retention",
    "retention_days",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Report associations that have been inactive for longer, too.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="How to print the result; jsonl prints a finding a line.",
)
@_quiet
def check(data: Path, **options: Any) -> int:
    """Compare all stored copies of who owns what, also beside a running daemon.

    Exit codes: 0 nothing was found; 1 something was.
    """
    from weft.daemon.check_command import Options
    from weft.daemon.check_command import check as command

    return command(data, Options(**options))


@cli.command()
@_existing
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@_output
@_quiet
def repair(data: Path, dry_run: bool, output: str, quiet: bool) -> int:
    """Make all stored copies of who owns what the same; nobody may have it open.

    Exit codes: 0 nothing is wrong any more; 1 something is left; 75 somebody has it
    open.
    """
    from weft.daemon.repair_command import repair as command

    return command(data, dry_run=dry_run, as_json=output == "json", quiet=quiet)


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
