"""Every request is counted once, under the template of its path."""

from starlette.testclient import TestClient

from tests.daemon.asking import ask, connected
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.metrics import HttpStatistics
from weft.storage import MemoryStore


def counted(*requests: tuple[str, str]) -> HttpStatistics:
    """Return what is counted after these requests."""
    with Runtime.open(store=MemoryStore()) as runtime:
        app = create_app(runtime)
        client = TestClient(app, base_url="http://127.0.0.1")
        for method, path in requests:
            client.request(method, path)
        return app.site.counter.http_statistics()


def test_requests_are_counted_by_route_method_and_class_of_status() -> None:
    found = counted(("GET", "/livez"), ("GET", "/livez"), ("HEAD", "/livez"))
    expected = {("/livez", "GET", "2xx"): 2, ("/livez", "HEAD", "2xx"): 1}
    assert expected == found.requests
    assert {"daemon": 3} == {k: h.count for k, h in found.duration_ns.items()}
    assert 0 == found.in_flight == found.open_streams


def test_ids_in_paths_make_no_series() -> None:
    found = counted(*[("GET", f"/threads/t{n}") for n in range(20)])
    assert {("/threads/{thread_id}", "GET", "4xx"): 20} == found.requests


def test_paths_that_there_are_not_make_one_series() -> None:
    found = counted(("GET", "/a"), ("GET", "/b/c"))
    assert {("other", "GET", "4xx"): 2} == found.requests


def test_what_the_gate_refuses_is_counted_as_well() -> None:
    found = counted(("GET", "/livez%00"))
    assert {("other", "GET", "4xx"): 1} == found.requests


def test_the_page_of_metrics_has_it() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        client = TestClient(create_app(runtime), base_url="http://127.0.0.1")
        client.get("/livez")
        page = client.get("/metrics").text
    series = 'weft_http_requests_total{method="GET",route="/livez",status_class="2xx"}'
    assert f"{series} 1.0\n" in page
    assert "\nweft_http_requests_in_flight 1.0\n" in page


def test_connections_that_are_turned_away_are_counted() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        app = create_app(runtime)
        reject = app.site.counter.reject_connection
        listener = bind(Address("127.0.0.1", 0))
        options = {"connections_max": 1, "on_rejected": reject}
        with BackgroundServer(app, listener, **options) as server:
            with connected(server.url) as first:
                first.request("GET", "/livez")
                assert first.getresponse().read()
                assert 503 == ask(f"{server.url}/livez").status
            found = app.site.counter.http_statistics()
    assert 1 == found.rejected_connections
