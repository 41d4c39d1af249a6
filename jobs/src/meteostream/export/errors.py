"""Failure of an export that is told in a sentence."""

from __future__ import annotations


class ExportError(RuntimeError):
    """Nothing was written; the message names station, source or file and says what to do."""


class NothingFoundError(ExportError):
    """There is nothing to write: no value that this format can hold and that may be redistributed."""
