"""The observers' intake: rain goes from the form to the warehouse, and nobody but this machine reaches the form yet."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from meteo_nodes.platform import Platform

STATION: Final = "0-0-0-SIMCHECK"
POST: Final = (
    "import sys, urllib.request, urllib.error\n"
    "try: print(urllib.request.urlopen(sys.argv[1], b'token=wrong&from=x&text=y', timeout=20).status)\n"
    "except urllib.error.HTTPError as error: print(error.code)\n"
)

pytestmark = pytest.mark.needs("jobs")


@pytest.fixture(scope="module")
def checked(platform: Platform) -> dict[str, Any]:
    """Rain, entered by the check as an operator runs it."""
    return dict(json.loads(platform.meteostream("intake", "check", "--json").stdout))


def test_rain_that_is_entered_at_the_form_is_in_the_warehouse_as_simulated(
    platform: Platform, checked: dict[str, Any]
) -> None:
    assert [(step["stage"], step["ok"]) for step in checked["steps"]] == [("form", True), ("warehouse", True)]
    rows = platform.sql(
        f"SELECT nature, report_type, source, extract(hour FROM observed_at AT TIME ZONE 'UTC')::int AS hour "  # noqa: S608 (a constant)
        f"FROM core.observation WHERE station = '{STATION}' AND report_type = 'rain-06'"
    )
    assert rows
    assert {tuple(row.values()) for row in rows} == {("simulated", "rain-06", "observers", "6")}


@pytest.mark.usefixtures("checked")
def test_another_entry_is_a_revision_of_the_first(platform: Platform) -> None:
    """The form asks about it, and both are kept."""
    count = f"SELECT count(*) FROM core.observation_event WHERE station = '{STATION}' AND report_type = 'rain-06'"  # noqa: S608 (a constant)
    before = int(platform.value(count) or 0)
    platform.meteostream("intake", "check")
    assert int(platform.value(count) or 0) == before + 1


def test_who_has_no_token_is_turned_away(platform: Platform) -> None:
    """Without a gateway in the inventory there is no way in for messages at all."""
    host = platform.first("jobs")
    url = f"http://127.0.0.1:{platform.port('intake')}"
    assert host.check_output("python3 -c %s %s", POST, f"{url}/entrer") == "403"
    assert host.check_output("python3 -c %s %s", POST, f"{url}/sms") == "404"


@pytest.mark.usefixtures("checked")
def test_the_form_is_on_loopback_alone(platform: Platform) -> None:
    for host in platform.members("jobs"):
        port = platform.port("intake")
        found = platform.host(host).check_output(f"ss --no-header --listening --tcp --numeric 'sport = :{port}'")
        assert {line.split()[3] for line in found.splitlines()} == {f"127.0.0.1:{port}"}


def test_only_the_service_reads_what_observers_entered_and_their_digests(platform: Platform) -> None:
    host = platform.first("jobs")
    modes = host.check_output("stat -c '%U %G %a' /var/lib/meteostream/intake /etc/meteostream/intake.toml")
    assert modes.splitlines() == ["meteostream meteostream 750", "root meteostream 640"]
