"""``docs/errors.md`` is what the classes say."""

from pathlib import Path

from weft.daemon.reference_errors import ROOMS, errors_of, render
from weft.storage import SessionThreadException


def test_the_page_of_errors_is_up_to_date(repository: Path) -> None:
    page = (repository / "docs" / "errors.md").read_text(encoding="utf-8")
    remedy = "python -m weft.daemon.reference_errors > docs/errors.md"
    assert render() == page, f"make it again: {remedy}"


def test_every_error_says_what_happened_and_what_to_do() -> None:
    found = [error for _, module in ROOMS for error in errors_of(module)]
    assert 35 < len(found)
    for error in found:
        sentence = (error.__doc__ or "").splitlines()[0]
        assert sentence.endswith("."), error
        assert error.remedy.endswith("."), error
        assert 400 <= error.http_status < 600, error
        assert 64 <= error.exit_code < 79, error


def test_the_page_tells_every_public_error() -> None:
    page = render()
    for name in ("NameTaken", "DeadlockError", "DaemonUnreachable"):
        assert f"| `{name}`" in page
    assert f"| `{SessionThreadException.__name__}` |" in page
