"""METAR beside three other decoders, and beside NOAA's reading, on a year of real reports (eeweather's ISD)."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any, Final, NamedTuple

import avwx
import pytest
from metar.Metar import Metar
from metar_taf_parser.parser.parser import MetarParser

from meteostream.contract.report import Value
from meteostream.sources.dates import Month
from meteostream.sources.isd import read_isd
from meteostream.sources.metar import read_metar
from meteostream.sources.observation import Observation
from package_data import ISD, sample
from support_stations import LOS_ANGELES, registry_with, station

pytestmark = pytest.mark.package_data

REGISTRY = registry_with(station(LOS_ANGELES, "KCQT", "722874-93134", at=(34.028, -118.296)))
KNOT: Final = 1852 / 3600
MILE: Final = 1609.344
_REMARK: Final = re.compile(r"REMMET[0-9]{3}\S+ \S+ (?P<text>(?:METAR|SPECI) .*?)\s*(?:EQD.*|QNN.*)?$")

Fields = Mapping[str, float | str | None]


class Record(NamedTuple):
    """A line of ISD, the report in its remarks, and our reading of it."""

    line: str
    text: str
    ours: Observation


@cache
def records() -> list[Record]:
    found = []
    for line in gzip.decompress(sample(ISD).read_bytes()).decode("ascii").splitlines():
        remark = _REMARK.search(line)
        if remark is not None:
            (ours,) = read_metar(remark["text"], REGISTRY, reference=Month(int(line[15:19]), int(line[19:21])))
            assert isinstance(ours, Observation), ours
            found.append(Record(line, remark["text"], ours))
    return found


def body(text: str) -> str:
    """A report without its kind and its remarks."""
    return text.partition(" RMK ")[0].partition(" ")[2]


def test_every_report_of_a_year_is_read_and_three_are_partial() -> None:
    found = records()
    assert len(found) == 10_729
    assert [record.ours.partial for record in found if record.ours.partial] == [("KT",), ("KT",), ("17/A2996",)]
    assert Counter(record.ours.report_type for record in found) == Counter(
        record.text.split()[0].lower() for record in found
    )


def rounded(value: Value | None, unit: float = 1.0) -> float | None:
    return None if value is None else round(float(value) / unit, 3)


def ours(record: Record) -> Fields:
    """Our reading of a body, in the units of the others. Calm is direction 0 there."""
    (found,) = read_metar(body(record.text), REGISTRY, reference=Month(2007, int(record.line[19:21])))
    assert isinstance(found, Observation)
    values = found.values
    direction: float | str | None = rounded(values.get("wind_direction"))
    if values.get("wind_variable"):
        direction = "VRB"
    elif values.get("wind_mean_2min") == 0.0:
        direction = 0.0
    return {
        "direction": direction,
        "speed": rounded(values.get("wind_mean_2min"), KNOT),
        "gust": rounded(values.get("gust_10min"), KNOT),
        "visibility": rounded(values.get("visibility"), MILE),
        "temperature": rounded(values.get("air_temperature")),
        "dew point": rounded(values.get("dew_point_temperature")),
    }


def by_metar(text: str) -> Fields:
    found: Any = Metar(text, strict=False, year=2007, month=1)
    direction: float | str | None = None if found.wind_dir is None else found.wind_dir.value()
    if found.wind_dir is None and found.wind_speed is not None:
        direction = "VRB"
    return {
        "direction": direction,
        "speed": None if found.wind_speed is None else found.wind_speed.value("KT"),
        "gust": None if found.wind_gust is None else found.wind_gust.value("KT"),
        "visibility": None if found.vis is None else rounded(found.vis.value("SM")),
        "temperature": None if found.temp is None else found.temp.value(),
        "dew point": None if found.dewpt is None else found.dewpt.value(),
    }


def by_avwx(text: str) -> Fields:
    found: Any = avwx.Metar.from_report(text)
    data = found.data

    def number(member: Any) -> float | None:
        return None if member is None or member.value is None else rounded(member.value)

    direction: float | str | None = number(data.wind_direction)
    if data.wind_direction is not None and data.wind_direction.repr == "VRB":
        direction = "VRB"
    return {
        "direction": direction,
        "speed": number(data.wind_speed),
        "gust": number(data.wind_gust),
        "visibility": number(data.visibility),
        "temperature": number(data.temperature),
        "dew point": number(data.dewpoint),
    }


def by_metar_taf_parser(text: str) -> Fields:
    found: Any = MetarParser().parse(text)
    wind, seen = found.wind, found.visibility
    direction: float | str | None = None if wind is None else wind.degrees
    if wind is not None and wind.degrees is None:
        direction = "VRB"
    miles = None
    if seen is not None:
        number = re.fullmatch(r"[<> ]*([0-9/ ]+?)\s*(?:SM)?", str(seen.distance))
        miles = None if number is None else rounded(float(sum(map(Fraction, number[1].split()))))
    return {
        "direction": direction,
        "speed": None if wind is None else wind.speed,
        "gust": None if wind is None else wind.gust,
        "visibility": miles,
        "temperature": found.temperature,
        "dew point": found.dew_point,
    }


READERS: Final[Mapping[str, Callable[[str], Fields]]] = {
    "metar": by_metar,
    "avwx": by_avwx,
    "metar-taf-parser": by_metar_taf_parser,
}
EXPLAINED: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("avwx", "visibility"): ("M1/4SM", "has no number for a bound; ours is the bound's"),
    ("metar-taf-parser", "visibility"): ("M1/4SM", "keeps the text, with the M; ours is the bound"),
}
"""Kinds of disagreement on the year: library and field, with the group that it comes from, and why we differ."""


@pytest.mark.filterwarnings("ignore:Unparsed groups:RuntimeWarning")
@pytest.mark.parametrize("library", READERS)
def test_every_disagreement_on_a_year_is_explained(library: str) -> None:
    """64,374 values of 10,729 bodies. Remarks are left out here: two of the three libraries read none of them."""
    found = Counter[tuple[str, str]]()
    for record in records():
        text = body(record.text)
        other = READERS[library](text)
        for name, value in ours(record).items():
            if value != other[name]:
                assert (library, name) in EXPLAINED, (text, value, other[name])
                group, _ = EXPLAINED[library, name]
                assert group in text, (name, value, other[name])
                found[name, group] += 1
    assert found == ({} if library == "metar" else {("visibility", "M1/4SM"): 1})


@pytest.mark.parametrize(
    ("library", "groups", "field", "expected", "theirs"),
    [
        ("metar", "36010KT //// FEW020 41/17", "visibility", None, 6.214),
        ("avwx", "36010KT 9999 FEW020 41///", "temperature", 41.0, None),
        ("metar-taf-parser", "36010KT 9999 FEW020 41///", "temperature", 41.0, None),
    ],
)
def test_traps_that_others_fall_into(
    library: str, groups: str, field: str, expected: float | None, theirs: float | None
) -> None:
    """Not in that year, and the reason why none of the three decodes for us. Whoever mends it tells us here."""
    text = f"GOOY 250600Z {groups} Q1013"
    (mine,) = read_metar(text, REGISTRY, reference=Month(2026, 11))
    assert isinstance(mine, Observation)
    name = {"visibility": "visibility", "temperature": "air_temperature"}[field]
    assert mine.values[name] == expected
    assert READERS[library](text)[field] == theirs


REMARKS: Final[Mapping[str, tuple[str, str, int]]] = {
    "air_temperature": ("temp", "C", 10_718),
    "dew_point_temperature": ("dewpt", "C", 10_717),
    "sea_level_pressure": ("press_sea_level", "HPA", 8721),
    "rain_1h": ("precip_1hr", "IN", 196),
    "rain_3h": ("precip_3hr", "IN", 50),
    "rain_6h": ("precip_6hr", "IN", 68),
    "rain_24h": ("precip_24hr", "IN", 25),
    "tmax_24h": ("max_temp_24hr", "C", 367),
    "tmin_24h": ("min_temp_24hr", "C", 367),
    "gust_1h": ("wind_speed_peak", "MPS", 9),
}
"""Of a variable: the attribute of ``metar`` and its unit, and how many of the year's reports have a value."""
INCH: Final = 25.4


@pytest.mark.filterwarnings("ignore:Unparsed groups:RuntimeWarning")
def test_remarks_are_read_as_metar_reads_them_but_for_rain_of_special_reports() -> None:
    """380 special reports have rain since the last routine report, which ``metar`` calls rain of an hour."""
    count, special = Counter[str](), 0
    for record in records():
        theirs: Any = Metar(record.text.partition(" ")[2], strict=False, year=2007, month=1)
        for variable, (attribute, unit, _) in REMARKS.items():
            mine, other = record.ours.values.get(variable), getattr(theirs, attribute)
            if variable == "rain_1h" and record.ours.report_type == "speci":
                assert mine is None
                special += other is not None
                continue
            value = None if other is None else other.value(unit) * (INCH if unit == "IN" else 1.0)
            assert mine == (None if value is None else pytest.approx(value, abs=1e-3)), (record.text, variable)
            count[variable] += mine is not None
    assert count == {variable: number for variable, (_, _, number) in REMARKS.items()}
    assert special == 380


_HUNDREDTHS: Final = re.compile(r" RMK .*\bP(?P<amount>[0-9]{4})\b")
_PEAK: Final = re.compile(r"PK WND [0-9]{5,6}/(?P<hour>[0-9]{2})?(?P<minute>[0-9]{2})\b")


def test_rain_and_peak_wind_of_remarks_are_since_the_last_routine_report() -> None:
    """What the year says itself: amounts only grow up to the routine report, after it they begin anew.

    Were Prrrr a sliding hour's rain, some would shrink, and those soon after a routine report would have its rain.
    """
    grown = shrunk = anew = peaks = 0
    routine: tuple[datetime, int] | None = None
    special: int | None = None
    for record in sorted(records(), key=lambda record: record.ours.observed_at):
        moment = datetime.fromisoformat(record.ours.observed_at)
        found, peak = _HUNDREDTHS.search(record.text), _PEAK.search(record.text)
        amount = int(found["amount"]) if found is not None else None
        if amount is not None and special is not None:
            grown, shrunk = grown + (amount >= special), shrunk + (amount < special)
        if peak is not None and routine is not None:
            hour = int(peak["hour"] or moment.hour)
            at = moment.replace(hour=hour, minute=int(peak["minute"]))
            at -= timedelta(days=1) if at > moment else timedelta(0)
            assert routine[0] <= at <= moment, record.text
            peaks += 1
        if record.ours.report_type == "metar":
            routine, special = (moment, amount or 0), None
        elif amount is not None:
            if routine is not None and routine[1] and moment - routine[0] < timedelta(minutes=20):
                anew += amount < routine[1]
            special = amount
    assert (grown, shrunk, anew, peaks) == (380, 0, 90, 9)


ISD_ROUNDING: Final[Mapping[str, float]] = {"visibility": 1.0, "wind_mean_2min": 0.06, "gust_10min": 0.06}
"""ISD has whole metres, and tenths of m/s that are rounded in more than one step: 17 kt are 8.8."""


def test_isd_has_what_the_report_in_its_remarks_says() -> None:
    """NOAA's reading of the same reports, by our reader of ISD. All differences are told: five, in NOAA's file.

    Rain is left out: NOAA's is its own, in most hours without a remark, else after its quality control.
    """
    same, other = Counter[str](), list[tuple[str, Value | None, Value | None]]()
    for record in records():
        (isd,) = read_isd([record.line], REGISTRY)
        assert isinstance(isd, Observation)
        assert (isd.station, isd.observed_at) == (record.ours.station, record.ours.observed_at)
        for variable in record.ours.values.keys() & isd.values.keys():
            mine, theirs = record.ours.values[variable], isd.values[variable]
            if variable.startswith("rain"):
                continue
            if mine == theirs or (
                isinstance(mine, float)
                and isinstance(theirs, float)
                and abs(mine - theirs) <= ISD_ROUNDING.get(variable, 0.0)
            ):
                same[variable] += 1
            else:
                other.append((variable, rounded(mine), rounded(theirs)))
    assert sorted(other, key=str) == [
        ("cloud_cover", 4.0, 7.0),
        ("cloud_cover", 7.0, 4.0),
        ("dew_point_temperature", -17.8, None),
        ("visibility", 402.336, 0.0),  # M1/4SM
        ("wind_mean_2min", 1.543, 1.3),
    ]
    assert same == {
        "air_temperature": 10_718, "dew_point_temperature": 10_716, "sea_level_pressure": 8759, "visibility": 10_723,
        "cloud_cover": 10_477, "wind_mean_2min": 10_726, "wind_direction": 10_727, "wind_variable": 1983,
        "gust_10min": 119,
    }  # fmt: skip
