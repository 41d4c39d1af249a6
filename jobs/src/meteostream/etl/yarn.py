"""Commands on YARN: submitted once, found again, ended together with whoever waits for them.

In cluster mode the driver runs in a container, so an application outlives the process that submitted it. A worker that
is killed would leave it at work, and the next try would start the same thing beside it. So each command line has a tag
of its own: a try first looks for an application that bears it and is not done, and waits for that one instead of
submitting another. Whoever is told to stop ends the application first.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import requests

from meteostream.etl.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from meteostream.config import Etl

T = TypeVar("T")

PASSED_ON: Final = ("PYTHONPATH", "PYSPARK_PYTHON", "JAVA_HOME", "HADOOP_CONF_DIR", "SPARK_CONF_DIR", "TZ")
"""Environment that the driver in its container needs as it is here: every node has the bundles at the same place."""

UNFINISHED: Final = frozenset({"NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING"})
"""States of an application that is not done (org.apache.hadoop.yarn.api.records.YarnApplicationState)."""

LOOK_S: Final = 2.0
PATIENCE_S: Final = 600.0
"""How long a ResourceManager may be away: applications outlive its restart."""
ANSWER_S: Final = 20.0
END_S: Final = 20.0
"""How long a submission may take to end when it is told to."""
_DIGITS: Final = 16
_SHOWN: Final = 2000


class YarnError(EtlError):
    """YARN did not take the application or does not answer; the message says which, and what to do."""


class Application(msgspec.Struct, frozen=True, rename="camel"):
    """What a ResourceManager says of an application (Cluster Application API)."""

    id: str
    state: str
    final_status: str
    started_time: int
    diagnostics: str = ""

    @property
    def done(self) -> bool:
        """Whether it ended, in whatever way."""
        return self.state not in UNFINISHED


def tag_of(arguments: Sequence[str]) -> str:
    """Tag of a command line, the same at each try of it; lower case and ASCII, as YARN keeps tags.

    >>> tag_of(["etl", "gold"])
    'meteostream-etl-gold-9e0537b17c6a41d4'
    """
    digest = hashlib.sha256(json.dumps(list(arguments)).encode()).hexdigest()[:_DIGITS]
    return f"meteostream-{'-'.join(arguments[:2])}-{digest}".lower()


def submit_argv(etl: Etl, config: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Command line of spark-submit for ``meteostream ARGUMENTS`` on YARN in cluster mode.

    Secrets are in the file of settings, which the container reads from its node (0640, a group of its own): never an
    argument and never a ``--conf``. It ends when YARN has taken the application: a JVM that only waits would take the
    memory of a container.

    Parameters
    ----------
    etl
        The ``[etl]`` section.
    config
        The file of settings, at the same place on every node; ``[etl] config`` goes before it.
    arguments
        What follows ``meteostream``; without ``--submit``.
    environment
        This process's.
    """
    passed = {name: environment[name] for name in PASSED_ON if name in environment} | {
        "METEOSTREAM_CONFIG": etl.config or str(config)
    }
    conf = {
        "spark.yarn.submit.waitAppCompletion": "false",
        "spark.yarn.tags": tag_of(arguments),
        "spark.yarn.maxAppAttempts": str(etl.attempts),
        "spark.executor.instances": str(etl.executors),
        "spark.executor.cores": str(etl.executor_cores),
        **{f"spark.yarn.appMasterEnv.{name}": value for name, value in passed.items()},
        **{f"spark.executorEnv.{name}": value for name, value in passed.items() if name != "METEOSTREAM_CONFIG"},
    }
    options = [part for name, value in sorted(conf.items()) for part in ("--conf", f"{name}={value}")]
    return [
        # The platform's wrapper, not Spark's own: it knows YARN's settings (role spark, yarn.conf).
        "spark-submit",
        "--master",
        "yarn",
        "--deploy-mode",
        "cluster",
        "--queue",
        etl.queue,
        "--name",
        f"meteostream {' '.join(arguments[:2])}",
        "--driver-memory",
        f"{etl.driver_memory_mb}m",
        "--executor-memory",
        f"{etl.executor_memory_mb}m",
        *options,
        str(Path(__file__).parents[1] / "__main__.py"),
        *arguments,
    ]


class ResourceManagers:
    """What the ResourceManagers say of applications; of several, whichever answers.

    Parameters
    ----------
    addresses
        Of their pages, as ``http://node1:8088``. A standby points to the active one.
    user
        Who asks for an end.
    """

    def __init__(self, addresses: Sequence[str], user: str) -> None:
        if not addresses:
            raise YarnError("[etl] resourcemanagers: expected addresses such as http://node1:8088, found none")
        self._addresses, self._user = addresses, user

    def tagged(self, tag: str) -> list[Application]:
        """Applications that bear a tag, done or not; the newest last."""
        answer = self._ask("GET", "apps", params={"applicationTags": tag}).json()
        rows = (answer.get("apps") or {}).get("app") or []
        return sorted(msgspec.convert(rows, list[Application]), key=lambda one: (one.started_time, one.id))

    def get(self, identifier: str) -> Application:
        """One application.

        Raises
        ------
        YarnError
            If YARN does not know it (any more).
        """
        answer = self._ask("GET", f"apps/{identifier}")
        if answer.status_code == requests.codes.not_found:
            raise YarnError(f"{identifier}: expected YARN to know the application, it does not (any more)")
        return msgspec.convert(answer.json()["app"], Application)

    def kill(self, identifier: str) -> None:
        """Ask for its end; YARN ends its containers."""
        self._ask("PUT", f"apps/{identifier}/state", params={"user.name": self._user}, json={"state": "KILLED"})

    def _ask(self, method: str, path: str, **how: Any) -> requests.Response:
        """Ask each until one answers.

        Raises
        ------
        requests.RequestException
            The last one's, if none did.
        """
        error: requests.RequestException | None = None
        for address in self._addresses:
            try:
                answer = requests.request(method, f"{address}/ws/v1/cluster/{path}", timeout=ANSWER_S, **how)
                if answer.status_code != requests.codes.not_found:
                    answer.raise_for_status()
            except requests.RequestException as found:
                error = found
            else:
                return answer
        raise error or YarnError("no ResourceManager was asked")


def run(
    etl: Etl, config: Path, arguments: Sequence[str], *, stopping: threading.Event, say: Callable[[str], object]
) -> bool:
    """Run ``meteostream ARGUMENTS`` on YARN to its end; give whether it succeeded.

    Parameters
    ----------
    stopping
        Set it to end the application and then this.
    say
        Takes a sentence on how it goes.

    Raises
    ------
    YarnError
        If it could not be submitted, YARN does not answer for :data:`PATIENCE_S`, or it was told to stop.
    """
    user = os.environ.get("HADOOP_USER_NAME") or getpass.getuser()
    yarn = ResourceManagers(etl.resourcemanagers, user)
    tag = tag_of(arguments)
    before = _patiently(partial(yarn.tagged, tag), stopping)
    found = next((one for one in reversed(before) if not one.done), None)
    if found is not None:
        say(f"{found.id} of an earlier try is still at work: waiting for it")
    try:
        if found is None:
            found = _submit(
                yarn, submit_argv(etl, config, arguments, os.environ), tag, {one.id for one in before}, stopping
            )
            say(f"{found.id} is submitted")
        return _follow(yarn, found, stopping, say)
    finally:
        if stopping.is_set():
            _end(yarn, tag, say)


def _submit(
    yarn: ResourceManagers, argv: list[str], tag: str, before: Collection[str], stopping: threading.Event
) -> Application:
    program = shutil.which(argv[0])
    if program is None:
        raise YarnError(f"{argv[0]}: expected the platform's tool on PATH, found none")
    with subprocess.Popen([program, *argv[1:]]) as process:  # noqa: S603 - our own command line
        while process.poll() is None and not stopping.wait(LOOK_S / 4):
            pass
        if process.returncode is None:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
    if stopping.is_set():
        raise YarnError("stopped while the application was submitted")
    new = [one for one in _patiently(partial(yarn.tagged, tag), stopping) if one.id not in before]
    if not new:
        raise YarnError(
            f"spark-submit ended with {process.returncode} and YARN has no new application with the tag {tag}"
        )
    return new[-1]


def _follow(
    yarn: ResourceManagers, found: Application, stopping: threading.Event, say: Callable[[str], object]
) -> bool:
    said = ""
    while not found.done:
        if found.state != said:
            said = found.state
            say(f"{found.id} is {said.lower()}")
        if stopping.wait(LOOK_S):
            raise YarnError(f"stopped while {found.id} was {said.lower()}")
        found = _patiently(partial(yarn.get, found.id), stopping)
    say(f"{found.id} ended: {found.final_status.lower()}")
    if found.final_status != "SUCCEEDED" and found.diagnostics.strip():
        say(found.diagnostics.strip()[-_SHOWN:])
    return found.final_status == "SUCCEEDED"


def _patiently(ask: Callable[[], T], stopping: threading.Event) -> T:
    """Ask until there is an answer.

    Raises
    ------
    YarnError
        After :data:`PATIENCE_S`, or when told to stop.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except requests.RequestException as error:
            if time.monotonic() > until:
                message = f"no ResourceManager answers ({error}); what was submitted goes on, and the next try finds it"
                raise YarnError(message) from None
            if stopping.wait(LOOK_S):
                raise YarnError(f"stopped while no ResourceManager answered ({error})") from None


def _end(yarn: ResourceManagers, tag: str, say: Callable[[str], object]) -> None:
    """End what bears the tag; who is told to stop has no time to wait for a ResourceManager that is away."""
    try:
        for one in yarn.tagged(tag):
            if not one.done:
                say(f"{one.id}: ended, because this was told to stop")
                yarn.kill(one.id)
    except requests.RequestException as error:
        say(f"no ResourceManager answers ({error}): what was submitted goes on, and the next try finds it")
