"""``weft tree``: sessions with their threads."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from weft.daemon.printing import bold, clean, cut, emit, print_json, terminal_width
from weft.daemon.source import Doc, Source

__all__ = ["show_tree"]


def show_tree(
    source: Source, session_ids: Sequence[str], limit: int, output: str
) -> None:
    """Print sessions with their threads.

    Args:
        source: where they are read.
        session_ids: which; none for all.
        limit: how many sessions at the most.
        output: table, json or jsonl.
    """
    chosen: Iterable[Doc] = (
        map(source.session, session_ids) if session_ids else source.sessions()
    )
    branches = (
        session | {"threads": source.threads(session["session_id"])}
        for session in islice(chosen, limit)
    )
    if output == "json":
        print_json(list(branches))
        return
    for branch in branches:
        if output == "jsonl":
            print_json(branch)
        else:
            emit("".join(f"{line}\n" for line in _lines(branch)))


def _lines(session: Doc) -> Iterator[str]:
    width = terminal_width() or 1_000_000
    threads = session["threads"]
    closed = " (closed)" if session["status"] == "closed" else ""
    yield bold(cut(clean(session["session_id"]) + closed, width))
    for number, thread in enumerate(threads, 1):
        branch = "└─ " if number == len(threads) else "├─ "
        words = thread["thread_name"]
        if thread["thread_id"] != thread["thread_name"]:
            words += f"  {thread['thread_id']}"
        words += f"  {thread['status']}"
        yield cut(branch + clean(words), width)
