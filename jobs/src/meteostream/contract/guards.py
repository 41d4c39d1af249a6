"""Rules between members of a report. No rule reads a clock: the same bytes get the same verdict for ever."""

from __future__ import annotations

from typing import Final

from meteostream.contract.reasons import ContractError, Reason
from meteostream.contract.report import is_simulated_station

SECOND_US: Final = 1_000_000
DEFAULT_TOLERANCE_S: Final = 900
"""How far observed_at may lie after received_at. Observers send the report of 06:00 from 05:50 on."""
TOLERANCE_S: Final[dict[str, int]] = {"simulator": 60}
"""Sources with a tolerance of their own. Part of the contract: to change one is to change verdicts on replay."""


def tolerance_us(source: str) -> int:
    """Microseconds that a source's observation may lie after its reception."""
    return TOLERANCE_S.get(source, DEFAULT_TOLERANCE_S) * SECOND_US


def check_future(source: str, observed_us: int, received_us: int) -> None:
    """Refuse an observation from after its own reception (a station's clock that runs ahead)."""
    ahead = observed_us - received_us
    allowed = tolerance_us(source)
    if ahead > allowed:
        raise ContractError(
            Reason.FUTURE_OBSERVATION,
            f"observed_at: expected at most {allowed // SECOND_US} s after received_at for source {source!r}, "
            f"found {ahead / SECOND_US:.6f} s after",
        )


def check_series(station: str, nature: str) -> None:
    """Refuse simulated weather under a real station's name, and the reverse."""
    if is_simulated_station(station) != (nature == "simulated"):
        raise ContractError(
            Reason.SERIES_MISMATCH,
            f"nature: expected {'simulated' if is_simulated_station(station) else 'observed or replayed'} "
            f"for station {station}, found {nature}",
        )


def check_key(key: bytes | None, station: str) -> None:
    """Refuse a message that is not keyed by its station: its partition, hence its order, would be wrong."""
    if key is None:
        raise ContractError(Reason.KEY_MISSING, f"Kafka key: expected {station!r}, found none")
    if key != station.encode():
        raise ContractError(Reason.KEY_MISMATCH, f"Kafka key: expected {station!r}, found {key[:64]!r}")
