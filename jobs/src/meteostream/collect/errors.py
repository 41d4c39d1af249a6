"""Why a collection cannot go on, in a sentence for the person or the DAG that started it."""

from __future__ import annotations

from meteostream.sources.errors import SourceError


class CollectError(SourceError):
    """A source cannot be collected from; nothing that was collected before is lost."""


class NetworkError(CollectError):
    """No usable answer came, after all attempts. The next run asks again for the same window."""


class QuotaError(CollectError):
    """The service's limit is used up; asking again before the time in the message would only make it worse."""


class RefusedError(CollectError):
    """The service understood and refused: asking again the same way changes nothing."""


class NotPermittedError(CollectError):
    """The operator's permission or the site's robots.txt does not allow it."""


class ShapeError(CollectError):
    """An answer is not what the service used to send; the message names what is missing or different."""
