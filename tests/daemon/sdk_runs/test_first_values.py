"""What a run of a graph began with, told to whoever comes, whenever."""

from tests.daemon.http.event_support import EVENTS, shown, started, told, wanted
from tests.daemon.http.run_support import Client

COMPLETED = ("lifecycle", "completed")


def logs(server: Client, **given: int) -> list[list[str]]:
    """Return the values that a reader hears until a run is completed."""
    found: list[list[str]] = []
    asked = wanted("values", "lifecycle", **given)
    with server.events("POST", EVENTS, **asked) as events:
        for event in events:
            if shown(event) == COMPLETED:
                break
            if event.event == "values":
                found.append(shown(event)[1]["log"])
    return found


def test_it_is_told_to_late_readers_and_to_those_who_go_on(server: Client) -> None:
    server.begin_anew()
    started(server, "asking", input={"log": ["in"]})
    with server.events("POST", EVENTS, **wanted("input")) as events:
        interrupt_id = shown(events.take(1)[0])[1]["interrupt_id"]
    answer = {"interrupt_id": interrupt_id, "response": "yes"}
    before = told(server, "input.respond", **answer)["meta"]["applied_through_seq"]
    second = [["in", "a"], ["in", "a", "yes"], ["in", "a", "yes", "z"]]
    assert second == logs(server, since=before)
    first = logs(server)[: -len(second)]
    assert [["in"], ["in", "a"]] == first[:2]
    server.app.site.tapes._ended.clear()  # as after a restart
    assert [*first, *second] == logs(server)
