"""What the texts beside the code promise is so."""

import os
import re
import subprocess
from pathlib import Path

from tests.house.project import files, settings, told

# Put together here, for this file is read, too.
MACHINE_PATHS = [f"/{folder}/" for folder in ("work", "root")]


def requirements(repository: Path) -> list[str]:
    """Return every requirement of pyproject.toml: runtime and extras."""
    project = settings(repository)["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(line for extra in extras for line in extra)]


def bare_requirements(pyproject: str, wanted: list[str]) -> list[str]:
    """Return the requirements with no comment on their line or directly above."""
    lines = pyproject.splitlines()
    bare = []
    for requirement in wanted:
        number = next(n for n, line in enumerate(lines) if f'"{requirement}"' in line)
        above, rest = lines[number - 1], lines[number].partition(requirement)[2]
        if not above.lstrip().startswith("#") and "#" not in rest:
            bare.append(requirement)
    return bare


def newest_version(changelog: str) -> str:
    """Return the version in the first second-level heading of a changelog."""
    heading = re.search(r"^## \[?([^\]\s]+)", changelog, re.MULTILINE)
    assert heading, "CHANGELOG.md has no `## <version>` heading: add one"
    return heading[1]


def test_the_changelog_is_headed_by_the_version_of_the_package(
    repository: Path,
) -> None:
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    expected = settings(repository)["project"]["version"]
    assert expected == newest_version(changelog), (
        "pyproject.toml and CHANGELOG.md disagree: head the changelog with"
        f" `## {expected} - <date or Unreleased>`"
    )


def test_the_newest_version_is_the_first_heading() -> None:
    assert newest_version("# Log\n\n## 2.0.0 - Unreleased\n\n## 1.0.0\n") == "2.0.0"
    assert newest_version("## [2.0.0] - 2030-01-01\n") == "2.0.0"


def test_no_text_names_a_path_of_one_machine(repository: Path) -> None:
    named = []
    for path in files(repository):
        text = (repository / path).read_text(encoding="utf-8", errors="replace")
        named += [
            f"{path}:{number} {line.strip()[:60]}"
            for number, line in enumerate(text.splitlines(), 1)
            if any(machine_path in line for machine_path in MACHINE_PATHS)
        ]
    remedy = "write a path relative to the checkout, or a placeholder"
    assert not named, told(remedy, named)


def test_every_dependency_says_why_it_is_there(repository: Path) -> None:
    pyproject = (repository / "pyproject.toml").read_text(encoding="utf-8")
    bare = bare_requirements(pyproject, requirements(repository))
    remedy = "give its reason in a comment on the line or directly above it"
    assert not bare, told(remedy, bare)


def test_a_dependency_without_a_reason_is_found() -> None:
    pyproject = '[\n# why\n"a>=1",\n"b>=1",  # why\n"c>=1",\n]\n'
    assert bare_requirements(pyproject, ["a>=1", "b>=1", "c>=1"]) == ["c>=1"]


def test_every_dependency_is_pinned_for_ci(repository: Path) -> None:
    constraints = (repository / "constraints.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", constraints, re.MULTILINE))
    names = {
        re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")
        for requirement in requirements(repository)
    }
    loose = sorted(names - pinned)
    assert not loose, told("pin them in constraints.txt: `name==version`", loose)


def test_the_ci_script_can_be_run(repository: Path) -> None:
    script = repository / ".ci" / "run"
    assert os.access(script, os.X_OK), "chmod +x .ci/run"
    subprocess.run(["bash", "-n", script], check=True, timeout=30)
