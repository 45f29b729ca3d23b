"""Serving the page: its files, to anybody who may reach the daemon.

The files are no secret and need no token; every number that they show is asked for
under ``/sessions`` and so on, with the token of whoever looks.

Guarantees:
    * a browser that keeps to what it is told loads nothing from elsewhere, runs
      nothing that stands in the document, and shows the page in no frame;
    * a file that the browser has is not sent again, and one that has changed is.
"""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.problems import RequestFault
from weft.daemon.page.files import INDEX, PageFile, page_files

__all__ = ["page"]

page: Final = Table("page", described=False)

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, and asked for by its tag before each use
    "Vary": "Accept-Encoding",
}


@page.get("/", scope=None)
async def show_page(call: Call[None, None]) -> Response:
    """Return the page."""
    return _answer(call, page_files()[INDEX])


@page.get("/page/{name:path}", scope=None)
async def show_file(call: Call[None, None]) -> Response:
    """Return a file that the page is made of."""
    file = page_files().get(call.path("name"))
    if file is None:
        detail = "The page has no such file. Load it again: it may be another version."
        raise RequestFault(HTTPStatus.NOT_FOUND, detail)
    return _answer(call, file)


def _answer(call: Call[None, None], file: PageFile) -> Response:
    headers = HEADERS | {"ETag": file.tag}
    known = call.headers.get("if-none-match", "")
    if file.tag in known.replace("W/", "").replace(" ", "").split(","):
        return Response(b"", HTTPStatus.NOT_MODIFIED, headers)
    if "gzip" in call.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.kind)
    return Response(file.body, headers=headers, media_type=file.kind)
