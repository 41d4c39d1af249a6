"""One look: observations in, episodes on, drafts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from meteostream.alerts.authority import Approval, Authority, publish
from meteostream.alerts.cap import cap_xml
from meteostream.alerts.episodes import Episode, Place, Reading, Watch, advance
from meteostream.alerts.errors import AlertError, AuthorityError
from meteostream.alerts.journal import FIRST, Journal, Line, State
from meteostream.alerts.messages import Message, due
from meteostream.alerts.rules import Rule, Ruleset
from meteostream.alerts.signals import signal
from meteostream.contract.report import NATURES
from meteostream.registry import Registry, Station

SLACK: Final = timedelta(hours=1)


class Key(NamedTuple):
    """Whose observations: a place's variable; the variable None is any report."""

    place: Place
    variable: str | None


def lookback(ruleset: Ruleset) -> timedelta:
    """How far back a look needs observations: the longest period and its clearing, and some slack."""
    hours = (max(rule.period_h or 0.0, rule.expires_h) + rule.clear_h for rule in ruleset.rules)
    return timedelta(hours=2.0 * max(hours)) + SLACK


def look(
    journal: Journal,
    ruleset: Ruleset,
    registry: Registry,
    observations: Mapping[Key, Sequence[Reading]],
    now: datetime,
) -> list[Message]:
    """Evaluate all rules and note what is due.

    Parameters
    ----------
    journal
        Held.
    ruleset
        Rules.
    registry
        Places of the stations; a station that it does not know gives no alert.
    observations
        Values without failed ones, in the contract's units.
    now
        The time of looking.

    Returns
    -------
    The new drafts.
    """
    before = journal.state()
    # Other rules are other episodes: those that went on expire by themselves.
    watches = dict(before.watches) if before is not None and before.ruleset == ruleset.identity else {}
    known = {episode.identity for line in journal.lines for episode in line.ended}
    messages: list[Message] = []
    documents: list[str] = []
    ended: list[Episode] = []
    places = sorted({key.place for key in observations} | {_place_of(name) for name in watches})
    for rule in ruleset.rules:
        for place in places:
            station = registry.get(place.station)
            if station is None or (rule.stations and place.station not in rule.stations):
                continue
            name = _name_of(rule, place)
            readings = observations.get(Key(place, rule.variable), ())
            if rule.kind == "silent" and not readings:
                readings = last_heard(watches.get(name, Watch()))
            watch, closed = advance(rule, place, watches.get(name, Watch()), signal(rule, readings, now), now)
            watches[name] = watch
            ended += [episode for episode in closed if episode.identity not in known]
            going_on = [watch.episode] if watch.episode is not None else []
            for episode in (*closed, *going_on):
                message = due(rule, episode, journal.drafts(episode.identity), now, ruleset.identity)
                if message is not None:
                    messages.append(message)
                    documents.append(cap_xml(message, rule, station, ruleset.area_of(place.station)).decode())
    if messages or ended:
        journal.add(
            Line(
                previous=FIRST,
                at=now,
                what="look",
                messages=tuple(messages),
                documents=tuple(documents),
                ended=tuple(ended),
            )
        )
    journal.remember(State(ruleset.identity, watches))
    return messages


def approve(
    journal: Journal, ruleset: Ruleset, registry: Registry, identifier: str, approval: Approval, authority: Authority
) -> Message:
    """Publish a draft, or refuse to; both are noted.

    Raises
    ------
    AuthorityError
        Naming what is missing.
    AlertError
        If there is no such draft, or its rule or station is not known any more.
    """
    draft = journal.draft(identifier)
    rule, station = _of(draft, ruleset, registry)
    episode = draft.episode.identity
    try:
        message = publish(draft, rule, approval, authority, journal.drafts(episode), journal.published(episode))
    except AuthorityError as error:
        journal.add(
            Line(
                previous=FIRST,
                at=approval.at,
                what="refused",
                who=approval.forecaster,
                why=approval.reason,
                detail=str(error),
            )
        )
        raise
    document = cap_xml(message, rule, station, ruleset.area_of(station.wigos_id)).decode()
    journal.add(
        Line(
            previous=FIRST,
            at=approval.at,
            what="published",
            messages=(message,),
            documents=(document,),
            who=approval.forecaster,
            why=approval.reason,
        )
    )
    return message


def last_heard(watch: Watch) -> list[Reading]:
    """The last report behind a watch of silence: its time less its hours. Observations do not reach back for ever."""
    if watch.last is None or watch.value is None:
        return []
    return [Reading(watch.last - timedelta(hours=watch.value), 0.0)]


def _name_of(rule: Rule, place: Place) -> str:
    return f"{rule.name}|{place.station}|{place.nature}"


def _place_of(name: str) -> Place:
    _, station, nature = name.split("|")
    return Place(station, next(one for one in NATURES if one == nature))


def _of(draft: Message, ruleset: Ruleset, registry: Registry) -> tuple[Rule, Station]:
    rule, station = ruleset.rule(draft.episode.rule), registry.get(draft.episode.station)
    if rule is None or station is None or draft.ruleset != ruleset.identity:
        raise AlertError(
            f"{draft.identifier}: expected the rules {draft.ruleset} with {draft.episode.rule}, and the station "
            f"{draft.episode.station}; found the rules {ruleset.identity}"
        )
    return rule, station
