"""The page's files, as they are sent: read once, compressed once.

``static/`` is ours and ``vendor/`` is what others wrote, unchanged; ``vendor.json``
says what it is and where it came from.

Guarantees:
    * a file is found by its name among those that exist: no path is put together from
      what a client sends;
    * its tag changes with its content, and with nothing else.
"""

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["INDEX", "PageFile", "page_files"]

INDEX: Final = "index.html"
PLACE: Final = b"<!-- modules -->"
NO_MODULE: Final = "vendor/uplot.js"

KINDS: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}

_ROOMS: Final[Mapping[str, str]] = {"static": "", "vendor": "vendor/"}
"""Folders, and what stands before their files' names."""

_TAG_DIGITS: Final = 16


class PageFile(msgspec.Struct, frozen=True):
    """One file.

    Attributes:
        name: below ``/page/``.
        kind: its content type.
        body: as it is on disk.
        compressed: the same by gzip.
        tag: for ``ETag``, in quotes.
    """

    name: str
    kind: str
    body: bytes
    compressed: bytes
    tag: str


@cache
def page_files() -> Mapping[str, PageFile]:
    """Return all files by their names."""
    files = {file.name: file for file in _read(Path(__file__).parent)}
    files[INDEX] = _preloading(files[INDEX], files)
    return files


def _preloading(index: PageFile, names: Iterable[str]) -> PageFile:
    """Return the document with a word about each module.

    So a browser asks for all of them at once, rather than for each when it has read
    the one that imports it.
    """
    modules = [name for name in names if name.endswith(".js") and name != NO_MODULE]
    links = (f'<link rel="modulepreload" href="page/{name}">' for name in modules)
    body = index.body.replace(PLACE, "\n  ".join(links).encode())
    return _file(INDEX, index.kind, body)


def _read(place: Path) -> Iterator[PageFile]:
    for folder, prefix in _ROOMS.items():
        for path in sorted((place / folder).iterdir()):
            kind = KINDS.get(path.suffix)
            if kind is not None:
                yield _file(prefix + path.name, kind, path.read_bytes())


def _file(name: str, kind: str, body: bytes) -> PageFile:
    digest = hashlib.sha256(body).hexdigest()[:_TAG_DIGITS]
    return PageFile(name, kind, body, gzip.compress(body, mtime=0), f'"{digest}"')
