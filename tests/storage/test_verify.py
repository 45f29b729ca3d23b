"""A file is examined when the machine was started anew, and before that trusted."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.storage.client import Client
from tests.storage.corruption.damages import History, make_history
from tests.storage.formats.make import fill
from weft.storage import (
    CreateSession,
    CreateThreads,
    LmdbStore,
    NewThread,
    StartRun,
    StoreCorrupt,
    UpdateSession,
)
from weft.storage.examine import examine_here
from weft.storage.lmdb import LmdbEngine
from weft.storage.lmdb_reader import LmdbReader
from weft.storage.mark import COPIED, MARK_NAME, Mark
from weft.storage.meta_page import PAGE_SIZE_BYTES
from weft.storage.store import FORMAT
from weft.storage.verify import OF_THE_FILE, Examination, examine


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Return a store with a past."""
    return make_history(tmp_path_factory.mktemp("made"), seed=1)


@pytest.fixture
def history(tmp_store: Path, made: History) -> History:
    """Return a closed store with a past, laid out in ``tmp_store``."""
    data_file(tmp_store).parent.mkdir()
    data_file(tmp_store).write_bytes(made.image)
    mark = Mark.of(data_file(tmp_store), made.mark.seq, made.mark.txnid, clean=True)
    mark.write(tmp_store)
    return replace(made, mark=mark)


def opened_with_progress(directory: Path) -> tuple[int, list[tuple[int, int]]]:
    """Open a store and close it; return its seq and what progress it told."""
    told: list[tuple[int, int]] = []
    store = LmdbStore(directory, progress=lambda *numbers: told.append(numbers))
    store.close()
    return store.seq, told


def restart(directory: Path) -> None:
    """Let the mark be of another run of the machine."""
    mark = Mark.read(directory)
    assert mark is not None
    replace(mark, boot_id="another").write(directory)


def data_file(directory: Path) -> Path:
    return directory / "store" / "data.mdb"


def damage_every_value(directory: Path) -> None:
    """Spoil the checksums of records, and leave the pages in order."""
    data = bytearray(data_file(directory).read_bytes())
    at = data.find(b"UpdateSession")
    while at >= 0:
        data[at] ^= 1
        at = data.find(b"UpdateSession", at + 1)
    data_file(directory).write_bytes(data)


def damage_a_value(directory: Path, tree: str, number: int) -> None:
    """Spoil the checksum of one entry of a tree."""
    engine = LmdbEngine(directory / "store")
    with engine.write() as transaction:
        key, value = next(islice(transaction.scan(tree), number, None))
        transaction.put_many(tree, [(key, value[:-1] + bytes([value[-1] ^ 1]))])
    engine.close()


# -- when ----------------------------------------------------------------------------


def test_a_sound_store_opens_after_a_restart_and_tells_its_progress(
    tmp_store: Path, history: History
) -> None:
    restart(tmp_store)
    told: list[tuple[int, int]] = []
    store = LmdbStore(
        tmp_store, progress=lambda done, total: told.append((done, total))
    )
    store.close()
    assert history.mark.seq == store.seq
    assert {history.pages} == {total for _, total in told}
    assert sorted(told) == told
    assert (history.pages, history.pages) == told[-1]


def test_a_store_of_this_run_of_the_machine_opens_at_once(
    tmp_store: Path, history: History
) -> None:
    damage_every_value(tmp_store)
    told: list[tuple[int, int]] = []
    store = LmdbStore(
        tmp_store, progress=lambda done, total: told.append((done, total))
    )
    store.close()
    assert [] == told
    assert history.mark.seq == store.seq


def test_the_same_store_is_refused_after_a_restart(
    tmp_store: Path, history: History
) -> None:
    damage_every_value(tmp_store)
    restart(tmp_store)
    before = data_file(tmp_store).read_bytes()
    with pytest.raises(StoreCorrupt) as caught:
        LmdbStore(tmp_store)
    assert "damaged_record" == caught.value.details["damages"][0]["kind"]
    assert history.mark.seq > caught.value.details["found"] > 1
    assert f"weft fsck --data {tmp_store}" in str(caught.value)
    assert before == data_file(tmp_store).read_bytes()


@pytest.mark.usefixtures("history")
def test_a_store_without_a_mark_is_examined(
    tmp_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_store / MARK_NAME).unlink()
    with caplog.at_level(logging.INFO, "weft.storage"):
        LmdbStore(tmp_store).close()
    assert "it has no mark" in caplog.text
    assert "is sound" in caplog.text


def test_a_copy_is_examined(
    tmp_store: Path, tmp_path: Path, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(tmp_store, copied)
    with caplog.at_level(logging.INFO, "weft.storage"):
        assert (history.mark.seq, []) == opened_with_progress(tmp_store)
        assert "" == caplog.text
        assert history.mark.seq == opened_with_progress(copied)[0]
    assert f"examining {copied / 'store'} before it is opened: {COPIED}" in caplog.text
    assert (history.mark.seq, []) == opened_with_progress(copied)


def test_a_copy_made_while_the_store_was_written_to_is_refused_and_kills_nobody(
    tmp_store: Path, tmp_path: Path, history: History
) -> None:
    """``cp`` reads on while commits change what it has read, and what it has not."""
    copied, half = tmp_path / "copied", len(history.image) // 2
    shutil.copytree(tmp_store, copied)
    earlier = history.earlier[-1]
    data_file(copied).write_bytes(earlier[:half] + history.image[half:])
    replace(history.mark, seq=1, txnid=1, clean=False).write(copied)
    with pytest.raises(StoreCorrupt, match="`weft backup` makes whole") as caught:
        LmdbStore(copied)
    assert caught.value.details["damages"][0]["kind"] in OF_THE_FILE
    with pytest.raises(StoreCorrupt):
        LmdbReader.of(copied)


def test_a_killed_owner_leaves_a_store_that_opens_at_once(tmp_store: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from tests.storage.client import Client\n"
        "from weft.storage import CreateSession, LmdbStore\n"
        "store = LmdbStore(sys.argv[1])\n"
        "client = Client(store)\n"
        "for n in range(5):\n"
        "    client.do(CreateSession(session_id=f's{n}'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_store],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        timeout=30,
    )
    assert -signal.SIGKILL == done.returncode
    mark = Mark.read(tmp_store)
    assert mark is not None
    assert Mark.of(data_file(tmp_store), 0, mark.txnid, clean=False) == mark
    told: list[tuple[int, int]] = []
    store = LmdbStore(
        tmp_store, progress=lambda done, total: told.append((done, total))
    )
    assert 5 == store.seq
    store.close()
    assert [] == told


# -- the mark ------------------------------------------------------------------------


def test_an_older_file_is_refused(tmp_store: Path, history: History) -> None:
    data_file(tmp_store).write_bytes(history.earlier[-1])
    with pytest.raises(StoreCorrupt) as caught:
        LmdbStore(tmp_store)
    assert "rolled_back" == caught.value.details["damages"][0]["kind"]
    assert f"the mark says {history.mark.txnid}" in str(caught.value)


def test_an_older_store_with_more_transactions_is_refused_by_its_seq(
    tmp_store: Path, history: History
) -> None:
    data_file(tmp_store).write_bytes(history.earlier[-1])
    replace(history.mark, txnid=1).write(tmp_store)
    with pytest.raises(StoreCorrupt, match=f"the mark says {history.mark.seq}"):
        LmdbStore(tmp_store)


def test_a_mark_that_lags_is_no_finding(tmp_store: Path, history: History) -> None:
    replace(history.mark, seq=3, txnid=9, clean=False).write(tmp_store)
    assert (history.mark.seq, []) == opened_with_progress(tmp_store)
    assert history.mark == Mark.read(tmp_store)


@pytest.mark.usefixtures("history")
def test_a_store_that_is_gone_is_not_made_anew(tmp_store: Path) -> None:
    data_file(tmp_store).parent.rename(tmp_store / "elsewhere")
    for _ in "again":
        with pytest.raises(StoreCorrupt, match="is gone"):
            LmdbStore(tmp_store)


@pytest.mark.usefixtures("history")
def test_a_damaged_mark_is_refused_with_a_remedy(tmp_store: Path) -> None:
    (tmp_store / MARK_NAME).write_bytes(b'{"seq": 1')
    with pytest.raises(StoreCorrupt, match=r"weft fsck --repair"):
        LmdbStore(tmp_store)


def test_damaged_records_do_not_keep_a_store_from_being_opened_to_repair(
    tmp_store: Path, history: History
) -> None:
    damage_every_value(tmp_store)
    restart(tmp_store)
    store = LmdbStore(tmp_store, to_repair=True)
    assert history.mark.seq == store.seq
    store.close()


@pytest.mark.usefixtures("history")
def test_what_a_store_was_opened_with_to_be_repaired_keeps_it_closed_no_more(
    tmp_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage_a_value(tmp_store, "X", 0)
    restart(tmp_store)
    with pytest.raises(StoreCorrupt, match="has the store opened with the rest"):
        LmdbStore(tmp_store)
    LmdbStore(tmp_store, to_repair=True).close()
    for _ in range(2):
        LmdbStore(tmp_store).close()
        restart(tmp_store)
    LmdbStore(tmp_store).close()
    assert "opened with 1 findings" in caplog.text
    damage_a_value(tmp_store, "X", 1)  # and this one nobody has seen yet
    restart(tmp_store)
    with pytest.raises(StoreCorrupt):
        LmdbStore(tmp_store)


@pytest.mark.usefixtures("history")
def test_damaged_pages_keep_a_store_from_being_opened_even_to_repair(
    tmp_store: Path,
) -> None:
    data = data_file(tmp_store).read_bytes()
    sound = data[: 2 * PAGE_SIZE_BYTES]
    data_file(tmp_store).write_bytes(sound + bytes(len(data) - len(sound)))
    restart(tmp_store)
    with pytest.raises(StoreCorrupt) as caught:
        LmdbStore(tmp_store, to_repair=True)
    assert "structure" == caught.value.details["damages"][0]["kind"]


def test_a_reader_looks_first_if_nobody_did(tmp_store: Path, history: History) -> None:
    LmdbReader.of(tmp_store).close()
    damage_every_value(tmp_store)
    restart(tmp_store)
    reader = LmdbReader.of(tmp_store)  # damaged records tell, and kill nobody
    with reader.read() as snapshot:
        assert history.mark.seq == snapshot.seq
    reader.close()
    data_file(tmp_store).write_bytes(history.image[: 9 * PAGE_SIZE_BYTES])
    with pytest.raises(StoreCorrupt) as caught:
        LmdbReader.of(tmp_store)
    assert "structure" == caught.value.details["damages"][0]["kind"]


def test_closing_in_a_forked_child_leaves_the_mark_alone(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    Client(store).do(CreateSession(session_id="a"))
    before = Mark.read(tmp_store)
    pid = os.fork()
    if pid == 0:
        store.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert before == Mark.read(tmp_store)
    store.close()
    after = Mark.read(tmp_store)
    assert after is not None
    assert (1, True) == (after.seq, after.clean)


# -- examining -----------------------------------------------------------------------


def test_a_sound_store_is_examined_to_its_end(
    tmp_store: Path, history: History
) -> None:
    found = examine(tmp_store / "store")
    assert [] == found.damages
    assert (FORMAT, history.mark.seq) == (found.format, found.seq)
    assert history.mark.txnid == found.txnid
    assert history.pages >= found.pages
    assert found.entries > history.mark.seq


@pytest.mark.parametrize("tree", ["C", "I", "L", "M", "O", "R", "S", "T", "X"])
def test_a_damaged_value_is_found_in_every_tree(tmp_store: Path, tree: str) -> None:
    store = LmdbStore(tmp_store)
    fill(store)
    client = Client(store)
    client.number = 1000
    thread = NewThread("running", "running")
    client.do(CreateThreads(session_id="r", threads=(thread,), create_session=True))
    client.do(StartRun(thread_id="running", run_id="run"))
    store.close()
    damage_a_value(tmp_store, tree, 0)
    found = examine_here(tmp_store / "store")
    assert "damaged_record" in {damage.kind for damage in found.damages}


def test_a_store_with_one_of_everything_is_sound(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    fill(store)
    store.close()
    found = examine_here(tmp_store / "store")
    assert ([], FORMAT) == (found.damages, found.format)


def test_a_lost_write_that_no_count_shows_is_found_in_the_log(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path)
    client = Client(store)
    file = data_file(tmp_path)
    client.do(CreateSession(session_id="a"))
    images = []
    for name in "uvwxyz":  # pages are used in turn: an older one has the same number
        client.do(UpdateSession(session_id="a", user_id=name))
        images.append(file.read_bytes())
    store.close()
    assert any(
        "stale" in {damage.kind for damage in found.damages}
        for old in reversed(images[:-1])
        for found in examined_with_old_page(tmp_path, old, images[-1])
    )


def examined_with_old_page(
    directory: Path, old: bytes, now: bytes
) -> Iterator[Examination]:
    """Examine the file with each page that differs put back, one at a time."""
    for at in range(2 * PAGE_SIZE_BYTES, min(len(old), len(now)), PAGE_SIZE_BYTES):
        page = old[at : at + PAGE_SIZE_BYTES]
        if page != now[at : at + PAGE_SIZE_BYTES]:
            image = now[:at] + page + now[at + PAGE_SIZE_BYTES :]
            data_file(directory).write_bytes(image)
            yield examine_here(directory / "store")
