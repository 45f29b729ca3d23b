"""The page that people look at: its files, and what serves them at ``/``.

It is a client of the HTTP API like any other: what it shows, anybody can ask for.
"""

from weft.daemon.page.files import PageFile, page_files
from weft.daemon.page.serving import page

__all__ = ["PageFile", "page", "page_files"]
