"""What goes wrong with climate products and is told in a sentence."""

from __future__ import annotations


class ClimateError(ValueError):
    """A product that cannot be made; the message says what was expected and found."""
