"""What is on a tape is bounded: the oldest go first, and it says up to where."""

import pytest

from tests.daemon.http.tape_support import (
    FIRST,
    begun,
    on_a_loop,
    places,
    push_pieces,
    said,
    until,
)
from weft.actors import Runtime
from weft.actors.run_messages import Mark
from weft.daemon.http import tape_entries
from weft.daemon.http.run_places import Place
from weft.daemon.http.run_tape import Tapes
from weft.storage.keys import LOG_BITS


@pytest.mark.parametrize(
    ("name", "limit"), [("ENTRIES_MAX", 3), ("SIZE_BYTES_MAX", 3 * len('"piece"'))]
)
def test_a_full_tape_loses_the_oldest_and_says_up_to_where(
    monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(tape_entries, name, limit)

    async def test(_runtime: Runtime, tapes: Tapes) -> None:
        tape = begun(tapes, 7)
        push_pieces(tape, 5)
        await until(tape, lambda: tape.place == Place(7, FIRST + 4))
        assert [Place(7, FIRST + n) for n in (2, 3, 4)] == places(tape)
        assert Place(7, FIRST + 1) == tape.lost
        behind = tape.after(Place(7, FIRST + 2), 1)
        assert [Place(7, FIRST + 3)] == [entry.place for entry in behind]

    on_a_loop(test)


def test_a_run_that_moves_to_an_older_log_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tape_entries, "ENTRIES_MAX", 2)

    async def test(_runtime: Runtime, tapes: Tapes) -> None:
        tape = begun(tapes, (1 << LOG_BITS) + 7)
        push_pieces(tape, 1)
        tape.push(("marks", Mark(5, 2, begins=True)))
        push_pieces(tape, 3)
        await until(tape, lambda: tape.place == Place(5, FIRST + 2))
        assert [Place(5, FIRST + 1), Place(5, FIRST + 2)] == places(tape)
        assert Place(5, FIRST) == tape.lost, "the last that is gone, in its new log"

    on_a_loop(test)


def test_what_has_no_json_is_told_in_words() -> None:
    async def test(_runtime: Runtime, tapes: Tapes) -> None:
        tape = begun(tapes, 7)
        tape.push(("custom", {(1, 2): "a key that is none"}))
        await until(tape, lambda: bool(places(tape)))
        (words,) = said(tape)
        assert b"a key that is none" in words

    on_a_loop(test)
