"""What others wrote and only the tests use: it is what its authors published."""

import base64
import hashlib
from pathlib import Path

import msgspec
import pytest

VENDOR = Path(__file__).parent / "vendor"
PACKAGES = msgspec.json.decode((VENDOR / "vendor.json").read_bytes())


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package["name"]))
def test_a_file_is_the_one_that_was_recorded(package: dict[str, object]) -> None:
    files = msgspec.convert(package["files"], list[dict[str, str]])
    assert files
    for file in files:
        digest = hashlib.sha384((VENDOR / file["file"]).read_bytes()).digest()
        assert file["sha384"] == f"sha384-{base64.b64encode(digest).decode()}"


def test_nothing_else_lies_there() -> None:
    recorded = {file["file"] for package in PACKAGES for file in package["files"]}
    found = {path.name for path in VENDOR.iterdir()} - {"vendor.json"}
    assert recorded == found
