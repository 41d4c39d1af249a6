"""Whether a page may be scraped: robots.txt (RFC 9309), and the permission that the operator has recorded.

robots.txt is not a permission, so both must allow it.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from meteostream.collect.errors import NotPermittedError, RefusedError
from meteostream.collect.http import Http, Request

AGENT = "meteostream"
"""Product token that a site's robots.txt may name."""


def check_robots(http: Http, request: Request) -> None:
    """Ask the site's robots.txt whether the page of ``request`` may be fetched.

    A robots.txt that is not there (4xx) allows all, one that cannot be had forbids all (RFC 9309, 2.3.1).

    Raises
    ------
    NotPermittedError
        If it forbids the page.
    NetworkError
        If the site does not answer.
    """
    parts = urlsplit(request.url)
    where = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
    try:
        answer = http.get(request._replace(url=where, params=(), weight=1.0, keep=False, missing=True))
    except (RefusedError, NotPermittedError):
        return
    rules = RobotFileParser()
    rules.parse(answer.body.decode("utf-8", "replace").splitlines())
    if not rules.can_fetch(AGENT, request.url):
        raise NotPermittedError(
            f"{request.url}: {where} does not allow {AGENT!r} to fetch this page; it was not fetched. Ask the site's "
            "owner for another address, or for a line that allows it"
        )
