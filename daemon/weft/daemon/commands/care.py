"""Looking after a store: check, repair, fsck, backup, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weft.daemon.commands.choices import (
    dry_run_option,
    existing_option,
    output_option,
    quiet_option,
    targeted,
)

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["backup", "check", "fsck", "repair", "restore"]


@click.command()
@click.option(
    "--session",
    "sessions",
    multiple=True,
    metavar="ID",
    help="Check this session only; may be given several times.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Tell findings of this kind only; may be given several times.",
)
@click.option("--repair", is_flag=True, help="Mend what is found, as `weft repair`.")
@dry_run_option
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Read at most N entries a second, in small chunks; with --data.",
)
@click.option(
    "--retention",
    "retention_days",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Report associations inactive for longer, too; with --data.",
)
@output_option
@quiet_option
@targeted(data=True)
def check(target: "Target", repair: bool, dry_run: bool, **options: Any) -> int:
    """Compare all stored copies of who owns what.

    A daemon checks its own store; with --data a directory is read, also beside one. -o
    jsonl prints a finding a line. Exit codes: 0 nothing was found; 1 something was.
    """
    if repair:
        if options["kinds"] or options["rate"] or options["retention_days"]:
            words = "--repair goes with --session and --dry-run only."
            raise click.UsageError(words)
        from weft.daemon.repair_command import repair as mend

        sessions, shown = options["sessions"], (options["output"], options["quiet"])
        return mend(target, sessions, *shown, dry_run=dry_run)
    if dry_run:
        raise click.UsageError("--dry-run goes with --repair only.")
    from weft.daemon.check_command import Options
    from weft.daemon.check_command import check as command

    return command(target, Options(**options))


@click.command()
@click.option(
    "--session",
    "sessions",
    multiple=True,
    metavar="ID",
    help="Repair this session only; may be given several times.",
)
@dry_run_option
@output_option
@quiet_option
@targeted(data=True)
def repair(
    target: "Target", sessions: tuple[str, ...], output: str, quiet: bool, dry_run: bool
) -> int:
    """Make all stored copies of who owns what the same.

    A daemon mends its own store; --data names one that nobody has open. Exit codes: 0
    nothing is wrong any more; 1 something is left; 75 somebody has it open.
    """
    from weft.daemon.repair_command import repair as command

    return command(target, sessions, output, quiet, dry_run=dry_run)


@click.command()
@click.argument(
    "directory",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The data directory, the same as DIRECTORY.",
)
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@output_option
@quiet_option
def fsck(
    directory: Path | None, data: Path | None, repair: bool, output: str, quiet: bool
) -> int:
    """Find what is wrong with a data directory that nobody has open.

    Without --repair nothing is changed. Exit codes: 0 nothing is wrong; 1 all that was
    found is repaired; 65 damage is left; 75 somebody has it open.
    """
    if (directory is None) == (data is None):
        raise click.UsageError("Name one data directory.")
    from weft.daemon.fsck_command import fsck as command

    place = directory or data
    assert place is not None  # noqa: S101 - one of them is there
    return command(place, repair=repair, output=output, quiet=quiet)


@click.command()
@existing_option
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path),
    help="The backup: a directory that does not exist yet.",
)
@output_option
@quiet_option
def backup(data: Path, to: Path, output: str, quiet: bool) -> None:
    """Make a verified copy of a data directory, also while it is in use."""
    from weft.daemon.backup_command import backup as command

    command(data, to, output=output, quiet=quiet)


@click.command()
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
@output_option
@quiet_option
def restore(source: Path, data: Path, output: str, quiet: bool) -> None:
    """Make a data directory from a backup, and check it."""
    from weft.daemon.restore_command import restore as command

    command(source, data, output=output, quiet=quiet)
