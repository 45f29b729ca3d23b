"""``weft restore``: a new data directory from a backup, checked before it is there."""

from pathlib import Path

from weft.daemon.backup_command import print_manifest
from weft.daemon.progress import progress
from weft.storage import restore as restore_backup

__all__ = ["restore"]


def restore(backup: Path, data: Path, *, output: str, quiet: bool) -> None:
    """Restore a backup and print its manifest.

    Args:
        backup: the backup's directory.
        data: the data directory; must not exist.
        output: table, json or jsonl.
        quiet: show no progress.

    Raises:
        FileExistsError: there is something already.
        StoreCorrupt: it is not a whole backup; nothing was made.
        StoreFormatError: a newer version made it.
        OSError: it cannot be read or written; nothing was made.
    """
    with progress("restore, per mille", quiet=quiet, output=output) as show:
        manifest = restore_backup(backup, data, show)
    print_manifest("restored", data, manifest, output)
