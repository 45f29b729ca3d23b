"""What an HTTP face counts stands on the page of its runtime."""

from prometheus_client import CollectorRegistry

from tests.metrics.made import Made, histogram
from weft.metrics import HTTP_CATALOGUE, HttpStatistics, register, render

STATISTICS = HttpStatistics(
    requests={
        ("/threads/{thread_id}", "GET", "2xx"): 601,
        ("/threads/{thread_id}", "GET", "4xx"): 602,
        ("other", "BREW", "4xx"): 603,
    },
    duration_ns={"threads": histogram(1_000_000, 2_000_000)},
    in_flight=604,
    open_streams=605,
    rejected_connections=606,
)


class Face:
    def http_statistics(self) -> HttpStatistics:
        return STATISTICS


def registry_with_a_face() -> CollectorRegistry:
    return register(Made(), http=Face())


def test_requests_are_told_by_route_method_and_status_class() -> None:
    registry = registry_with_a_face()

    def requests(method: str, status: str, route: str) -> float | None:
        labels = {"method": method, "status_class": status, "route": route}
        return registry.get_sample_value("weft_http_requests_total", labels)

    assert 601 == requests("GET", "2xx", "/threads/{thread_id}")
    assert 602 == requests("GET", "4xx", "/threads/{thread_id}")
    assert 603 == requests("other", "4xx", "other")
    assert requests("PUT", "4xx", "/threads/{thread_id}") is None


def test_the_other_numbers_stand_under_their_names() -> None:
    value = registry_with_a_face().get_sample_value
    area = {"area": "threads"}
    assert 2 == value("weft_http_request_duration_seconds_count", area)
    assert 604 == value("weft_http_requests_in_flight")
    assert 605 == value("weft_http_open_streams")
    assert 606 == value("weft_http_rejected_connections_total")


def test_a_runtime_without_a_face_has_none_of_these() -> None:
    page, _ = render(register(Made()))
    assert b"weft_http_" not in page


def test_with_a_face_all_of_them_are_there() -> None:
    page, _ = render(registry_with_a_face())
    for metric in HTTP_CATALOGUE:
        assert f"# TYPE {metric.name} {metric.kind}\n".encode() in page
