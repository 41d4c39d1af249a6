"""What tests of the contract share: vectors, batches, and strategies that make reports and broken ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from hypothesis import strategies as st

from meteostream.contract import ALL
from meteostream.validate import INPUT_SCHEMA

VECTORS = Path(__file__).parent / "vectors"


class Message(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: list[dict[str, object]] | None = None


class Poison(NamedTuple):
    name: str
    reason: str
    message: Message


def reports() -> list[dict[str, Any]]:
    return list(json.loads((VECTORS / "reports.json").read_text("utf-8")))


def poisons() -> list[Poison]:
    first = reports()[0]["message"].encode()
    found = []
    for entry in json.loads((VECTORS / "poison.json").read_text("utf-8")):
        if "value_base64" in entry:
            value = base64.b64decode(entry["value_base64"])
        elif "value_padded_to" in entry:
            value = first.ljust(entry["value_padded_to"])
        else:
            value = None if entry["value"] is None else entry["value"].encode()
        key = None if entry["key"] is None else entry["key"].encode()
        found.append(Poison(entry["name"], entry["reason"], Message(key, value)))
    return found


def batch_of(messages: Sequence[Message]) -> pa.RecordBatch:
    """A batch as Kafka would give it."""
    size = len(messages)
    columns = {
        "topic": ["weather.observations"] * size,
        "partition": [0] * size,
        "offset": list(range(size)),
        "timestamp": [0] * size,
        "key": [message.key for message in messages],
        "value": [message.value for message in messages],
        "headers": [message.headers for message in messages],
    }
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name], field.type) for field in INPUT_SCHEMA], schema=INPUT_SCHEMA
    )


def valid_document(**members: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(reports()[0]["message"])
    return {**document, **members}


finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = finite | st.integers(-(10**6), 10**6) | st.sampled_from([-0.0, 1e22, 1e16, 1e-5, 9e-5, 1e-4, 5e-324, 0.1])
values = st.fixed_dictionaries(
    {},
    optional={name: st.none() | (st.booleans() if item.is_boolean else numbers) for name, item in ALL.items()},
)

documents = st.fixed_dictionaries(
    {
        "schema": st.just("meteostream.report/1"),
        "station": st.sampled_from(["0-20000-0-61641", "0-686-0-GOBD", "0-0-0-SIM00042"]),
        "observed_at": st.datetimes(min_value=datetime(1850, 1, 1)).map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z"),
        "source": st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
        "report_type": st.sampled_from(["aws", "synop", "metar", "daily"]),
        "revision": st.integers(0, 2**31 - 1),
        "received_at": st.sampled_from(
            ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.5Z", "9999-12-31T23:59:59.123456Z"]
        ),
        "variables": values,
    },
    optional={
        "raw": st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
    },
).flatmap(
    lambda document: (
        st.just({**document, "nature": "simulated"})
        if document["station"].startswith("0-0-0-SIM")
        else st.sampled_from(["observed", "replayed"]).map(lambda nature: {**document, "nature": nature})
    )
)
"""Valid reports as Python objects."""

json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8) | st.just(10**400) | st.just(2**64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
