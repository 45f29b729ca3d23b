"""An agent works with a daemon through ``weft mcp``, as its own client speaks to it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("mcp", reason="needs the extra [mcp]")

from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client

from tests.daemon.child import environment, run_weft
from tests.daemon.cli.conftest import SECRET
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.http import HttpSettings, Tokens
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.storage import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from tests.daemon.cli.conftest import Daemon

DEADLINE_S = 30
READER = "a-secret-that-may-only-read"


class Agent:
    """What an agent's client does with a server of tools."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def tools(self) -> dict[str, Any]:
        """Return what is offered, by name."""
        return {tool.name: tool for tool in (await self.client.list_tools()).tools}

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """Return a tool's result."""
        result = await self.client.call_tool(name, arguments)
        assert not result.is_error, result.content
        content = result.structured_content
        assert isinstance(content, dict)
        return content["result"] if set(content) == {"result"} else content

    async def refusal(self, name: str, /, **arguments: Any) -> str:
        """Return what a tool says where it fails."""
        result = await self.client.call_tool(name, arguments)
        assert result.is_error, result.structured_content
        (words,) = result.content
        assert words.type == "text"
        return words.text


@asynccontextmanager
async def agent(*options: str, **env: str) -> AsyncIterator[Agent]:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "weft.daemon", "mcp", *options],
        env=environment(**env),
    )
    async with asyncio.timeout(DEADLINE_S), Client(stdio_client(server)) as client:
        yield Agent(client)


def talk(
    daemon: Daemon, say: Callable[[Agent], Coroutine[Any, Any, None]], *options: str
) -> None:
    """Let an agent talk to a daemon."""

    async def session() -> None:
        async with agent("--url", daemon.url, *options) as one:
            await say(one)

    asyncio.run(session())


def test_an_agent_creates_runs_moves_and_removes_a_thread(served: Daemon) -> None:
    async def say(one: Agent) -> None:
        await one.call("create_session", session_id="mcp-a", user_id="ann")
        made = await one.call(
            "create_thread", session_id="mcp-a", name="notes", workflow="count"
        )
        thread_id = made["thread_id"]
        ran = await one.call("run_thread", thread_id=thread_id, input={"to": 3})
        assert {"counted": 3} == ran
        moved = await one.call(
            "transfer_thread",
            thread_id=thread_id,
            from_session_id="mcp-a",
            to_session_id="mcp-b",
        )
        assert "mcp-b" == moved["session_id"]
        assert [] == await one.call("list_threads", session_id="mcp-a")
        await one.call("rename_thread", thread_id=thread_id, new_thread_name="memos")
        found = await one.call("get_thread", thread="memos", session_id="mcp-b")
        assert (thread_id, {"counted": 3}) == (
            found["thread_id"],
            found["state"]["values"],
        )
        steps = await one.call("thread_history", thread_id=thread_id)
        assert [3, 2, 1] == [state["values"]["counted"] for state in steps]
        await one.call("remove_thread", session_id="mcp-b", thread_id=thread_id)
        assert [] == await one.call("list_threads", session_id="mcp-b")
        kinds = await one.call("list_operations", thread_id=thread_id, limit=3)
        assert "RemoveThreads" == kinds[0]["kind"]

    talk(served, say)


def test_an_agent_finds_sessions_workflows_and_runs(served: Daemon) -> None:
    async def say(one: Agent) -> None:
        for name in ("mcp-find-1", "mcp-find-2"):
            await one.call("create_session", session_id=name)
        page = await one.call("list_sessions", search="mcp-find", limit=1)
        assert 1 == len(page["sessions"])
        rest = await one.call(
            "list_sessions", search="mcp-find", cursor=page["next_cursor"]
        )
        found = [*page["sessions"], *rest["sessions"]]
        assert {"mcp-find-1", "mcp-find-2"} == {each["session_id"] for each in found}
        assert {"count", "fail"} <= set(await one.call("list_workflows"))
        made = await one.call(
            "create_thread", session_id="mcp-find-1", name="x", workflow="count"
        )
        run = await one.call("start_run", thread_id=made["thread_id"])
        runs = await one.call("list_runs", thread_id=made["thread_id"])
        assert [run["run_id"]] == [each["run_id"] for each in runs]
        report = await one.call("check_session", session_id="mcp-find-1")
        assert report["clean"]

    talk(served, say)


def test_a_refusal_is_told_with_its_remedy(served: Daemon) -> None:
    async def say(one: Agent) -> None:
        words = await one.refusal("get_session", session_id="nobody-here")
        assert "'nobody-here' does not exist" in words
        assert "Create it first" in words

    talk(served, say)


def test_a_workflow_that_fails_is_told(served: Daemon) -> None:
    async def say(one: Agent) -> None:
        made = await one.call(
            "create_thread", session_id="mcp-fail", name="x", workflow="fail"
        )
        words = await one.refusal("run_thread", thread_id=made["thread_id"])
        assert "no luck" in words

    talk(served, say)


def test_read_only_offers_nothing_that_changes_anything(served: Daemon) -> None:
    async def say(one: Agent) -> None:
        tools = await one.tools()
        assert "list_sessions" in tools
        assert all(tool.annotations.read_only_hint for tool in tools.values())
        assert not {"create_thread", "remove_thread", "run_thread"} & set(tools)

    talk(served, say, "--read-only")


def test_every_tool_says_what_it_does_and_what_it_destroys(served: Daemon) -> None:
    async def say(one: Agent) -> None:
        tools = await one.tools()
        assert all(tool.description for tool in tools.values())
        destructive = {
            name for name, tool in tools.items() if tool.annotations.destructive_hint
        }
        assert {"remove_thread"} == destructive

    talk(served, say)


def test_the_tokens_rights_are_the_agents(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(f"{SECRET} name=admin\n{READER} name=reader scopes=read\n")

    async def say(url: str) -> None:
        async with agent("--url", url, WEFT_TOKEN=SECRET) as one:
            await one.call("create_session", session_id="a")
        async with agent("--url", url, WEFT_TOKEN=READER) as one:
            page = await one.call("list_sessions")
            assert ["a"] == [each["session_id"] for each in page["sessions"]]
            words = await one.refusal("create_session", session_id="b")
            assert "may not write" in words

    with (
        Runtime.open(store=MemoryStore()) as runtime,
        BackgroundServer(
            create_app(runtime, HttpSettings(), Tokens(tokens)),
            bind(Address("127.0.0.1", 0)),
        ) as server,
    ):
        asyncio.run(say(server.url))


def test_a_wrong_token_is_told_before_anything_is_served(guarded: Daemon) -> None:
    wrong = environment(WEFT_TOKEN="wrong" * 4)
    said = run_weft("mcp", "--url", guarded.url, env=wrong)
    assert (77, "") == (said.returncode, said.stdout)
    assert "Show a token" in said.stderr


def test_no_daemon_is_told_before_anything_is_served() -> None:
    said = run_weft("mcp", "--url", "http://127.0.0.1:9")
    assert (69, "") == (said.returncode, said.stdout)
    assert "weft serve" in said.stderr
