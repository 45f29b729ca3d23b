"""All tables of endpoints: a new one is entered here, and is served and described."""

from typing import Final

from weft.daemon.http.actor_figures import actor_figures
from weft.daemon.http.assistant_graphs import assistant_graphs
from weft.daemon.http.assistants import assistants
from weft.daemon.http.checks import checks
from weft.daemon.http.crons import crons
from weft.daemon.http.endpoint import Table
from weft.daemon.http.executions import executions
from weft.daemon.http.figures import figures
from weft.daemon.http.health import health
from weft.daemon.http.info import info
from weft.daemon.http.interactions import interactions
from weft.daemon.http.items import items
from weft.daemon.http.log import log
from weft.daemon.http.migrations import migrations
from weft.daemon.http.probes import probes
from weft.daemon.http.protocol_commands import protocol_commands
from weft.daemon.http.protocol_states import protocol_states
from weft.daemon.http.protocol_threads import protocol_threads
from weft.daemon.http.records import records
from weft.daemon.http.runs import runs
from weft.daemon.http.runs_stateless import stateless_runs
from weft.daemon.http.sessions import sessions
from weft.daemon.http.store_figures import store_figures
from weft.daemon.http.thread_events import thread_events
from weft.daemon.http.thread_search import thread_search
from weft.daemon.http.thread_storage import thread_storage
from weft.daemon.http.thread_stream import thread_stream
from weft.daemon.http.threads import threads
from weft.daemon.http.transactions import transactions
from weft.daemon.page.serving import page

__all__ = ["TABLES"]

TABLES: Final[tuple[Table, ...]] = (
    probes,
    health,
    figures,
    actor_figures,
    store_figures,
    info,
    assistants,
    assistant_graphs,
    sessions,
    thread_search,
    protocol_threads,
    protocol_states,
    thread_storage,
    threads,
    records,
    executions,
    crons,
    runs,
    stateless_runs,
    thread_stream,
    thread_events,
    protocol_commands,
    transactions,
    interactions,
    items,
    checks,
    migrations,
    log,
    page,
)
"""In this order paths are matched: a literal path before one with a part in its
place."""
