"""Trying to get in."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import (
    ADMIN,
    ALICE,
    READER,
    bearer,
    client_of,
    detail_of,
    token_file,
)
from weft.actors import Runtime
from weft.daemon.http.gate import OPEN_PATHS

GOOD = bearer(ADMIN)


# -- without a token -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sessions"),
        ("HEAD", "/sessions"),
        ("POST", "/sessions"),
        ("GET", "/sessions/a"),
        ("POST", "/transactions"),
        ("POST", "/check"),
        ("POST", "/repair"),
        ("GET", "/operations"),
        ("GET", "/events"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/no/such/path"),
        ("DELETE", "/sessions"),
        ("OPTIONS", "/sessions"),
        ("GET", "http://127.0.0.1:8123//livez"),
        ("GET", "/livez/../sessions"),
        ("GET", "/livez%2F..%2Fsessions"),
        ("GET", "/readyz%00"),
        ("GET", "/LIVEZ"),
    ],
)
def test_nothing_is_told_without_a_token(
    guarded: TestClient, method: str, path: str
) -> None:
    answer = guarded.request(method, path)
    assert answer.status_code in {400, 401}
    if answer.status_code == 401:
        assert "Bearer" == answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", sorted(OPEN_PATHS - {"/ok"}))
def test_probes_need_no_token(guarded: TestClient, path: str) -> None:
    assert 200 == guarded.get(path).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {ADMIN[:-1]}"},
        {"Authorization": f"Bearer {ADMIN}x"},
        {"Authorization": f"Bearer {ADMIN.upper()}"},
        {"Authorization": f"Basic {ADMIN}"},
        {"Authorization": ADMIN},
        {"X-Api-Key": "wrong"},
        {"X-Forwarded-User": "admin"},
        {"Cookie": f"token={ADMIN}"},
        {"Authorization": b"Bearer \xff\xfe\xfd"},
    ],
    ids=str,
)
def test_what_is_no_token_is_refused(
    guarded: TestClient, headers: dict[str, str]
) -> None:
    assert "token" in detail_of(guarded.get("/sessions", headers=headers), 401)


def test_a_token_in_the_query_is_none(guarded: TestClient) -> None:
    answer = guarded.get(f"/sessions?token={ADMIN}&access_token={ADMIN}")
    assert 401 == answer.status_code


def test_a_wrong_token_beside_a_right_one_is_refused(guarded: TestClient) -> None:
    both = [("Authorization", f"Bearer {ADMIN}"), ("Authorization", "Bearer wrong")]
    assert 401 == guarded.get("/sessions", headers=both).status_code


@pytest.mark.parametrize(
    "headers", [GOOD, {"X-Api-Key": ADMIN}, {"authorization": f"bearer {ADMIN}"}]
)
def test_a_token_lets_in(guarded: TestClient, headers: dict[str, str]) -> None:
    assert 200 == guarded.get("/sessions", headers=headers).status_code


def test_no_refusal_shows_a_secret(guarded: TestClient) -> None:
    for headers in (bearer(f"{ADMIN}x"), bearer("guess-guess-guess")):
        answer = guarded.get("/sessions", headers=headers)
        assert ADMIN not in answer.text
        assert "guess" not in answer.text


# -- with a token that may less ------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sessions"),
        ("PATCH", "/sessions/a"),
        ("POST", "/sessions/a/close"),
        ("POST", "/sessions/a/threads"),
        ("DELETE", "/sessions/a/threads/t"),
        ("POST", "/threads/t/transfer"),
        ("POST", "/threads/t/rename"),
        ("POST", "/transactions"),
        ("POST", "/sessions/a/interactions"),
        ("POST", "/repair"),
    ],
)
def test_a_reader_changes_nothing(
    guarded: TestClient, runtime: Runtime, method: str, path: str
) -> None:
    runtime.coordinator.create_session("a").get(timeout=5)
    answer = guarded.request(method, path, json={}, headers=bearer(READER))
    assert "may not write" in detail_of(answer, 403)
    assert 1 == runtime.store.statistics().seq


def test_the_whole_store_is_checked_for_admins_only(guarded: TestClient) -> None:
    for secret in (READER, ALICE):
        answer = guarded.post("/check", json={}, headers=bearer(secret))
        assert "admin" in detail_of(answer, 403)
    assert 200 == guarded.post("/check", json={}, headers=GOOD).status_code


def test_metrics_are_a_scope_of_their_own(guarded: TestClient) -> None:
    assert 403 == guarded.get("/metrics", headers=bearer(READER)).status_code
    assert 200 == guarded.get("/metrics", headers=GOOD).status_code


# -- through somebody's browser ------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "",
        "10.0.0.1",
        "localhost.",
        "[::1",
        "[::1].evil.example",
    ],
)
def test_another_name_is_refused_whatever_the_token(
    guarded: TestClient, host: str
) -> None:
    answer = guarded.get("/livez", headers=GOOD | {"Host": host})
    assert "Host" in detail_of(answer, 400)


def test_two_hosts_are_refused(client: TestClient) -> None:
    both = [("Host", "127.0.0.1"), ("Host", "evil.example")]
    assert 400 == client.get("/livez", headers=both).status_code


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:9999",
        "http://127.0.0.1:8123.evil.example",
        "http://evil.example#127.0.0.1:8123",
        "http://x@127.0.0.1:8123",
        "http://[",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_another_origin_is_refused(
    client: TestClient, method: str, origin: str
) -> None:
    answer = client.request(method, "/sessions", headers={"Origin": origin})
    assert "Origin" in detail_of(answer, 403)


def test_a_page_of_its_own_is_let_in(client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8123"}
    assert 201 == client.post("/sessions", json={}, headers=headers).status_code


def test_a_form_of_a_page_creates_nothing(client: TestClient) -> None:
    answer = client.post(
        "/sessions",
        content=b'{"session_id": "a"}',
        headers={"content-type": "text/plain"},
    )
    assert "application/json" in detail_of(answer, 415)


def test_no_other_origin_is_told_that_it_may_ask(client: TestClient) -> None:
    asked = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST",
    }
    answer = client.options("/sessions", headers=asked)
    assert 403 == answer.status_code
    assert "access-control-allow-origin" not in answer.headers


def test_an_origin_that_is_configured_may_ask(runtime: Runtime) -> None:
    origin = "https://studio.example"
    with client_of(runtime, cors_origins=(origin,)) as client:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        before = client.options("/sessions", headers=asked)
        assert origin == before.headers["access-control-allow-origin"]
        answer = client.post("/sessions", json={}, headers={"Origin": origin})
        assert 201 == answer.status_code
        other = {"Origin": "https://other.example"}
        assert 403 == client.get("/sessions", headers=other).status_code


def test_a_pattern_of_names_does_not_trust_the_bare_domain(runtime: Runtime) -> None:
    with client_of(runtime, trusted_hosts=("*.weft.example",)) as client:
        for host, status in (
            ("a.weft.example", 200),
            ("weft.example", 400),
            ("evilweft.example", 400),
        ):
            assert status == client.get("/livez", headers={"Host": host}).status_code


# -- with too much -------------------------------------------------------------------


def test_a_body_over_the_limit_is_refused_announced_or_not(runtime: Runtime) -> None:
    with client_of(runtime, body_size_bytes_max=1024) as client:
        body = b'{"session_id": "' + b"a" * 2048 + b'"}'
        json = {"content-type": "application/json"}
        for content in (body, iter([body[:1000], body[1000:]])):
            answer = client.post("/sessions", content=content, headers=json)
            assert "1024 bytes" in detail_of(answer, 413)


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "", "1,1"])
def test_a_length_that_is_none_is_refused(client: TestClient, length: str) -> None:
    headers = {"content-length": length, "content-type": "application/json"}
    answer = client.post("/sessions", content=b"{}", headers=headers)
    assert answer.status_code in {400, 413}


def test_who_asks_too_often_is_told_when_to_come_again(runtime: Runtime) -> None:
    with client_of(runtime, requests_per_s=0.01, requests_burst=2) as client:
        found = [client.get("/livez").status_code for _ in range(3)]
        assert [200, 200, 429] == found
        assert int(client.get("/livez").headers["retry-after"]) > 1


def test_tokens_do_not_spend_each_others_requests(
    runtime: Runtime, tmp_path: Path
) -> None:
    limit = {"requests_per_s": 0.01, "requests_burst": 1}
    with client_of(runtime, token_file(tmp_path), **limit) as client:
        for secret in (ADMIN, READER):
            assert 200 == client.get("/sessions", headers=bearer(secret)).status_code
            assert 429 == client.get("/sessions", headers=bearer(secret)).status_code


def test_who_guesses_too_often_has_to_wait(runtime: Runtime, tmp_path: Path) -> None:
    limit = {"requests_per_s": 0.01, "requests_burst": 2}
    with client_of(runtime, token_file(tmp_path), **limit) as client:
        guesses = [bearer(f"guess-number-{number}-of-many") for number in range(4)]
        found = [client.get("/sessions", headers=each).status_code for each in guesses]
        assert [401, 401, 429, 429] == found
        assert 200 == client.get("/sessions", headers=GOOD).status_code


def test_a_daemon_that_is_full_says_so(runtime: Runtime) -> None:
    with client_of(runtime, requests_max=0) as client:
        answer = client.get("/livez")
        assert "in progress" in detail_of(answer, 503)
        assert "1" == answer.headers["retry-after"]


# -- with strange paths --------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/sessions/%ff", "/sessions/%c3%28", "/sessions/a%00b", "/sessions/%00"]
)
def test_a_path_that_cannot_be_read_is_refused(client: TestClient, path: str) -> None:
    assert "path" in detail_of(client.get(path), 400)


def test_a_slash_within_an_id_is_no_part_of_the_path(
    client: TestClient, runtime: Runtime
) -> None:
    runtime.coordinator.create_session("a/threads").get(timeout=5)
    answer = client.get("/sessions/a%2Fthreads")
    assert (200, "a/threads") == (answer.status_code, answer.json()["session_id"])
    assert "'a'" in detail_of(client.get("/sessions/a/threads"), 404)
