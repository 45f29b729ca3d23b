"""Goals compare what was measured in the same rounds, and say so only then."""

from collections.abc import Sequence

import pytest

from bench.goals import Cells, Goal, goals_of
from bench.growth import GrowthMeasurement
from bench.harness import Cell, Result
from bench.probe import Flushes
from bench.reads import ReadsMeasurement
from bench.spec import Case, EngineName, Kind, Measurement
from bench.specials import Specials
from bench.tail import TailMeasurement


def measured(rate: float = 1000.0, cpu_us: float = 10.0) -> Measurement:
    operations, elapsed_s = 1000, 1000 / rate
    return Measurement(operations, elapsed_s, operations * cpu_us / 1e6, 1.0, 2.0, 1.0)


def cell(
    engine: EngineName,
    rates: Sequence[float],
    *,
    case: Case = "create",
    kind: Kind = "threads",
    callers: int = 64,
    cpu_us: float = 10.0,
) -> Cell:
    rounds = [measured(rate, cpu_us) for rate in rates]
    return Cell(case, kind, callers, engine, rounds)


def result(*cells: Cell, specials: Specials | None = None) -> Result:
    return Result(
        fsync_us=[100.0],
        cells=list(cells),
        messaging={},
        residents={},
        stock_limit=None,
        specials=specials or Specials(),
        missing={},
        load=[0.0],
    )


def goal(found: Result, words: str) -> Goal:
    (one,) = [one for one in goals_of(found) if words in one.what]
    return one


def test_without_measurements_no_goal_has_a_verdict() -> None:
    goals = goals_of(result())
    assert goals
    assert {None} == {one.reached for one in goals}
    assert {""} == {one.measured for one in goals}


def test_every_goal_is_named_once() -> None:
    names = [one.what for one in goals_of(result())]
    assert len(set(names)) == len(names)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    # The ratio of the medians would be 1.0: rounds of other weather were mixed then.
    found = result(cell("weft", [100, 400, 900]), cell("sqlite-group", [200, 100, 400]))
    group = goal(found, "64 OS threads: throughput as a multiple of sqlite-group")
    assert "create 2.25 x" == group.measured
    assert group.reached


def test_a_goal_is_reached_only_if_every_case_reaches_it() -> None:
    good = [cell("weft", [130]), cell("sqlite-group", [100])]
    bad = [
        cell("weft", [129], case="transfer"),
        cell("sqlite-group", [100], case="transfer"),
    ]
    words = "64 OS threads: throughput as a multiple of sqlite-group"
    assert goal(result(*good), words).reached
    both = goal(result(*good, *bad), words)
    assert "create 1.3 x, transfer 1.29 x" == both.measured
    assert not both.reached


@pytest.mark.parametrize(("rate", "reached"), [(49.9, False), (50.0, True)])
def test_a_limit_is_reached_at_its_value(rate: float, *, reached: bool) -> None:
    found = result(cell("weft", [rate], callers=1), cell("sqlite3", [100], callers=1))
    single = goal(found, "1 caller")
    assert ">= 0.5 x" == single.wanted
    assert reached == single.reached


def test_callers_of_one_kind_are_compared_with_the_same_kind() -> None:
    found = result(
        cell("weft", [300], kind="asyncio"), cell("sqlite-group", [100], kind="threads")
    )
    assert goal(found, "64 asyncio tasks: throughput").reached is None


def test_a_rival_that_waits_in_another_way_is_taken_at_its_best() -> None:
    found = result(
        cell("weft", [100], kind="threads"),
        cell("weft", [900], kind="messages"),
        cell("postgres", [100], callers=1),
        cell("postgres", [200], callers=16),
    )
    against = goal(found, "64 callers: throughput as a multiple of PostgreSQL")
    assert "create 4.5 x" == against.measured
    assert against.reached


def test_the_best_cell_is_looked_for_among_so_many_callers() -> None:
    few, many = cell("weft", [100], callers=64), cell("weft", [200], callers=256)
    cells = Cells([few, many])
    assert many == cells.best("create", "weft")
    assert few == cells.best("create", "weft", 64)
    assert cells.best("create", "weft", 1) is None


def test_cpu_time_of_an_operation_is_a_limit_from_above() -> None:
    found = result(
        cell("weft", [100, 100], callers=256, cpu_us=40.0),
        cell("weft", [100, 100], callers=256, cpu_us=41.0, case="append"),
    )
    cost = goal(found, "256 threads: CPU us")
    assert "create 40 us, append 41 us" == cost.measured
    assert not cost.reached


def test_what_actors_log_and_feed_cost_is_a_ratio_of_cpu_time() -> None:
    found = result(
        cell("weft", [1], kind="messages", callers=256, cpu_us=60.0),
        cell("weft-plain", [9], kind="messages", callers=256, cpu_us=30.0),
    )
    extras = goal(found, "actors, operation log and feed")
    assert "create 2 x" == extras.measured
    assert extras.reached


def test_a_tail_is_judged_by_the_middle_round_of_its_case() -> None:
    rounds = [tail(p99_us, 10_000.0) for p99_us in (5_000.0, 11_000.0, 90_000.0)]
    found = goal(result(specials=Specials(tails={"create": rounds})), "p99 in ms")
    assert "create 11.0 of 10.0" == found.measured
    assert found.reached is False


def tail(p99_us: float, limit_us: float) -> TailMeasurement:
    flushes = Flushes(number=1, p50_us=0.0, p99_us=1_000.0)
    return TailMeasurement(p99_us, limit_us - flushes.p99_us, flushes)


def test_growth_compares_the_largest_store_with_the_smallest() -> None:
    sizes = {
        1000: [growth(10.0), growth(20.0)],
        10_000: [growth(900.0), growth(900.0)],
        1_000_000: [growth(12.0), growth(26.0)],
    }
    found = goal(result(specials=Specials(growth=sizes)), "300 sessions")
    assert "1,000,000 threads to 1,000" in found.what
    assert "CPU 1.25 x" == found.measured
    assert found.reached


def growth(cpu_us: float) -> GrowthMeasurement:
    return GrowthMeasurement(cpu_us, rate=1.0, p50_us=1.0)


def test_reads_are_ratios_of_the_rivals_time_to_ours() -> None:
    rounds = [ReadsMeasurement(sqlite_us=40.0, weft_us=80.0, names_us=20.0, wake_us=50)]
    found = result(specials=Specials(reads=rounds))
    assert "0.5 x" == goal(found, "records read").measured
    assert goal(found, "names and ids").reached
    assert goal(found, "waking it").reached
