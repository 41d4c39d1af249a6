"""Failure of an export that is told in a sentence."""

from __future__ import annotations


class ExportError(RuntimeError):
    """Nothing was written; the message names station, source or file and says what to do."""
