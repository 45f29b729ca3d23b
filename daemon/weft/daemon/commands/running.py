"""``weft run`` and ``weft stream``: a thread's workflow, from the shell."""

from typing import TYPE_CHECKING, Any

import click

from weft.daemon.commands.choices import (
    of_session_option,
    output_option,
    quiet_option,
    targeted,
)
from weft.daemon.commands.completing import complete_thread

if TYPE_CHECKING:
    from weft.daemon.remote import Remote
    from weft.daemon.target import Target

__all__ = ["run", "stream"]

_workflow_option = click.option(
    "--workflow", metavar="NAME", help="What to run.  [default: the thread's own]"
)
_create_option = click.option(
    "--create",
    is_flag=True,
    help="With --session: create the thread, and the session, if they are missing.",
)


@click.command()
@click.argument("thread", shell_complete=complete_thread)
@click.argument("text", required=False, metavar="[INPUT]")
@of_session_option
@_create_option
@_workflow_option
@output_option
@targeted(data=False)
def run(
    target: "Target", thread: str, text: str | None, output: str, **options: Any
) -> None:
    """Run a thread's workflow and print its result.

    INPUT is a JSON object, @FILE for that of a file, - for that of stdin; omitted it is
    stdin where that is no terminal. The workflow gets it as its config.
    """
    from weft.daemon.printing import print_json
    from weft.daemon.remote_problems import raise_failure

    del output  # the result is JSON, whatever was asked for
    body = _body(text)
    with target.remote() as remote:
        thread_id, path = _place(remote, thread, "wait", body, **options)
        result = remote.ask("POST", path, body)
    raise_failure(result, thread_id)
    print_json(result)


@click.command()
@click.argument("thread", shell_complete=complete_thread)
@click.argument("text", required=False, metavar="[INPUT]")
@of_session_option
@_create_option
@_workflow_option
@quiet_option
@targeted(data=False)
def stream(
    target: "Target", thread: str, text: str | None, quiet: bool, **options: Any
) -> None:
    """Run a thread's workflow and print each state as it comes.

    Each is a line of JSON. INPUT is as for `weft run`. Ctrl-C stops the looking on;
    the run goes on.
    """
    from weft.daemon.printing import print_json
    from weft.daemon.remote_problems import raise_failure

    body = _body(text) | {"stream_mode": ["values"], "on_disconnect": "continue"}
    with target.remote() as remote:
        thread_id, path = _place(remote, thread, "stream", body, **options)
        for event in remote.events("POST", path, body):
            if event.event == "values":
                print_json(event.data)
            elif event.event == "metadata" and not quiet:
                click.echo(f"weft: run {event.data.get('run_id')}", err=True)
            elif event.event == "error":
                raise_failure({"__error__": event.data}, thread_id)


def _body(text: str | None) -> dict[str, Any]:
    from weft.daemon.commands.values import json_value

    value = json_value(text)
    if value is not None and not isinstance(value, dict):
        raise click.UsageError("INPUT is no JSON object.")
    return {"input": value}


def _place(
    remote: "Remote",
    thread: str,
    what: str,
    body: dict[str, Any],
    *,
    session_id: str | None,
    create: bool,
    workflow: str | None,
) -> tuple[str, str]:
    """Return the thread's id and the path of its runs; name its workflow."""
    from weft.daemon.source import RemoteSource
    from weft.daemon.wire import path_of
    from weft.storage import SessionNotFound, ThreadNotFound

    if create and session_id is None:
        raise click.UsageError("--create goes with --session.")
    try:
        found = RemoteSource(remote).thread(thread, session_id)
    except (SessionNotFound, ThreadNotFound):
        if not create or session_id is None:
            raise
        _create(remote, thread, session_id, workflow)
        found = RemoteSource(remote).thread(thread, session_id)
    body["assistant_id"] = workflow or found["workflow"] or "default"
    thread_id: str = found["thread_id"]
    return thread_id, path_of("threads", thread_id, "runs", what)


def _create(remote: "Remote", name: str, session_id: str, workflow: str | None) -> None:
    from weft.daemon.wire import path_of

    spec = {"name": name} | ({"workflow": workflow} if workflow else {})
    body = {"threads": [spec], "create_session": True}
    remote.ask("POST", path_of("sessions", session_id, "threads"), body)
