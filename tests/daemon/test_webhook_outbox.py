"""What is to be told is on the disk before anybody relies on it."""

import logging
from pathlib import Path

import pytest

from weft.daemon.webhook_outbox import Noted, Outbox, OutboxError

ONE = Noted("0190-a1", "t", "https://hooks.example/x?token=very-secret")
TWO = Noted("0190-b2", "ü/..", "https://hooks.example/")


def test_what_was_entered_is_read_by_the_next_process(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "new" / "outbox")
    assert [] == outbox.read()
    outbox.enter(TWO)
    outbox.enter(ONE)
    assert [ONE, TWO] == Outbox(tmp_path / "new" / "outbox").read()
    outbox.remove(ONE.run_id)
    outbox.remove(ONE.run_id)
    assert [TWO] == Outbox(tmp_path / "new" / "outbox").read()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    Outbox(tmp_path / "outbox").enter(ONE)
    assert 0o700 == (tmp_path / "outbox").stat().st_mode & 0o777
    assert 0o600 == (tmp_path / "outbox" / ONE.run_id).stat().st_mode & 0o777


def test_without_a_directory_nothing_is_remembered() -> None:
    outbox = Outbox(None)
    outbox.enter(ONE)
    outbox.remove(ONE.run_id)
    assert [] == outbox.read()


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    (tmp_path / "0190-c3.new").write_bytes(b'{"run_')
    assert [] == Outbox(tmp_path).read()
    assert [] == list(tmp_path.iterdir())


def test_a_damaged_file_is_told_and_keeps_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(tmp_path)
    outbox.enter(ONE)
    (tmp_path / "0190-c3").write_bytes(b'{"url":"https://very-secret')
    with caplog.at_level(logging.WARNING):
        assert [ONE] == outbox.read()
    assert "0190-c3 is damaged" in caplog.text
    assert "very-secret" not in caplog.text


def test_an_outbox_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "outbox"
    file.touch()
    with pytest.raises(OutboxError, match="outbox, cannot be read: Not a directory"):
        Outbox(file).read()


@pytest.mark.parametrize("run_id", ["../other", "", "a/b", "x.new", "RUN"])
def test_no_id_leads_out_of_the_directory(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(ValueError, match="no generated id"):
        Outbox(tmp_path / "outbox").enter(Noted(run_id, "t", "https://a.example/"))


def test_what_may_be_shown_of_a_url_is_its_host() -> None:
    assert "hooks.example" == ONE.host
