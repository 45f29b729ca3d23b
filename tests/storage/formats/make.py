"""Keep a data directory of this format: ``python -m tests.storage.formats.make``.

Run once for each format, at its release; what is kept is never made again, for it
stands for the stores that users have. Writes beside this file, for format N,

* ``N.tar.xz``: the data directory, closed;
* ``N.json``: what is in it, by tree and key, as the version that wrote it read it.
"""

import io
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from tests.storage.client import Client
from tests.storage.samples import SAMPLES, WORLD
from weft.storage import LmdbStore
from weft.storage.codec import decode
from weft.storage.keys import TREES
from weft.storage.mark import MARK_NAME
from weft.storage.store import FORMAT, TreeStore

HERE = Path(__file__).parent
KEPT = ("store/data.mdb", MARK_NAME)

Content = dict[str, dict[str, Any]]


def read_all(store: TreeStore) -> Content:
    """Return every record of a store as plain data, by tree and key."""
    with store.read() as snapshot:
        return {
            tree: {
                key.hex(): plain(decode(tree, key, data))
                for key, data in snapshot.entries(tree)
            }
            for tree in TREES
        }


def plain(value: Any) -> Any:
    """Return a record as JSON can hold it: fields by name, encoded ones decoded."""
    if isinstance(value, msgspec.Raw):
        return plain(msgspec.msgpack.decode(value))
    if isinstance(value, msgspec.Struct):
        fields = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        return {"record": type(value).__name__} | fields
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def fill(store: TreeStore) -> None:
    """Apply one of everything: each kind of operation, applied and refused."""
    client = Client(store)
    for operation in WORLD:
        client.do(operation)
    for kind in sorted(SAMPLES):
        client.outcome(SAMPLES[kind].refused)
        client.outcome(SAMPLES[kind].applied)


def main() -> None:
    """Make what is not there yet."""
    archive = HERE / f"{FORMAT}.tar.xz"
    if archive.exists():
        sys.exit(f"{archive.name} is kept; raise FORMAT, or leave it as it is.")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "data"
        store = LmdbStore(directory)
        fill(store)
        content = read_all(store)
        store.close()
        with tarfile.open(archive, "w:xz") as tar:
            for path in KEPT:
                data = (directory / path).read_bytes()
                member = tarfile.TarInfo(path)  # no owner, no time: the same each run
                member.size, member.mode = len(data), 0o600
                tar.addfile(member, io.BytesIO(data))
    text = msgspec.json.format(msgspec.json.encode(content, order="deterministic"))
    (HERE / f"{FORMAT}.json").write_bytes(text + b"\n")


if __name__ == "__main__":
    main()
