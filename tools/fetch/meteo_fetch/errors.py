"""The one exception of this package."""


class FetchError(Exception):
    """Something a person has to know: what was expected, what was found, what to do."""
