"""Failure of the ETL that is told in a sentence."""

from __future__ import annotations


class EtlError(RuntimeError):
    """The ETL cannot go on; the message says what was found and what to do. Published values are as they were."""
