"""The command line of the benchmarks: ``python -m bench --help``."""

import argparse
import tempfile
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from bench.harness import Plan, run
from bench.machine import Machine
from bench.report import render
from bench.results import write_results
from bench.spec import CASES, ENGINES, KINDS
from bench.specials import SPECIALS, Amount

MESSAGES: Final = 20_000
RESIDENTS: Final = 1_000_000
_SMOKE: Final = {
    "callers": (16,),
    "seconds": 0.2,
    "rounds": 1,
    "messages": 1000,
    "residents": 2000,
}
_SMOKE_AMOUNT: Final = {
    "seconds": 0.2,
    "threads": (1000, 3000),
    "residents": (100, 1000),
    "groups": (16,),
    "sessions": 100,
    "runs": 10,
    "messages": 1000,
}
_GROUPS: Final = (*CASES, "messaging", "residents", *SPECIALS)

T = TypeVar("T", bound=str)


def main() -> None:
    options = _parser().parse_args()
    plan = _plan(options)
    Path(options.dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weft-bench-", dir=options.dir) as folder:
        directory = Path(folder).resolve()
        machine = Machine.here(directory)
        result = run(plan, directory)
        if options.json is not None:
            report = {"machine": machine, "plan": plan, "result": result}
            encoded = msgspec.json.format(msgspec.json.encode(report))
            Path(options.json).write_bytes(encoded)
        page = _page(options, directory)
        if page is not None:
            write_results(machine, plan, result, page, options.note)
    print(render(machine, plan, result))


def _page(options: argparse.Namespace, scratch: Path) -> Path | None:
    """Return where RESULTS.md goes: beside this file, if all was measured."""
    if options.results is not None:
        return Path(options.results)
    if options.smoke:
        return scratch
    part = options.only or options.cases or options.kinds
    return None if part else Path(__file__).parent


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
        "--results",
        metavar="FOLDER",
        help="where RESULTS.md and plots go; default here, if all is measured",
    )
    parser.add_argument("--note", default="", help="a remark for RESULTS.md")
    parser.add_argument("--logs", metavar="FOLDER", help="chat logs to replay")
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
        residents=RESIDENTS if "residents" in groups else 0,
        amount=Amount(
            tuple(name for name in SPECIALS if name in groups),
            seconds=options.seconds,
            logs=options.logs,
        ),
    )
    if not options.smoke:
        return plan
    quick: dict[str, Any] = dict(_SMOKE)
    for group in ("messages", "residents"):
        if not getattr(plan, group):
            del quick[group]
    quick["amount"] = msgspec.structs.replace(plan.amount, **_SMOKE_AMOUNT)
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
