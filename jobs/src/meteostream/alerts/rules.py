"""Rules of alerts: an editable, validated YAML file with a version. ``rules/senegal-1.yml`` is the shipped one."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import msgspec

from meteostream.alerts.errors import RulesError
from meteostream.contract.report import NAME
from meteostream.contract.variables import ALL, WIDE, WIDE_NAMES
from meteostream.sources.units import conversion, convert
from meteostream.yaml_file import decode_yaml

CURRENT: Final = "senegal-1"
LANGUAGES: Final = ("fr", "en")
POLE: Final = 90.0
DATE_LINE: Final = 180.0
LEAST_POINTS: Final = 4
"""A closed polygon has three corners at least, and its first point again (CAP 1.2, section 3.2.4)."""

Kind = Literal["above", "drop", "sum", "silent"]
Severity = Literal["Minor", "Moderate", "Severe", "Extreme"]
SEVERITIES: Final[tuple[Severity, ...]] = ("Minor", "Moderate", "Severe", "Extreme")
_UNITS: Final = {variable.name: variable.unit for variable in WIDE}


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text in each language."""

    fr: str
    en: str

    def __post_init__(self) -> None:
        """Refuse a text that is not there."""
        if not (self.fr.strip() and self.en.strip()):
            raise ValueError("expected a text in French and in English")


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One level of a rule.

    Attributes
    ----------
    severity
        CAP's.
    start
        An episode reaches the level at this value or beyond.
    stop
        It may leave the level only below this one, which is lower: without the gap a value that trembles around a
        threshold would make an episode each time.
    """

    severity: Severity
    start: float
    stop: float


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule.

    Attributes
    ----------
    name
        Part of every identifier.
    kind
        ``above``: the value itself; ``drop``: how much it fell within ``period_h``; ``sum``: what fell in
        ``period_h``, of all values that are known; ``silent``: hours since the last report.
    variable
        Wide variable of the contract; none for ``silent``.
    unit
        Of the thresholds: the variable's, or one that is known for it (km/h); h for ``silent``.
    period_h
        For ``drop`` and ``sum``.
    levels
        Ascending.
    confirm
        Readings in a row that must reach a level before an episode begins.
    clear_h
        Hours below ``stop`` before it ends.
    expires_h
        How long a message holds; an episode of which nothing more is heard ends after it.
    radius_km
        Of the area around the station, where no area names it.
    event, headline, instruction
        Texts. A headline may name ``{station}``, ``{value}``, ``{unit}``.
    source
        Who set the thresholds.
    confirmed_by
        The operator's word that they are official; without it every text says that they are not, and no warning can
        be published.
    stations
        Only these; none: all.
    """

    name: str
    kind: Kind
    unit: str
    levels: list[Level]
    event: Texts
    headline: Texts
    instruction: Texts
    source: str
    variable: str | None = None
    period_h: float | None = None
    confirm: int = 1
    clear_h: float = 1.0
    expires_h: float = 6.0
    radius_km: float = 25.0
    confirmed_by: str | None = None
    stations: list[str] = []

    def __post_init__(self) -> None:
        """Refuse what cannot be a rule."""
        if NAME.fullmatch(self.name) is None:
            raise ValueError(f"name: expected lower-case letters, digits, dots and dashes, found {self.name!r}")
        problem = _problem_of_signal(self) or _problem_of_levels(self.levels) or _problem_of_numbers(self)
        if problem is None:
            problem = next(filter(None, map(_problem_of_headline, (self.headline.fr, self.headline.en))), None)
        if problem is not None:
            raise ValueError(f"rule {self.name}: {problem}")

    @property
    def starts(self) -> tuple[float, ...]:
        """Thresholds of the levels in the contract's unit."""
        return tuple(self._own(level.start) for level in self.levels)

    @property
    def stops(self) -> tuple[float, ...]:
        """Where they end, in the contract's unit."""
        return tuple(self._own(level.stop) for level in self.levels)

    @property
    def own_unit(self) -> str:
        """The contract's unit, or h."""
        return "h" if self.variable is None else _UNITS[self.variable]

    @property
    def clear(self) -> timedelta:
        """Time below ``stop`` before an episode ends."""
        return timedelta(hours=self.clear_h)

    @property
    def expires(self) -> timedelta:
        """How long a message holds."""
        return timedelta(hours=self.expires_h)

    def _own(self, value: float) -> float:
        if self.kind == "drop":  # a difference: only the factor counts
            return float(value * conversion(self.unit, self.own_unit).factor)
        return convert(repr(value), conversion(self.unit, self.own_unit))


def _problem_of_signal(rule: Rule) -> str | None:
    if (rule.kind == "silent") != (rule.variable is None):
        return f"variable: expected one, but none for the kind silent; found {rule.variable!r}"
    if rule.variable is not None and (rule.variable not in WIDE_NAMES or _UNITS[rule.variable] == "bool"):
        return f"variable: expected a wide variable with a unit, found {rule.variable!r}"
    if (rule.kind in {"drop", "sum"}) != (rule.period_h is not None):
        return f"period_h: expected one for the kinds drop and sum alone, found {rule.period_h}"
    if rule.kind == "sum" and rule.variable is not None and ALL[rule.variable].statistic != "sum":
        return f"variable: expected a sum for the kind sum, found {rule.variable}"
    try:
        conversion(rule.unit, rule.own_unit)
    except ValueError as error:
        return str(error)
    return None


def _problem_of_levels(levels: list[Level]) -> str | None:
    if not levels:
        return "levels: expected at least one"
    for level in levels:
        if not level.stop < level.start:
            return f"levels: expected stop below start, found {level.stop} and {level.start}"
    for lower, higher in pairwise(levels):
        if not (lower.start < higher.start and lower.stop <= higher.stop):
            return f"levels: expected ascending thresholds, found {lower.start} before {higher.start}"
        if SEVERITIES.index(lower.severity) >= SEVERITIES.index(higher.severity):
            return f"levels: expected ascending severities, found {lower.severity} before {higher.severity}"
    return None


def _problem_of_numbers(rule: Rule) -> str | None:
    if rule.confirm < 1:
        return f"confirm: expected at least one reading, found {rule.confirm}"
    for name in ("clear_h", "expires_h", "radius_km", "period_h"):
        value = getattr(rule, name)
        if value is not None and not value > 0:
            return f"{name}: expected a number above 0, found {value}"
    return None


def _problem_of_headline(text: str) -> str | None:
    try:
        text.format(station="", value="", unit="")
    except (KeyError, IndexError, ValueError):
        return f"headline: expected the names {{station}}, {{value}}, {{unit}} alone, found {text!r}"
    return None


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An area of warnings: stations that stand for it, and its outline as [latitude, longitude], closed."""

    name: str
    title: Texts
    stations: list[str]
    polygon: list[tuple[float, float]]

    def __post_init__(self) -> None:
        """Refuse what encloses nothing."""
        where = f"area {self.name}: polygon: "
        if len(self.polygon) < LEAST_POINTS or self.polygon[0] != self.polygon[-1]:
            raise ValueError(f"{where}expected at least {LEAST_POINTS} points, the last as the first")
        for latitude, longitude in self.polygon:
            if not (abs(latitude) <= POLE and abs(longitude) <= DATE_LINE):
                raise ValueError(f"{where}expected degrees north and east, found {latitude}, {longitude}")


class Ruleset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of one version."""

    version: str
    rules: list[Rule]
    areas: list[Area] = []

    def __post_init__(self) -> None:
        """Refuse names that come twice."""
        for what, names in (("rule", [rule.name for rule in self.rules]), ("area", [area.name for area in self.areas])):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"{what} {twice}: expected the name once, found it twice")
        if not self.rules:
            raise ValueError("rules: expected at least one")

    @property
    def identity(self) -> str:
        """Version and content: rules that were changed under an old version are other rules all the same."""
        return f"{self.version}@{hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]}"

    def rule(self, name: str) -> Rule | None:
        """Rule of a name."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def area_of(self, station: str) -> Area | None:
        """First area that a station stands for."""
        return next((area for area in self.areas if station in area.stations), None)


def parse_rules(text: str, origin: str) -> Ruleset:
    """Read and check rules.

    Raises
    ------
    RulesError
        Naming the file, the place, what was expected and found.
    """
    return decode_yaml(text, Ruleset, origin, RulesError)


def load_rules(file: str | None) -> Ruleset:
    """Rules of a file, or the shipped ones.

    >>> [rule.name for rule in load_rules(None).rules]
    ['wind', 'rain', 'heat', 'pressure-drop', 'sensor-silent']
    """
    if file is None:
        return _shipped()
    try:
        return parse_rules(Path(file).read_text("utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{file}: expected a file of rules that can be read: {error}") from None


@cache
def _shipped() -> Ruleset:
    name = f"{CURRENT}.yml"
    return parse_rules(files(__package__).joinpath("rules", name).read_text("utf-8"), name)
