"""Definitions that come with the package, and which a file of the operator's may replace."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def read_definitions(package: str, shipped: str, path: str | None, what: str, failure: type[Exception]) -> str:
    """Text of the file ``path``, or of the file ``shipped`` in ``package`` if None.

    Parameters
    ----------
    what
        What is expected there, for the message.
    failure
        Raised if it cannot be read; names the file.
    """
    try:
        return Path(path).read_text("utf-8") if path else files(package).joinpath(shipped).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise failure(f"{path or shipped}: expected {what}: {error}") from None


def decode_definitions(text: str, kind: type[T], origin: str, failure: type[Exception]) -> T:
    """Decode TOML as ``kind``, a msgspec structure; ``failure`` names ``origin`` and the place in it."""
    try:
        return msgspec.toml.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise failure(f"{origin}: {error}") from None
