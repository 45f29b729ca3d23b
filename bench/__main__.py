"""The command line of the benchmarks: ``python -m bench --help``."""

import argparse
import tempfile
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from bench.harness import Plan, run
from bench.machine import Machine
from bench.report import render
from bench.spec import CASES, ENGINES, KINDS

MESSAGES: Final = 20_000
_SMOKE: Final = {"callers": (16,), "seconds": 0.2, "rounds": 1, "messages": 1000}
_GROUPS: Final = (*CASES, "messaging")

T = TypeVar("T", bound=str)


def main() -> None:
    options = _parser().parse_args()
    plan = _plan(options)
    Path(options.dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weft-bench-", dir=options.dir) as folder:
        directory = Path(folder).resolve()
        machine = Machine.here(directory)
        result = run(plan, directory)
    print(render(machine, plan, result))
    if options.json is not None:
        report = {"machine": machine, "plan": plan, "result": result}
        encoded = msgspec.json.format(msgspec.json.encode(report))
        Path(options.json).write_bytes(encoded)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description="Measure Weft.")
    parser.add_argument("--only", metavar="ENGINE,...", help=", ".join(ENGINES))
    parser.add_argument("--cases", metavar="CASE,...", help=", ".join(_GROUPS))
    parser.add_argument("--kinds", metavar="KIND,...", help=", ".join(KINDS))
    parser.add_argument("--callers", default="1,64,256", help="default %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="default 2")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--dir", default=".", help="on the disk to measure; default .")
    parser.add_argument("--json", metavar="FILE", help="write all figures there, too")
    parser.add_argument(
        "--smoke", action="store_true", help="prove that all run; figures mean nothing"
    )
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    groups = _chosen(options.cases, _GROUPS)
    plan = Plan(
        engines=_chosen(options.only, ENGINES),
        cases=tuple(case for case in CASES if case in groups),
        kinds=_chosen(options.kinds, KINDS),
        callers=tuple(int(number) for number in options.callers.split(",")),
        seconds=options.seconds,
        rounds=options.rounds,
        messages=MESSAGES if "messaging" in groups else 0,
    )
    if not options.smoke:
        return plan
    quick: dict[str, Any] = dict(_SMOKE)
    if not plan.messages:
        del quick["messages"]
    return msgspec.structs.replace(plan, **quick)


def _chosen(words: str | None, known: tuple[T, ...]) -> tuple[T, ...]:
    if words is None:
        return known
    chosen = words.split(",")
    unknown = [word for word in chosen if word not in known]
    if unknown:
        raise SystemExit(f"Unknown: {', '.join(unknown)}. Known: {', '.join(known)}.")
    return tuple(word for word in known if word in chosen)


if __name__ == "__main__":
    main()
