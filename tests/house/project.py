"""Where the project's files are: rooms, portions, texts.

Guarantees: only the project's own files are named. In a git checkout these are the
tracked ones and the new ones git does not ignore; in a plain copy all that is not
in a folder of `LEFT_BEHIND`.
"""

import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

LEFT_BEHIND: Final = frozenset({
    ".git", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache",
    ".ruff_cache", ".venv", "__pycache__", "build", "dist", "venv", "weft-data",
})  # fmt: skip
"""Folders that tools make in a checkout; the same as in `.gitignore`."""


def settings(repository: Path) -> dict[str, Any]:
    """Return pyproject.toml as a dict."""
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


def rooms(repository: Path) -> list[str]:
    """Return the top folders that hold a portion of `weft`, as the build sees them."""
    hatch = settings(repository)["tool"]["hatch"]["build"]
    return list(hatch["dev-mode-dirs"])


def portion(repository: Path, room: str) -> Path:
    """Return the package folder of a room, `storage/weft/storage` for `storage`."""
    return repository / room / "weft" / room


def files(repository: Path) -> list[Path]:
    """Return the project's files, sorted, as paths relative to the repository."""
    found = _listed_by_git(repository) if _in_git(repository) else _walked(repository)
    return sorted(path for path in found if (repository / path).is_file())


def python_files(repository: Path, *tops: str) -> list[Path]:
    """Return the project's Python files, of these top folders if any is given."""
    return [
        path
        for path in files(repository)
        if path.suffix == ".py" and (not tops or path.parts[0] in tops)
    ]


def told(remedy: str, places: Iterable[object]) -> str:
    """Return the message of a failed convention: the remedy, then every place."""
    return "\n  ".join([remedy, *map(str, places)])


def _in_git(repository: Path) -> bool:
    # Not `git rev-parse`: a plain copy may lie inside somebody else's repository.
    return (repository / ".git").exists()


def _listed_by_git(repository: Path) -> Iterator[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(
        command, cwd=repository, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    return (Path(name) for name in listing.split("\0") if name)


def _walked(repository: Path) -> Iterator[Path]:
    paths = (path.relative_to(repository) for path in repository.rglob("*"))
    return (path for path in paths if not LEFT_BEHIND.intersection(path.parts))
