"""``weft replay``: logs in, a checked store and a report out.

Guarantees:
    * All logs are read and validated, and the port is bound, before the data
      directory is touched.
    * ``--metrics`` serves until the report is printed, so a last scrape agrees with
      it.
    * The exit code is 0 when the final check found nothing, 1 when it did.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from weft.actors import Runtime
from weft.daemon.chat import chat
from weft.daemon.listen import Address, bind
from weft.daemon.opening import open_runtime
from weft.daemon.plan import LogPlan, line_count, plan_logs
from weft.daemon.progress import progress
from weft.daemon.replay import replay as replay_logs
from weft.daemon.replay_report import Report, count, show_report
from weft.daemon.stop import Stop, stop_signals

__all__ = ["Options", "replay"]


class Options(msgspec.Struct, frozen=True):
    """How to replay.

    Attributes:
        metrics: where to serve metrics meanwhile; None for nowhere.
        concurrency: how many logs at once.
        as_json: print the report as JSON and not as a table.
        quiet: show no progress.
    """

    metrics: Address | None = None
    concurrency: int = 64
    as_json: bool = False
    quiet: bool = False


def replay(logdir: Path, data: Path, options: Options) -> int:
    """Replay the logs of a directory into a data directory.

    Args:
        logdir: where the logs lie.
        data: the data directory; created if it is missing.
        options: how.

    Returns:
        the exit code.

    Raises:
        LogError: a log cannot be replayed; nothing was touched.
        ListenError: there is no serving metrics there; nothing was touched.
        SessionThreadException: the data directory cannot be opened or written.
        Stopped: a signal said to stop.
    """
    stop = Stop()
    with stop_signals(stop), ExitStack() as stack:
        logs = plan_logs(logdir)
        stop.check()
        listener = bind(options.metrics) if options.metrics else None
        if listener is not None:
            stack.enter_context(listener)
        runtime = stack.enter_context(open_runtime(data, [chat]))
        if listener is not None:
            stack.enter_context(_metrics_served(runtime, listener, options))
        return _replayed(runtime, logs, data, options, stop)


def _replayed(
    runtime: Runtime, logs: Sequence[LogPlan], data: Path, options: Options, stop: Stop
) -> int:
    seconds = _drive(runtime, logs, options, stop)
    with progress("check", quiet=options.quiet) as show:
        check = runtime.check(progress=show)
    with runtime.store.read() as snapshot:
        counts = count(snapshot, logs)
    report = Report.of(counts, runtime.statistics(), seconds, check)
    try:
        if options.as_json:
            sys.stdout.write(f"{report.to_json().decode()}\n")
        else:
            show_report(report, check, data)
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader that goes away changes nothing about the replay. What is left in
        # the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if check.clean else 1


def _drive(
    runtime: Runtime, logs: Sequence[LogPlan], options: Options, stop: Stop
) -> float:
    """Replay, and return the seconds it took."""
    total, done = line_count(logs), 0
    with progress("replay", quiet=options.quiet) as show:

        def on_line() -> None:
            nonlocal done
            done += 1
            show(done, total)

        began_s = time.perf_counter()
        asyncio.run(
            replay_logs(
                runtime,
                logs,
                concurrency=options.concurrency,
                stop=stop,
                on_line=on_line,
            )
        )
        return time.perf_counter() - began_s


@contextmanager
def _metrics_served(
    runtime: Runtime, listener: socket.socket, options: Options
) -> Generator[None]:
    from weft.daemon.app import create_app
    from weft.daemon.server import BackgroundServer

    with BackgroundServer(create_app(runtime), listener) as server:
        if not options.quiet:
            sys.stderr.write(f"weft: metrics on {server.url}/metrics\n")
            sys.stderr.flush()
        yield
