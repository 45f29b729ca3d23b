"""What others wrote for the page is what they published, byte for byte.

npm fetches each package again; without npm, or without a registry, that is skipped, and
in the full run a failure.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import msgspec
import pytest

import weft.daemon.page

VENDOR = Path(weft.daemon.page.__file__).parent / "vendor"
FETCH_S_MAX = 60.0


class Copied(msgspec.Struct):
    """A file of ours, and where it is in the package."""

    file: str
    path: str


class Package(msgspec.Struct):
    """A package that files were copied from."""

    name: str
    version: str
    licence: str
    source: str
    integrity: str
    files: list[Copied]


PACKAGES = msgspec.json.decode(
    (VENDOR / "vendor.json").read_bytes(), type=list[Package]
)


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the packages as npm fetches them, by name."""
    if shutil.which("npm") is None:
        pytest.skip("no npm: apt-get install npm")
    place = tmp_path_factory.mktemp("vendor")
    wanted = [f"{each.name}@{each.version}" for each in PACKAGES]
    done = subprocess.run(
        ["npm", "pack", "--json", *wanted],
        cwd=place,
        capture_output=True,
        timeout=FETCH_S_MAX,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no registry: {done.stderr.decode()[-300:]}")
    packed = msgspec.json.decode(done.stdout)
    told = packed.values() if isinstance(packed, dict) else packed
    return {each["name"]: place / each["filename"] for each in told}


def test_every_file_has_a_package_and_a_licence_and_none_is_left_over() -> None:
    listed = {copied.file for package in PACKAGES for copied in package.files}
    there = {path.name for path in VENDOR.iterdir()} - {"vendor.json"}
    assert there == listed
    for package in PACKAGES:
        assert any("license" in copied.file for copied in package.files), package.name


@pytest.mark.timeout(FETCH_S_MAX + 10)
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_is_what_was_recorded_and_its_files_are_ours(
    package: Package, fetched: dict[str, Path]
) -> None:
    archive = fetched[package.name]
    digest = hashlib.sha512(archive.read_bytes()).digest()
    assert package.integrity == f"sha512-{base64.b64encode(digest).decode()}"
    with tarfile.open(archive) as opened:
        for copied in package.files:
            inside = opened.extractfile(copied.path)
            assert inside is not None, copied.path
            assert inside.read() == (VENDOR / copied.file).read_bytes(), copied.file
