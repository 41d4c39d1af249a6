"""The observers' intake: the real application, a real server with real threads, a real outbox."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from werkzeug.test import TestResponse

from meteostream.cli import group
from meteostream.config import ConfigError, Intake, Observer, parse_settings
from meteostream.contract.decode import decode_message, decode_report
from meteostream.intake import texts
from meteostream.intake.check import CheckError, Entered, enter_rain
from meteostream.intake.entries import Entries
from meteostream.intake.limits import RateLimit
from meteostream.intake.people import People, digest_of, new_token
from meteostream.intake.rain import Amount, EntryError, check_day, parse_amount, parse_day, parse_sms, reading_of
from meteostream.intake.server import Server
from meteostream.intake.service import RainIntake
from meteostream.intake.web import create_app, session_key
from meteostream.metrics import IntakeMetrics
from meteostream.outbox import Draft, Outbox, OutboxFullError, iterate
from meteostream.registry import load_registry
from support_settings import settings_file

THIES, KAOLACK = "0-20000-0-61654", "0-20000-0-61679"
GSM = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \"'(),./:;?-+<>=éèàùìòÉÇ")
"""Letters and marks of GSM 03.38's basic alphabet that the replies may need; with another, a message holds 70."""
NOW = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
CHECK = "check-check-check-check"
AWA, MOUSSA, GATEWAY = "abcd-efgh-jkmn-pqrs", "tuvw-xyz2-3456-789a", "gate-way2-gate-way3"
PHONE = "+221770000001"


def intake_settings(**changes: Any) -> Intake:
    observers = {
        "awa": Observer(name="Awa Ndiaye", stations=["Thiès"], token_sha256=digest_of(AWA), phone=PHONE),
        "moussa": Observer(
            name="Moussa <b>Sarr</b>", stations=["61654", "Kaolack", "Cap-Skirring"], token_sha256=digest_of(MOUSSA)
        ),
    }
    given = {
        "observers": observers,
        "sms_token_sha256": digest_of(GATEWAY),
        "https": False,
        "per_minute": 1000,
        "port": 0,
    }
    return Intake(**{**given, "per_minute_per_address": 10_000, **changes})


class World:
    """An application on a disk."""

    def __init__(self, base: Path, **changes: Any) -> None:
        self.base, self.now, self.broken = base, NOW, False
        self.settings = intake_settings(directory=str(base / "intake"), **changes)
        self.entries = Entries(base / "intake/entries.db")
        self.outbox = Outbox(base / "outbox")
        self.registry = CollectorRegistry()
        self.wrong: str | None = None
        self.intake = RainIntake(self.settings, self.entries, self.journal, topic="t", now=lambda: self.now)
        self.app = create_app(
            self.settings,
            People(self.settings.observers, load_registry(), check_token=self.settings.check_token),
            self.entries,
            self.intake,
            key=session_key(base / "intake"),
            metrics=IntakeMetrics(self.registry),
            healthy=lambda: self.wrong,
        )

    def journal(self, draft: Draft) -> None:
        if self.broken:
            raise OutboxFullError("the disk is full")
        self.outbox.append([draft])

    def close(self) -> None:
        self.entries.close()
        self.outbox.close()

    def sent(self) -> list[dict[str, Any]]:
        """Reports in the outbox, each valid by the contract."""
        found = []
        for entry in iterate(self.base / "outbox"):
            decode_message(entry.value.encode(), entry.key.encode())
            found.append(json.loads(entry.value))
        return found

    def client(self, token: str = AWA) -> Phone:
        phone = Phone(self.app.test_client())
        assert phone.login(token).status_code == 303
        return phone

    def sms(self, text: str, *, number: str = PHONE, token: str = GATEWAY) -> dict[str, str]:
        response = self.app.test_client().post(
            "/sms", data={"from": number, "text": text}, headers={"Authorization": f"Bearer {token}"}
        )
        assert response.status_code == 200, response.text
        answer = response.get_json()
        assert isinstance(answer, dict)
        return answer

    def count(self, channel: str, outcome: str) -> float:
        name = "meteostream_intake_entries_total"
        return self.registry.get_sample_value(name, {"channel": channel, "outcome": outcome}) or 0.0


class Phone:
    """A browser without scripts."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def login(self, token: str) -> TestResponse:
        return self.client.post("/entrer", data={"token": token})

    def page(self) -> str:
        return self.client.get("/").text

    def csrf(self) -> str:
        match = re.search(r'name="csrf" value="([^"]+)"', self.page())
        assert match
        return match[1]

    def rain(self, amount: str, *, station: str = THIES, day: str = "2026-11-25", **fields: str) -> TestResponse:
        data = {"csrf": self.csrf(), "station": station, "day": day, "amount": amount, **fields}
        return self.client.post("/pluie", data=data)

    def confirm(self, page: TestResponse) -> TestResponse:
        """Press the first button of a page."""
        form = page.text.split("<form")[1].split("</form>")[0]
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
        return self.client.post("/pluie", data=fields)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world that many requests share."""
    found = World(tmp_path_factory.mktemp("fuzzed"), per_minute=1_000_000, per_minute_per_address=1_000_000)
    yield found
    found.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.close()


# --- The form ---


def test_rain_of_06_utc_becomes_one_report(world: World) -> None:
    response = world.client().rain("12,5")
    assert response.status_code == 303
    (report,) = world.sent()
    assert report == {
        "schema": "meteostream.report/1",
        "station": THIES,
        "observed_at": "2026-11-25T06:00:00Z",
        "source": "observers",
        "report_type": "rain-06",
        "revision": 0,
        "nature": "observed",
        "received_at": "2026-11-25T08:30:00.000000Z",
        "variables": {"rain_24h": 12.5},
        "raw": f"form awa: {THIES} 2026-11-25 12,5",
    }
    assert world.count("form", "accepted") == 1


def test_the_page_says_what_was_stored_and_shows_the_last_readings(world: World) -> None:
    phone = world.client()
    for day, amount in (("2026-11-23", "0"), ("2026-11-24", "traces"), ("2026-11-25", "0.2")):
        phone.rain(amount, day=day)
    page = phone.page()
    assert "Enregistré : Thiès, 25/11/2026, 0,2 mm" in page
    assert re.findall(r"<td>(.*?)</td>", page) == [
        "25/11/2026", "0,2 mm", "24/11/2026", "traces", "23/11/2026", "0 mm",
    ]  # fmt: skip
    assert "Enregistré" not in phone.page(), "it is said once"


@pytest.mark.parametrize(
    ("amount", "mm"),
    [
        ("12,5", 12.5),
        ("12.5", 12.5),
        ("0", 0.0),
        ("0,2 mm", 0.2),
        ("TRACES", 0.0),
        ("tr", 0.0),
        ("\u202f7,25\u00a0mm", 7.25),
    ],
)
def test_amounts_as_people_write_them(world: World, amount: str, mm: float) -> None:
    """KF-128: decimal comma, U+202F; a trace is 0, and its raw text says trace."""
    assert world.client().rain(amount).status_code == 303
    (report,) = world.sent()
    assert report["variables"] == {"rain_24h": mm}
    assert report["raw"].endswith(amount)


@pytest.mark.parametrize(
    ("amount", "day", "sentence"),
    [
        ("-1", "2026-11-25", "n&#39;est pas une quantité de pluie"),
        ("douze", "2026-11-25", "n&#39;est pas une quantité de pluie"),
        ("1,234", "2026-11-25", "n&#39;est pas une quantité de pluie"),
        ("1e3", "2026-11-25", "n&#39;est pas une quantité de pluie"),
        ("nan", "2026-11-25", "n&#39;est pas une quantité de pluie"),
        ("", "2026-11-25", "n&#39;est pas une quantité de pluie"),
        ("1826", "2026-11-25", "jamais tombé plus de 1825 mm"),
        ("5", "2026-11-26", "n&#39;est pas encore venu"),
        ("5", "2026-11-14", "trop ancien"),
        ("5", "2026-02-30", "n&#39;est pas un jour"),
        ("5", "hier", "n&#39;est pas un jour"),
    ],
)
def test_impossible_entries_are_asked_again(world: World, amount: str, day: str, sentence: str) -> None:
    response = world.client().rain(amount, day=day)
    assert response.status_code == 422
    assert sentence in response.text
    assert f'value="{amount}"' in response.text, "what was written is still there"
    assert world.sent() == []


def test_before_06_utc_there_is_no_reading_of_today(world: World) -> None:
    """The contract allows a report 15 minutes before its time, and so does the form."""
    world.now = datetime(2026, 11, 25, 5, 40, tzinfo=UTC)
    response = world.client().rain("5")
    assert response.status_code == 422
    assert "pas encore 06 h TU" in response.text
    world.now = datetime(2026, 11, 25, 5, 45, tzinfo=UTC)
    assert world.client().rain("5").status_code == 303
    assert len(world.sent()) == 1


def test_much_rain_is_asked_once_more(world: World) -> None:
    """218 mm fell in an hour at Linguère in 2017: it is asked, and never refused."""
    phone = world.client()
    asked = phone.rain("218")
    assert asked.status_code == 409
    assert "beaucoup de pluie" in asked.text
    assert world.sent() == []
    assert phone.confirm(asked).status_code == 303
    assert [report["variables"]["rain_24h"] for report in world.sent()] == [218.0]


def test_another_value_is_shown_and_becomes_a_revision_when_confirmed(world: World) -> None:
    world.client(AWA).rain("12,5")
    phone = world.client(MOUSSA)
    asked = phone.rain("15")
    assert asked.status_code == 409
    assert "<strong>12,5 mm</strong>" in asked.text
    assert "Awa Ndiaye" in asked.text
    assert "<strong>15 mm</strong>" in asked.text
    assert len(world.sent()) == 1
    assert phone.confirm(asked).status_code == 303
    first, second = world.sent()
    assert [(report["revision"], report["variables"]["rain_24h"]) for report in (first, second)] == [
        (0, 12.5),
        (1, 15.0),
    ]
    assert first["report_type"] == second["report_type"]
    with sqlite3.connect(world.base / "intake/entries.db") as database:
        rows = database.execute("SELECT revision, mm, observer FROM entry ORDER BY revision").fetchall()
    assert rows == [(0, 12.5, "awa"), (1, 15.0, "moussa")], "both are kept"


def test_a_confirmation_is_for_what_was_shown(world: World) -> None:
    """Between the question and the answer somebody else stored another value: it is asked again."""
    awa, moussa = world.client(AWA), world.client(MOUSSA)
    awa.rain("12,5")
    asked = moussa.rain("15")
    awa.confirm(awa.rain("13"))
    again = moussa.confirm(asked)
    assert again.status_code == 409
    assert "<strong>13 mm</strong>" in again.text
    assert [report["variables"]["rain_24h"] for report in world.sent()] == [12.5, 13.0]


def test_sending_again_changes_nothing(world: World) -> None:
    """KF-111: a lost answer and a second press of the button."""
    phone = world.client()
    for _ in range(3):
        assert phone.rain("12,5").status_code == 303
    assert phone.rain("12.50 mm").status_code == 303
    assert len(world.sent()) == 1
    assert "déjà enregistré" in phone.page()
    assert world.count("form", "same") == 3


def test_a_trace_is_a_tick_because_a_keyboard_of_numbers_has_no_letters(world: World) -> None:
    phone = world.client()
    assert 'type="checkbox" name="trace"' in phone.page()
    assert phone.rain("", trace="1").status_code == 303
    (report,) = world.sent()
    assert report["variables"] == {"rain_24h": 0.0}
    assert report["raw"].endswith(" traces")
    asked = phone.rain("5", trace="1", day="2026-11-24")
    assert asked.status_code == 422
    assert "checked" in asked.text
    assert phone.rain("0", trace="1", day="2026-11-23").status_code == 303
    assert "<td>traces</td>" in phone.page()


def test_a_trace_and_nothing_are_two_things(world: World) -> None:
    phone = world.client()
    phone.rain("0")
    asked = phone.rain("traces")
    assert asked.status_code == 409
    phone.confirm(asked)
    assert [(report["revision"], report["variables"]) for report in world.sent()] == [
        (0, {"rain_24h": 0.0}), (1, {"rain_24h": 0.0}),
    ]  # fmt: skip


def test_somebody_elses_station_is_refused(world: World) -> None:
    response = world.client(AWA).rain("5", station=KAOLACK)
    assert response.status_code == 422
    assert "n&#39;est pas une de vos stations" in response.text
    assert world.client(MOUSSA).rain("5", station=KAOLACK).status_code == 303
    assert [report["station"] for report in world.sent()] == [KAOLACK]


def test_a_full_disk_takes_nothing_and_says_so(world: World) -> None:
    """KF-112: not stored, not shown as stored; the same entry is taken when there is room."""
    phone = world.client()
    world.broken = True
    response = phone.rain("12,5")
    assert response.status_code == 503
    assert "pas pu être enregistré" in response.text
    assert world.entries.latest(THIES, date(2026, 11, 25)) is None
    world.broken = False
    assert phone.rain("12,5").status_code == 303
    assert [report["revision"] for report in world.sent()] == [0]


def test_a_power_cut_between_outbox_and_entries_makes_no_second_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outbox has the report, the file of entries not; the observer saw no confirmation and sends again."""
    phone = world.client()
    journal = world.journal

    def cut(draft: Draft) -> None:
        journal(draft)
        raise RuntimeError("the power went")

    monkeypatch.setattr(world.intake, "_journal", cut)
    assert phone.rain("12,5").status_code == 500
    assert world.entries.latest(THIES, date(2026, 11, 25)) is None
    monkeypatch.undo()
    world.now += timedelta(minutes=5)
    assert phone.rain("12,5").status_code == 303
    first, second = iterate(world.base / "outbox")
    assert first.id == second.id


def test_entries_survive_a_restart(tmp_path: Path) -> None:
    first = World(tmp_path)
    phone = first.client()
    phone.rain("12,5")
    cookie = phone.client.get_cookie("intake")
    first.close()
    second = World(tmp_path)
    assert cookie is not None
    again = Phone(second.app.test_client())
    again.client.set_cookie("intake", cookie.value)
    assert again.rain("15").status_code == 409, "the session and the entry are still there"
    second.close()


# --- Who may ---


def test_a_wrong_token_is_refused_and_tells_nothing(world: World) -> None:
    phone = Phone(world.app.test_client())
    for token in ("", "abcd", AWA[:-1], AWA + "x", "'; DROP TABLE entry; --", "é" * 500):
        response = phone.login(token)
        assert response.status_code == 403
        assert "Ce code n&#39;est pas connu" in response.text
    assert "Votre code personnel" in phone.page()
    assert phone.login(f" {AWA.upper()} ").status_code == 303, "as people type it"


def test_without_a_session_nothing_is_taken(world: World) -> None:
    response = world.app.test_client().post("/pluie", data={"station": THIES, "day": "2026-11-25", "amount": "5"})
    assert response.status_code == 303
    assert world.sent() == []


def test_a_changed_token_ends_the_session(tmp_path: Path) -> None:
    first = World(tmp_path)
    cookie = first.client().client.get_cookie("intake")
    first.close()
    assert cookie is not None
    awa = Observer(name="Awa", stations=["Thiès"], token_sha256=digest_of("another"))
    second = World(tmp_path, observers={"awa": awa})
    phone = Phone(second.app.test_client())
    phone.client.set_cookie("intake", cookie.value)
    assert "Votre code personnel" in phone.page()
    second.close()


@pytest.mark.parametrize("csrf", ["", "x", "é"])
def test_a_form_of_another_site_is_refused(world: World, csrf: str) -> None:
    phone = world.client()
    assert phone.rain("5", csrf=csrf).status_code == 400
    page = phone.client.post(
        "/pluie",
        data={"csrf": phone.csrf(), "station": THIES, "day": "2026-11-25", "amount": "5"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert page.status_code == 403
    assert world.sent() == []


def test_who_asks_too_often_waits(tmp_path: Path) -> None:
    world = World(tmp_path, per_minute=5)
    phone = world.client()
    statuses = [phone.rain(str(number)).status_code for number in range(8)]
    assert statuses[-1] == 429
    slow = phone.rain("1")
    assert slow.headers["Retry-After"] == "60"
    assert "Trop de demandes" in slow.text
    strangers = [Phone(world.app.test_client()).login("guess").status_code for _ in range(8)]
    assert strangers[-1] == 429
    world.close()


def test_a_bucket_fills_with_time_and_is_ones_own() -> None:
    now = 0.0
    limit = RateLimit(2, lambda: now)
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    assert limit.allows("b")
    now = 29.9
    assert not limit.allows("a")
    now = 30.5
    assert limit.allows("a")
    assert not limit.allows("a")


# --- What pages are like ---


def test_pages_are_small_french_and_without_scripts(world: World) -> None:
    phone = world.client(MOUSSA)
    for station in (THIES, KAOLACK, "0-20000-0-61697"):
        for back in range(5):
            phone.rain("1825", station=station, day=f"2026-11-{25 - back}", confirms="1825/-")
    asked = phone.rain("7")
    for page in (phone.page(), asked.text, world.app.test_client().get("/").text):
        assert len(page.encode()) < 20_000
        assert '<html lang="fr">' in page
        assert "<script" not in page
        assert "javascript:" not in page
        assert not re.search(r"\son[a-z]+=", page)
        assert "Moussa <b>" not in page
    assert asked.text.count("Pour cette station et ce jour") == 1


def test_english_for_those_who_ask(world: World) -> None:
    phone = world.client()
    assert "Rain of 06 UTC" in phone.client.get("/?lang=en").text
    assert "is no amount of rain" in phone.rain("x").text
    assert "Pluie de 06 h TU" in phone.client.get("/?lang=fr").text
    assert phone.client.get("/?lang=<script>").status_code == 200


def test_answers_tell_browsers_to_be_careful(world: World) -> None:
    response = world.client().client.get("/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce
    assert f'<style nonce="{nonce[1]}">' in response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Frame-Options"] == "DENY"


def test_the_cookie_is_for_this_site_and_https_alone(tmp_path: Path) -> None:
    world = World(tmp_path, https=True)
    response = world.app.test_client().post("/entrer", data={"token": AWA}, base_url="https://localhost")
    cookie = response.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Secure"):
        assert part in cookie
    assert AWA not in cookie
    world.close()


def test_the_session_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = session_key(tmp_path / "x")
    assert len(first) == 32
    assert session_key(tmp_path / "x") == first
    assert (tmp_path / "x/session.key").stat().st_mode & 0o777 == 0o600


def test_other_pages_and_methods_are_answered_calmly(world: World) -> None:
    client = world.app.test_client()
    assert client.get("/wp-login.php").status_code == 404
    assert client.get("/../../etc/passwd").status_code == 404
    assert client.get("/pluie").status_code == 405
    assert client.post("/pluie", data={"amount": "1" * 10_000}).status_code in {303, 413}
    assert client.post("/entrer", data={"token": "1" * 10_000}).status_code == 413


def test_health_tells_whether_reports_are_sent(world: World) -> None:
    client = world.app.test_client()
    assert client.get("/health").get_json() == {"status": "ok"}
    world.wrong = "reports are not sent: x"
    assert client.get("/health").status_code == 503


# --- SMS ---


@pytest.mark.parametrize(
    ("text", "station", "day", "mm"),
    [
        ("PLUIE THIES 12,5", THIES, "2026-11-25", 12.5),
        ("pluie thiès 12.5 mm", THIES, "2026-11-25", 12.5),
        ("Pluie  Thiès  24/11  0,2", THIES, "2026-11-24", 0.2),
        ("PLUIE 61654 20/11/2026 TRACES", THIES, "2026-11-20", 0.0),
        ("RR THIES 0.", THIES, "2026-11-25", 0.0),
    ],
)
def test_an_sms_becomes_a_report(world: World, text: str, station: str, day: str, mm: float) -> None:
    answer = world.sms(text)
    assert answer["outcome"] == "accepted"
    assert answer["reply"].startswith("Enregistré: Thiès")
    (report,) = world.sent()
    assert (report["station"], report["observed_at"]) == (station, f"{day}T06:00:00Z")
    assert report["variables"] == {"rain_24h": mm}
    assert report["raw"] == f"sms awa: {text}"


@pytest.mark.parametrize(
    ("text", "outcome", "reply"),
    [
        ("Bonjour", "grammar", "Message non compris. Écrivez : PLUIE STATION 12,5"),
        ("PLUIE", "grammar", "Message non compris"),
        ("PLUIE THIES", "grammar", "Message non compris"),
        ("PLUIE THIES beaucoup", "amount", '"beaucoup" n\'est pas une quantité'),
        ("PLUIE KAOLACK 5", "station-not-yours", '"KAOLACK" n\'est pas une de vos stations'),
        ("PLUIE THIES 31/02 5", "day", '"31/02" n\'est pas un jour'),
        ("PLUIE THIES 26/11 5", "future", "n'est pas encore venu"),
        ("PLUIE THIES 1/11 5", "too-old", "trop ancien"),
        ("PLUIE THIES 2000", "too-much", "1825 mm"),
        ("PLUIE THIES 300", "large", "Thiès 25/11: 300 mm, est-ce bien cela? Envoyez: PLUIE THIES 25/11 300 CONFIRME"),
    ],
)
def test_an_sms_that_cannot_be_taken_is_answered(world: World, text: str, outcome: str, reply: str) -> None:
    answer = world.sms(text)
    assert answer["outcome"] == outcome
    assert reply in answer["reply"]
    assert len(answer["reply"]) <= 160, "one message"
    assert set(answer["reply"]) <= GSM
    assert world.sent() == []
    assert world.count("sms", outcome) == 1


def test_an_sms_with_another_value_needs_a_confirmation(world: World) -> None:
    world.client().rain("12,5")
    answer = world.sms("PLUIE THIES 15")
    assert answer["outcome"] == "conflict"
    assert answer["reply"] == "Thiès 25/11: déjà 12,5 mm. Pour remplacer, envoyez: PLUIE THIES 25/11 15 CONFIRME"
    assert world.sms(answer["reply"].partition("envoyez: ")[2])["outcome"] == "accepted"
    assert world.sms("PLUIE THIES 15")["outcome"] == "same", "the gateway sends again"
    assert [(report["revision"], report["variables"]["rain_24h"]) for report in world.sent()] == [(0, 12.5), (1, 15.0)]


def test_the_hook_asks_for_its_token(world: World) -> None:
    client = world.app.test_client()
    data = {"from": PHONE, "text": "PLUIE THIES 5"}
    for header in ({}, {"Authorization": f"Bearer {AWA}"}, {"Authorization": GATEWAY}, {"Authorization": "Bearer é"}):
        assert client.post("/sms", data=data, headers=header).status_code == 401
    assert world.sent() == []


def test_the_hook_is_not_there_without_a_token_in_the_settings(tmp_path: Path) -> None:
    world = World(tmp_path, sms_token_sha256=None)
    response = world.app.test_client().post("/sms", data={}, headers={"Authorization": f"Bearer {GATEWAY}"})
    assert response.status_code == 404
    world.close()


def test_the_hook_takes_json_and_refuses_what_is_none(world: World) -> None:
    client, header = world.app.test_client(), {"Authorization": f"Bearer {GATEWAY}"}
    good = {"from": "00221 77-000.00.01", "text": "PLUIE THIES 5"}
    assert client.post("/sms", json=good, headers=header).get_json()["outcome"] == "accepted"
    for bad in ([], "x", {"from": PHONE}, {"from": 1, "text": 2}, {"from": PHONE, "text": None}):
        assert client.post("/sms", json=bad, headers=header).status_code == 400
    assert client.post("/sms", data="{", headers={**header, "Content-Type": "application/json"}).status_code == 400
    assert world.sms("PLUIE THIES 5", number="+15550000000") == {"outcome": "unknown-phone", "reply": ""}
    assert len(world.sent()) == 1


# --- Words, numbers, days ---


@given(st.text(max_size=400) | st.text("PLUIE THIES0123456789,./ mtrcf\u202f", max_size=60))
def test_no_text_breaks_the_parsers(text: str) -> None:
    parsers: list[Callable[[str], object]] = [parse_sms, parse_amount, lambda text: parse_day(text, NOW)]
    for parse in parsers:
        found: object = None
        with suppress(EntryError):
            found = parse(text)
        if isinstance(found, Amount):
            assert 0 <= found.mm <= 1825


@given(
    st.text(max_size=400)
    | st.builds(
        " ".join,
        st.tuples(
            st.just("PLUIE"),
            st.sampled_from(["THIES", "LINGUERE", "THIÈS", "0-20000-0-61654", "DAKAR"]) | st.text(max_size=80),
            st.sampled_from(["24/11", "25/11", ""]) | st.text(max_size=60),
            st.sampled_from(["12,5", "999", "traces"]) | st.text(max_size=200),
            st.sampled_from(["", "CONFIRME"]),
        ),
    )
)
def test_every_reply_fits_one_message(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """160 characters of the GSM alphabet; what it asks to send again is understood and taken."""
    world = World(tmp_path_factory.mktemp("fuzz"))
    world.sms("PLUIE THIES 1")
    answer = world.sms(text)
    assert len(answer["reply"]) <= texts.LONGEST_REPLY
    assert set(answer["reply"]) <= texts.GSM
    if answer["outcome"] in {"conflict", "large"}:
        assert world.sms(answer["reply"].partition("nvoyez: ")[2])["outcome"] == "accepted"
    world.close()


@pytest.mark.parametrize("number", ["+221 770000001", "00221770000001", " 221770000001", "+221.77-0000001"])
def test_a_number_is_known_however_a_gateway_writes_it(world: World, number: str) -> None:
    """Also without its plus, which is a space where a form was not encoded."""
    assert world.sms("PLUIE THIES 5", number=number)["outcome"] == "accepted"


def test_a_form_cannot_confirm_what_it_was_not_shown(world: World) -> None:
    phone = world.client()
    assert phone.rain("12,5").status_code == 303
    for confirms in ("*", "15/-", "15/1", "12.5/0"):
        assert phone.rain("15", confirms=confirms).status_code == 409
    assert len(world.sent()) == 1


def test_json_that_is_nested_too_deeply_is_refused_like_any_other(world: World) -> None:
    header = {"Authorization": f"Bearer {GATEWAY}", "Content-Type": "application/json"}
    answer = world.app.test_client().post("/sms", data="[" * 8000, headers=header)
    assert (answer.status_code, answer.get_json()) == (400, {"outcome": "refused", "reply": ""})


REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "PATCH"]),
        "path": st.sampled_from(["/", "/entrer", "/sortir", "/pluie", "/sms", "/health", "/static/x"])
        | st.text(max_size=20).map(lambda text: "/" + urllib.parse.quote(text)),
        "query_string": st.sampled_from(["lang=en", "lang=xx&day=%00&station=%ff", ""])
        | st.text(max_size=40).map(urllib.parse.quote),
        "data": st.sampled_from([b"token=%00", b"csrf=x&station=", b'{"from": 1}', b"--x\r\n\r\n", b"x" * 9000])
        | st.binary(max_size=200),
        "content_type": st.sampled_from(
            ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]
        ),
    }
)  # fmt: skip
HEADERS = st.fixed_dictionaries(
    {
        "Authorization": st.sampled_from([f"Bearer {GATEWAY}", "Bearer", "Basic eA==", "bearer \xe9", ""]),
        "Cookie": st.sampled_from(["", "intake=x", "intake=eyJwZXJzb24iOiJhd2EifQ.x.y", "intake="]),
    }
)


@given(asked=REQUESTS, headers=HEADERS, inside=st.booleans())
def test_no_request_breaks_the_application(
    fuzzed: World, asked: dict[str, Any], headers: dict[str, str], *, inside: bool
) -> None:
    """Whatever comes, with or without a session: an answer that is meant, the headers of all, and nothing stored."""
    client = fuzzed.client().client if inside else fuzzed.app.test_client()
    answer = client.open(headers=headers, **asked)
    assert answer.status_code in {200, 303, 308, 400, 401, 403, 404, 405, 413, 415, 422}, answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert fuzzed.sent() == []


@given(st.integers(0, 182_500).map(lambda hundredths: hundredths / 100))
def test_every_amount_comes_back_from_its_text(mm: float) -> None:
    assert parse_amount(f"{mm:.2f}".replace(".", ",")) == Amount(mm)
    if mm * 10 == round(mm * 10):
        assert parse_amount(Amount(mm).text()) == Amount(mm)


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(0, 10))
def test_a_day_without_a_year_is_the_last_one(today: date, back: int) -> None:
    """Also over the turn of the year."""
    day = today - timedelta(days=back)
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    assert parse_day(f"{day.day}/{day.month}", now) == day
    check_day(day, now, source="observers", oldest_days=10)
    assert reading_of(day).hour == 6


def test_a_29th_of_february_that_was_not_is_no_day() -> None:
    with pytest.raises(EntryError, match="day"):
        parse_day("29/02", datetime(2026, 3, 1, tzinfo=UTC))
    with pytest.raises(EntryError, match="day"):
        parse_day("29/02", datetime(2028, 1, 5, tzinfo=UTC))
    assert parse_day("29/02", datetime(2028, 3, 1, tzinfo=UTC)) == date(2028, 2, 29)


@given(
    st.dictionaries(st.sampled_from(["station", "day", "amount", "trace", "confirms", "csrf"]), st.text(max_size=200))
)
def test_no_form_breaks_the_application(tmp_path_factory: pytest.TempPathFactory, fields: dict[str, str]) -> None:
    world = World(tmp_path_factory.mktemp("fuzz"))
    phone = world.client()
    response = phone.client.post("/pluie", data={"csrf": phone.csrf(), **fields})
    assert response.status_code in {303, 400, 409, 413, 422}
    for report in world.sent():
        assert 0 <= report["variables"]["rain_24h"] <= 1825
    world.close()


# --- Settings ---


def test_a_token_is_shown_with_its_digest() -> None:
    result = CliRunner().invoke(group, ["intake", "token"])
    match = re.fullmatch(r"token         (\S+)\ntoken_sha256  ([0-9a-f]{64})\n", result.output)
    assert match
    assert digest_of(match[1]) == match[2]
    assert len({new_token() for _ in range(100)}) == 100
    assert re.fullmatch(r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}", match[1])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f'"{digest_of(AWA)}"', '"secret"', "64 hexadecimal digits"),
        ('["Thiès"]', "[]", "at least one"),
        (f'"{PHONE}"', '"77 000"', "international form"),
        (
            'name = "Awa"',
            'name = "Awa"\nnumber = 1',
            r"\[intake.observers.*\] number: unknown key; known here: name, st",
        ),
        ('name = "Awa"', "name = 1", r"observers.*name: Expected `str`"),
    ],
)
def test_settings_that_cannot_work_are_refused(old: str, new: str, message: str) -> None:
    text = (
        f'[intake.observers.awa]\nname = "Awa"\nstations = ["Thiès"]\ntoken_sha256 = "{digest_of(AWA)}"\n'
        f'phone = "{PHONE}"\n'
    )
    assert parse_settings(text, "x").intake.observers["awa"].phone == PHONE
    assert digest_of(AWA) not in repr(parse_settings(text, "x"))
    assert old in text
    with pytest.raises(ConfigError, match=message):
        parse_settings(text.replace(old, new), "x")


def test_two_observers_share_no_token() -> None:
    one = Observer(name="A", stations=["Thiès"], token_sha256=digest_of("x"))
    with pytest.raises(ValueError, match="two observers have the same token_sha256"):
        Intake(observers={"a": one, "b": one})


@pytest.mark.parametrize("station", ["Nowhere", "0-0-0-SIM61641"])
def test_an_observers_station_must_be_a_real_one(station: str) -> None:
    observer = Observer(name="A", stations=[station], token_sha256=digest_of("x"))
    with pytest.raises(ConfigError, match=r"\[intake.observers.a\] stations"):
        People({"a": observer}, load_registry())


# --- A real server ---


@pytest.fixture
def address(world: World) -> Iterator[tuple[str, int]]:
    server = Server(world.app, world.settings)
    server.start()
    yield "127.0.0.1", server.port
    server.stop()


def post(address: tuple[str, int], path: str, fields: dict[str, str], **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address, timeout=20)
    body = urllib.parse.urlencode(fields)
    connection.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})
    response = connection.getresponse()
    found = response.status, response.read().decode()
    connection.close()
    return found


def test_threads_of_a_real_server_store_one_value_once(world: World, address: tuple[str, int]) -> None:
    """Twenty messages at once, two values: one is stored, the other is a conflict, and each report is there once."""
    answers: list[str] = []

    def send(number: int) -> None:
        text = f"PLUIE THIES {12 + number % 2}"
        status, body = post(address, "/sms", {"from": PHONE, "text": text}, Authorization=f"Bearer {GATEWAY}")
        assert status == 200
        answers.append(json.loads(body)["outcome"])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(set(answers)) == ["accepted", "conflict", "same"]
    assert (answers.count("accepted"), answers.count("same"), answers.count("conflict")) == (1, 9, 10)
    assert len(world.sent()) == 1


def test_confirmations_at_once_are_revisions_without_a_gap(world: World, address: tuple[str, int]) -> None:
    def send(number: int) -> None:
        text = f"PLUIE THIES {number} CONFIRME"
        post(address, "/sms", {"from": PHONE, "text": text}, Authorization=f"Bearer {GATEWAY}")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    reports = world.sent()
    assert sorted(report["revision"] for report in reports) == list(range(12))
    latest = world.entries.latest(THIES, date(2026, 11, 25))
    assert latest is not None
    last = max(reports, key=lambda report: int(report["revision"]))
    assert (latest.revision, latest.amount.mm) == (11, last["variables"]["rain_24h"])
    assert len({decode_report(json.dumps(report).encode()).variables.rain_24h for report in reports}) == 12  # type: ignore[attr-defined]


def test_a_real_browsers_way_through_the_form(world: World, address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=20)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/entrer", urllib.parse.urlencode({"token": AWA}), kind)
    response = connection.getresponse()
    response.read()
    assert response.status == 303
    cookie = {"Cookie": (response.getheader("Set-Cookie") or "").split(";")[0]}
    connection.request("GET", "/", headers=cookie)
    page = connection.getresponse().read().decode()
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf
    fields = {"csrf": csrf[1], "station": THIES, "day": "2026-11-25", "amount": "3,4"}
    connection.request("POST", "/pluie", urllib.parse.urlencode(fields), {**kind, **cookie})
    response = connection.getresponse()
    response.read()
    assert response.status == 303
    connection.close()
    assert [report["variables"] for report in world.sent()] == [{"rain_24h": 3.4}]


def check_of(world: World, address: tuple[str, int], now: datetime = NOW) -> Entered:
    where = {"address": address[0], "port": address[1]}
    return enter_rain(msgspec.structs.replace(world.settings, **where), now)


@pytest.mark.parametrize("https", [True, False])
def test_the_check_enters_simulated_rain_at_the_form_again_and_again(tmp_path: Path, https: bool) -> None:
    """The page asks about each new value, as it asks an observer; cookies for https come back on loopback too."""
    world = World(tmp_path, check_token=CHECK, https=https)
    server = Server(world.app, world.settings)
    server.start()
    try:
        entered = [
            check_of(world, ("127.0.0.1", server.port), NOW + timedelta(milliseconds=step)) for step in (100, 110, 110)
        ]
    finally:
        server.stop()
    reports = world.sent()
    assert [report["variables"] for report in reports] == [{"rain_24h": 10.0}, {"rain_24h": 11.0}]
    assert [one.mm for one in entered] == [10.0, 11.0, 11.0]
    assert {report["station"] for report in reports} == {"0-0-0-SIMCHECK"}
    assert {report["nature"] for report in reports} == {"simulated"}
    assert [report["revision"] for report in reports] == [0, 1]
    world.close()


def test_without_its_token_nobody_enters_for_the_check(world: World, address: tuple[str, int]) -> None:
    with pytest.raises(CheckError, match="expected the check's token, found none"):
        check_of(world, address)
    world.settings = msgspec.structs.replace(world.settings, check_token=f"not {CHECK}")
    with pytest.raises(CheckError, match=r"POST .*/entrer: expected 303, found 403: .*"):
        check_of(world, address)
    assert world.sent() == []


def test_the_check_reports_for_no_real_station_and_observers_not_for_its(tmp_path: Path) -> None:
    world = World(tmp_path, check_token=CHECK)
    for token, station in ((CHECK, THIES), (AWA, "0-0-0-SIMCHECK")):
        phone = world.client(token)
        fields = {"csrf": phone.csrf(), "station": station, "day": "2026-11-25", "amount": "1"}
        assert phone.client.post("/pluie", data=fields).status_code == 422
    assert world.sent() == []
    world.close()


def test_the_service_takes_an_sms_without_brokers_and_ends_when_told(tmp_path: Path) -> None:
    """A process of its own: what it confirmed is in the outbox, and SIGTERM ends it."""
    port, metrics_port = free_port(), free_port()
    path = settings_file(
        tmp_path,
        f"""
        port = {port}
        metrics_port = {metrics_port}
        sms_token_sha256 = "{digest_of(GATEWAY)}"
        [intake.observers.awa]
        name = "Awa"
        stations = ["Thiès"]
        token_sha256 = "{digest_of(AWA)}"
        phone = "{PHONE}"
        """,
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "meteostream", "--config", str(path), "intake"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            wait_for(port, process)
            yesterday = datetime.now(UTC) - timedelta(days=1)
            fields = {"from": PHONE, "text": f"PLUIE THIES {yesterday:%d/%m} 3,4"}
            status, body = post(("127.0.0.1", port), "/sms", fields, Authorization=f"Bearer {GATEWAY}")
            assert (status, json.loads(body)["outcome"]) == (200, "accepted")
            metrics = http.client.HTTPConnection("127.0.0.1", metrics_port, timeout=20)
            metrics.request("GET", "/metrics")
            text = metrics.getresponse().read().decode()
            metrics.close()
        finally:
            process.terminate()
            errors = process.communicate(timeout=60)[1]
    assert process.returncode == 0, errors
    assert 'meteostream_intake_entries_total{channel="sms",outcome="accepted"} 1.0' in text
    (entry,) = iterate(tmp_path / "outbox/intake")
    assert json.loads(entry.value)["variables"] == {"rain_24h": 3.4}
    assert AWA not in errors
    assert GATEWAY not in errors


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Until the service answers, or has ended."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            assert connection.getresponse().status == 200
            connection.close()
            return
        time.sleep(0.1)
    raise AssertionError("the service does not answer")
