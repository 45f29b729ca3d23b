"""What a workflow offers whose states are more than the values that it yielded.

A graph of a library has its own notion of a state: which node comes next, what a task
waits for, how an update by hand is folded into it. Whoever adapts such a library to
Weft says so with a keeper, and the daemon's endpoints ask it. Plain data crosses this
line, and operations of the store: neither side imports the other.

A view of a state is a mapping with ``values``, ``next``, ``tasks``, ``metadata``,
``created_at`` (ISO 8601, or None), ``checkpoint`` and ``parent_checkpoint`` (mappings
with ``checkpoint_ns`` and ``checkpoint_id``, or None), and ``interrupts``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from weft.storage import Operation, Store

__all__ = ["StateKeeper", "View"]

View = dict[str, Any]


class StateKeeper(Protocol):
    """Reads and plans a workflow's states; used on any OS thread, and may block."""

    def state(
        self,
        store: Store,
        thread_id: str,
        checkpoint: Mapping[str, Any] | None = None,
        *,
        subgraphs: bool = False,
    ) -> View | None:
        """Return the view of a state, None for one that is not there.

        Args:
            store: where the thread is.
            thread_id: the thread.
            checkpoint: which; the last one if omitted.
            subgraphs: have tasks show the states of graphs within, too.
        """

    def history(
        self,
        store: Store,
        thread_id: str,
        checkpoint: Mapping[str, Any] | None = None,
        *,
        limit: int,
        before: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> list[View]:
        """Return the views of states, newest first.

        Args:
            store: where the thread is.
            thread_id: the thread.
            checkpoint: of which graph within the graph, by its ``checkpoint_ns``.
            limit: how many at the most.
            before: only states older than this one.
            metadata: what a state's must have.
        """
        ...

    def update(
        self,
        store: Store,
        thread_id: str,
        checkpoint: Mapping[str, Any] | None,
        supersteps: Sequence[Sequence[Mapping[str, Any]]],
    ) -> tuple[list[Operation], dict[str, Any]]:
        """Plan an update by hand; nothing is written.

        Args:
            store: where the thread is, or will be.
            thread_id: the thread.
            checkpoint: what is updated; the last state if None.
            supersteps: one after the other; each is updates that are made together,
                with ``values``, ``as_node`` and ``command``.

        Returns:
            the operations that make the update, for one transaction, and the new
            state's checkpoint.

        Raises:
            InvalidArgument: the update is not one for this workflow.
        """
        ...

    def schemas(self) -> dict[str, Any]:
        """Return JSON schemas, None where there is none.

        Returns:
            ``input_schema``, ``output_schema``, ``state_schema``, ``config_schema``,
            ``context_schema``.
        """
        ...

    def graph(self, depth: int) -> dict[str, Any]:
        """Return ``nodes`` and ``edges``.

        Args:
            depth: how many levels of graphs within are shown in place of their node.
        """
        ...

    def subgraphs(self, namespace: str | None, *, recurse: bool) -> dict[str, Any]:
        """Return the schemas of the graphs within, by namespace."""
        ...
