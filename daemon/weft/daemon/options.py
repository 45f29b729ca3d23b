"""Command line options that are keys of the configuration, and ``weft config``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from weft.daemon.config import Config

__all__ = ["config", "load_config", "serve_options"]

F = TypeVar("F", bound=Callable[..., Any])


def _check_address(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> str | None:
    from weft.daemon.listen import Address

    try:
        return str(Address.parse(value)) if value else value
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error


def _none_if_empty(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return what was given, None for nothing: the configuration counts then."""
    return value or None


_file = click.option(
    "--config",
    "file",
    envvar="WEFT_CONFIG",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The configuration, TOML; options and WEFT_SECTION__KEY come before it.",
)

_SERVE = (
    _file,
    click.option(
        "--data",
        "daemon__data",
        type=click.Path(file_okay=False),
        help="The data directory, created if it is missing; or the address of a "
        "database: postgresql://...",
    ),
    click.option(
        "--cluster",
        "daemon__cluster",
        metavar="ADDRESS",
        help="Serve the cluster of the Ray at this address instead of a directory.",
    ),
    click.option(
        "--listen",
        "http__listen",
        callback=_check_address,
        metavar="HOST:PORT",
        help="Where to answer; port 0 takes a free one.  [default: 127.0.0.1:8123]",
    ),
    click.option(
        "--socket",
        "http__socket",
        metavar="PATH",
        help="The Unix socket to answer on besides; nobody else can use it.  "
        "[default: where commands look for one]",
    ),
    click.option("--no-socket", is_flag=True, help="Answer on no Unix socket."),
    click.option(
        "--app",
        "daemon__app",
        metavar="MODULE:ATTR",
        help="The workflows: a list, or a dict of name to function.",
    ),
    click.option(
        "--token-file",
        "http__token_file",
        metavar="FILE",
        help="Who may ask; SIGHUP reads it again.",
    ),
    click.option(
        "--tls-cert", "http__tls_cert", metavar="FILE", help="A certificate, PEM."
    ),
    click.option("--tls-key", "http__tls_key", metavar="FILE", help="Its key, PEM."),
    click.option(
        "--stop-timeout",
        "daemon__stop_timeout_s",
        type=click.FloatRange(min=0, max=86_400),
        metavar="SECONDS",
        help="How long runs in progress may take once it is told to stop.  "
        "[default: 5]",
    ),
    click.option(
        "--check-interval",
        "daemon__check_interval_s",
        type=click.FloatRange(min=0, max=86_400),
        metavar="SECONDS",
        help="From one check of the whole store to the next; 0 for never.  "
        "[default: 3600]",
    ),
    click.option(
        "--check-cpu-share",
        "daemon__check_cpu_share",
        type=click.FloatRange(min=0, min_open=True, max=1),
        metavar="SHARE",
        help="Of one core, while such a check is under way.  [default: 0.05]",
    ),
    click.option(
        "--check-repair",
        "daemon__check_repair",
        multiple=True,
        callback=_none_if_empty,
        metavar="KIND",
        help="Repair findings of this kind without being asked; may be given several "
        "times.",
    ),
    click.option(
        "--log-format",
        "daemon__log_format",
        type=click.Choice(["text", "json"]),
        help="How to log, on stderr.  [default: text]",
    ),
    click.option(
        "--log-level",
        "daemon__log_level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        help="What to log; requests and operations are info.  [default: warning]",
    ),
)


def serve_options(command: F) -> F:
    """Add the options of ``weft serve``; it is called with the file and the rest."""
    for option in reversed(_SERVE):
        command = option(command)
    return command


def load_config(file: Path | None, flags: dict[str, Any]) -> "Config":
    """Return the configuration that a command line means.

    Raises:
        ConfigError: something in it is wrong.
        click.UsageError: nothing names a data directory, or two options exclude each
            other.
    """
    from weft.daemon.config import load

    if flags.pop("no_socket"):
        if flags["http__socket"] is not None:
            raise click.UsageError("Give --socket or --no-socket, not both.")
        flags["http__socket"] = ""
    config = load(file, flags=flags)
    if config.daemon.data is None and config.daemon.cluster is None:
        raise click.UsageError("Missing option '--data' (or '--cluster').")
    if config.daemon.data is not None and config.daemon.cluster is not None:
        raise click.UsageError("Give --data or --cluster, not both.")
    return config


@click.group()
def config() -> None:
    """Show and check what the daemon would run with."""


@config.command()
@_file
@click.option(
    "-o",
    "--output",
    type=click.Choice(["toml", "json"]),
    default="toml",
    show_default=True,
    help="How to print it.",
)
def show(file: Path | None, output: str) -> None:
    """Print the configuration with all defaults; secrets are no part of it."""
    from weft.daemon.config_command import show as command

    command(file, as_json=output == "json")


@config.command()
@_file
def check(file: Path | None) -> None:
    """Find out whether the daemon could begin with it.

    Exit codes: 0 it could; 78 something is wrong; 77 it may not listen there.
    """
    from weft.daemon.config_command import check as command

    command(file)


@config.command()
def schema() -> None:
    """Print the JSON schema of the configuration."""
    from weft.daemon.config_command import schema as command

    command()
