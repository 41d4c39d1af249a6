"""What goes wrong with alerts and is told in a sentence."""

from __future__ import annotations


class AlertError(ValueError):
    """Rules, messages or a journal that cannot be used."""


class RulesError(AlertError):
    """Rules that cannot be used; the message names the file and the place in it."""


class AuthorityError(AlertError):
    """A warning that may not be published; the message says what is missing."""
