"""Failure of a gate that is told in a sentence."""

from __future__ import annotations


class GateError(RuntimeError):
    """A gate that failed, or cannot be run; the message says what was found and what to do."""
