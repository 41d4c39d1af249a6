# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""The ETL's own settings: priorities that cannot be meant are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import local_spark
from meteostream.config import parse_settings

pytestmark = pytest.mark.spark

HEAD = 'version = "t"\n[hourly]\nbefore_minutes = 10\nafter_minutes = 10\n'


@pytest.fixture(autouse=True, scope="module")
def _spark() -> None:
    local_spark.install()


def test_the_shipped_priorities_are_valid() -> None:
    from meteostream.etl.sources import load_priorities

    found = load_priorities()
    assert found.priority.default[0] == "synop"
    assert found.priority.variables["rain"][0] == "observers"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + '[priority]\ndefault = ["synop", "synop"]', "each once, found 'synop'"),
        (HEAD + '[priority]\ndefault = ["SYNOP"]', "expected names of sources"),
        (HEAD + '[priority]\ndefault = []\n[priority.variables]\ntmax_12h = ["synop"]', "as gold names it"),
        (HEAD + '[priority]\ndefault = []\nfirst = "synop"', "unknown field `first`"),
        (
            HEAD.replace("after_minutes = 10", "after_minutes = 31") + "[priority]\ndefault = []",
            "expected 0 to 29 minutes",
        ),
    ],
)
def test_priorities_that_cannot_be_meant_are_refused(text: str, message: str) -> None:
    from meteostream.etl.errors import EtlError
    from meteostream.etl.sources import parse_priorities

    with pytest.raises(EtlError, match=message):
        parse_priorities(text, "mine.toml")


def test_a_missing_file_of_priorities_is_named(tmp_path: Path) -> None:
    from meteostream.etl.errors import EtlError
    from meteostream.etl.sources import load_priorities

    with pytest.raises(EtlError, match=r"mine\.toml: expected a file of source priorities"):
        load_priorities(str(tmp_path / "mine.toml"))


def test_every_variable_has_a_name_in_gold() -> None:
    from meteostream.etl.products import BASE_NAMES

    assert sorted(BASE_NAMES) == [
        "air_temperature",
        "cloud_cover",
        "dew_point_temperature",
        "evaporation",
        "gust",
        "irradiance",
        "rain",
        "relative_humidity",
        "sea_level_pressure",
        "snow_depth",
        "station_pressure",
        "sunshine",
        "visibility",
        "wind_direction",
        "wind_speed",
        "wind_variable",
    ]


def test_the_rule_of_months_is_a_setting() -> None:
    from meteostream.climate.completeness import MONTHLY

    settings = parse_settings('[etl]\ncompleteness = "wmo-3-5"\n[lake]\nzookeeper = ["node1:2181"]', "x.toml")
    assert MONTHLY[settings.etl.completeness].in_a_row == 4
    assert set(MONTHLY) == {"wmo1203-11-5", "wmo-3-5"}
