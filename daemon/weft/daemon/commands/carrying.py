"""``weft export``, ``weft import``, ``weft migrate``: stores into other forms."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from weft.daemon.commands.choices import (
    dry_run_option,
    output_option,
    quiet_option,
    targeted,
)
from weft.daemon.places import Place, StorePlace

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["export", "import_", "migrate"]


@click.command()
@click.option(
    "--data",
    required=True,
    type=StorePlace(exists=True, file_okay=False, path_type=Path),
    help="The data directory, or the address of a database: postgresql://...",
)
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
@quiet_option
def export(data: Place, out: Path, sessions: tuple[str, ...], quiet: bool) -> None:
    """Write one moment of a store as JSON lines.

    This works beside a daemon that writes it, too.
    """
    from weft.daemon.export_command import export as command

    command(data, None if str(out) == "-" else out, sessions, quiet)


_FORMS: Final = ("jsonl", "langgraph-sqlite", "sql")


class _Import(click.Command):
    """``weft import sql FILE`` is ``weft import FILE --from sql``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read a form that stands where FILE does; a file so named is ./sql."""
        if args and args[0] in _FORMS:
            args = ["--from", *args]
        return super().parse_args(ctx, args)


@click.command(name="import", cls=_Import)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--data",
    required=True,
    type=StorePlace(file_okay=False, path_type=Path),
    help="The data directory, or the address of a database: postgresql://...; "
    "created if it is missing.",
)
@click.option(
    "--from",
    "source",
    type=click.Choice(_FORMS),
    default="jsonl",
    show_default=True,
    help="What the file is.",
)
@click.option(
    "--session",
    metavar="ID",
    help="Who is to own threads that no session owns.  [default: imported]",
)
@dry_run_option
@click.option("--resume", is_flag=True, help="Go on where an import was interrupted.")
@output_option
@quiet_option
def import_(file: Path, data: Place, **options: Any) -> int:
    """Bring the rows of FILE into a data directory that nobody has open.

    What is there is never changed; importing a file again applies nothing. Exit codes:
    0 all rows are in; 65 some are not, each is told with its line and the reason.
    """
    from weft.daemon.import_command import Options, import_file

    return import_file(file, data, Options(**options))


@click.command()
@click.option(
    "--data",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The data directory; without it that of the daemon.",
)
@click.option(
    "--to",
    envvar="WEFT_CLUSTER_DSN",
    required=True,
    metavar="URL",
    help="A new or empty database: postgresql://...  [env var: WEFT_CLUSTER_DSN]",
)
@click.option(
    "--no-verify",
    is_flag=True,
    help="Do not compare the copy with the store before it goes over.",
)
@output_option
@quiet_option
@targeted(data=False)
def migrate(
    target: "Target",
    directory: Path | None,
    to: str,
    no_verify: bool,
    output: str,
    quiet: bool,
) -> int:
    """Move a data directory into PostgreSQL, also while it is in use.

    A daemon that has the directory open moves it by itself and goes on over the
    database; callers wait for some milliseconds at the end. Interrupted, it goes on
    where it was when it is repeated. Put the password into a password file or the
    environment: other users of the machine see the arguments.
    """
    from weft.daemon.migrate_command import migrate as command

    return command(
        target, directory, to, verify=not no_verify, output=output, quiet=quiet
    )
