"""Workflows: how they are named, registered, chosen and configured."""

from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import answer, contents, failure
from weft.actors import ExecutionContext, RetryPolicy, Runtime, Workflow, workflow
from weft.actors.workflow import Workflows
from weft.storage import InvalidArgument, WorkflowNotRegistered


def test_a_decorated_function_is_a_workflow_and_still_a_function() -> None:
    @workflow
    def plain(_context: Any, config: Any) -> Any:
        return config

    @workflow(name="other", version="2")
    def named(_context: Any, config: Any) -> Any:
        return config

    assert ("plain", "1") == (plain.name, plain.version)
    assert ("other", "2") == (named.name, named.version)
    assert {"a": 1} == plain(None, {"a": 1})


def test_a_mapping_gives_workflows_their_names() -> None:
    @workflow(name="own", version="3")
    def own(_context: Any, _config: Any) -> None: ...

    found = Workflows({"given": own, "bare": print})
    assert ["given", "bare"] == [one.name for one in found]
    assert "3" == found.get("given").version
    assert "own" not in found


@pytest.mark.parametrize("wrong", [5, "name", None])
def test_what_cannot_be_called_is_no_workflow(wrong: Any) -> None:
    with pytest.raises(InvalidArgument):
        Workflows([wrong])


async def later(_context: Any, _config: Any) -> None: ...


async def stream(_context: Any, _config: Any) -> Any:
    yield 1


def plain_stream(_context: Any, _config: Any) -> Any:
    yield 1


@pytest.mark.parametrize("function", [later, stream])
def test_what_is_asynchronous_runs_on_an_event_loop(function: Any) -> None:
    assert "asyncio" == workflow(function).executor
    assert "asyncio" == workflow(executor="asyncio")(function).executor
    for wrong in ("threads", "processes"):
        with pytest.raises(InvalidArgument, match=function.__name__):
            workflow(executor=wrong)(function)


def test_a_plain_generator_is_kept_from_an_event_loop() -> None:
    with pytest.raises(InvalidArgument, match="async def"):
        workflow(executor="asyncio")(plain_stream)


@pytest.mark.parametrize(
    "wrong",
    [
        {"executor": "elsewhere"},
        {"concurrency_max": 0},
        {"concurrency_max": "1"},
        {"timeout_s": 0},
        {"timeout_s": "1"},
        {"policy": "often"},
        {"policy": RetryPolicy()},
    ],
)
def test_wrong_options_of_a_workflow_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        workflow(**wrong)(plain_stream)


def test_a_process_gets_functions_only_that_it_can_import() -> None:
    def inside(_context: Any, _config: Any) -> None: ...

    for function in (inside, lambda _context, _config: None):
        with pytest.raises(InvalidArgument, match="top of a module"):
            workflow(executor="processes")(function)
    unbound = workflow(executor="processes")(plain_stream)
    assert unbound in list(Workflows([unbound]))
    with pytest.raises(InvalidArgument, match="something else"):
        Workflows([workflow(executor="processes")(_shadowed_function)])


def _shadowed(_context: Any, _config: Any) -> None: ...


_shadowed_function, _shadowed = _shadowed, print  # type: ignore[assignment]


def test_two_workflows_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="Two workflows"):
        Workflows([print, print])


def test_an_unknown_workflow_is_told_with_those_that_are_known() -> None:
    with pytest.raises(WorkflowNotRegistered, match=r"registered: print") as caught:
        Workflows([print]).get("nothing")
    assert {"workflow": "nothing"} == caught.value.details
    with pytest.raises(WorkflowNotRegistered, match=r"registered: none"):
        Workflows().find("nothing").function(None, None)


# Which one runs, and with what


def test_a_thread_without_a_workflow_runs_the_default_one(runtime: Runtime) -> None:
    notes = answer(runtime.session("alice").create_thread("notes"))
    assert {"runs": 1} == answer(notes.run())


def test_without_a_default_a_thread_needs_a_workflow() -> None:
    with Runtime.open(store=_memory()) as runtime:
        notes = answer(runtime.session("alice").create_thread("notes"))
        before = contents(runtime, log=True)
        error = failure(notes.run())
        assert WorkflowNotRegistered is type(error)
        assert "'default'" in error.message
        assert before == contents(runtime, log=True)


def test_an_unregistered_workflow_changes_nothing(runtime: Runtime) -> None:
    notes = answer(runtime.session("alice").create_thread("notes", "nothing"))
    before = contents(runtime, log=True)
    calls: list[Any] = [
        notes.run,
        lambda: notes.run(workflow="other"),
        lambda: runtime.coordinator.execute_workflow_in_session("alice", "notes"),
    ]
    for call in calls:
        assert WorkflowNotRegistered is type(failure(call()))
    assert before == contents(runtime, log=True)
    assert {} == runtime._services.live_runs
    assert {"a": 1} == answer(notes.run({"a": 1}, workflow="echo"))


def test_a_run_may_override_the_workflow_of_its_thread(runtime: Runtime) -> None:
    notes = answer(runtime.session("alice").create_thread("notes", "echo"))
    assert 3 == answer(notes.run(workflow="count"))
    assert {} == answer(notes.run())
    runs = answer(runtime.coordinator.list_runs(notes.thread_id))
    assert ["count", "echo"] == sorted(run.workflow for run in runs)


def test_a_runs_config_updates_the_threads(runtime: Runtime) -> None:
    notes = answer(
        runtime.session("alice").create_thread("notes", "echo", config={"a": 1, "b": 1})
    )
    assert {"a": 1, "b": 2, "c": 3} == answer(notes.run({"b": 2, "c": 3}))
    assert {"a": 1, "b": 1} == answer(notes.run())
    assert {"a": 1, "b": 1} == answer(notes.get()).config


def test_a_workflow_that_spoils_its_config_spoils_its_own(open_runtime: Open) -> None:
    def spoil(_context: ExecutionContext, config: Any) -> Any:
        config["lines"].append(1)
        return config

    runtime = open_runtime(workflows={"spoil": spoil})
    notes = answer(
        runtime.session("alice").create_thread("notes", "spoil", config={"lines": []})
    )
    assert [{"lines": [1]}] * 2 == [answer(notes.run()) for _ in range(2)]


def test_a_run_remembers_the_version_of_its_workflow(open_runtime: Open) -> None:
    versioned = workflow(version="7")(lambda _context, _config: 1)
    assert isinstance(versioned, Workflow)
    runtime = open_runtime(workflows={"it": versioned})
    notes = answer(runtime.session("alice").create_thread("notes", "it"))
    answer(notes.run())
    (run,) = answer(runtime.coordinator.list_runs(notes.thread_id))
    assert ("it", "7") == (run.workflow, run.workflow_version)


def _memory() -> Any:
    from weft.storage import MemoryStore

    return MemoryStore()
