"""From observations to messages: what every loader does at its end."""

from __future__ import annotations

from meteostream.contract import SCHEMA, Nature, Report, encode_report, event_id_of, make_variables
from meteostream.contract.decode import decode_message
from meteostream.outbox import Draft
from meteostream.sources.observation import Observation


def draft_of(
    observation: Observation,
    *,
    source: str,
    received_at: str,
    topic: str,
    nature: Nature = "observed",
) -> Draft:
    """Journal entry of an observation.

    Parameters
    ----------
    source, nature
        The source's name; for a drill a name of its own and ``replayed``.
    received_at
        RFC 3339 UTC, the moment of intake.

    Raises
    ------
    meteostream.contract.ContractError
        If the streams would refuse it: it is told here, at the file, and not sent.
    """
    report = Report(
        schema=SCHEMA,
        station=observation.station,
        observed_at=observation.observed_at,
        source=source,
        report_type=observation.report_type,
        revision=observation.revision,
        nature=nature,
        received_at=received_at,
        variables=make_variables(observation.values),
        raw=observation.text,
    )
    value = encode_report(report)
    decode_message(value, report.station.encode())
    return Draft(event_id_of(report).hex(), received_at, topic, report.station, value.decode())
