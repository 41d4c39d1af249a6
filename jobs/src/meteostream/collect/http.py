"""One way to ask a web service, for all collectors: patient, bounded, polite.

Every request passes its service's limits, is repeated after what may pass (no connection, a half answer, 5xx, a limit
of the minute) and never after what will not (4xx, a limit of the day). Nothing is read past a size or a duration, and
no redirect leads to another host.
"""

from __future__ import annotations

import email.utils
import json
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from meteostream.collect.cache import Cache, Kept
from meteostream.collect.errors import CollectError, NetworkError, NotPermittedError, QuotaError, RefusedError
from meteostream.collect.limits import Limiter, end_of, period_of
from meteostream.collect.raw import RawStore
from meteostream.config import Collect, Quota
from meteostream.sources.profile import Licence

log = logging.getLogger(__name__)

FIRST_BACKOFF_S: Final = 1.0
LAST_BACKOFF_S: Final = 60.0
JITTER: Final = 0.5
"""A wait is drawn between this part of it and the whole: clients that failed together do not come back together."""
REDIRECTS: Final = 5
CHUNK: Final = 65_536
REASON_CHARACTERS: Final = 300
_PASSING: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY}
    | {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
_REDIRECTS: Final = frozenset(
    {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}
    | {HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
)
_HIDDEN: Final = ("apikey", "api_key", "key", "token")


class Request(NamedTuple):
    """What to ask.

    Attributes
    ----------
    source
        Name the raw answer is kept under.
    api
        Service whose limits are shared.
    licence
        Of the answer; kept beside it.
    url, params
        Where and what, in the order in which the parameters are sent.
    weight
        How many calls the service counts it as.
    keep
        Whether the raw answer is kept here (a file that goes to the drop folder is kept there).
    missing
        Whether 404 is a valid answer: there is nothing.
    """

    source: str
    api: str
    licence: Licence
    url: str
    params: tuple[tuple[str, str], ...] = ()
    weight: float = 1.0
    keep: bool = True
    missing: bool = False


class Answer(NamedTuple):
    """What came.

    Attributes
    ----------
    status
        200, 204 (nothing), or 404 where that is a valid answer.
    content_type
        As the service states it.
    body
        Decoded from its transfer encoding; empty where there is nothing.
    unchanged
        Whether the service said that it still is what came last time.
    """

    status: int
    content_type: str
    body: bytes
    unchanged: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing, which is valid (KF-108)."""
        return not self.body.strip()


class _PassingError(Exception):
    """A failure that may pass: ``wait_s`` is what the service asked for, if it did; ``limit``: it was a limit."""

    def __init__(self, message: str, wait_s: float | None = None, *, limit: bool = False) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.limit = limit


class _Adapter(HTTPAdapter):
    """Trusts the machine's authorities and an extra file, beside those that requests brings."""

    def __init__(self, extra: str | None) -> None:
        self.context = create_urllib3_context()
        self.context.load_default_certs()
        if extra is not None:
            try:
                self.context.load_verify_locations(extra)
            except OSError as error:
                raise CollectError(
                    f"[collect] ca: expected a file of certificates (PEM) at {extra}: {error.strerror or error}"
                ) from None
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make connections with these authorities."""
        super().init_poolmanager(*arguments, **options, ssl_context=self.context)


class Http:
    """The layer, for one run of a collector.

    Parameters
    ----------
    settings
        Section ``[collect]``.
    quotas
        Limits by service; a service that is not named has none.
    clock, sleep
        Seconds since 1970, and waiting (tests).
    """

    def __init__(
        self,
        settings: Collect,
        quotas: Mapping[str, Quota],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        directory = Path(settings.directory)
        self._cache = Cache(directory, settings.cache_bytes)
        self._raw = RawStore(directory, days=settings.raw_days, max_bytes=settings.raw_bytes)
        self._limiters = {
            api: Limiter(directory, api, quota, patience_s=settings.patience_seconds, clock=clock, sleep=sleep)
            for api, quota in quotas.items()
        }
        self._session = requests.Session()
        self._session.headers["User-Agent"] = settings.user_agent
        self._session.headers["Accept-Encoding"] = "gzip"
        self._adapter = _Adapter(settings.ca)
        self._session.mount("https://", self._adapter)
        self.asked = 0
        """Requests that went out, repeats included."""

    def authorities(self) -> list[dict[str, Any]]:
        """Certificate authorities that are trusted beside those that requests brings."""
        return self._adapter.context.get_ca_certs()

    def now(self) -> datetime:
        """The moment, UTC."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def get(self, request: Request) -> Answer:
        """Ask, and keep the raw answer.

        Raises
        ------
        NetworkError
            If no whole answer came.
        QuotaError
            If a limit is used up for longer than ``patience_seconds``.
        RefusedError
            If the service refuses the request; with its reason.
        CollectError
            If the collectors' directory cannot be used.
        """
        try:
            _address(request)
        except requests.RequestException as error:
            raise RefusedError(
                f"{request.url}: expected an address that begins with http:// or https://: {error}"
            ) from None
        try:
            return self._patiently(request)
        except OSError as error:  # the network's are others by now
            raise CollectError(
                f"[collect] directory: {error.filename or self._settings.directory} cannot be used: {error.strerror}"
            ) from None

    def get_json(self, request: Request) -> Any:
        """Ask for JSON; None for an empty answer.

        Raises
        ------
        NetworkError
            If what came is no JSON (a proxy's page, a half document).
        """
        answer = self.get(request)
        if answer.empty:
            return None
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise NetworkError(
                f"{shown(request)}: expected JSON, found {answer.content_type or 'no type'} that begins with "
                f"{answer.body[:48]!r} ({error})"
            ) from None

    def _patiently(self, request: Request) -> Answer:
        """Ask until there is an answer, or no more patience."""
        until = self._clock() + self._settings.patience_seconds
        backoff, attempt = FIRST_BACKOFF_S, 1
        while True:
            try:
                answer = self._ask(request)
                break
            except _PassingError as failure:
                wait = failure.wait_s
                if wait is None:
                    wait = backoff * random.uniform(JITTER, 1)  # noqa: S311 - jitter
                if attempt == self._settings.attempts or self._clock() + wait > until:
                    kind = QuotaError if failure.limit else NetworkError
                    raise kind(
                        f"{shown(request)}: {failure} ({attempt} attempts). Nothing is lost: the next run asks for the "
                        "same again"
                    ) from None
                log.info("%s: %s; attempt %d follows in %.1f s", shown(request), failure, attempt + 1, wait)
            self._sleep(wait)
            backoff, attempt = min(backoff * 2, LAST_BACKOFF_S), attempt + 1
        if request.keep and answer.body and not answer.unchanged:
            self._raw.keep(
                request.source,
                answer.body,
                url=shown(request),
                content_type=answer.content_type,
                licence=request.licence,
                now=self.now(),
            )
        return answer

    # --- One attempt ---

    def _ask(self, request: Request) -> Answer:
        limiter = self._limiters.get(request.api)
        if limiter is not None:
            limiter.acquire(request.weight)
        kept = self._cache.get(_address(request))
        headers = {}
        if kept is not None:
            if kept.etag:
                headers["If-None-Match"] = kept.etag
            if kept.last_modified:
                headers["If-Modified-Since"] = kept.last_modified
        begin = time.monotonic()
        try:
            with self._send(request, headers) as response:
                if response.status_code == HTTPStatus.NOT_MODIFIED and kept is not None:
                    return Answer(HTTPStatus.OK, kept.content_type, kept.body, unchanged=True)
                body = self._read(response, begin)
        except requests.exceptions.SSLError as error:
            raise RefusedError(
                f"{shown(request)}: the certificate was not accepted ({_innermost(error)}); a company's own authority "
                "belongs into [collect] ca"
            ) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _PassingError(_why(error)) from None
        return self._judge(request, response, body)

    def _send(self, request: Request, headers: dict[str, str]) -> requests.Response:
        """Send, and follow redirects within the host; https never becomes http."""
        url, params = request.url, list(request.params)
        for _ in range(REDIRECTS + 1):
            self.asked += 1
            response = self._session.get(
                url,
                params=params,
                headers=headers,
                timeout=(self._settings.connect_seconds, self._settings.read_seconds),
                stream=True,
                allow_redirects=False,
            )
            if response.status_code not in _REDIRECTS:
                return response
            target = urljoin(response.url, response.headers.get("Location", ""))
            response.close()
            before, after = urlsplit(response.url), urlsplit(target)
            if before.hostname != after.hostname or (before.scheme, after.scheme) == ("https", "http"):
                raise RefusedError(
                    f"{shown(request)}: redirected to {after.scheme}://{after.hostname}, which is not followed; if the "
                    "service has moved, change its address in the settings"
                )
            url, params = target, []
        raise RefusedError(f"{shown(request)}: expected an answer, found more than {REDIRECTS} redirects")

    def _read(self, response: requests.Response, begin: float) -> bytes:
        """The body, at most ``max_bytes`` after decompression and for at most ``answer_seconds``."""
        found: list[bytes] = []
        size = 0
        while True:
            # read1 gives what is there: a server that sends a byte a second cannot hold it beyond the limit.
            part = response.raw.read1(CHUNK, decode_content=True)
            if not part:
                return b"".join(found)
            found.append(part)
            size += len(part)
            if size > self._settings.max_bytes:
                raise RefusedError(
                    f"{_hidden(response.url)}: expected at most {self._settings.max_bytes} bytes, found more; see "
                    "[collect] max_bytes"
                )
            if time.monotonic() - begin > self._settings.answer_seconds:
                raise _PassingError(
                    f"the answer was not complete after {self._settings.answer_seconds:g} s ({size} bytes came)"
                )

    def _judge(self, request: Request, response: requests.Response, body: bytes) -> Answer:
        status = response.status_code
        content_type = response.headers.get("Content-Type", "")
        if status == HTTPStatus.OK:
            self._cache.put(
                _address(request),
                Kept(response.headers.get("ETag"), response.headers.get("Last-Modified"), content_type, body),
            )
            return Answer(status, content_type, body)
        if status == HTTPStatus.NO_CONTENT:
            return Answer(status, content_type, b"")
        if status == HTTPStatus.NOT_FOUND and request.missing:
            return Answer(status, content_type, b"")
        reason = _reason(body)
        wait_s = _retry_after(response.headers.get("Retry-After"), self._clock())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._too_many(request, reason, wait_s)
        if status in _PASSING:
            raise _PassingError(f"the service answered {status} {reason}".rstrip(), wait_s)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise NotPermittedError(
                f"{shown(request)}: the service answered {status} {reason}; look at the key and the user agent in "
                "[collect], and at the service's terms"
            )
        raise RefusedError(f"{shown(request)}: the service answered {status} {reason}".rstrip())

    def _too_many(self, request: Request, reason: str, wait_s: float | None) -> Exception:
        """A limit of the minute is waited for; a longer one is told to all processes and not tried (KF-104)."""
        period = period_of(reason)
        now = self._clock()
        if wait_s is None and period is not None:
            wait_s = end_of(period, now) - now
        limiter = self._limiters.get(request.api)
        if wait_s is not None and limiter is not None:
            limiter.stay_away(now + wait_s, reason)
        if period in {"day", "month"} or (wait_s is not None and wait_s > self._settings.patience_seconds):
            again = datetime.fromtimestamp(now + (wait_s or 0.0), UTC)
            return QuotaError(
                f"{shown(request)}: the service answered 429 {reason!r}; not asked again before "
                f"{again:%Y-%m-%dT%H:%M:%SZ}"
            )
        return _PassingError(f"the service answered 429 {reason!r}", wait_s, limit=True)


def shown(request: Request) -> str:
    """Address of a request for people and logs, without keys."""
    return _hidden(_address(request))


def _address(request: Request) -> str:
    prepared = requests.Request("GET", request.url, params=list(request.params)).prepare()
    return str(prepared.url)


def _hidden(url: str) -> str:
    base, mark, query = url.partition("?")
    parts = [
        f"{name}=***" if name.lower() in _HIDDEN else f"{name}{equal}{value}"
        for name, equal, value in (part.partition("=") for part in query.split("&"))
    ]
    return f"{base}{mark}{'&'.join(parts)}"


def _reason(body: bytes) -> str:
    """The service's own words: ``reason``, ``error`` or ``message`` of a JSON answer, else its beginning."""
    text = body[:CHUNK].decode("utf-8", "replace").strip()
    try:
        found = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:REASON_CHARACTERS]
    if isinstance(found, dict):
        words: Sequence[str] = [
            found[name] for name in ("reason", "error", "message") if isinstance(found.get(name), str)
        ]
        if words:
            return words[0][:REASON_CHARACTERS]
    return text[:REASON_CHARACTERS]


def _retry_after(text: str | None, now_s: float) -> float | None:
    """Seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3: seconds or a date); None if it says nothing readable.

    >>> _retry_after("120", 0.0), _retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 0.0), _retry_after("soon", 0.0)
    (120.0, 60.0, None)
    """
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except ValueError:
        return None


def _why(error: BaseException) -> str:
    """A network failure in a few words."""
    if isinstance(error, requests.exceptions.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
        return "the service did not go on answering in time"
    if isinstance(error, requests.exceptions.ConnectionError):
        return f"no connection: is there a network? ({_innermost(error)})"
    if isinstance(error, urllib3.exceptions.ProtocolError | urllib3.exceptions.DecodeError):
        return f"only half an answer came ({_innermost(error)})"
    return _innermost(error)


def _innermost(error: BaseException) -> str:
    """The cause at the bottom, without object addresses."""
    seen: BaseException = error
    while True:
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        reason = getattr(seen, "reason", None)
        following = inner or (reason if isinstance(reason, BaseException) else None)
        if following is None:
            break
        seen = following
    text = str(seen)
    return f"{type(seen).__name__}: {text.partition('>: ')[2] or text}"[:REASON_CHARACTERS]
