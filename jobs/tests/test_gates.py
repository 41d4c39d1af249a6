"""Gates on a real PostgreSQL: each kind of check passes what is right and names what is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from click.testing import CliRunner

from meteostream.cli import group
from meteostream.config import ConfigError, Gates, parse_settings
from meteostream.gates.definitions import Loaded, load_definitions, parse_definitions
from meteostream.gates.errors import GateError
from meteostream.gates.run import run_gate
from meteostream.warehouse.batch import WarehouseWriter
from meteostream.warehouse.connection import connect, conninfo
from meteostream.warehouse.layers import note_count
from postgres_server import PostgresServer
from support_gold import REAL, RUN, TWIN, Gold, insert_gold, rain
from support_reports import judged, report

FILE = """
[gates.one]
title = "Test"

[[gates.one.checks]]
name = "the-check"
title = "what must be"
"""


def one(text: str) -> Loaded:
    """Definitions with one gate, ``one``, of one check."""
    return parse_definitions(FILE + text, "gates.toml")


# The file


def test_the_shipped_gates_are_those_that_the_platform_asks_for() -> None:
    assert {"silver", "gold", "marts", "freshness"} == load_definitions().gates.keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "ranges"\nviolations = "SELECT 1"', "Invalid value 'ranges'"),
        ('kind = "range"\nviolations = "DELETE FROM gold.daily"', "matching regex"),
        ('kind = "range"\nviolation = "SELECT 1"', "violation"),
        ('kind = "freshness"\nrows = "VALUES (1)"\nmost_hours = 3.0', "matching regex"),
        ('kind = "volume"\nmeasured = "SELECT 1"', "expected either expected or expected_count"),
        ('kind = "volume"\nmeasured = "SELECT 1"\nmeasured_count = "a"\nexpected = "SELECT 1"', "either measured or"),
        ('kind = "volume"\nmeasured = "SELECT 1"\nexpected = "SELECT 1"\nleast = 2.0', "least <= most"),
        ('kind = "schema"\nrelation = "gold.daily; DROP"\ncolumns = {}', "matching regex"),
        ('kind = "referential"\nrelation = "a.b"\ncolumn = "c"\nto = "d.e"\nto_column = "f"\nwhere = "true; x"',
         "where"),
        ('kind = "range"\nviolations = "SELECT 1"\n[[gates.one.checks]]\nname = "the-check"\ntitle = "x"\n'
         'kind = "range"\nviolations = "SELECT 1"', "each name once"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(GateError, match=message):
        one(text)


def test_an_unknown_gate_is_told_with_those_there_are() -> None:
    with pytest.raises(GateError, match="gate 'golden': expected one of freshness, gold, marts, silver"):
        load_definitions().get("golden")


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(GateError, match=r"/nowhere\.toml: expected a file of gates"):
        load_definitions("/nowhere.toml")


def test_a_webhook_is_an_address_and_is_never_shown() -> None:
    with pytest.raises(ConfigError, match="webhook must be empty, or an address"):
        parse_settings('[gates]\nwebhook = "hooks.example/abc"\n', "x.toml")
    settings = parse_settings('[gates]\nwebhook = "https://hooks.example/abc"\n', "x.toml")
    assert "abc" not in repr(settings)


# Checks


class Layers(NamedTuple):
    """What the ETL counts."""

    since: datetime
    bronze: int
    silver: int


class Warehouse:
    """A migrated database: settings, and connections of owner and writer."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self.server = server
        self.name = name
        self.owner = connect(server.settings(self.name, "warehouse"), "test")
        self.writer = connect(server.settings(self.name), "test")

    def ask(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.owner, self.owner.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall())

    def failed(self, definitions: Loaded, name: str = "one", **counts: float) -> dict[str, str]:
        """Details of the checks that failed."""
        verdict = run_gate(self.writer, definitions, name, counts, Gates())
        return {check: found.detail for check, found in verdict.outcomes.items() if found.outcome == "failed"}

    def counted(self, bronze: int, silver: int) -> None:
        """As the ETL notes it."""
        note_count(conninfo(self.server.settings(self.name), "test"), Layers(ago(24), bronze, silver))

    def reports(self, *messages: tuple[bytes, bytes]) -> None:
        writer = WarehouseWriter(conninfo(self.server.settings(self.name), "test"), "warehouse")
        writer.write(judged(messages), run=RUN, batch_id=0)
        writer.close()


@pytest.fixture
def warehouse(server: PostgresServer) -> Iterator[Warehouse]:
    with server.described() as name:
        made = Warehouse(server, name)
        yield made
        made.owner.close()
        made.writer.close()


def ago(hours: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)


def at(moment: datetime, **others: Any) -> tuple[bytes, bytes]:
    text = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return report(observed_at=text, received_at=text, **others)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('kind = "schema"\nrelation = "gold.daily"\ncolumns = { value = "double precision" }', None),
        ('kind = "schema"\nrelation = "gold.daily"\ncolumns = { value = "text", a = "text" }',
         "gold.daily: value double precision, a is missing"),
        ('kind = "schema"\nrelation = "gold.weekly"\ncolumns = { value = "text" }', "gold.weekly is missing"),
        ('kind = "volume"\nmeasured = "SELECT 10"\nexpected = "SELECT 10"', None),
        ('kind = "volume"\nmeasured = "SELECT 9"\nexpected = "SELECT 10"', "9, expected 10"),
        ('kind = "volume"\nmeasured = "SELECT 9"\nexpected = "SELECT 10"\nleast = 0.9', None),
        ('kind = "volume"\nmeasured = "SELECT 11"\nexpected = "SELECT 10"\nleast = 0.9', "11, expected 9 to 10"),
        ('kind = "volume"\nmeasured = "SELECT 5"\nexpected = "SELECT 1/0"\nexpected_where = "mart.none"\nmost = inf',
         None),
        ('kind = "volume"\nmeasured = "SELECT 5"\nexpected = "SELECT sum(1) WHERE false"', "5, expected 0"),
        ('''kind = "freshness"\nrows = "SELECT 'a', 3.0 UNION SELECT 'b', 2.0"\nmost_hours = 3.0''', None),
        ('''kind = "freshness"\nrows = "SELECT 'a', 3.5 UNION SELECT 'b', 9.0"\nmost_hours = 3.0''',
         "b is 9.0 h behind, a is 3.5 h behind"),
        ('kind = "range"\nviolations = "SELECT 1 AS a WHERE false"', None),
        ('kind = "range"\nviolations = "SELECT a FROM generate_series(1, 7) AS a"',
         "a=1, a=2, a=3, a=4, a=5 and 2 more"),
        ('kind = "range"\nviolations = "SELECT nothing FROM gold.daily"', 'column "nothing" does not exist'),
        ('kind = "range"\nviolations = "WITH gone AS (DELETE FROM gold.daily RETURNING 1) SELECT * FROM gone"',
         "in a read-only transaction"),
    ],
)  # fmt: skip
def test_each_kind_of_check(warehouse: Warehouse, text: str, detail: str | None) -> None:
    found = warehouse.failed(one(text))
    assert found == ({} if detail is None else {"the-check": found.get("the-check", "passed")})
    assert detail is None or detail in found["the-check"]


@pytest.mark.postgres
def test_rows_without_a_partner_are_counted_and_named(warehouse: Warehouse) -> None:
    day = ago(48).date()
    insert_gold(
        warehouse.owner, "daily", [rain(day, 1.0, station="0-1-0-X"), rain(day, 1.0), rain(day, 0.0, station=TWIN)]
    )
    check = (
        'kind = "referential"\nrelation = "gold.daily"\ncolumn = "station"\nto = "dim.station"\nto_column = "station"'
    )
    assert warehouse.failed(one(check)) == {"the-check": "not in dim.station.station: 0-1-0-X (1 rows)"}
    assert warehouse.failed(one(check + "\nwhere = \"f.station <> '0-1-0-X'\"")) == {}


@pytest.mark.postgres
def test_a_check_that_takes_too_long_has_failed_and_the_others_are_made(warehouse: Warehouse) -> None:
    text = (
        'kind = "range"\nviolations = "SELECT pg_sleep(20)"\n[[gates.one.checks]]\nname = "after"\ntitle = "x"\n'
        'kind = "volume"\nmeasured = "SELECT 1"\nexpected = "SELECT 1"'
    )
    verdict = run_gate(warehouse.writer, one(text), "one", {}, Gates(statement_seconds=0.2))
    assert [found.outcome for found in verdict.outcomes.values()] == ["failed", "passed"]
    assert "statement timeout" in (verdict.reason or "")


@pytest.mark.postgres
def test_results_are_kept_with_the_file_they_were_judged_by(warehouse: Warehouse) -> None:
    definitions = one('kind = "volume"\nmeasured = "SELECT 9"\nexpected = "SELECT 10"')
    verdict = run_gate(warehouse.writer, definitions, "one", {}, Gates())
    query = "SELECT gate, definitions, passed, reason FROM pipeline.gate_run WHERE run_id = %s"
    assert warehouse.ask(query, verdict.run_id) == [
        ("one", definitions.sha256, False, "the-check (what must be): 9, expected 10")
    ]
    assert warehouse.ask("SELECT name, kind, outcome, measured, expected, detail FROM pipeline.gate_result") == [
        ("the-check", "volume", "failed", 9.0, "10", "9, expected 10")
    ]


# The shipped gates


@pytest.mark.postgres
def test_a_platform_without_data_passes(warehouse: Warehouse) -> None:
    warehouse.counted(0, 0)
    for name in ("silver", "gold", "freshness"):
        assert warehouse.failed(load_definitions(), name) == {}


@pytest.mark.postgres
def test_silver_must_hold_what_bronze_holds_as_the_etl_counted_them_last(warehouse: Warehouse) -> None:
    for silver in (119, 121):
        warehouse.counted(120, silver)
        assert warehouse.failed(load_definitions(), "silver") == {"silver-holds-bronze": f"{silver}, expected 120"}
    warehouse.counted(120, 120)
    assert warehouse.failed(load_definitions(), "silver") == {}


@pytest.mark.postgres
def test_silver_that_the_etl_did_not_count_fails(warehouse: Warehouse) -> None:
    assert warehouse.failed(load_definitions(), "silver") == {"silver-was-counted": "found=no count since ever"}
    warehouse.counted(120, 120)
    warehouse.ask("UPDATE pipeline.layer_count SET counted_at = counted_at - interval '25 hours' RETURNING 1")
    assert "silver-was-counted" in warehouse.failed(load_definitions(), "silver")


@pytest.mark.postgres
def test_old_counts_go_when_a_new_one_is_noted(warehouse: Warehouse) -> None:
    warehouse.counted(1, 1)
    warehouse.ask("UPDATE pipeline.layer_count SET counted_at = counted_at - interval '91 days' RETURNING 1")
    warehouse.counted(2, 2)
    assert warehouse.ask("SELECT bronze, silver FROM pipeline.layer_count") == [(2, 2)]


def test_a_count_that_the_gate_does_not_know_is_refused() -> None:
    with pytest.raises(GateError, match=r"gate silver: expected counts of nothing, found \['gold'\]"):
        run_gate(cast("Any", None), load_definitions(), "silver", {"gold": 1}, Gates())


@pytest.mark.postgres
def test_a_day_of_dead_letters_fails_silver(warehouse: Warehouse) -> None:
    warehouse.reports(at(ago(1)), *[(b"key", b"no report")] * 3)
    assert "dead-letters" in warehouse.failed(load_definitions(), "silver")


@pytest.mark.postgres
def test_gold_that_is_behind_the_reports_fails(warehouse: Warehouse) -> None:
    warehouse.reports(at(ago(1)))
    assert "observed is" in warehouse.failed(load_definitions(), "gold")["hourly-is-not-behind"]
    hour = ago(1).replace(minute=0, second=0)
    row = Gold(
        hour.date(),
        "air_temperature",
        "point",
        25.3,
        "best-of-sources",
        count=1,
        expected=1,
        from_hour=hour.hour,
        days=0,
    )
    insert_gold(warehouse.owner, "hourly", [row])
    assert warehouse.failed(load_definitions(), "gold") == {}


@pytest.mark.postgres
def test_station_days_that_the_etl_left_out_fail_gold(warehouse: Warehouse) -> None:
    warehouse.reports(*[at(ago(72 + 24 * day)) for day in range(4)])
    assert warehouse.failed(load_definitions(), "gold")["hourly-covers-reports"] == "0, expected 3.6 to 4"


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("row", "check"),
    [
        (rain(ago(48).date(), -1.0), "daily-values-are-possible"),
        (rain(ago(48).date(), 1.0, nature="simulated"), "daily-natures"),
        (rain(ago(48).date(), 1.0, station=TWIN), "daily-natures"),
        (rain(ago(48).date(), 1.0, station="0-1-0-X"), "daily-stations-are-registered"),
        (rain(ago(48).date(), 1.0)._replace(variable="rainfall"), "daily-variables-are-known"),
        (rain(ago(48).date(), None, flag=1), "daily-completeness-is-kept"),
    ],
)
def test_days_that_cannot_be_fail_gold_and_name_the_check(warehouse: Warehouse, row: Gold, check: str) -> None:
    insert_gold(warehouse.owner, "daily", [row])
    assert list(warehouse.failed(load_definitions(), "gold")) == [check]


@pytest.mark.postgres
def test_a_sum_of_a_day_may_be_more_than_an_instrument_reports_in_an_hour(warehouse: Warehouse) -> None:
    insert_gold(warehouse.owner, "daily", [Gold(ago(48).date(), "sunshine", "sum", 40_000.0, "utc-00-24")])
    assert warehouse.failed(load_definitions(), "gold") == {}


@pytest.mark.postgres
def test_a_silent_station_fails_freshness_and_one_that_reports_seldom_does_not(warehouse: Warehouse) -> None:
    """KF-109: stations silent for 13 days."""
    seldom = [at(ago(hours), station="0-20000-0-61600") for hours in (7, 19, 31)]
    warehouse.reports(*[at(ago(13 * 24 + hour)) for hour in range(3)], *seldom)
    failed = warehouse.failed(load_definitions(), "freshness")
    assert failed == {"stations-report": f"{REAL} (observed) is 312.0 h behind"}


@pytest.mark.postgres
def test_the_marts_gate_needs_marts(warehouse: Warehouse) -> None:
    for command in (["gate", "marts"], ["marts", "publish"]):
        done = CliRunner().invoke(group, ["--config", str(warehouse_file(warehouse)), *command])
        assert done.exit_code == 1
        assert "run 'meteostream marts build'" in str(done.exception) + done.output


# Telling


def warehouse_file(warehouse: Warehouse, more: str = "") -> Path:
    settings = warehouse.server.settings(warehouse.name)
    file = warehouse.server.folder / f"{warehouse.name}.toml"
    file.write_text(
        f'[warehouse]\nhosts = ["127.0.0.1"]\nport = {settings.port}\ndatabase = "{settings.database}"\n'
        f'password = "{settings.password}"\n{more}'
    )
    return file


class Hook:
    """A receiver of webhooks."""

    def __init__(self, status: int) -> None:
        self.bodies: list[Any] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook-secret"


@pytest.mark.postgres
@pytest.mark.parametrize("status", [204, 500])
def test_a_failure_is_told_by_exit_code_message_and_webhook(
    warehouse: Warehouse, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook(status)
    insert_gold(warehouse.owner, "daily", [rain(ago(48).date(), -1.0)])
    file = warehouse_file(warehouse, f'[gates]\nwebhook = "{hook.url}"\n')
    done = CliRunner().invoke(group, ["--config", str(file), "gate", "gold"])
    hook.server.shutdown()
    assert done.exit_code == 1
    assert "gate gold failed, nothing is published: daily-values-are-possible" in done.output
    ((body),) = hook.bodies
    assert (body["gate"], [one["check"] for one in body["failed"]]) == ("gold", ["daily-values-are-possible"])
    assert ("did not take the message" in caplog.text) is (status == 500)
    assert "hook-secret" not in caplog.text


@pytest.mark.postgres
def test_a_gate_that_passes_tells_no_webhook(warehouse: Warehouse) -> None:
    hook = Hook(204)
    file = warehouse_file(warehouse, f'[gates]\nwebhook = "{hook.url}"\n')
    done = CliRunner().invoke(group, ["--config", str(file), "gate", "gold"])
    hook.server.shutdown()
    assert (done.exit_code, hook.bodies) == (0, [])
    assert "gate gold passed" in done.output


@pytest.mark.postgres
def test_without_a_webhook_nobody_is_told_and_the_verdict_is_the_same(warehouse: Warehouse) -> None:
    insert_gold(warehouse.owner, "daily", [rain(ago(48).date(), -1.0)])
    done = CliRunner().invoke(group, ["--config", str(warehouse_file(warehouse)), "gate", "gold", "--verbose"])
    assert done.exit_code == 1
    assert "value=-1.0" in done.output
