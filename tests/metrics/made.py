"""Statistics made by hand: no two numbers are alike, so that a mix-up shows."""

from weft.actors import RuntimeStatistics
from weft.actors.collector import CollectorStatistics
from weft.actors.dispatcher import DispatcherStatistics
from weft.actors.loop_executor import LoopStatistics
from weft.actors.pool import PoolStatistics
from weft.actors.process_executor import ProcessStatistics
from weft.actors.retention import RetentionStatistics
from weft.storage import StoreStatistics, WriterStatistics
from weft.storage.check import KINDS, CheckStatisticsSnapshot
from weft.storage.engine import EngineStatistics
from weft.storage.records import Counters
from weft.storage.statistics import Histogram, HistogramSnapshot


def histogram(*values: int) -> HistogramSnapshot:
    """Return what a histogram of these values holds."""
    made = Histogram()
    for value in values:
        made.observe(value)
    return made.snapshot()


DISPATCHER = DispatcherStatistics(
    turns=101,
    dead_letters=102,
    queued=103,
    mailbox_wait={"session": histogram(2_000), "thread": histogram(3_000, 5_000)},
    turn_time={"session": histogram(7_000), "juggler": histogram(11_000)},
    dead_letters_by_reason={"stopped": 104, "quarantined": 105},
    refused=106,
    long_turns={"user": 107},
    crashes=108,
    lag_ns=109_000_000_000,
)
WRITER = WriterStatistics(
    operations={
        ("CreateThreads", "applied"): 201,
        ("StartRun", "refused"): 202,
        ("Repair", "applied"): 207,
        ("Repair", "refused"): 208,
        ("Repair", "failed"): 209,
    },
    duration_ns={"StartRun": histogram(1_000_000, 3_000_000)},
    commit_ns=histogram(200_000, 400_000, 900_000),
    group_operations=histogram(1, 2, 40, 8_192),
    queued=203,
    read_only=True,
    queue_wait_ns=histogram(13_000),
    refusals={"NameTaken": 204},
    in_flight=205,
    lag_ns=206_000_000_000,
)
STORE = StoreStatistics(
    seq=301,
    counters=Counters(
        sessions={"open": 302, "closed": 303},
        threads={"idle": 304, "busy": 305},
        runs={"success": 306},
        states=307,
        interactions=308,
        associations=309,
        tombstones=310,
        items=330,
    ),
    engine=EngineStatistics(
        map_size_bytes=311,
        used_bytes=312,
        file_bytes=313,
        readers=314,
        entries={"S": 315, "X": 316},
        free_bytes=317,
        disk_free_bytes=318,
    ),
    decide_ns=histogram(17_000),
    flush_ns=histogram(19_000),
)
CLEAN: dict[str, int] = dict.fromkeys(KINDS, 0)
CHECK = CheckStatisticsSnapshot(
    checks=401,
    findings=CLEAN | {"log_gap": 402},
    last_findings=CLEAN | {"damaged_record": 403},
    last_clean_at_us=1_700_000_000_250_000,
    duration_ns=histogram(5_000_000),
)
STATISTICS = RuntimeStatistics(
    dispatcher=DISPATCHER,
    writer=WRITER,
    store=STORE,
    check=CHECK,
    pool=PoolStatistics(
        threads=501, idle=502, queued=503, done=504, waiting=519, abandoned=520
    ),
    loops=LoopStatistics(loops=521, blocked=20, running=523, done=524),
    processes=ProcessStatistics(
        processes=525, idle=26, running=527, queued=528, died=529
    ),
    runs_held=530,
    runs_pending=531,
    stale_writes=532,
    actors={("session", "idle"): 505, ("thread", "running"): 506},
    runs={"success": 507, "error": 508},
    restarts=509,
    restarts_by_kind={"session": 510, "thread": 511},
    started={"session": 512, "thread": 513},
    stopped={("session", "passivated"): 514, ("thread", "removed"): 515},
    quarantines=516,
    asks=520,
    reply_ns=histogram(23_000),
    collector=CollectorStatistics(
        pauses={"0": histogram(20_000), "2": histogram(30_000_000)},
        pause_max_ns=517_000_000,
        full_collections=518,
    ),
    retention=RetentionStatistics(
        forgotten={"operations": 510, "states": 511}, rounds=512, failures=513
    ),
)


class Made:
    """A source of statistics made by hand."""

    def statistics(self) -> RuntimeStatistics:
        """Return them."""
        return STATISTICS
