"""Runs on a node, in the jobs' environment: sends raw messages, and prints where each one went.

Standard input: JSON list of {"key": text or null, "value": base64 or null}. Settings: the file of our command line.
"""

from __future__ import annotations

import base64
import json
import sys
import tomllib
from pathlib import Path

from kafka import KafkaProducer  # type: ignore[import-not-found]  # the node has it

settings = tomllib.loads(Path("/etc/meteostream/meteostream.toml").read_text(encoding="utf-8"))["kafka"]
producer = KafkaProducer(
    bootstrap_servers=settings["bootstrap"],
    security_protocol=settings["security"],
    sasl_mechanism=settings["mechanism"],
    sasl_plain_username=settings["username"],
    sasl_plain_password=settings["password"],
    acks="all",
    max_request_size=8 * 1024 * 1024,
)
topic = sys.argv[1]
futures = [
    producer.send(
        topic,
        key=None if message["key"] is None else message["key"].encode(),
        value=None if message["value"] is None else base64.b64decode(message["value"]),
    )
    for message in json.load(sys.stdin)
]
producer.flush()
placed = [future.get(timeout=60) for future in futures]
json.dump([{"partition": metadata.partition, "offset": metadata.offset} for metadata in placed], sys.stdout)
