"""The list of formats: each reads files of its kind by the name that people use."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from meteostream.cli import group
from meteostream.registry import load_registry
from meteostream.sources.errors import SourceError
from meteostream.sources.formats import FORMATS, Options, reading
from meteostream.sources.observation import Observation, Reject

METAR = "METAR GOOY 250600Z 01009KT 9999 FEW020 28/24 Q1013 NOSIG=\n"
SYNOP = "AAXX 25061\n61641 32970 30105 10287 20241 30094 40125=\n"


@pytest.mark.parametrize(("name", "text"), [("metar", METAR), ("synop", SYNOP)])
def test_coded_reports_take_their_month_from_outside(tmp_path: Path, name: str, text: str) -> None:
    """KF-115."""
    path = tmp_path / "bulletin"
    path.write_text(text)
    (found,) = reading(name, Options(month="2026-08")).read(path, load_registry())
    assert isinstance(found, Observation)
    assert (found.station, found.observed_at) == ("0-20000-0-61641", "2026-08-25T06:00:00Z")
    (found,) = reading(name).read(path, load_registry())
    assert isinstance(found, Reject)


def test_bufr_that_is_none_is_read_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.bufr"
    path.write_bytes(b"BUFR" + bytes(40))
    assert all(isinstance(one, Reject) for one in reading("bufr").read(path, load_registry()))


def test_a_report_read_in_part_is_told(tmp_path: Path) -> None:
    """KF-101."""
    path = tmp_path / "bulletin"
    path.write_text(METAR.replace("Q1013", "@@@ Q1013"))
    arguments = ["load", str(path), "--format", "metar", "--month", "2026-08", "--dry-run"]
    result = CliRunner().invoke(group, arguments)
    assert result.exit_code == 0
    assert "line 1: read without @@@" in result.output
    assert "1 reports were read in part" in result.output


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_has_a_title_and_a_licence(name: str) -> None:
    assert len(FORMATS[name].title) > 10
    assert FORMATS[name].licence.name
    assert not FORMATS[name].licence.commercial_use, "what is not known is not allowed"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        SourceError, match=r"expected a format \(isd, ghcnh, gsod, ghcn-daily, metar, synop, bufr\).*csv-fr"
    ):
        reading("grib")
