"""Options that many commands have, spelled and described once."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from weft.daemon.commands.completing import complete_session
from weft.daemon.commands.values import json_object
from weft.daemon.places import StorePlace

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = [
    "data_option",
    "dry_run_option",
    "existing_option",
    "interval_option",
    "limit_option",
    "metadata_option",
    "of_session_option",
    "output_option",
    "quiet_option",
    "targeted",
    "watched",
    "yes_option",
]

F = TypeVar("F", bound=Callable[..., Any])

TIMEOUT_S: Final = 30.0
"""How long the daemon waits for an operation, too."""

output_option: Final = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="How to print: for people, as one JSON value, or a JSON value a line.",
)
quiet_option: Final = click.option(
    "--quiet", is_flag=True, help="Say nothing but results and failures."
)
yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask.")
interval_option: Final = click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(min=0.1, max=3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long between two looks.",
)
metadata_option: Final = click.option(
    "--metadata", callback=json_object, metavar="JSON", help="Free data; @FILE, or -."
)
of_session_option: Final = click.option(
    "--session",
    "session_id",
    metavar="ID",
    shell_complete=complete_session,
    help="The session that owns it; THREAD may be a name then.",
)
dry_run_option: Final = click.option(
    "--dry-run", is_flag=True, help="Change nothing; tell what would be."
)
data_option: Final = click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The data directory; created if it is missing.",
)
existing_option: Final = click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The data directory.",
)


def limit_option(default: int) -> Callable[[F], F]:
    """Return the option for how many to show.

    Args:
        default: without it.
    """
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        help="How many at the most.",
    )


_OF_DAEMON: Final = (
    click.option(
        "--url",
        envvar="WEFT_URL",
        help="The daemon's address, such as http://127.0.0.1:8123.  [env: WEFT_URL]",
    ),
    click.option(
        "--socket",
        envvar="WEFT_HTTP__SOCKET",
        type=click.Path(path_type=Path),
        help="The daemon's Unix socket.  [env: WEFT_HTTP__SOCKET]",
    ),
    click.option(
        "--token-file",
        envvar="WEFT_TOKEN_FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file with the token to show; WEFT_TOKEN holds one itself.",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0, min_open=True, max=86_400),
        default=TIMEOUT_S,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for an answer.",
    ),
)
_READING: Final = click.option(
    "--data",
    type=StorePlace(exists=True, file_okay=False, path_type=Path),
    help="Read this data directory and ask no daemon, also while one writes it.",
)


def targeted(*, data: bool) -> Callable[[F], F]:
    """Add the options that say whom to ask; the command gets a ``target``.

    Args:
        data: whether a data directory can be read instead.
    """

    def decorate(command: F) -> F:
        def called(**options: Any) -> Any:
            return command(target=_target(options), **options)

        called.__doc__ = command.__doc__
        called.__name__ = command.__name__
        called.__click_params__ = getattr(  # type: ignore[attr-defined]
            command, "__click_params__", []
        )
        added: Any = called
        for option in reversed((*_OF_DAEMON, _READING) if data else _OF_DAEMON):
            added = option(added)
        return added  # type: ignore[no-any-return]

    return decorate


def _target(options: dict[str, Any]) -> "Target":
    from weft.daemon.target import Target

    _settle(options)
    return Target(
        url=options.pop("url"),
        socket=options.pop("socket"),
        token_file=options.pop("token_file"),
        timeout_s=options.pop("timeout_s"),
        data=options.pop("data", None),
    )


def _settle(options: dict[str, Any]) -> None:
    """Have an address that was typed come before one of the environment."""
    if not (options["url"] and options["socket"]):
        return
    source = click.get_current_context().get_parameter_source
    typed = [
        name
        for name in ("url", "socket")
        if source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if len(typed) > 1:
        raise click.UsageError("Give --url or --socket, not both.")
    options["url" if typed == ["socket"] else "socket"] = None


def watched(command: F) -> F:
    """Add the options that repeat a look: ``watch``, ``interval_s``, ``times``."""
    for option in (
        click.option("--times", type=click.IntRange(min=1), help="Look so often."),
        interval_option,
        click.option("--watch", is_flag=True, help="Look again and again."),
    ):
        command = option(command)
    return command
