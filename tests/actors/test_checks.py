"""Checks of the whole store are counted and remembered, those of a session are not."""

from tests.actors.support import answer
from tests.storage.planting import plant
from weft.actors import Runtime
from weft.actors.checks import Checks
from weft.storage import MemoryStore
from weft.storage.check_live import LiveCheck


def test_a_check_of_the_whole_store_is_remembered() -> None:
    checks = Checks(MemoryStore())
    report = checks.check()
    assert report is checks.last_report
    assert 1 == checks.statistics().checks


def test_one_that_was_made_elsewhere_is_as_well() -> None:
    store = MemoryStore()
    checks = Checks(store)
    report = LiveCheck(store.read).run()
    checks.record(report)
    assert report is checks.last_report
    assert report.finished_at_us == checks.statistics().last_clean_at_us


def test_one_of_a_session_is_neither_counted_nor_remembered() -> None:
    checks = Checks(MemoryStore())
    checks.check("ann")
    assert checks.last_report is None
    assert 0 == checks.statistics().checks


def test_a_repair_of_named_kinds_leaves_the_others_alone() -> None:
    store = MemoryStore()
    with Runtime.open(store=store) as runtime:
        for name in ("a", "b", "c", "d"):
            answer(runtime.session("ann").create_thread(name))
        names = ("removed_list_entry", "other_name_in_the_row")
        mended, left = (one.kind for one in plant(store, names))
        assert mended != left
        done = answer(runtime.coordinator.repair_all(kinds={mended}))
        assert [mended] == [one.kind for one in done.issues_found]
        assert [] == done.remaining
        assert [left] == [one.kind for one in runtime.check().inconsistencies]


def test_commands_are_in_flight_until_they_are_answered() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        answer(runtime.session("ann").open())
        answer(runtime.session("ann").create_thread("notes"))
        assert 0 == runtime.statistics().asks
        assert 1 <= runtime.statistics().reply_ns.count
