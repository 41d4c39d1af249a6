"""Messages as CAP 1.2 (OASIS Common Alerting Protocol, also ITU-T X.1303bis), in French and English."""

from __future__ import annotations

import math
from typing import Final

from lxml import etree

from meteostream.alerts.messages import Message, cap_time
from meteostream.alerts.rules import LANGUAGES, Area, Rule, Texts
from meteostream.contract.variables import ALL
from meteostream.registry.station import Station
from meteostream.sources.units import conversion, express

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
NAMESPACES: Final[dict[str | None, str]] = {None: NAMESPACE}
PRIVATE_ADDRESSES: Final = "forecasters"
"""A message of scope Private must say to whom it goes (CAP 1.2, section 3.2.1)."""
EARTH_KM: Final = 6371.0088
"""Mean radius (IUGG)."""
CORNERS: Final = 24
LOCALES: Final = {"fr": "fr-SN", "en": "en-SN"}

NOT_OFFICIAL: Final = Texts(
    fr="Les seuils ne sont pas officiels : le service ne les a pas confirmés.",
    en="The thresholds are not official: the service has not confirmed them.",
)
DRAFT: Final = Texts(
    fr="PROJET automatique pour les prévisionnistes. Ceci n'est pas un avertissement.",
    en="Automatic DRAFT for forecasters. This is not a warning.",
)
SIMULATED: Final = Texts(
    fr="SIMULÉ : exercice sur des données qui ne sont pas des observations.",
    en="SIMULATED: an exercise on data that are not observations.",
)
CANCELLED: Final = {
    "cleared": Texts(fr="Le seuil n'est plus atteint.", en="The threshold is no longer reached."),
    "unheard": Texts(
        fr="Plus aucune observation : la suite n'est pas connue.",
        en="No more observations: what followed is not known.",
    ),
}


def cap_xml(message: Message, rule: Rule, station: Station, area: Area | None) -> bytes:
    """A message as an XML document.

    Parameters
    ----------
    message
        What to say.
    rule
        Its rule: texts, thresholds.
    station
        Where it was measured.
    area
        The warning's area; None: a circle of the rule's radius around the station, as a polygon.
    """
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap=NAMESPACES)  # type: ignore[arg-type]  # stubs know no default one
    _add(alert, "identifier", message.identifier)
    _add(alert, "sender", message.sender)
    _add(alert, "sent", cap_time(message.sent))
    _add(alert, "status", message.status)
    _add(alert, "msgType", message.kind)
    _add(alert, "source", f"MeteoStream, rules {message.ruleset}")
    _add(alert, "scope", message.scope)
    if message.scope == "Private":
        _add(alert, "addresses", PRIVATE_ADDRESSES)
    _add(alert, "note", " ".join(remark.fr for remark in _remarks(message, rule)))
    if message.references:
        _add(alert, "references", " ".join(message.references))
    _add(alert, "incidents", message.episode.identity)
    for language in LANGUAGES:
        _info(alert, language, message, rule, station, area)
    return bytes(etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def circle(latitude: float, longitude: float, radius_km: float) -> list[tuple[float, float]]:
    """Closed polygon of points at one distance from a place, on a sphere.

    >>> points = circle(14.7333, -17.5, 25.0)
    >>> len(points), points[0] == points[-1], points[0]
    (25, True, (14.9581, -17.5))
    """
    angle, phi = radius_km / EARTH_KM, math.radians(latitude)
    points = []
    for corner in range(CORNERS):
        bearing = 2.0 * math.pi * corner / CORNERS
        there = math.asin(math.sin(phi) * math.cos(angle) + math.cos(phi) * math.sin(angle) * math.cos(bearing))
        east = math.atan2(
            math.sin(bearing) * math.sin(angle) * math.cos(phi),
            math.cos(angle) - math.sin(phi) * math.sin(there),
        )
        turned = (longitude + math.degrees(east) + 180.0) % 360.0 - 180.0
        points.append((round(math.degrees(there), 4), round(turned, 4)))
    return [*points, points[0]]


def shown_value(rule: Rule, value: float, language: str) -> str:
    """A value of the contract's unit in the rule's one, as people write it.

    >>> from meteostream.alerts.rules import load_rules
    >>> shown_value(load_rules(None).rules[0], 12.5, "fr"), shown_value(load_rules(None).rules[2], 43.25, "fr")
    ('45', '43,2')
    """
    how = conversion(rule.unit, rule.own_unit)
    own = float(value / how.factor) if rule.kind == "drop" else float(express(value, how))
    text = f"{own:.1f}".removesuffix(".0")
    return text.replace(".", ",") if language == "fr" else text


def _info(
    alert: etree._Element, language: str, message: Message, rule: Rule, station: Station, area: Area | None
) -> None:
    episode, level = message.episode, rule.levels[message.episode.level]
    value = shown_value(rule, episode.peak, language)
    unit = {"degC": "°C"}.get(rule.unit, rule.unit)
    is_over = message.kind == "Cancel"
    info = _add(alert, "info")
    _add(info, "language", LOCALES[language])
    _add(info, "category", "Infra" if rule.kind == "silent" else "Met")
    _add(info, "event", _in(rule.event, language))
    _add(info, "responseType", "AllClear" if is_over else "Monitor")
    _add(info, "urgency", "Past" if is_over else "Immediate")
    _add(info, "severity", level.severity)
    _add(info, "certainty", "Observed")
    _add(info, "onset", cap_time(episode.began))
    _add(info, "expires", cap_time(message.expires))
    _add(info, "headline", _in(rule.headline, language).format(station=station.name, value=value, unit=unit))
    sentences = [_in(remark, language) for remark in _remarks(message, rule)]
    if episode.because is not None:
        sentences.append(_in(CANCELLED[episode.because], language))
    at = f"{episode.peak_at:%Y-%m-%d %H:%M} UTC"
    if language == "fr":
        sentences.append(f"Valeur la plus forte : {value} {unit}, le {at}. Seuils : {rule.source}.")
    else:
        sentences.append(f"Greatest value: {value} {unit}, on {at}. Thresholds: {rule.source}.")
    _add(info, "description", " ".join(sentences))
    if not is_over:
        _add(info, "instruction", _in(rule.instruction, language))
    named = {
        "rule": rule.name,
        "station": station.wigos_id,
        "variable": rule.variable or "reports",
        "threshold": f"{level.start:g} {rule.unit}",
        "value": f"{shown_value(rule, episode.peak, 'en')} {rule.unit}",
        "nature": episode.nature,
    }
    if rule.variable is not None:
        named["period_s"] = str(ALL[rule.variable].period_s if rule.period_h is None else round(rule.period_h * 3600))
    for name, text in named.items():
        parameter = _add(info, "parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", text)
    place = _add(info, "area")
    near = {"fr": "Environs de", "en": "Around"}[language]
    _add(place, "areaDesc", f"{near} {station.name}" if area is None else _in(area.title, language))
    points = circle(station.latitude, station.longitude, rule.radius_km) if area is None else area.polygon
    _add(place, "polygon", " ".join(f"{latitude:.4f},{longitude:.4f}" for latitude, longitude in points))


def _remarks(message: Message, rule: Rule) -> list[Texts]:
    found = []
    if message.episode.nature != "observed":
        found.append(SIMULATED)
    if message.status != "Actual":
        found.append(DRAFT)
    if rule.confirmed_by is None:
        found.append(NOT_OFFICIAL)
    return found or [Texts(fr="Approuvé par un prévisionniste.", en="Approved by a forecaster.")]


def _in(texts: Texts, language: str) -> str:
    return texts.fr if language == "fr" else texts.en


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    element.text = text
    return element
