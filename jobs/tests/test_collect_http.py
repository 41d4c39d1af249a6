"""The HTTP layer of the collectors, against a server that misbehaves as public services do."""

from __future__ import annotations

import gzip
import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteostream.collect import http as module
from meteostream.collect.cache import Cache, Kept
from meteostream.collect.errors import (
    CollectError,
    NetworkError,
    NotPermittedError,
    QuotaError,
    RefusedError,
)
from meteostream.collect.http import Http, Request
from meteostream.collect.limits import BURST, Limiter, buckets, end_of
from meteostream.collect.raw import RawStore
from meteostream.collect.robots import check_robots
from meteostream.config import Collect, Quota
from meteostream.sources.profile import Licence
from weather_services import Reply, Service, as_json, packed, with_validators

LICENCE = Licence(name="CC-BY-4.0", attribution="a test")
NOON = datetime(2026, 11, 25, 12, 0, 10, tzinfo=UTC).timestamp()


class Clock:
    """A clock that sleeping moves, so that no test waits."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def service() -> Iterator[Service]:
    with Service().running() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


def layer(folder: Path, clock: Clock, quotas: dict[str, Quota] | None = None, **options: Any) -> Http:
    chosen = {
        "connect_seconds": 2.0,
        "read_seconds": 2.0,
        "attempts": 3,
        "user_agent": "test (met@example.org)",
    } | options
    return Http(Collect(directory=str(folder), **chosen), quotas or {}, clock=clock, sleep=clock.sleep)


def request(service: Service, path: str = "/data", **options: Any) -> Request:
    return Request(**{"source": "test", "api": "api", "licence": LICENCE, "url": service.url + path, **options})


def raw_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("raw/test/*/*.gz"))


# --- What may pass is tried again; what will not is not ---


def test_the_user_agent_is_the_operators_and_an_answer_is_kept_with_its_licence(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    service.answer("/data", packed(b'{"a": 1}', **{"Content-Type": "application/json"}))
    asked = request(service, params=(("apikey", "canary"), ("b", "2")))
    assert layer(tmp_path, clock).get_json(asked) == {"a": 1}
    assert service.asked[0].headers["user-agent"] == "test (met@example.org)"
    assert service.asked[0].query == {"apikey": "canary", "b": "2"}
    (path,) = raw_files(tmp_path)
    assert path.parent.name == "2026-11-25"
    assert gzip.decompress(path.read_bytes()) == b'{"a": 1}'
    about = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert about["licence"] == "CC-BY-4.0"
    assert about["url"].endswith("/data?apikey=***&b=2")
    assert not any("canary" in file.read_text("utf-8", "replace") for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_failure_of_the_server_is_tried_again(tmp_path: Path, service: Service, clock: Clock, status: int) -> None:
    service.answer("/data", Reply(status, b"<h1>oops</h1>"), as_json([1]))
    assert layer(tmp_path, clock).get_json(request(service)) == [1]
    assert len(service.asked) == 2
    assert module.FIRST_BACKOFF_S * module.JITTER <= clock.slept[0] <= module.FIRST_BACKOFF_S


def test_after_all_attempts_one_sentence_says_what_failed_and_that_nothing_is_lost(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    service.answer("/data", Reply(503, b"maintenance until noon"))
    with pytest.raises(NetworkError, match=r"503 maintenance until noon \(3 attempts\)\. Nothing is lost"):
        layer(tmp_path, clock).get(request(service))
    assert len(service.asked) == 3
    assert clock.slept[0] < clock.slept[1] * 2


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_refusal_is_told_with_the_services_reason_and_not_repeated(
    tmp_path: Path, service: Service, clock: Clock, status: int
) -> None:
    service.answer("/data", as_json({"error": True, "reason": "no variable 'temprature_2m'"}, status))
    with pytest.raises(RefusedError, match=rf"{status} no variable 'temprature_2m'"):
        layer(tmp_path, clock).get(request(service))
    assert len(service.asked) == 1


def test_a_key_that_is_not_accepted_is_not_shown(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", as_json({"error": True, "reason": "The supplied API key is invalid."}, 403))
    with pytest.raises(NotPermittedError, match="API key is invalid") as caught:
        layer(tmp_path, clock).get(request(service, params=(("apikey", "canary"),)))
    assert "canary" not in str(caught.value)


def test_no_network_is_one_sentence(tmp_path: Path, clock: Clock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/data"
    with pytest.raises(NetworkError, match=r"no connection: is there a network\? .*\(3 attempts\)") as caught:
        layer(tmp_path, clock).get(Request("test", "api", LICENCE, url))
    assert "object at 0x" not in str(caught.value)
    with pytest.raises(NetworkError, match="no connection: is there a network"):
        layer(tmp_path, clock).get(Request("test", "api", LICENCE, "http://no-such-host.invalid/data"))


def test_an_address_that_is_none_is_told_at_once(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(RefusedError, match="begins with http"):
        layer(tmp_path, clock).get(Request("test", "api", LICENCE, "api.example.org/data"))
    assert clock.slept == []


@pytest.mark.parametrize(
    "half",
    [Reply(200, b'{"a": [1, 2, 3]}', cut=7), Reply(200, b'{"a": [1, 2, 3]}', cut=9, chunked=True)],
    ids=["length", "chunks"],
)
def test_half_an_answer_is_none(tmp_path: Path, service: Service, clock: Clock, half: Reply) -> None:
    service.answer("/data", half, as_json({"a": [1, 2, 3]}))
    assert layer(tmp_path, clock).get_json(request(service)) == {"a": [1, 2, 3]}
    assert len(service.asked) == 2
    assert [gzip.decompress(path.read_bytes()) for path in raw_files(tmp_path)] == [b'{"a": [1, 2, 3]}']
    service.answer("/data", half)
    with pytest.raises(NetworkError, match="only half an answer came"):
        layer(tmp_path, clock).get_json(request(service))


def test_a_server_that_drips_does_not_hold_the_run(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", Reply(200, b"x" * 400, drip_s=0.02))
    with pytest.raises(NetworkError, match=r"not complete after 0\.3 s \([0-9]+ bytes came\)") as caught:
        layer(tmp_path, clock, answer_seconds=0.3, attempts=2).get(request(service))
    assert int(str(caught.value).split(" bytes came")[0].rpartition("(")[2]) < 400
    assert len(service.asked) == 2


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", Reply(200, b"xx", drip_s=3.0))
    with pytest.raises(NetworkError, match="did not go on answering in time"):
        layer(tmp_path, clock, read_seconds=0.3, attempts=1).get(request(service))


def test_a_slow_answer_within_the_limit_is_whole(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", Reply(200, b"abcdef", drip_s=0.05))
    assert layer(tmp_path, clock).get(request(service)).body == b"abcdef"


def test_an_answer_is_bounded_after_decompression(tmp_path: Path, service: Service, clock: Clock) -> None:
    """A few KB of gzip that become many MB are not held in memory."""
    service.answer("/data", packed(b"\0" * 50_000_000))
    with pytest.raises(RefusedError, match="at most 1000000 bytes, found more"):
        layer(tmp_path, clock, max_bytes=1_000_000).get(request(service))
    assert not raw_files(tmp_path)


def test_a_page_where_json_was_expected_is_shown(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", Reply(200, b"<html>Login to the hotel's network", {"Content-Type": "text/html"}))
    with pytest.raises(NetworkError, match=r"expected JSON, found text/html that begins with b.<html>Login"):
        layer(tmp_path, clock).get_json(request(service))


@pytest.mark.parametrize("reply", [Reply(204), Reply(200, b""), Reply(200, b" \n")], ids=["204", "empty", "blank"])
def test_nothing_is_an_answer(tmp_path: Path, service: Service, clock: Clock, reply: Reply) -> None:
    """KF-108."""
    service.answer("/data", reply)
    assert layer(tmp_path, clock).get_json(request(service)) is None
    assert layer(tmp_path, clock).get(request(service)).empty


def test_not_found_is_nothing_where_that_is_valid(tmp_path: Path, service: Service, clock: Clock) -> None:
    assert layer(tmp_path, clock).get(request(service, missing=True)).empty


# --- Redirects ---


def test_a_redirect_within_the_host_is_followed(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", Reply(308, b"", {"Location": "/v2/data?x=1"}))
    service.answer("/v2/data", as_json({"new": True}))
    assert layer(tmp_path, clock).get_json(request(service, params=(("x", "1"),))) == {"new": True}
    assert service.asked[1].query == {"x": "1"}


def test_a_redirect_to_another_host_is_refused(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", Reply(302, b"", {"Location": "http://169.254.0.1/secrets"}))
    with pytest.raises(RefusedError, match=r"redirected to http://169\.254\.0\.1, which is not followed"):
        layer(tmp_path, clock).get(request(service))


def test_redirects_that_go_round_end(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", Reply(301, b"", {"Location": "/data"}))
    with pytest.raises(RefusedError, match="more than 5 redirects"):
        layer(tmp_path, clock).get(request(service))
    assert len(service.asked) == module.REDIRECTS + 1


# --- Limits ---


def test_a_limit_of_the_minute_is_waited_for(tmp_path: Path, service: Service, clock: Clock) -> None:
    """KF-104: until the clock's next minute, as the service counts."""
    reason = "Minutely API request limit exceeded. Please try again in one minute."
    service.answer("/data", as_json({"error": True, "reason": reason}, 429), as_json([1]))
    assert layer(tmp_path, clock, {"api": Quota(per_minute=600)}).get_json(request(service)) == [1]
    assert sum(clock.slept) == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("reason", "until"),
    [
        ("Hourly API request limit exceeded. Please try again in the next hour.", "2026-11-25T13:00:00Z"),
        ("Daily API request limit exceeded. Please try again tomorrow.", "2026-11-26T00:00:00Z"),
        ("Monthly API request limit exceeded.", "2026-12-01T00:00:00Z"),
    ],
)
def test_a_longer_limit_is_not_tried_again_by_any_process(
    tmp_path: Path, service: Service, clock: Clock, reason: str, until: str
) -> None:
    """KF-104: the reason is read, and kept for every process that asks the same service."""
    service.answer("/data", as_json({"error": True, "reason": reason}, 429))
    quotas = {"api": Quota(per_minute=600)}
    with pytest.raises(QuotaError, match=f"not asked again before {until}"):
        layer(tmp_path, clock, quotas).get(request(service))
    assert len(service.asked) == 1
    assert clock.slept == []
    with pytest.raises(QuotaError, match=f"not asked before {until}"):
        layer(tmp_path, clock, quotas).get(request(service))
    assert len(service.asked) == 1, "the second process did not ask at all"
    clock.now = datetime.fromisoformat(until).timestamp() + 1
    service.answer("/data", as_json([1]))
    assert layer(tmp_path, clock, quotas).get_json(request(service)) == [1]


@pytest.mark.parametrize("header", ["7", "Wed, 25 Nov 2026 12:00:17 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(tmp_path: Path, service: Service, clock: Clock, header: str, status: int) -> None:
    service.answer("/data", Reply(status, b"busy", {"Retry-After": header}), as_json([1]))
    assert layer(tmp_path, clock).get_json(request(service)) == [1]
    assert clock.slept == [pytest.approx(7.0)]


def test_retry_after_beyond_patience_ends_the_run(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", Reply(429, b"busy", {"Retry-After": "86400"}))
    with pytest.raises(QuotaError, match="not asked again before 2026-11-26T12:00:10Z"):
        layer(tmp_path, clock).get(request(service))
    assert clock.slept == []


def test_too_many_at_once_is_tried_again_soon(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", as_json({"error": True, "reason": "Too many concurrent requests"}, 429), as_json([1]))
    assert layer(tmp_path, clock).get_json(request(service)) == [1]
    assert sum(clock.slept) <= module.FIRST_BACKOFF_S


def test_624_calls_in_a_burst_are_paced(tmp_path: Path) -> None:
    """KF-105: no minute, wherever it begins, sees more than the limit."""
    clock, took = Clock(), []
    limiter = Limiter(tmp_path, "api", Quota(per_minute=600), patience_s=3600, clock=clock, sleep=clock.sleep)
    for _ in range(624):
        limiter.acquire(1.0)
        took.append(clock())
    for begin in took:
        assert sum(begin <= moment < begin + 60 for moment in took) <= 600
    assert len(clock.slept) > 0


@given(
    st.lists(st.tuples(st.floats(0.5, 40), st.floats(0, 200)), min_size=1, max_size=60),
    st.sampled_from([Quota(per_minute=100), Quota(per_minute=100, per_hour=300), Quota(per_hour=200)]),
)
@settings(max_examples=40, deadline=None)
def test_no_period_ever_sees_more_than_its_limit(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[tuple[float, float]], quota: Quota
) -> None:
    """KF-104: weighted, in any window of the period's length, for any pattern of requests and pauses."""
    clock, took = Clock(), []
    folder = tmp_path_factory.mktemp("limits")
    limiter = Limiter(folder, "api", quota, patience_s=1e9, clock=clock, sleep=clock.sleep)
    for weight, pause in wishes:
        limiter.acquire(weight)
        took.append((clock(), weight))
        clock.now += pause
    for bucket in buckets(quota):
        limit, length = bucket.burst / BURST, bucket.burst / bucket.rate
        for begin, _ in took:
            assert sum(weight for moment, weight in took if begin <= moment < begin + length) <= limit + 1e-3


def test_limits_survive_the_process_and_are_shared(tmp_path: Path) -> None:
    """Four processes at once take from one bucket: together no more than it holds."""
    code = (
        "import sys, pathlib\n"
        "from meteostream.collect.limits import Limiter\n"
        "from meteostream.collect.errors import QuotaError\n"
        "from meteostream.config import Quota\n"
        "taken = 0\n"
        f"limiter = Limiter(pathlib.Path({str(tmp_path)!r}), 'api', Quota(per_day=100), patience_s=0.0)\n"
        "try:\n"
        "    while taken < 40:\n"
        "        limiter.acquire(1.0)\n"
        "        taken += 1\n"
        "except QuotaError:\n"
        "    pass\n"
        "print(taken)\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - ours
        for _ in range(4)
    ]
    taken = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(taken) == 50
    with pytest.raises(QuotaError, match="the day's calls are used up; not asked before"):
        Limiter(tmp_path, "api", Quota(per_day=100), patience_s=0.0).acquire(1.0)


def test_a_request_that_can_never_pass_says_so(tmp_path: Path, clock: Clock) -> None:
    limiter = Limiter(tmp_path, "api", Quota(per_minute=600), patience_s=60, clock=clock, sleep=clock.sleep)
    with pytest.raises(
        QuotaError, match=r"counts as 391\.1 calls can never pass: at most 300 may go at once \(minute\)"
    ):
        limiter.acquire(391.07)


def test_a_damaged_state_gives_no_calls_away(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "limits").mkdir()
    (tmp_path / "limits" / "api.json").write_text('{"left": {"minute": [3')
    limiter = Limiter(tmp_path, "api", Quota(per_minute=60), patience_s=600, clock=clock, sleep=clock.sleep)
    limiter.acquire(10.0)
    assert sum(clock.slept) == pytest.approx(20.0)


def test_a_clock_that_went_back_gives_nothing_back(tmp_path: Path, clock: Clock) -> None:
    quota = Quota(per_minute=60)
    Limiter(tmp_path, "api", quota, patience_s=600, clock=clock, sleep=clock.sleep).acquire(30.0)
    clock.now -= 3600
    limiter = Limiter(tmp_path, "api", quota, patience_s=600, clock=clock, sleep=clock.sleep)
    limiter.acquire(1.0)
    assert sum(clock.slept) == pytest.approx(2.0)


def test_the_clocks_periods_end_when_the_services_do() -> None:
    assert end_of("minute", NOON) - NOON == 50
    december = datetime(2026, 12, 31, 23, 59, tzinfo=UTC).timestamp()
    assert datetime.fromtimestamp(end_of("month", december), UTC) == datetime(2027, 1, 1, tzinfo=UTC)


# --- Conditional requests, raw answers ---


@pytest.mark.parametrize("validators", [{"etag": '"v1"'}, {"modified": NOON}], ids=["etag", "date"])
def test_an_unchanged_answer_is_read_again_from_disk(
    tmp_path: Path, service: Service, clock: Clock, validators: dict[str, Any]
) -> None:
    service.answer("/data", with_validators(b"[1]", **validators))
    first = layer(tmp_path, clock).get(request(service))
    second = layer(tmp_path, clock).get(request(service))
    assert (first.unchanged, second.unchanged) == (False, True)
    assert first.body == second.body == b"[1]"
    assert len(raw_files(tmp_path)) == 1
    service.answer("/data", with_validators(b"[2]", etag='"v2"'))
    assert layer(tmp_path, clock).get(request(service)).body == b"[2]"


def test_a_damaged_cache_is_not_used(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/data", with_validators(b"[1]", etag='"v1"'))
    layer(tmp_path, clock).get(request(service))
    (body,) = (tmp_path / "cache").glob("*.gz")
    body.write_bytes(body.read_bytes()[:-6])
    assert layer(tmp_path, clock).get(request(service)) == (200, "", b"[1]", False)
    assert "if-none-match" not in service.asked[1].headers


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path, service: Service, clock: Clock) -> None:
    """It is no failure of the network, and asking again would not help."""
    service.answer("/data", as_json([1]))
    (tmp_path / "raw").write_text("a file where a folder should be")
    with pytest.raises(CollectError, match=r"\[collect\] directory: .*/raw.* cannot be used"):
        layer(tmp_path, clock).get(request(service))
    (tmp_path / "limits").write_text("a file where a folder should be")
    with pytest.raises(CollectError, match=r"\[collect\] directory: .*/limits.* cannot be used"):
        layer(tmp_path, clock, {"api": Quota(per_minute=600)}).get(request(service))
    assert len(service.asked) == 1


def test_the_cache_is_bounded(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 3_000)
    bodies = [bytes(range(256)) * 4 + str(number).encode() * 50 for number in range(20)]
    for number, body in enumerate(bodies):
        cache.put(f"http://x/{number}", Kept("e", None, "", body))
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.gz")) <= 3_000
    assert cache.get("http://x/19") == Kept("e", None, "", bodies[19])
    assert cache.get("http://x/0") is None


def test_raw_answers_are_bounded_in_days_and_bytes(tmp_path: Path) -> None:
    store = RawStore(tmp_path, days=3, max_bytes=10_000)

    def keep(day: int, body: bytes) -> Path:
        now = datetime(2026, 11, day, tzinfo=UTC)
        return store.keep("test", body, url="http://x/", content_type="text/plain", licence=LICENCE, now=now)

    def days() -> list[str]:
        return sorted(path.name[-2:] for path in (tmp_path / "raw" / "test").iterdir() if path.is_dir())

    for day in range(1, 8):
        assert keep(day, b"a") == keep(day, b"a"), "the same bytes on one day are stored once"
    assert days() == ["04", "05", "06", "07"]
    keep(8, secrets.token_bytes(20_000))  # does not compress
    assert days() == ["08"], "today's stays whatever its size"


# --- Robots ---


@pytest.mark.parametrize(
    ("robots", "allowed"),
    [
        (Reply(200, b"User-agent: *\nDisallow: /private\n"), True),
        (Reply(200, b"User-agent: *\nDisallow: /\n"), False),
        (Reply(200, b"User-agent: meteostream\nDisallow: /bulletins\n\nUser-agent: *\nAllow: /\n"), False),
        (Reply(200, b""), True),
        (Reply(404, b"none"), True),
        (Reply(403, b"none"), True),
    ],
    ids=["another path", "all", "us", "empty", "none", "forbidden"],
)
def test_robots_txt_is_obeyed(tmp_path: Path, service: Service, clock: Clock, robots: Reply, allowed: bool) -> None:
    service.answer("/robots.txt", robots)
    asked = request(service, "/bulletins/today.html")
    if allowed:
        check_robots(layer(tmp_path, clock), asked)
    else:
        with pytest.raises(NotPermittedError, match="does not allow 'meteostream'"):
            check_robots(layer(tmp_path, clock), asked)
    assert service.paths() == ["/robots.txt"]


def test_a_robots_txt_that_cannot_be_had_forbids(tmp_path: Path, service: Service, clock: Clock) -> None:
    """RFC 9309, 2.3.1.4: unreachable means disallow."""
    service.answer("/robots.txt", Reply(500))
    with pytest.raises(NetworkError):
        check_robots(layer(tmp_path, clock), request(service, "/bulletins/today.html"))


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of nobody's authority, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 - ours
    both = folder / "both.pem"
    both.write_text((folder / "certificate.pem").read_text() + (folder / "key.pem").read_text())
    return both


def test_a_certificate_of_nobody_is_refused_at_once(tmp_path: Path, clock: Clock, certificate: Path) -> None:
    with Service(certificate).running() as secure:
        secure.answer("/data", as_json([1]))
        with pytest.raises(RefusedError, match=r"the certificate was not accepted .*\[collect\] ca"):
            layer(tmp_path, clock).get(request(secure))
        assert clock.slept == []


def test_an_extra_authority_is_trusted_beside_the_others(tmp_path: Path, clock: Clock, certificate: Path) -> None:
    with Service(certificate).running() as secure:
        secure.answer("/data", as_json([1]))
        http = layer(tmp_path, clock, ca=str(certificate.with_name("certificate.pem")))
        assert http.get_json(request(secure)) == [1]
        plain = layer(tmp_path, clock)
        extra = {entry["serialNumber"] for entry in http.authorities()}
        assert {entry["serialNumber"] for entry in plain.authorities()} < extra


def test_https_never_becomes_http(tmp_path: Path, clock: Clock, certificate: Path) -> None:
    with Service(certificate).running() as secure:
        secure.answer("/data", Reply(302, b"", {"Location": secure.url.replace("https", "http") + "/data"}))
        http = layer(tmp_path, clock, ca=str(certificate.with_name("certificate.pem")))
        with pytest.raises(RefusedError, match=r"redirected to http://127\.0\.0\.1, which is not followed"):
            http.get(request(secure))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_extra_authority_that_is_none_is_told(tmp_path: Path, clock: Clock, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CollectError, match=r"\[collect\] ca: expected a file of certificates \(PEM\) at .*ca\.pem"):
        layer(tmp_path, clock, ca=str(path))
