"""The intake's check: rain is entered as an observer does it, by the form's own pages.

The reading is of the simulated station 0-0-0-SIMCHECK, so it is never weather. Its amount is another one each time: the
page asks for a confirmation, as it does of an observer who corrects a value, and the report is a revision.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import requests

from meteostream.contract.report import CHECK_STATION

if TYPE_CHECKING:
    from meteostream.config import Intake

ANSWER_S: Final = 20.0
_HIDDEN: Final = r'name="{name}" value="([^"]+)"'
_BAD: Final = re.compile(r'<p class="bad"[^>]*>([^<]*)')


class CheckError(RuntimeError):
    """A page answered otherwise than it does to an observer; the message says which, and how."""


class Entered(NamedTuple):
    """The reading: the day on which the gauge was read, millimetres."""

    day: date
    mm: float


def enter_rain(settings: Intake, now: datetime) -> Entered:
    """Enter rain at the form of ``[intake]`` and confirm it.

    Parameters
    ----------
    now
        The reading is of the day before: today's may be too early.

    Raises
    ------
    CheckError
        If a page refuses.
    requests.RequestException
        If there is no answer.
    """
    if settings.check_token is None:
        raise CheckError("[intake] check_token: expected the check's token, found none")
    base = f"http://{settings.address}:{settings.port}"
    entered = Entered(now.astimezone(UTC).date() - timedelta(days=1), now.microsecond // 100 / 100)
    with requests.Session() as browser:
        _page(browser, "POST", f"{base}/entrer", {"token": settings.check_token}, expected={303})
        form = {
            "csrf": _hidden("csrf", _page(browser, "GET", f"{base}/", {}, expected={200})),
            "station": CHECK_STATION,
            "day": entered.day.isoformat(),
            "amount": f"{entered.mm:g}",
        }
        answer = _page(browser, "POST", f"{base}/pluie", form, expected={303, 409})
        if answer.status_code == requests.codes.conflict:
            _page(browser, "POST", f"{base}/pluie", form | {"confirms": _hidden("confirms", answer)}, expected={303})
    return entered


def _page(
    browser: requests.Session, method: str, url: str, data: dict[str, str], *, expected: set[int]
) -> requests.Response:
    # A form behind https marks its cookies as such; on this machine's own way to it they are sent all the same.
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.get_dict().items())
    headers = {"Cookie": cookies} if cookies else {}
    answer = browser.request(method, url, data=data, headers=headers, timeout=ANSWER_S, allow_redirects=False)
    if answer.status_code not in expected:
        said = _BAD.search(answer.text)
        wanted = " or ".join(map(str, sorted(expected)))
        raise CheckError(
            f"{method} {url}: expected {wanted}, found {answer.status_code}{f': {said[1]}' if said else ''}"
        )
    return answer


def _hidden(name: str, page: requests.Response) -> str:
    found = re.search(_HIDDEN.format(name=name), page.text)
    if found is None:
        raise CheckError(f"{page.url}: expected a form with the hidden field {name}, found none: not logged in?")
    return found[1]
