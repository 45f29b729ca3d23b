"""Second pass: what graphs left in threads, and the index of runs that leads to it."""

from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby

from weft.storage import keys
from weft.storage.check_ownership import Ownership
from weft.storage.check_scan import DAMAGED, Entry, owner_of
from weft.storage.errors import StoreCorrupt
from weft.storage.graph import Graph
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys_checkpoints import run_thread_key, writer_run_key
from weft.storage.records import Thread

__all__ = ["Graphs"]


class Graphs(Ownership):
    """Judges checkpoints, writes, values, and who wrote them."""

    def _all_graphs(self, entries: Iterable[Entry]) -> None:
        for thread_id, group in groupby(entries, owner_of):
            self._graph(thread_id, group)

    def _graph(self, thread_id: str, group: Iterable[Entry]) -> None:
        """Judge what graphs left in one thread."""
        graph, packed = Graph(thread_id), pack_id(thread_id)
        for _, rest, value in group:
            graph.add(packed + rest, value)
        thread = self._get(keys.thread_key(thread_id))
        if isinstance(thread, Thread):
            self._agree(graph, thread)
        elif thread is not DAMAGED and thread_id not in self._orphans:
            detail = f"Graphs left data in thread {thread_id!r}, which is not there."
            self._tell("checkpoint_without_thread", None, thread_id, detail)

    def _agree(self, graph: Graph, thread: Thread) -> None:
        """Judge what graphs left in a thread that lives."""
        thread_id, session_id = thread.thread_id, thread.session_id
        unmarked = graph.unmarked() if graph.is_readable else []
        for run_id, is_indexed in graph.marks.items():
            key = run_thread_key(run_id, thread_id)
            if is_indexed and self._get(key) is None:
                unmarked.append(run_id)
        if unmarked:
            self._tell(
                "missing_index_entry",
                session_id,
                thread_id,
                f"Run {unmarked[0]!r} wrote checkpoints of thread {thread_id!r}; its "
                "mark in the thread or the index of runs leaves that out.",
                about=("graph", thread_id),
                index="checkpoints",
                items=unmarked,
            )
        if not graph.is_readable:
            return
        unused, broken = graph.unused(), graph.broken()
        if unused:
            self._tell(
                "value_without_checkpoint",
                session_id,
                thread_id,
                f"{len(unused)} values of channels of thread {thread_id!r} are of no "
                "checkpoint.",
            )
        if broken:
            namespace, checkpoint_id = broken[0]
            self._tell(
                "broken_checkpoint",
                session_id,
                thread_id,
                f"Checkpoint {checkpoint_id!r} in namespace {namespace!r} of thread "
                f"{thread_id!r} is a sum of writes whose beginning is not there.",
            )

    def _graph_runs(self, entries: Iterable[Entry]) -> None:
        """Judge the index of runs by the marks that it stands for."""
        for run_id, rest, value in entries:
            if value is not DAMAGED:
                self._wrote(run_id, unpack_id(rest)[0])

    def _wrote(self, run_id: str, thread_id: str) -> None:
        if self._get(writer_run_key(thread_id, run_id)):  # a damaged one is true
            return
        graph = Graph(thread_id)
        with suppress(StoreCorrupt):  # that is told where it lies
            for key, value in self.snapshot.graph_entries(thread_id):
                graph.add(key[-1], value)
        if run_id not in graph.unmarked():  # or that is the root, and told there
            self._tell(
                "dangling_index_entry",
                self._session_of(thread_id),
                thread_id,
                f"The index has checkpoints of run {run_id!r} in thread "
                f"{thread_id!r}, which knows of none.",
                about=("graph", thread_id),
                index="checkpoints",
                items=(run_id,),
            )
