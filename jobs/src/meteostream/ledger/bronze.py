"""Third witness: bronze, from Iceberg's metadata (JSON, Avro) and data files (Parquet), as the format defines them.

https://iceberg.apache.org/spec: the version hint names the metadata file, that names the snapshot's manifest list, that
lists manifests, and these list data files with bounds by column id, integers little-endian.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import fastavro
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meteostream.ledger.store import Store

TABLE: Final = "weather/bronze"
COLUMNS: Final = ("topic", "partition", "offset", "timestamp", "intake_at", "journal_id", "event_id")
_DELETED: Final = 2
_MOMENT: Final = pa.timestamp("us", tz="UTC")
_NO_ROWS: Final = pa.table(
    [pa.array([], kind) for kind in (pa.string(), pa.int32(), pa.int64(), _MOMENT, _MOMENT, pa.binary(), pa.binary())],
    names=COLUMNS,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BronzeError(Exception):
    """Bronze is not what the ledger can check."""


class DataFile(NamedTuple):
    """One live data file: rows of one Kafka partition, offsets and intake times from ... to (included)."""

    path: str
    partition: int
    rows: int
    first_offset: int
    last_offset: int
    first_intake: datetime
    last_intake: datetime


class Contiguity(NamedTuple):
    """Of one Kafka partition, all over bronze: rows there are, and rows its range of offsets has room for."""

    rows: int
    room: int


class Snapshot:
    """The table as its newest snapshot has it; everything read through one object belongs together."""

    def __init__(self, store: Store, uri: str) -> None:
        self._store = store
        self._root = f"{uri.rstrip('/')}/{TABLE}"
        self._metadata = self._current()
        self.files = list(self._data_files()) if self._metadata else []

    def contiguity(self) -> dict[int, Contiguity]:
        """Whether each partition's offsets are there, all and once, by the statistics of all files."""
        rows: defaultdict[int, int] = defaultdict(int)
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for file in self.files:
            rows[file.partition] += file.rows
            first[file.partition] = min(file.first_offset, first.get(file.partition, file.first_offset))
            last[file.partition] = max(file.last_offset, last.get(file.partition, file.last_offset))
        return {
            partition: Contiguity(rows[partition], last[partition] - first[partition] + 1) for partition in sorted(rows)
        }

    def next_offsets(self) -> dict[int, int]:
        """After the greatest offset of each partition."""
        found: dict[int, int] = {}
        for file in self.files:
            found[file.partition] = max(found.get(file.partition, 0), file.last_offset + 1)
        return found

    def rows(self, hour: datetime) -> pa.Table:
        """Rows whose intake lies in ``hour``; files without it are not opened."""
        found = []
        for file in self.files:
            if file.first_intake < hour + timedelta(hours=1) and file.last_intake >= hour:
                table = pq.read_table(io.BytesIO(self._store.read(file.path)), columns=list(COLUMNS))
                intake = table["intake_at"].cast(_MOMENT)
                found.append(table.filter(pc.equal(pc.floor_temporal(intake, unit="hour"), pa.scalar(hour, _MOMENT))))
        return pa.concat_tables(found) if found else _NO_ROWS

    # Iceberg

    def _current(self) -> dict[str, Any] | None:
        """Metadata of the newest version: the hint, or a later one that was committed after the hint was read."""
        try:
            version = int(self._store.read(f"{self._root}/metadata/version-hint.text").decode().strip())
        except FileNotFoundError:
            return None
        found = self._version(version)
        if found is None:
            msg = f"{self._root}: the hint names version {version}, its metadata file is not there"
            raise BronzeError(msg)
        while (later := self._version(version + 1)) is not None:
            found, version = later, version + 1
        return found

    def _version(self, version: int) -> dict[str, Any] | None:
        for suffix in (".metadata.json", ".gz.metadata.json"):
            try:
                content = self._store.read(f"{self._root}/metadata/v{version}{suffix}")
            except FileNotFoundError:
                continue
            metadata: dict[str, Any] = json.loads(gzip.decompress(content) if suffix.startswith(".gz") else content)
            return metadata
        return None

    def _data_files(self) -> Iterator[DataFile]:
        metadata = self._metadata or {}
        current = metadata.get("current-snapshot-id")
        snapshot = next((item for item in metadata.get("snapshots", []) if item["snapshot-id"] == current), None)
        if snapshot is None:
            return
        schema = next(item for item in metadata["schemas"] if item["schema-id"] == metadata["current-schema-id"])
        ids = {field["name"]: field["id"] for field in schema["fields"]}
        for manifest in self._avro(snapshot["manifest-list"]):
            if manifest.get("content", 0) != 0:
                msg = f"{self._root}: expected an append-only table, found delete files in {manifest['manifest_path']}"
                raise BronzeError(msg)
            for entry in self._avro(manifest["manifest_path"]):
                if entry["status"] != _DELETED:
                    yield _data_file(entry["data_file"], ids)

    def _avro(self, location: str) -> Iterable[dict[str, Any]]:
        found: list[Any] = list(fastavro.reader(io.BytesIO(self._store.read(location))))
        return found


def _data_file(data: dict[str, Any], ids: dict[str, int]) -> DataFile:
    lower = {item["key"]: item["value"] for item in data["lower_bounds"] or []}
    upper = {item["key"]: item["value"] for item in data["upper_bounds"] or []}
    try:
        (partition,) = {_integer(bounds[ids["partition"]]) for bounds in (lower, upper)}
        return DataFile(
            path=data["file_path"],
            partition=partition,
            rows=data["record_count"],
            first_offset=_integer(lower[ids["offset"]]),
            last_offset=_integer(upper[ids["offset"]]),
            first_intake=_EPOCH + timedelta(microseconds=_integer(lower[ids["intake_at"]])),
            last_intake=_EPOCH + timedelta(microseconds=_integer(upper[ids["intake_at"]])),
        )
    except (KeyError, ValueError) as error:
        msg = f"{data['file_path']}: expected one Kafka partition, bounds of offset and intake_at; found none ({error})"
        raise BronzeError(msg) from error


def _integer(content: bytes) -> int:
    return int(struct.unpack("<i" if len(content) == struct.calcsize("<i") else "<q", content)[0])
