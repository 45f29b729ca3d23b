"""Commands as a reader of the docs has them."""

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bin_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with ``weft`` and ``python`` of this interpreter."""
    directory = tmp_path_factory.mktemp("bin")
    for name, arguments in {"weft": " -m weft.daemon", "python": ""}.items():
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        script.chmod(0o755)
    return directory
