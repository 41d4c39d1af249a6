"""Who may report for which stations."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final, NamedTuple

from meteostream.config import CHECKER, ConfigError, Observer
from meteostream.contract.report import CHECK_STATION
from meteostream.registry import Registry, RegistryError, Station

TOKEN_CHARACTERS: Final = 16
"""Of 31 letters and digits, which is 79 bits of chance: nobody guesses that within any rate limit."""
CHECK_PLACE: Final = Station(
    CHECK_STATION, None, None, "Check", 0.0, 0.0, 0.0, "", (), "the platform's own check, which is nowhere"
)
_GROUP: Final = 4
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that are not mistaken for each other on a phone."""
_IGNORED: Final = re.compile(r"[\s-]")
_PHONE_NOISE: Final = re.compile(r"[\s().-]")


class Person(NamedTuple):
    """An observer, with the stations found."""

    key: str
    name: str
    digest: str
    phone: str | None
    stations: tuple[Station, ...]


class People:
    """The observers of the settings.

    Parameters
    ----------
    check_token
        Of the platform's own check, which reports for a simulated station that is nobody's; None: there is none.

    Raises
    ------
    ConfigError
        If an observer's station is not registered, or is a simulated one.
    """

    def __init__(
        self, observers: Mapping[str, Observer], registry: Registry, *, check_token: str | None = None
    ) -> None:
        self._registry = registry
        self._people = {key: _person(key, observer, registry) for key, observer in observers.items()}
        if check_token is not None:
            self._people[CHECKER] = Person(CHECKER, CHECKER, digest_of(check_token), None, (CHECK_PLACE,))

    def get(self, key: str) -> Person | None:
        """The person of a key."""
        return self._people.get(key)

    def of_token(self, token: str) -> Person | None:
        """Who has a token; every digest is compared, each in constant time."""
        digest = digest_of(token)
        found = None
        for person in self._people.values():
            if hmac.compare_digest(person.digest, digest):
                found = person
        return found

    def of_phone(self, number: str) -> Person | None:
        """Who sends from a number (``+221 77 000 00 00``, ``00221770000000``).

        Its plus may be missing: a gateway that sends it as it is in a form has sent a space.
        """
        plain = _PHONE_NOISE.sub("", number).removeprefix("+").removeprefix("00")
        return next((person for person in self._people.values() if person.phone == f"+{plain}"), None)

    def station(self, person: Person, name: str) -> Station | None:
        """One of a person's stations by any of its names; None if it is none, or somebody else's."""
        if CHECK_PLACE in person.stations:  # no registry has it
            return CHECK_PLACE if name == CHECK_PLACE.wigos_id else None
        try:
            found = self._registry.resolve(name)
        except RegistryError:
            return None
        return found if found in person.stations else None


def digest_of(token: str) -> str:
    """SHA-256 of a token, however it was typed.

    A random token of 79 bits needs no slow hash.

    >>> digest_of("ABCD-efgh") == digest_of("abcdefgh ")
    True
    """
    return hashlib.sha256(_IGNORED.sub("", token).lower().encode("utf-8", "replace")).hexdigest()


def new_token() -> str:
    """A random token in groups of four."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_CHARACTERS))
    return "-".join(letters[place : place + _GROUP] for place in range(0, len(letters), _GROUP))


def _person(key: str, observer: Observer, registry: Registry) -> Person:
    stations = []
    for name in observer.stations:
        try:
            station = registry.resolve(name)
        except RegistryError as error:
            raise ConfigError(f"[intake.observers.{key}] stations: {error}") from None
        if station.simulated:
            raise ConfigError(f"[intake.observers.{key}] stations: expected real ones, found {station.wigos_id}")
        stations.append(station)
    return Person(key, observer.name, observer.token_sha256, observer.phone, tuple(stations))
