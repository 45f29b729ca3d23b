"""The first pass over what graphs left: checkpoints, writes, values, who wrote.

A thread's entries lie side by side and are judged together, without a look-up
(:mod:`weft.storage.graph`); the index of runs enters a sum with the threads' marks.
"""

from collections.abc import Iterator

from weft.storage.check_sweep_work import WorkSweep
from weft.storage.checkpoints import GraphRecord
from weft.storage.graph import Graph
from weft.storage.ids import unpack_id
from weft.storage.keys_checkpoints import RUN_THREADS, belongs

__all__ = ["GraphSweep"]


class GraphSweep(WorkSweep):
    """Sweeps the tree of checkpoints."""

    def graphs(self) -> Iterator[bytes]:
        """Yield each packed id of a thread that a graph left something in, in order.

        Whoever has these ids in the same order can tell whether they know them all.
        """
        graph, thread_id, owner = Graph(""), "", RUN_THREADS
        for batch in self.batches("C"):
            self.recount.graph_entries += len(batch)
            for key, value in batch:
                record = self.decoded("C", key, value)
                if not belongs(key, record):
                    self.odd = True
                elif key[:1] == RUN_THREADS:
                    run_id, end = unpack_id(key, 1)
                    self.sums["graphs"] += hash((run_id, key[end:]))
                else:
                    if not key.startswith(owner) or owner == RUN_THREADS:
                        self._judge(graph, owner)
                        thread_id, end = unpack_id(key)
                        graph, owner = Graph(thread_id), key[:end]
                        yield owner
                    graph.add(key, record)
                    self.seen[type(record)] += isinstance(record, GraphRecord)
        self._judge(graph, owner)

    def _judge(self, graph: Graph, owner: bytes) -> None:
        self.odd |= not graph.is_sound
        for run_id, is_indexed in graph.marks.items():
            if is_indexed:
                self.sums["graphs"] -= hash((run_id, owner))
