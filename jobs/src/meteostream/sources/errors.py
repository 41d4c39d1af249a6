"""Errors of loaders."""


class SourceError(ValueError):
    """A file or a profile cannot be used; the message names file, line and value."""
