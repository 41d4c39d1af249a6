# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""The ETL's own settings: priorities that cannot be meant are refused, YARN gets a command without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

import local_spark
from meteostream.config import Etl, parse_settings

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


def test_yarn_gets_the_command_in_cluster_mode_without_a_secret() -> None:
    """KF-64: the container reads the file of settings; what is on the command line shows in ps and on YARN's pages."""
    from meteostream.etl.session import submit_argv

    environment = {
        "SPARK_HOME": "/opt/spark/current/home",
        "PYTHONPATH": "/opt/meteostream/current/src",
        "PYSPARK_PYTHON": "/opt/jobs/current/venv/bin/python",
        "SECRET_OF_SOMEBODY": "canary",
    }
    arguments = ["etl", "backfill", "--from", "2026-01-01", "--to", "2026-12-31"]
    argv = submit_argv(Etl(executors=2), Path("/etc/meteostream/etl.toml"), arguments, environment)
    assert argv[:5] == ["spark-submit", "--master", "yarn", "--deploy-mode", "cluster"]
    assert argv[-len(arguments) :] == arguments
    assert argv[-len(arguments) - 1].endswith("meteostream/__main__.py")
    conf = dict(argv[place + 1].split("=", 1) for place, part in enumerate(argv) if part == "--conf")
    assert conf["spark.yarn.appMasterEnv.METEOSTREAM_CONFIG"] == "/etc/meteostream/etl.toml"
    assert (
        conf["spark.executorEnv.PYTHONPATH"] == conf["spark.yarn.appMasterEnv.PYTHONPATH"] == environment["PYTHONPATH"]
    )
    assert conf["spark.executor.instances"] == "2"
    assert "canary" not in " ".join(argv)


def test_the_rule_of_months_is_a_setting() -> None:
    from meteostream.climate.completeness import MONTHLY

    settings = parse_settings('[etl]\ncompleteness = "wmo-3-5"\n[lake]\nzookeeper = ["node1:2181"]', "x.toml")
    assert MONTHLY[settings.etl.completeness].in_a_row == 4
    assert set(MONTHLY) == {"wmo1203-11-5", "wmo-3-5"}
