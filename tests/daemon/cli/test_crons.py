"""``weft crons``: from the first one to none."""

import pytest

from tests.daemon.cli.conftest import Weft

pytestmark = pytest.mark.usefixtures("daemon")


def test_crons_are_added_listed_and_removed(weft: Weft) -> None:
    assert "no crons." in weft("crons", "ls").err
    options = ("--timezone", "Europe/Berlin", "--keep", "--end", "2200-01-01T00:00:00Z")
    what = ("--input", '{"to": 1}', "--metadata", '{"kind": "report"}')
    added = weft("crons", "add", "count", "0 9 * * *", *options, *what, "-o", "json")
    (cron,) = added.json
    assert ("count", "Europe/Berlin", "keep", {"to": 1}, {"kind": "report"}) == (
        cron["workflow"],
        cron["timezone"],
        cron["on_run_completed"],
        cron["payload"]["input"],
        cron["metadata"],
    )
    weft("sessions", "create", "timed")
    made = weft("threads", "create", "t", "--session", "timed", "-o", "json")
    thread_id = made.json[0]["thread_id"]
    soon = weft("crons", "add", "count", "* * 1 1 *", "--thread", thread_id)
    assert 0 == soon.code
    listed = weft("crons", "ls", "-o", "jsonl").lines
    assert {cron["cron_id"]} < {each["cron_id"] for each in listed}
    assert sorted(listed, key=lambda each: each["next_run_date"]) == listed
    assert {thread_id, None} == {each["thread_id"] for each in listed}
    heading = weft("crons", "ls").out.splitlines()[0].split()
    assert ["CRON", "SCHEDULE"] == heading[:2]
    ids = [each["cron_id"] for each in listed]
    assert "removed 2 crons." in weft("crons", "rm", "--yes", *ids).err
    assert "no crons." in weft("crons", "ls").err


def test_what_is_refused_is_told(weft: Weft) -> None:
    refused = weft("crons", "add", "count", "whenever")
    assert (64, True) == (refused.code, "schedule" in refused.err)
    gone = weft("crons", "rm", "--yes", "none")
    assert (66, True) == (gone.code, "no cron 'none'" in gone.err)
    assert 2 == weft("crons", "rm", "none").code
