"""``docs/cli.md`` is what the commands say of themselves."""

from pathlib import Path

from weft.daemon.reference import render


def test_the_page_is_up_to_date(repository: Path) -> None:
    page = (repository / "docs" / "cli.md").read_text(encoding="utf-8")
    remedy = "python -m weft.daemon.reference > docs/cli.md"
    assert render() == page, f"make it again: {remedy}"


def test_every_line_reads_in_80_columns() -> None:
    assert [] == [line for line in render().splitlines() if len(line) > 80]
