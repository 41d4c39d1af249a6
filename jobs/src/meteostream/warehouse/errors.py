"""Failures of work in the warehouse that are told in a sentence."""

from __future__ import annotations


class WarehouseError(RuntimeError):
    """The warehouse does not answer, or does not let something be done; the message says what to do."""


class HistoryError(WarehouseError):
    """A change that contradicts the history that is stored; nothing was changed."""


class MartsError(WarehouseError):
    """Marts that cannot be built or published; what is served is as it was."""
