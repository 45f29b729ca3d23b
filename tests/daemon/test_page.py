"""The page's files: what they are, how they are sent, what a browser is told."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import client_of, detail_of, token_file
from weft.actors import Runtime
from weft.daemon.page import page_files
from weft.storage import MemoryStore

FIRST_VIEW_BYTES_MAX = 110_000
SCRIPTS = sorted(name for name in page_files() if name.endswith(".js"))
OWN = [name for name in SCRIPTS if "/" not in name]
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|<style|\son[a-z]+=|\sstyle=|javascript:")
IMPORT = re.compile(r'^(?:import|export)\b[^;]*?\bfrom "\./([^"]+)";', re.MULTILINE)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    """Return a client of an application that wants tokens."""
    with (
        Runtime.open(store=MemoryStore()) as runtime,
        client_of(runtime, token_file(tmp_path)) as client,
    ):
        yield client


def test_the_page_and_its_files_need_no_token_and_the_data_does(
    guarded: TestClient,
) -> None:
    assert "<title>Weft</title>" in guarded.get("/").text
    assert 200 == guarded.get("/page/app.js").status_code
    detail_of(guarded.get("/sessions"), 401)


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/page/vendor/uplot.css"])
def test_a_browser_is_told_to_load_nothing_from_elsewhere(
    guarded: TestClient, path: str
) -> None:
    headers = guarded.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "nosniff" == headers["x-content-type-options"]


def test_nothing_stands_in_the_document_that_its_policy_forbids() -> None:
    assert not INLINE.findall(page_files()["index.html"].body.decode())


def test_the_document_names_all_modules_so_that_they_are_fetched_at_once() -> None:
    document = page_files()["index.html"].body.decode()
    named = re.findall(r'<link rel="modulepreload" href="page/([^"]+)">', document)
    assert sorted([*OWN, "vendor/preact-htm.js"]) == sorted(named)


def test_a_file_that_the_browser_has_is_not_sent_again(guarded: TestClient) -> None:
    first = guarded.get("/page/app.js")
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = guarded.get("/page/app.js", headers={"if-none-match": known})
        assert (304, b"", tag) == (
            again.status_code,
            again.content,
            again.headers["etag"],
        )
    other = guarded.get("/page/app.js", headers={"if-none-match": '"other"'})
    assert (200, first.content) == (other.status_code, other.content)


def test_who_takes_gzip_gets_it_and_who_does_not_gets_the_file(
    guarded: TestClient,
) -> None:
    file = page_files()["vendor/uplot.js"]
    plain = guarded.get("/page/vendor/uplot.js", headers={"accept-encoding": "br"})
    assert file.body == plain.content
    assert "content-encoding" not in plain.headers
    packed = guarded.get("/page/vendor/uplot.js", headers={"accept-encoding": "gzip"})
    assert ("gzip", "Accept-Encoding") == (
        packed.headers["content-encoding"],
        packed.headers["vary"],
    )
    assert file.body == packed.content == gzip.decompress(file.compressed)


@pytest.mark.parametrize(
    "path", ["none.js", "..%2Fserving.py", "%2e%2e/serving.py", "vendor", ""]
)
def test_there_is_nothing_but_the_files(guarded: TestClient, path: str) -> None:
    assert "no such file" in detail_of(guarded.get(f"/page/{path}"), 404)


def test_the_content_types_are_those_that_browsers_insist_on() -> None:
    kinds = {file.name.rpartition(".")[2]: file.kind for file in page_files().values()}
    assert "text/javascript; charset=utf-8" == kinds["js"]
    assert "text/css; charset=utf-8" == kinds["css"]
    assert "image/svg+xml" == kinds["svg"]


def test_all_that_the_first_view_loads_is_small() -> None:
    files = page_files().values()
    loaded = [file for file in files if file.name.endswith((".html", ".css", ".js"))]
    assert sum(len(file.compressed) for file in loaded) < FIRST_VIEW_BYTES_MAX


@pytest.mark.parametrize("name", OWN)
def test_a_script_says_what_it_is_for_and_imports_what_is_there(name: str) -> None:
    source = page_files()[name].body.decode()
    assert source.startswith("// ")
    for imported in IMPORT.findall(source):
        assert imported in page_files(), imported


@pytest.mark.parametrize("name", OWN)
def test_no_script_writes_markup_or_asks_anywhere_else(name: str) -> None:
    source = page_files()[name].body.decode()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "https://"):
        assert word not in source
