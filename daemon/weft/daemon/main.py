"""The ``weft`` command: arguments in, exit code out.

Guarantees:
    * A command's module is imported when it is used: ``weft --help`` answers at once.
    * Results go to stdout, talk to stderr; a reader that goes away is no failure.
    * A failure that can be foreseen is one sentence with a remedy and the exit code
      that its class names (:mod:`weft.daemon.failures`). Anything else is a defect:
      one sentence, and the traceback with ``--debug``.

Not here: the commands (:mod:`weft.daemon.commands`).
"""

import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from weft.daemon.failures import EXIT_CODES, INTERRUPTED, foreseen
from weft.daemon.lazy import Entry, LazyGroup

__all__ = ["cli", "main", "run"]

_AT: Final = "weft.daemon.commands"

ENTRIES: Final = {
    name: Entry(place, words, section)
    for section, name, place, words in (
        ("Daemon", "serve", f"{_AT}.serving:serve",
         "Serve a data directory over HTTP until Ctrl-C or SIGTERM"),
        ("Daemon", "demo", f"{_AT}.serving:demo",
         "Show a daemon at work: a temporary store with a living load"),
        ("Daemon", "config", "weft.daemon.options:config",
         "Show and check what the daemon would run with"),
        ("Daemon", "replay", f"{_AT}.serving:replay",
         "Turn the chat logs of LOGDIR into sessions and threads"),
        ("Look", "status", f"{_AT}.looking:status",
         "Tell whether a daemon is ready, and what its store holds"),
        ("Look", "doctor", f"{_AT}.looking:doctor",
         "Examine this machine, a daemon and a data directory"),
        ("Look", "top", f"{_AT}.watching:top",
         "Watch rates, latencies, backlog and the hottest sessions"),
        ("Look", "watch", f"{_AT}.live:watch",
         "Follow a thread live: its runs, their states, wherever it moves"),
        ("Look", "latency", f"{_AT}.live:latency",
         "Time a daemon's answers as a client sees them"),
        ("Look", "bench", f"{_AT}.measuring:bench",
         "Measure what this machine and its disk give, in a few seconds"),
        ("Look", "tree", f"{_AT}.looking:tree",
         "Show sessions with their threads"),
        ("Look", "ops", f"{_AT}.looking:ops",
         "Show what happened: the log of operations"),
        ("Work", "sessions", f"{_AT}.sessions:sessions",
         "List, show, create, move and remove sessions"),
        ("Work", "threads", f"{_AT}.threads:threads",
         "List, show, create, move, rename and remove threads"),
        ("Work", "run", f"{_AT}.running:run",
         "Run a thread's workflow and print its result"),
        ("Work", "stream", f"{_AT}.running:stream",
         "Run a thread's workflow and print each state as it comes"),
        ("Work", "crons", f"{_AT}.crons:crons",
         "List, add and remove runs that start when they are due"),
        ("Care", "check", f"{_AT}.care:check",
         "Compare all stored copies of who owns what"),
        ("Care", "repair", f"{_AT}.care:repair",
         "Make all stored copies of who owns what the same"),
        ("Care", "fsck", f"{_AT}.care:fsck",
         "Find what is wrong with a data directory that nobody has open"),
        ("Care", "backup", f"{_AT}.care:backup",
         "Make a verified copy of a data directory, also while it is in use"),
        ("Care", "restore", f"{_AT}.care:restore",
         "Make a data directory from a backup, and check it"),
        ("Care", "export", f"{_AT}.carrying:export",
         "Write one moment of a store as JSON lines"),
        ("Care", "import", f"{_AT}.carrying:import_",
         "Bring the rows of FILE into a data directory that nobody has open"),
        ("Cluster", "migrate", f"{_AT}.carrying:migrate",
         "Move a data directory into PostgreSQL, also while it is in use"),
        ("Cluster", "cluster", f"{_AT}.cluster:cluster",
         "Spread sessions over processes and machines: Ray and PostgreSQL"),
        ("Shell", "shell", f"{_AT}.live:shell",
         "Open a Python shell with a daemon at hand"),
        ("Agents", "mcp", f"{_AT}.agents:mcp",
         "Give an agent a daemon's sessions and threads as tools"),
        ("Shell", "completion", f"{_AT}.completion:completion",
         "Print the completion script of a shell"),
    )
}  # fmt: skip


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("weft")
        except PackageNotFoundError:
            found = "(not installed, run from a checkout)"
        click.echo(f"weft {found}")
        ctx.exit()


_EPILOG: Final = "\b\nExit codes:\n" + "\n".join(
    f"  {code:<7}{words}" for code, words in EXIT_CODES
)


@click.group(
    cls=LazyGroup,
    entries=ENTRIES,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli(debug: bool) -> None:
    """Sessions and the threads they own: one owner, one transaction, one order.

    Results go to stdout, talk to stderr. A command finds its daemon by itself where
    `weft serve` runs with its defaults; --url, --socket or --data name another place.
    """
    del debug  # read before anything can fail, see run


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
    except BrokenPipeError:
        _leave_stdout()
        return 0
    except Exception as error:
        if _wants_traceback(arguments):
            raise
        return _fail(*_told(error))
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    """Run the command with the process's arguments, and exit."""
    sys.exit(run(sys.argv[1:]))


def _told(error: Exception) -> tuple[str, int]:
    words = f"{type(error).__name__}: {error}. This is a defect of weft or of your "
    words += "workflows; `weft --debug ...` shows where."
    return foreseen(error) or (words, os.EX_SOFTWARE)


def _wants_traceback(arguments: Sequence[str]) -> bool:
    """Whether ``--debug`` stands before the command, or WEFT_DEBUG is set."""
    for argument in arguments:
        if argument == "--debug":
            return True
        if not argument.startswith("-"):
            break
    return os.environ.get("WEFT_DEBUG", "") not in {"", "0"}


def _fail(words: str, code: int) -> int:
    click.echo(f"weft: {words}", err=True)
    return code


def _leave_stdout() -> None:
    """Send what is left in the buffer nowhere, or Python would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
