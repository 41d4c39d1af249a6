"""Where bronze's files lie: HDFS by WebHDFS (no JVM, no code of the streams), or a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from hdfs import InsecureClient
from hdfs.util import HdfsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Store(Protocol):
    """Reads whole files."""

    def read(self, location: str) -> bytes:
        """Content of the file at ``location``, as Iceberg wrote it.

        Raises
        ------
        FileNotFoundError
            There is none.
        """


class Local:
    """A folder of this machine."""

    def read(self, location: str) -> bytes:
        """See :class:`Store`."""
        return Path(_path(location)).read_bytes()


class WebHdfs:
    """HDFS through its NameNodes' web addresses; the one that is active answers."""

    def __init__(self, namenodes: Sequence[str], user: str) -> None:
        self._client: Any = InsecureClient(";".join(namenodes), user=user, timeout=30)

    def read(self, location: str) -> bytes:
        """See :class:`Store`."""
        try:
            with self._client.read(_path(location)) as reader:
                content: bytes = reader.read()
        except HdfsError as error:
            if "FileNotFound" in str(error.exception or "") or "does not exist" in str(error):
                raise FileNotFoundError(location) from error
            raise
        return content


def store_of(uri: str, namenodes: Sequence[str], user: str) -> Store:
    """The store that ``uri`` of the lake names."""
    return WebHdfs(namenodes, user) if uri.startswith("hdfs:") else Local()


def _path(location: str) -> str:
    parts = urlsplit(location)
    return unquote(parts.path) if parts.scheme in {"hdfs", "file"} else location
