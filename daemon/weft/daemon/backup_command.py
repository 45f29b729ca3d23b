"""``weft backup``: a verified copy of a store, whether or not somebody has it open."""

from pathlib import Path

from weft.daemon.printing import print_json, print_lines
from weft.daemon.progress import progress
from weft.storage.backup import backup as make_backup
from weft.storage.manifest import Manifest

__all__ = ["backup", "print_manifest"]


def backup(data: Path, to: Path, *, output: str, quiet: bool) -> None:
    """Make a backup and print its manifest.

    Args:
        data: the data directory.
        to: the backup's directory; must not exist.
        output: table, json or jsonl.
        quiet: show no progress.

    Raises:
        FileExistsError: there is something already.
        StoreCorrupt: the store is damaged; no backup was made.
        OSError: it cannot be read or written; no backup was made.
    """
    with progress("backup, per mille", quiet=quiet, output=output) as show:
        manifest = make_backup(data, to, show)
    print_manifest("backup", to, manifest, output)


def print_manifest(what: str, place: Path, manifest: Manifest, output: str) -> None:
    """Print what a backup holds.

    Args:
        what: the first line's name.
        place: its value.
        manifest: the rest.
        output: json and jsonl print the manifest alone.
    """
    if output != "table":
        print_json(manifest)
        return
    print_lines([
        (what, place),
        ("format", manifest.format),
        ("operations", f"{manifest.seq:,}"),
        ("made", f"{manifest.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("bytes", f"{manifest.size_bytes:,}"),
        ("sha256", manifest.sha256),
    ])  # fmt: skip
