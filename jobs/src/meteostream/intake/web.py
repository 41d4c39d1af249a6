"""The pages and the hook: a Flask application around :class:`RainIntake`. No script runs in a browser."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import flask
from flask import Flask, Response, request, session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from meteostream.config import Intake
from meteostream.durable import sync_directory
from meteostream.intake.entries import Entries
from meteostream.intake.limits import RateLimit
from meteostream.intake.people import People, Person, digest_of
from meteostream.intake.rain import EntryError, parse_amount, parse_day, parse_sms
from meteostream.intake.service import RainIntake, Result
from meteostream.intake.texts import LANGUAGES, PAGE, Language, for_sms, problem
from meteostream.metrics import IntakeMetrics
from meteostream.outbox import OutboxError
from meteostream.registry import fold

log = logging.getLogger(__name__)

MOST_BYTES: Final = 8192
"""Of a request's body; a form has some hundred."""
SESSION_DAYS: Final = 90
RECENT: Final = 5
"""Readings that the form shows, a station."""
TRACE: Final = "traces"
"""What the tick of a trace says as an amount; a phone's keyboard of numbers has no letters."""
RETRY_S: Final = 60
_KEY: Final = "session.key"
_KEY_BYTES: Final = 32
_TOKEN_CHARACTERS: Final = 64
_FORM_CHARACTERS: Final = 64
_SAME_SITE: Final = frozenset({"same-origin", "none"})
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
}


class Refused(Exception):  # noqa: N818 - an answer, made where it is found
    """A request that ends here, with a page.

    Parameters
    ----------
    status
        HTTP status.
    text
        Name of the sentence in :data:`~meteostream.intake.texts.PAGE`.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def session_key(directory: Path) -> bytes:
    """The key that signs sessions: made once, readable by its owner alone."""
    path = directory / _KEY
    directory.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with open(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(descriptor)
    sync_directory(directory)
    return path.read_bytes()


def create_app(
    settings: Intake,
    people: People,
    entries: Entries,
    intake: RainIntake,
    *,
    key: bytes,
    metrics: IntakeMetrics,
    healthy: Callable[[], str | None],
) -> Flask:
    """The application.

    Parameters
    ----------
    key
        Signs sessions.
    healthy
        What is wrong with the way to the brokers, None if nothing is.
    """
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=key,
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_PARTS=20,
        SESSION_COOKIE_NAME="intake",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
    )
    app.jinja_env.trim_blocks = True
    handlers = _Handlers(settings, people, entries, intake, metrics, healthy)
    app.before_request(handlers.before)
    app.after_request(handlers.after)
    app.add_url_rule("/", "home", handlers.home)
    app.add_url_rule("/entrer", "enter", handlers.enter, methods=["POST"])
    app.add_url_rule("/sortir", "leave", handlers.leave, methods=["POST"])
    app.add_url_rule("/pluie", "rain", handlers.rain, methods=["POST"])
    app.add_url_rule("/sms", "sms", handlers.sms, methods=["POST"])
    app.add_url_rule("/health", "health", handlers.health)
    app.register_error_handler(Refused, handlers.refused)
    app.register_error_handler(OutboxError, handlers.not_durable)
    app.register_error_handler(HTTPException, handlers.http_error)
    return app


def _members() -> object:
    """A body of JSON; None if it is none, or is nested as no gateway's is."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


class _Handlers:
    """The views, with what they need."""

    def __init__(
        self,
        settings: Intake,
        people: People,
        entries: Entries,
        intake: RainIntake,
        metrics: IntakeMetrics,
        healthy: Callable[[], str | None],
    ) -> None:
        self._settings, self._people, self._entries, self._intake = settings, people, entries, intake
        self._metrics, self._healthy = metrics, healthy
        self._by_address = RateLimit(settings.per_minute_per_address)
        self._by_person = RateLimit(settings.per_minute)
        self._strangers = RateLimit(settings.per_minute)

    # --- Around every request ---

    def before(self) -> None:
        """Limits, and where the request comes from."""
        flask.g.nonce = secrets.token_urlsafe(12)
        if request.endpoint == "health":
            return
        if not self._by_address.allows(request.remote_addr or ""):
            raise Refused(429, "slow")
        if request.method == "POST" and request.endpoint != "sms":
            site = request.headers.get("Sec-Fetch-Site")
            if site is not None and site not in _SAME_SITE:
                raise Refused(403, "again")

    def after(self, response: Response) -> Response:
        """Headers of every answer."""
        response.headers.update(HEADERS)
        nonce = flask.g.get("nonce", "")
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        self._metrics.responses.labels(str(response.status_code)).inc()
        return response

    # --- Pages ---

    def home(self) -> str:
        """The form, or the question for the token."""
        language = request.args.get("lang", "")
        if language in LANGUAGES:
            session["lang"] = language
        person = self._person()
        if person is None:
            return self._page("login.html")
        return self._form(person, said=session.pop("said", None))

    def enter(self) -> AnyResponse:
        """Take a token."""
        if not self._strangers.allows(request.remote_addr or ""):
            raise Refused(429, "slow")
        person = self._people.of_token(request.form.get("token", "")[:_TOKEN_CHARACTERS])
        if person is None:
            log.warning("a token that nobody has was tried from %s", request.remote_addr)
            raise Refused(403, "wrong-token")
        language = session.get("lang")
        session.clear()
        session.permanent = True
        session["person"], session["digest"] = person.key, person.digest[:16]
        session["csrf"] = secrets.token_urlsafe(24)
        if language:
            session["lang"] = language
        return flask.redirect(flask.url_for("home"), 303)

    def leave(self) -> AnyResponse:
        """Forget who it is."""
        self._check_csrf()
        session.clear()
        return flask.redirect(flask.url_for("home"), 303)

    def rain(self) -> str | AnyResponse | tuple[str, int]:
        """Take a reading."""
        person = self._person()
        if person is None:
            return flask.redirect(flask.url_for("home"), 303)
        self._check_csrf()
        if not self._by_person.allows(person.key):
            raise Refused(429, "slow")
        station_text, day_text, amount_text = (
            request.form.get(name, "")[:_FORM_CHARACTERS] for name in ("station", "day", "amount")
        )
        if request.form.get("trace") and amount_text.strip() in {"", "0"}:
            amount_text = TRACE
        elif request.form.get("trace"):
            amount_text = f"{amount_text} {TRACE}"  # both cannot be: it is asked again
        text = f"{station_text} {day_text} {amount_text}"
        try:
            station = self._people.station(person, station_text)
            if station is None:
                raise EntryError("station-not-yours", station_text)
            day, amount = parse_day(day_text, self._intake.now()), parse_amount(amount_text)
            result = self._intake.take(
                person,
                station,
                day,
                amount,
                channel="form",
                text=text,
                confirms=request.form.get("confirms"),
            )
        except EntryError as error:
            self._count("form", error.problem)
            return self._form(person, bad=problem(error, self._language())), 422
        self._count("form", result.outcome)
        if result.outcome in {"conflict", "large"}:
            return self._confirm(result, amount_text), 409
        session["said"] = self._said(result)
        return flask.redirect(flask.url_for("home", station=result.station.wigos_id, day=result.day.isoformat()), 303)

    # --- SMS ---

    def sms(self) -> tuple[dict[str, str], int]:
        """Take a message that a gateway hands over: ``from`` and ``text``, as a form or JSON.

        The answer's ``reply`` is for the sender. A message that was understood and not taken is answered with 200 as
        well, because a gateway would send it again after an error, and that mends nothing.
        """
        expected = self._settings.sms_token_sha256
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if expected is None:
            raise Refused(404, "not-found")
        if scheme.lower() != "bearer" or not hmac.compare_digest(expected, digest_of(token)):
            log.warning("a call of /sms without its token from %s", request.remote_addr)
            return {"outcome": "refused", "reply": ""}, 401
        fields = _members() if request.is_json else request.form.to_dict()
        number, text = (fields.get("from"), fields.get("text")) if isinstance(fields, Mapping) else (None, None)
        if not isinstance(number, str) or not isinstance(text, str):
            return {"outcome": "refused", "reply": ""}, 400
        person = self._people.of_phone(number)
        if person is None:
            self._count("sms", "unknown-phone")
            return {"outcome": "unknown-phone", "reply": ""}, 200
        if not self._by_person.allows(person.key):
            raise Refused(429, "slow")
        outcome, reply = self._take_sms(person, text)
        self._count("sms", outcome)
        return {"outcome": outcome, "reply": for_sms(reply)}, 200

    def _take_sms(self, person: Person, text: str) -> tuple[str, str]:
        try:
            message = parse_sms(text)
            station = self._people.station(person, message.station)
            if station is None:
                raise EntryError("station-not-yours", message.station[:40])
            result = self._intake.take(
                person,
                station,
                parse_day(message.day, self._intake.now()),
                parse_amount(message.amount),
                channel="sms",
                text=text,
                confirms=True if message.confirmed else None,
            )
        except EntryError as error:
            return error.problem, problem(error, "fr")
        what = f"{result.station.name} {result.day:%d/%m}"
        amount = "traces" if result.amount.trace else f"{result.amount.mm:g}".replace(".", ",")
        again = f"PLUIE {fold(result.station.name).upper()} {result.day:%d/%m} {amount} CONFIRME"
        if result.outcome == "conflict" and result.before is not None:
            return "conflict", f"{what}: déjà {result.before.amount.text()}. Pour remplacer, envoyez: {again}"
        if result.outcome == "large":
            return "large", f"{what}: {result.amount.text()}, est-ce bien cela? Envoyez: {again}"
        return result.outcome, f"{self._thanks(result, 'fr')}: {what} {result.amount.text()}"

    # --- Health ---

    def health(self) -> tuple[dict[str, str], int]:
        """Whether entries can be taken and sent."""
        wrong = self._healthy()
        return ({"status": "ok"}, 200) if wrong is None else ({"status": wrong}, 503)

    # --- Errors ---

    def refused(self, error: Refused) -> AnyResponse:
        """A page for a request that ended early."""
        words = PAGE[self._language()][error.text]
        if request.endpoint == "sms":
            response = flask.make_response({"outcome": "refused", "reply": ""}, error.status)
        elif error.text == "wrong-token":
            response = flask.make_response(self._page("login.html", bad=words), error.status)
        else:
            response = flask.make_response(self._page("message.html", bad=words), error.status)
        if error.status == 429:  # noqa: PLR2004 - Too Many Requests
            response.headers["Retry-After"] = str(RETRY_S)
        return response

    def not_durable(self, error: OutboxError) -> AnyResponse:
        """The disk is full, or the clock is wrong: nothing was taken, and it is said."""
        log.error("no entry is taken: %s", error)
        return self.refused(Refused(503, "unavailable"))

    def http_error(self, error: HTTPException) -> AnyResponse:
        """Werkzeug's own errors, as a page of ours."""
        status = error.code or 500
        return self.refused(Refused(status, "not-found" if status == 404 else "failed"))  # noqa: PLR2004 - Not Found

    # --- Parts ---

    def _person(self) -> Person | None:
        """Who the session says it is, if the token is still theirs."""
        person = self._people.get(str(session.get("person", "")))
        if person is None or session.get("digest") != person.digest[:16]:
            return None
        return person

    def _check_csrf(self) -> None:
        given, expected = request.form.get("csrf", ""), str(session.get("csrf", ""))
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            raise Refused(400, "again")

    def _language(self) -> Language:
        return "en" if session.get("lang") == "en" else "fr"

    def _page(self, template: str, **values: Any) -> str:
        language = self._language()
        return flask.render_template(
            template,
            t=PAGE[language],
            language=language,
            nonce=flask.g.nonce,
            person=self._person(),
            csrf=session.get("csrf", ""),
            **values,
        )

    def _form(self, person: Person, *, said: str | None = None, bad: str | None = None) -> str:
        today = self._intake.now().date()
        fields = request.values
        return self._page(
            "form.html",
            said=said,
            bad=bad,
            chosen=fields.get("station", person.stations[0].wigos_id),
            day=fields.get("day", today.isoformat())[:10],
            today=today.isoformat(),
            first=(today - timedelta(days=self._settings.oldest_days)).isoformat(),
            amount=fields.get("amount", "")[:20] if bad else "",
            trace=bool(bad and fields.get("trace")),
            recent={one.wigos_id: self._entries.recent(one.wigos_id, RECENT) for one in person.stations},
        )

    def _confirm(self, result: Result, amount_text: str) -> str:
        before = self._people.get(result.before.observer) if result.before else None
        return self._page(
            "confirm.html",
            result=result,
            amount=amount_text,
            large=result.amount.mm > self._settings.ask_above_mm,
            before_by=before.name if before else result.before.observer if result.before else "",
        )

    def _said(self, result: Result) -> str:
        return (
            f"{self._thanks(result, self._language())} : {result.station.name}, {result.day:%d/%m/%Y}, "
            f"{result.amount.text()}"
        )

    @staticmethod
    def _thanks(result: Result, language: Language) -> str:
        return PAGE[language]["done" if result.outcome == "accepted" else "same"]

    def _count(self, channel: str, outcome: str) -> None:
        self._metrics.entries.labels(channel, outcome).inc()
