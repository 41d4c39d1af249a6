"""Errors of loaders."""


class SourceError(ValueError):
    """A file or a profile cannot be used; the message names file, line and value."""


class Refusal(ValueError):  # noqa: N818 - becomes a Reject
    """Why one record cannot be read; the others are."""
