"""The ratios that the README shows are those of ``bench/RESULTS.md``."""

import re
from pathlib import Path

ENGINES = {
    "sqlite3, a transaction each": "sqlite3",
    "PostgreSQL, a statement each": "postgres",
    "SQLAlchemy on SQLite": "sqlalchemy",
    "LangGraph's SqliteSaver": "langgraph",
    "OpenAI Agents' SQLiteSession": "openai-agents",
    "DBOS on SQLite": "dbos",
    "SQLite behind Weft's own group commit": "sqlite-group",
}
"""What the README calls the engines of the results."""


def rows(text: str) -> dict[str, tuple[str, ...]]:
    """Return the rows of all tables by their first cell, brackets left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {
        first: tuple(re.sub(r" \(.*?\)", "", cell) for cell in rest)
        for first, *rest in cells
    }


def test_the_ratios_of_the_readme_are_the_measured_ones(repository: Path) -> None:
    shown = rows((repository / "README.md").read_text(encoding="utf-8"))
    results = (repository / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    measured = rows(results.partition("## Ratios")[2].partition("## ")[0])
    expected = {name: measured[engine] for name, engine in ENGINES.items()}
    assert expected == {name: shown[name] for name in ENGINES}, "copy them to README.md"
